"""`swarm skills lint [PATH...]`: what is wrong with skills by their specification, and what is odd."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from skills.discovery import search
from skills.lint import lint
from skills.skill import FILE, Finding, Place
from swarm.cli.output import counted
from swarm.cli.skills_list import findings_told
from swarm.errors import UsageError
from swarm.library import library_here, places_of

if TYPE_CHECKING:
    from swarm.cli.output import Output


def act(args: argparse.Namespace, output: Output) -> int:
    folders, findings = _named(args.words) if args.words else _here()
    findings += [finding for folder in folders for finding in lint(folder)]
    wrong = sum(each.is_error for each in findings)
    if output.json:
        told = {"ok": not wrong, "skills": len(folders), "findings": findings_told(findings)}
        output.document("swarm.skills.lint/1", told)
        return 1 if wrong else 0
    for each in findings:
        output.problem(each.show(), "" if each.is_error else "yellow")
    odd = counted(len(findings) - wrong, "warning")
    output.line(f"{counted(len(folders), 'skill')}, {counted(wrong, 'error')}, {odd}")
    return 1 if wrong else 0


def _here() -> tuple[list[Path], list[Finding]]:
    """The folders of all skills here, and what is odd in how they lie."""
    found = [search(place) for place in places_of(Path.cwd(), os.environ)]
    folders = [Path(read.folder) for each in found for read in each.reads]
    covered = [
        Finding(path=str(each.skill.path), message=f"the skill is {each.state}")
        for each in library_here(Path.cwd(), os.environ).found
        if each.state.startswith("covered")
    ]
    return folders, [*(finding for each in found for finding in each.findings), *covered]


def _named(words: list[str]) -> tuple[list[Path], list[Finding]]:
    folders: dict[Path, None] = {}
    findings: list[Finding] = []
    for word in words:
        folders.update(dict.fromkeys(_skills_at(Path(word), findings)))
    return list(folders), findings


def _skills_at(path: Path, findings: list[Finding]) -> Iterator[Path]:
    """The folder of a skill, or of all skills below a folder. Raises UsageError where there is none."""
    if path.name == FILE and path.is_file():
        yield path.parent
    elif (path / FILE).is_file():
        yield path
    else:
        found = search(Place(path, "user"))
        findings += found.findings
        if not found.reads:
            raise UsageError(
                f"there is no {FILE} in {path} or below it; name the folder of a skill, or one with skills"
            )
        yield from (Path(read.folder) for read in found.reads)
