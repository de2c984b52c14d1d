"""A run in a process of its own with the live view in front of it: `--watch`, and `swarm demo` on a terminal.

The view reads the log as any other does: whether somebody looks, leaves or is cut off is nothing to the run.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from anyio import to_thread

from events.log import EventLog
from events.views.base import fold
from events.views.sessions import SessionState, SessionsView
from swarm.cli.estimated import estimate_of
from swarm.cli.failure import tell_met
from swarm.cli.hints import to_type
from swarm.cli.output import Output
from swarm.cli.recorded import recorded
from swarm.cli.report_file import report_path
from swarm.cli.running import tell, way_on
from swarm.errors import UsageError
from swarm.results import Result, read_result

if TYPE_CHECKING:
    from swarm.cli.detach import Launched
    from swarm.settings.load import Loaded, Settings
    from tui.app import WatchApp

_LAST_S = 10.0  # how long a run may take to end once its session is closed: it writes its report then


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended whose process is gone. Without a result it ended in the midst of it."""

    code: int
    result: Result | None


def has_screen() -> bool:
    """Whether the live view can be drawn here."""
    is_terminal = all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))
    return is_terminal and os.environ.get("TERM") != "dumb"


def require_screen(instead: str = "") -> None:
    """Raises UsageError where the view cannot be drawn; `instead` is what else can be done there."""
    if not has_screen():
        raise UsageError(f"--watch needs a terminal to draw on; leave it out{instead}")


async def watched(launched: Launched, args: argparse.Namespace, loaded: Loaded) -> int:
    """Show the view of a run until somebody leaves it; return the exit code.

    Where the run has ended by then, its result is told as `swarm run` tells it and the code is its own; else it goes on, and
    how to see and to end it is told.
    """
    from swarm.cli.detach import tell_launch

    output: Output = args.output
    async with recorded(loaded.settings.log) as log:
        app = await shown(log, launched, loaded, named=args.log)
        tell_met(app.sight.failures.met.values(), debug=args.debug)
        if app.trouble:
            output.problem(f"error: {app.trouble}")
        elif (outcome := await outcome_of(log, launched)) is not None:
            if outcome.result is None:
                tell_broken_off(launched, outcome.code, args.log, output)
            else:
                await _tell(log, outcome.result, outcome.code, args, loaded.settings)
            return outcome.code
    tell_launch(launched, args, output, does="goes on")
    return 1 if app.trouble else 0


async def shown(
    log: EventLog,
    launched: Launched,
    loaded: Loaded,
    *,
    named: str | None,
    kind: type[WatchApp] | None = None,
) -> WatchApp:
    """Draw the view until it is left; return it."""
    from swarm.cli.look import look_of
    from swarm.cli.on_screen import shown
    from swarm.cli.watch import watch_app

    look = look_of(None, loaded.settings.view)
    app = watch_app(log, number_of(launched), loaded, look=look, named=named, kind=kind)
    await shown(app)
    return app


async def outcome_of(log: EventLog, launched: Launched) -> Outcome | None:
    """How the run ended; None while it goes on. A run that has closed its session is waited for. Raises LogError."""
    from swarm.cli.detach import shell_code

    if (await _state(log, launched)).claim is None:
        with suppress(subprocess.TimeoutExpired):
            await to_thread.run_sync(launched.process.wait, _LAST_S)
    code = launched.process.poll()
    if code is None:
        return None
    state = await _state(log, launched)  # it may have closed it meanwhile
    result = await read_result(log, state) if state.claim is None else None
    return Outcome(code=shell_code(code), result=result)


def tell_broken_off(launched: Launched, code: int, named: str | None, output: Output) -> None:
    """Say that a run ended before its session did, and what it said last."""
    with suppress(OSError):
        said = Path(launched.log).read_text("utf-8", "replace").split("\n")
        output.problem(next((line for line in reversed(said) if line.strip()), ""))
    resume = to_type("resume", launched.session, log=named)
    output.problem(
        f"error: the run ended with exit code {code} in the midst of {launched.session}; go on with `{resume}`; "
        f"all that it said is in {launched.log}"
    )


def number_of(launched: Launched) -> int:
    return int(launched.session.removeprefix("s"))


async def _state(log: EventLog, launched: Launched) -> SessionState:
    number = number_of(launched)
    return (await fold(log, SessionsView(), session=number)).sessions[number]


async def _tell(log: EventLog, result: Result, code: int, args: argparse.Namespace, settings: Settings) -> None:
    output: Output = args.output
    estimate = await estimate_of(log, int(result.session.removeprefix("s")))
    tell(result, output, code, log=args.log, estimate=estimate, way=await way_on(log, result))
    report = report_path(args, settings, result.session)
    if report is not None and report.exists():
        output.note(f"the report is in {report}")
