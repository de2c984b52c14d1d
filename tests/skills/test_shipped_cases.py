"""The shipped skills keep the specification, and their evaluation cases are honest: a good answer passes, a plausible wrong one does not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from skills.lint import lint
from swarm.roles.checks import run_checks
from swarm.task import Task
from swarm.taskfile.read import parse_task_file
from swarm.tools.workcopy import open_work_copy

SHIPPED = Path(__file__).parents[2] / "skills"
FOLDERS = sorted(path.parent for path in SHIPPED.glob("*/SKILL.md"))
KEYS = {"prompt", "files", "check", "good", "bad"}


class Case(msgspec.Struct, frozen=True):
    skill: str
    name: str
    given: dict[str, Any]

    def task(self, folder: Path) -> Task:
        """The case as a task of a task file in `folder`, where its files are written to."""
        for name, text in self.given["files"].items():
            (folder / name).write_text(text)
        section = {"prompt": self.given["prompt"], "input": list(self.given["files"]), "check": self.given["check"]}
        return parse_task_file(yaml.safe_dump(section), folder / "case.yaml").tasks[0]


def cases() -> list[Case]:
    found: list[Case] = []
    for folder in FOLDERS:
        record = yaml.safe_load((folder / "evals" / "cases.yaml").read_text())
        found += [Case(folder.name, name, given) for name, given in record["cases"].items()]
    return found


CASES = cases()


def test_nine_skills_are_shipped_and_each_has_three_cases_or_more() -> None:
    assert len(FOLDERS) >= 9
    for folder in FOLDERS:
        assert len([case for case in CASES if case.skill == folder.name]) >= 3, folder.name
    assert all(case.given.keys() == KEYS for case in CASES)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_skill_that_ships_is_as_the_specification_has_it(folder: Path) -> None:
    assert lint(folder) == ()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.skill}/{case.name}")
async def test_a_good_answer_passes_and_a_plausible_wrong_one_does_not(case: Case, tmp_path: Path) -> None:
    task = case.task(tmp_path)
    passed: dict[str, bool] = {}
    details: dict[str, list[str]] = {}
    for answer in ("good", "bad"):
        async with open_work_copy(tmp_path) as copy:

            async def in_copy(copy: Any = copy) -> Any:
                return copy

            results = await run_checks(
                task.checks,
                draft=case.given[answer],
                copy=in_copy,
                root=tmp_path,
                output=None,
                env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
                redact=lambda text: text,
            )
        passed[answer] = all(result.passed for result in results)
        details[answer] = [f"{result.name}: {result.detail}" for result in results if not result.passed]
    assert passed == {"good": True, "bad": False}, details
