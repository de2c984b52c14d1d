"""`swarm skills list`: every skill that is here, what it costs, whether it is used."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from skills.levels import told
from skills.library import CHANGED, NOT_TRUSTED, Found, Library
from skills.skill import Finding
from swarm.cli.output import counted
from swarm.errors import UsageError
from swarm.library import about_tokens, about_tokens_of, library_here

if TYPE_CHECKING:
    from swarm.cli.output import Output

_MOST_TAGS = 4  # in a row of the table


def act(args: argparse.Namespace, output: Output) -> int:
    if args.words:
        raise UsageError(f"`swarm skills list` takes no name; `swarm skills show {args.words[0]}` shows one")
    library = library_here(Path.cwd(), os.environ)
    rows = [skill_row(each, state_of(each, library)) for each in library.found]
    if output.json:
        output.document("swarm.skills/1", {"skills": rows, "findings": findings_told(library.warnings)})
        return 0
    if not rows:
        output.line("there are no skills here; `swarm skills new NAME` writes one")
    else:
        output.table(["NAME", "FROM", "TAGS", "LINE", "TOKENS", "STATE"], [_cells(row) for row in rows])
    _say_what_else(library, rows, output)
    return 0


def state_of(found: Found, library: Library) -> str:
    """Why a skill is not used; empty where it is. Reads all files of one that needs trust."""
    changed = None if found.state else library.changed(found.skill)
    return found.state or (f"{CHANGED}: {changed.said}" if changed else "")


def _say_what_else(library: Library, rows: Sequence[dict[str, Any]], output: Output) -> None:
    left_out = sum(each.is_error for each in library.warnings)
    if left_out:
        output.note(f"{counted(left_out, 'skill')} left out; `swarm skills lint` says what is wrong", "yellow")
    if odd := len(library.warnings) - left_out:
        output.note(f"{counted(odd, 'thing')} found odd, which changes nothing: `swarm skills lint`")
    say_who_waits([row["state"] for row in rows], output)


def say_who_waits(states: Sequence[str], output: Output) -> None:
    """Say how many skills are not used until a person confirms them."""
    if waiting := sum(state.startswith((NOT_TRUSTED, CHANGED)) for state in states):
        them = "it" if waiting == 1 else "them"
        said = f"{counted(waiting, 'skill')} of this project not used; look at {them} and say `swarm skills trust`"
        output.note(said, "yellow")


def _cells(row: dict[str, Any]) -> list[str]:
    tags: list[str] = row["tags"]
    shown = ", ".join(tags[:_MOST_TAGS]) + (f" +{len(tags) - _MOST_TAGS}" if len(tags) > _MOST_TAGS else "")
    return [
        row["name"],
        row["origin"],
        shown or "-",
        f"{row['line_tokens']:,}",
        f"{row['body_tokens']:,}",
        row["state"],
    ]


def skill_row(found: Found, state: str) -> dict[str, Any]:
    """A skill as it stands in a document."""
    skill = found.skill
    return {
        "name": skill.name,
        "origin": skill.origin,
        "path": str(skill.path),
        "description": skill.description,
        "tags": list(skill.tags),
        "license": skill.license or None,
        "compatibility": skill.compatibility or None,
        "allowed_tools": None if skill.allowed_tools is None else list(skill.allowed_tools),
        "line_tokens": about_tokens(told(skill)["line"]),
        "body_tokens": about_tokens_of(skill.body_bytes),
        "state": state,
    }


def findings_told(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Findings as they stand in a document."""
    return [
        {"level": "error" if each.is_error else "warning", **_without_level(msgspec.structs.asdict(each))}
        for each in findings
    ]


def _without_level(finding: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in finding.items() if key != "is_error"}
