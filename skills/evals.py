"""What a skill is measured by: the cases beside it, each a task with an answer that has to pass and a plausible one that must not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import msgspec

from skills.library import Library
from skills.lock import SkillError
from skills.skill import Skill

FOLDER = "evals"
"""Where the cases lie in a skill. No model is told of it: the answers stand in them."""

FILE = f"{FOLDER}/cases.yaml"


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A task in its own folder. `check` and `tools` are as a task file has them."""

    prompt: str
    check: Any
    files: Mapping[str, str] = {}
    tools: Any = None
    good: str = ""
    bad: str = ""


class BrokenCases(SkillError):
    """The cases of a skill cannot be read."""

    def __init__(self, skill: Skill, why: str) -> None:
        super().__init__(f"the cases of the skill {skill.name!r}, {skill.path.parent / FILE}, cannot be used: {why}")


class _File(msgspec.Struct, forbid_unknown_fields=True):
    cases: dict[str, Case]


def read_cases(library: Library, skill: Skill) -> dict[str, Case]:
    """The cases of a skill by their names, in the order of the file; none where it has none. Raises SkillError."""
    import yaml

    if all(file.path != FILE for file in library.files(skill)):
        return {}
    try:
        cases = msgspec.convert(yaml.safe_load(library.resource(skill, FILE)), _File).cases
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise BrokenCases(skill, f"it is no YAML ({' '.join(str(error).split())})") from error
    except msgspec.ValidationError as error:
        raise BrokenCases(skill, str(error)) from error
    for name, case in cases.items():
        for path in case.files:
            if not path or PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
                raise BrokenCases(skill, f"{name}: the file {path!r} does not lie in the folder of the case")
    return cases
