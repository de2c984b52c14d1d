"""`swarm skills show NAME`: one skill, what it says and what each level of it costs."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from skills.levels import LEVELS
from skills.library import Found, Library, UnknownSkill
from skills.lock import SkillError, trusted_now
from skills.skill import Skill
from swarm.cli.skills_list import skill_row, state_of
from swarm.errors import UsageError
from swarm.library import about_tokens, library_here, lock_here

if TYPE_CHECKING:
    from swarm.cli.output import Output


class SkillTrouble(UsageError):
    """A skill cannot be shown, made or confirmed; the sentence is the library's own."""


def act(args: argparse.Namespace, output: Output) -> int:
    if len(args.words) != 1:
        raise UsageError("name one skill to show; `swarm skills list` lists them")
    library = library_here(Path.cwd(), os.environ)
    try:
        found = holding(args.words[0], library)
        open_to_all = looked_at(library, found.skill)
        if args.file:
            return _show_file(open_to_all.resource(found.skill, args.file), args.file, output)
        _show(found, state_of(found, library), open_to_all, args.level, output)
    except SkillError as error:
        raise SkillTrouble(str(error)) from error
    for each in library.found:
        if each.skill.name == found.skill.name and each is not found:
            output.note(f"another {each.skill.name} lies in {each.skill.folder}: {state_of(each, library)}")
    return 0


def holding(name: str, library: Library) -> Found:
    """The skill of that name that is used, else the first that is not. Raises UnknownSkill."""
    named = [each for each in library.found if each.skill.name == name]
    if not named:
        raise UnknownSkill(name, [each.skill.name for each in library.found])
    return min(named, key=lambda each: bool(each.state))


def looked_at(library: Library, skill: Skill) -> Library:
    """The library as if the skill were trusted as it is now: a person may look at what no model is told. Raises SkillError."""
    if skill.origin != "project":
        return library
    return Library(library.found, (), lock_here(os.environ).adding({skill.folder: trusted_now(skill)}))


def _show_file(raw: bytes, path: str, output: Output) -> int:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{quote(path)} is no text: it has {len(raw):,} bytes") from error
    if output.json:
        output.document("swarm.skills.file/1", {"path": path, "text": text})
    else:
        output.line(text.rstrip("\n"))
    return 0


def _show(found: Found, state: str, library: Library, level: str | None, output: Output) -> None:
    texts = library.texts(found.skill)
    files = library.resources(found.skill)
    if output.json:
        told = {
            "levels": {name: {"tokens": about_tokens(texts[name]), "text": texts[name]} for name in LEVELS},
            "files": [{"path": file.path, "bytes": file.size} for file in files],
        }
        output.document("swarm.skills.show/1", {**skill_row(found, state), **told})
        return
    if level is not None:
        output.line(next(texts[name] for name in LEVELS if name == level))
        return
    skill = found.skill
    sizes = ", ".join(f"{name} {about_tokens(texts[name]):,}" for name in LEVELS)
    lines = [
        ("skill", skill.name + (f" ({state})" if state else "")),
        ("from", f"{skill.origin} {skill.path}"),
        ("for", skill.description),
        ("tags", ", ".join(skill.tags)),
        ("licence", skill.license),
        ("needs", skill.compatibility),
        ("tools", "" if skill.allowed_tools is None else f"only {', '.join(skill.allowed_tools) or 'none'}"),
        ("tokens", f"about {sizes}"),
        ("files", ", ".join(f"{file.path} ({file.size:,} bytes)" for file in files)),
    ]
    for name, said in lines:
        if said:
            output.line(f"{name:<8} {said}")
    output.line()
    output.line(library.body(skill))
