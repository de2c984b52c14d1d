"""`swarm skills trust [PATH...]`: confirms skills of this project, as their files are now."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import join, quote
from typing import TYPE_CHECKING

from skills.library import Found, Library
from skills.lock import SkillError, Trusted, trusted_now
from skills.skill import FILE
from swarm.cli.output import Declined, counted
from swarm.cli.skills_list import state_of
from swarm.cli.skills_show import SkillTrouble, holding, looked_at
from swarm.errors import UsageError
from swarm.library import library_here, lock_here, lock_path
from swarm.settings.userfile import replace_file

if TYPE_CHECKING:
    from swarm.cli.output import Output

_MOST_TEXTS = 3
"""Skills whose texts are shown before the question; of more of them the names and files."""


def act(args: argparse.Namespace, output: Output) -> int:
    library = library_here(Path.cwd(), os.environ)
    try:
        named = _named(args.words, library)
        waiting = [each for each in named if _waits(each, library)]
        if not waiting:
            return _told(output, [], _nothing_to_do(args.words, named))
        entries = {each.skill.folder: trusted_now(each.skill) for each in waiting}
        for each in waiting:
            _show(each, state_of(each, library), entries, library, output, whole=len(waiting) <= _MOST_TEXTS)
    except SkillError as error:
        raise SkillTrouble(str(error)) from error
    remedy = f"say `{join(['swarm', 'skills', 'trust', '--yes', *args.words])}`"
    if not args.yes and not output.confirm(f"Confirm {counted(len(waiting), 'skill')}?", remedy=remedy):
        raise Declined("Nothing was confirmed", remedy=f"to confirm them, {remedy}")
    _record(entries)
    return _told(
        output,
        waiting,
        f"trusted: {counted(len(waiting), 'skill')}, until one of {'its' if len(waiting) == 1 else 'their'} files changes",
    )


def _named(words: Sequence[str], library: Library) -> list[Found]:
    """The skills of a project in the folders, or with the names, that were given. Raises UsageError, UnknownSkill."""
    if not words:
        return [each for each in library.found if each.skill.origin == "project"]
    named: dict[str, Found] = {}
    for word in words:
        path = Path(word)
        if path.exists():
            folder = path.resolve().parent if path.name == FILE else path.resolve()
            here = [each for each in library.found if Path(each.skill.folder).is_relative_to(folder)]
            if not here:
                broken = [each for each in library.warnings if each.is_error and Path(each.path).is_relative_to(folder)]
                if broken:
                    raise UsageError(
                        f"{broken[0].path}: {broken[0].message}; `swarm skills lint {quote(word)}` says what to do"
                    )
                raise UsageError(
                    f"no skill is taken from {word} here; a project's skills lie in .swarm/skills, .agents/skills or "
                    ".claude/skills, and `swarm skills list` lists them"
                )
        else:
            here = [each for each in library.found if each.skill.name == word] or [holding(word, library)]
        named.update({each.skill.folder: each for each in here})
    return list(named.values())


def _waits(found: Found, library: Library) -> bool:
    if found.skill.origin != "project" or found.state.startswith("covered"):
        return False
    return bool(state_of(found, library))


def _nothing_to_do(words: Sequence[str], named: Sequence[Found]) -> str:
    if words and not any(each.skill.origin == "project" for each in named):
        return f"{', '.join(each.skill.name for each in named)}: yours or shipped, and needs no confirmation"
    return "no skill of this project waits for a confirmation"


def _show(
    found: Found, state: str, entries: Mapping[str, Trusted], library: Library, output: Output, *, whole: bool
) -> None:
    """Show what is confirmed, also with --quiet: nobody can confirm what was not seen."""
    skill, files = found.skill, entries[found.skill.folder].files
    output.problem(f"{skill.name} ({skill.folder}), {state}", "bold")
    output.problem(f"  {skill.description}")
    if skill.allowed_tools is not None:
        output.problem(f"  narrows the tools to: {', '.join(skill.allowed_tools)}")
    output.problem(f"  {counted(len(files), 'file')}: {', '.join(files)}")
    if whole:
        body = looked_at(library, skill).body(skill)
        output.problem("\n".join(f"  | {line}" for line in body.splitlines()), exact=True)
    else:
        output.problem(f"  `swarm skills show {skill.name}` shows what it says")


def _record(entries: Mapping[str, Trusted]) -> None:
    path = lock_path(os.environ)
    lock = lock_here(os.environ).adding(entries)  # read anew: another terminal may have confirmed others meanwhile
    try:
        replace_file(path, lock.to_bytes().decode())
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise SkillTrouble(f"{path} cannot be written: {why}; correct that, and confirm again") from error


def _told(output: Output, confirmed: Sequence[Found], said: str) -> int:
    if output.json:
        output.document("swarm.skills.trust/1", {"confirmed": [each.skill.name for each in confirmed]})
    else:
        output.line(said)
    return 0
