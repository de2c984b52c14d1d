"""`swarm doctor`: looks at everything that a run needs, and says of each what mends it."""

from __future__ import annotations

import argparse
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import msgspec

from events.log import LogError, system_clock
from swarm.cli.checkup.finding import Finding
from swarm.cli.checkup.folders import look_at_folders
from swarm.cli.checkup.machine import look_at_machine
from swarm.cli.checkup.project import look_at_project
from swarm.cli.checkup.record import look_at_log, path_of
from swarm.cli.checkup.sandbox import look_at_sandbox
from swarm.cli.checkup.setup import look_at_setup, look_online, read_settings
from swarm.errors import UsageError
from swarm.roster import on_this_machine
from swarm.settings.load import data_dir

if TYPE_CHECKING:
    from swarm.cli.output import Output

_STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fix", action="store_true", help="mend what can be mended without losing anything")
    parser.add_argument("--deep", action="store_true", help="read every stored byte of the log, as `swarm verify` does")
    parser.add_argument("--online", action="store_true", help="ask the providers that have a key what models they have")


def run(args: argparse.Namespace) -> int:
    findings = anyio.run(_examine, args)
    output: Output = args.output
    if output.json:
        output.document("swarm.doctor/1", {"ok": _is_well(findings), "findings": [_fields(one) for one in findings]})
    else:
        _tell(findings, output)
    return 0 if _is_well(findings) else 1


async def _examine(args: argparse.Namespace) -> list[Finding]:
    output: Output = args.output
    findings: list[Finding] = []
    async for finding in _look(args):
        if args.fix and finding.mend is not None:
            finding = await mended(finding)
        findings.append(finding)
        output.detail(f"looked at: {finding.name}")
    return findings


async def _look(args: argparse.Namespace) -> AsyncIterator[Finding]:
    loaded, finding = read_settings(Path.cwd(), os.environ, args.log)
    log = loaded.settings.log if loaded else args.log or str(data_dir(os.environ) / "log.db")
    for found in look_at_machine(path_of(log).parent, os.environ):
        yield found
    yield await look_at_sandbox(loaded.settings.tools.sandbox if loaded else "auto")
    yield finding
    if loaded is not None:
        served = [model.name for model, _ in await on_this_machine(loaded.settings, os.environ)]
        for found in look_at_setup(loaded.settings, os.environ, served):
            yield found
    async for found in look_at_log(log, now=system_clock(), deep=args.deep):
        yield found
    for found in look_at_folders(log, data_dir(os.environ)):
        yield found
    for found in look_at_project(log, Path.cwd()):
        yield found
    if args.online and loaded is not None:
        for found in await look_online(loaded.settings, os.environ):
            yield found


async def mended(finding: Finding) -> Finding:
    """What is left of a finding once it was mended; it stays where that fails."""
    if finding.mend is None:
        return finding
    try:
        said = await finding.mend()
    except (OSError, LogError, UsageError) as error:
        return msgspec.structs.replace(finding, said=f"{finding.said}; it could not be mended: {error}", mend=None)
    return Finding(name=finding.name, said=f"mended: {said}")


def _is_well(findings: list[Finding]) -> bool:
    return all(finding.state != "fail" for finding in findings)


def _fields(finding: Finding) -> dict[str, str | bool]:
    return {
        "name": finding.name,
        "state": finding.state,
        "said": finding.said,
        "remedy": finding.remedy,
        "fixable": finding.mend is not None,
    }


def _tell(findings: list[Finding], output: Output) -> None:
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        said = finding.said.replace("\n", f"\n      {'':<{width}}")
        output.line(f"{finding.state:<4}  {finding.name:<{width}}  {said}", _STYLES[finding.state])
        if finding.remedy:
            output.line(f"      {'':<{width}}  -> {finding.remedy}")
    counts = {state: sum(finding.state == state for finding in findings) for state in _STYLES}
    output.note(f"{counts['ok']} ok, {counts['warn']} to know, {counts['fail']} to mend")
    if any(finding.mend for finding in findings):
        output.note("swarm doctor --fix mends what it can")
