"""`swarm why`: explains a choice, a refusal, a cent, or how a task ended, from the log alone."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

import anyio
import msgspec

from events.log import EventLog
from swarm.cli.hints import on_log
from swarm.cli.names import find, last_session
from swarm.cli.recorded import log_errors, recorded, settings_of
from swarm.errors import UsageError
from swarm.insight.reason import Reason
from swarm.insight.why import explain, explain_cost, explain_event

if TYPE_CHECKING:
    from swarm.cli.output import Output

_STYLE = {"good": "green", "bad": "red", "warn": "yellow", "faint": "dim", "": ""}
_POSITION = re.compile(r"[0-9]{1,18}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "id",
        nargs="?",
        metavar="ID",
        help="a session (s412), a task (s412/build; of the last session build), a step (s412/build/2), or the position of "
        "an event (4711); default: the last session",
    )
    parser.add_argument("--cost", action="store_true", help="explain what it cost: call by call, with the price rows")


def run(args: argparse.Namespace) -> int:
    return anyio.run(_why, args)


async def _why(args: argparse.Namespace) -> int:
    output: Output = args.output
    async with recorded(settings_of(args).log) as log:
        with log_errors():
            reason = await _explained(log, args, output)
    if output.json:
        output.document("swarm.why/1", document_of(reason))
    else:
        tell_reason(reason, output)
    return 0


async def _explained(log: EventLog, args: argparse.Namespace, output: Output) -> Reason:
    if args.id is not None and _POSITION.fullmatch(args.id):
        if args.cost:
            raise UsageError(f"--cost goes with a session or a task; `swarm why {args.id}` explains what a call cost")
        position = int(args.id)
        if 0 < position <= await last_session(log):
            output.note(f"{position} is read as the position of an event; the session is s{position}")
        return await explain_event(log, position)
    name = await find(log, args.id)
    if not args.cost:
        return await explain(log, name.session, task=name.task, step=name.step)
    if name.step:
        raise UsageError(f"--cost takes a session or a task; name s{name.session}/{name.task}")
    return await explain_cost(log, name.session, task=name.task)


def tell_reason(reason: Reason, output: Output, depth: int = 0) -> None:
    from tui.words import visible, visible_lines

    indent = "  " * depth
    event = f"  [{reason.event}]" if reason.event else ""
    output.line(
        f"{indent}{visible(on_log(reason.said, output.log))}{event}", "bold" if not depth else _STYLE[reason.tone]
    )
    for line in visible_lines((reason.text or "").rstrip("\n")).split("\n") if reason.text else ():
        output.line(f"{indent}  │ {line}")
    for each in reason.because:
        tell_reason(each, output, depth + 1)


def document_of(reason: Reason) -> dict[str, object]:
    """A reason as a program gets it: its fields, those that are empty left out."""
    plain: dict[str, object] = msgspec.to_builtins(reason)
    return plain
