"""`swarm replay [SESSION] --check`: does a session again from its log, calls nothing, and reports the first divergence."""

from __future__ import annotations

import argparse
from typing import Any

import msgspec

from events.log import session_name
from swarm.cli.names import find_session
from swarm.cli.output import Output, counted
from swarm.cli.recorded import LogTrouble, log_errors, recorded, settings_of
from swarm.errors import UsageError, dollars
from swarm.replay import Replayed, replay


async def check(args: argparse.Namespace) -> int:
    """Compare, up to `args.until`; 0 where it comes to the same. Raises UsageError."""
    if args.until is not None and args.until < 1:
        raise UsageError(f"--until {args.until}: a position of the log is expected, 1 or more; `swarm log` shows them")
    output: Output = args.output
    async with recorded(settings_of(args).log) as log:
        session = await find_session(log, args.session)
        try:
            with log_errors():
                result = await replay(log, session, until=args.until)
        except msgspec.MsgspecError as error:
            name = session_name(session)
            raise LogTrouble(
                f"a text that {name} was made from is not what this program reads ({error}), so nothing can be compared; "
                f"`swarm replay {name}` shows what was recorded"
            ) from error
    if output.json:
        output.document("swarm.replay/1", _document(result))
    else:
        _tell(result, output)
    return 0 if result.divergence is None else 1


def _tell(result: Replayed, output: Output) -> None:
    output.line(
        f"{result.session}: {counted(result.events, 'event')} up to position {result.until}, no model was called"
    )
    for task in result.tasks.of(int(result.session[1:])).values():
        unjudged = " (unjudged)" if task.unjudged else ""
        output.line(f"  {task.name}  {task.status}{unjudged}  {task.tokens:,} tokens  {dollars(task.cost_nanos)}")
    if result.skipped:
        output.line(f"decisions were not compared: {result.skipped}", "yellow")
    compared = ", ".join(
        counted(number, noun)
        for number, noun in (
            (result.attempts, "attempt"),
            (result.requests, "request"),
            (result.choices, "draw"),
            (result.decisions, "decision"),
        )
    )
    if result.divergence is None:
        output.line(f"the same again: {compared}", "green")
        return
    found = result.divergence
    output.line(f"first divergence at position {found.position}: {found.what}", "red")
    output.line(f"  recorded  {found.recorded}")
    output.line(f"  replayed  {found.replayed}")


def _document(result: Replayed) -> dict[str, Any]:
    session = int(result.session[1:])
    return {
        "session": result.session,
        "until": result.until,
        "events": result.events,
        "attempts": result.attempts,
        "requests": result.requests,
        "choices": result.choices,
        "decisions": result.decisions,
        "skipped": result.skipped,
        "divergence": msgspec.to_builtins(result.divergence),
        "tasks": {name: msgspec.to_builtins(task) for name, task in result.tasks.of(session).items()},
        "scopes": {name: msgspec.to_builtins(scope) for name, scope in result.money.scopes.items()},
        "trails": [
            {"context": context, "arm": arm, **msgspec.to_builtins(trail)}
            for (context, arm), trail in result.trails.learned.rows.items()
        ],
    }
