"""`swarm watch`: the live view of a session, in this process or beside the one that runs it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import anyio
import msgspec

from events.log import Clock, EventLog, TextMissing, session_name, system_clock
from events.presence import presence_of
from events.views.sessions import SessionState
from swarm.cli.failure import tell_met
from swarm.cli.look import add_look, look_of, require_look
from swarm.cli.names import SESSION_HELP, find_session, last_session
from swarm.cli.on_screen import shown
from swarm.cli.recorded import loaded_of, recorded, zone_of
from swarm.cli.sessions import state_of
from swarm.errors import UsageError
from swarm.settings.load import Loaded

if TYPE_CHECKING:
    from swarm.cli.output import Output
    from swarm.cli.watch_words import Speaks
    from swarm.plan import Plan
    from tui.app import WatchApp
    from tui.live import Cap, Live
    from tui.look import Look
    from tui.reader import CapOf


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("session", nargs="?", metavar="SESSION", help=SESSION_HELP)
    add_look(parser)
    speaks = parser.add_mutually_exclusive_group()
    speaks.add_argument("--read-only", action="store_true", help="say nothing to the run, whatever is pressed")
    speaks.add_argument("--control", action="store_true", help="speak to a run of another user or machine, too")


def run(args: argparse.Namespace) -> int:
    require_look(args)
    if args.json:
        raise UsageError("watch draws a screen and has no --json; use `swarm log -f --json` or `swarm show --json`")
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)) or os.environ.get("TERM") == "dumb":
        raise UsageError("watch needs a terminal to draw on; use `swarm log -f`, `swarm ps` or `swarm show`")
    return anyio.run(_watch, args)


async def _watch(args: argparse.Namespace) -> int:
    """Show the screen until somebody leaves."""
    loaded = loaded_of(args)
    settings = loaded.settings
    look = look_of(args, settings.view)
    speaks: Speaks = "never" if args.read_only else "anywhere" if args.control else "at home"
    async with recorded(settings.log) as log:
        empty = not args.session and not await last_session(log)
        session = 0 if empty else await find_session(log, args.session)
        app = watch_app(log, session, loaded, look=look, named=args.log, speaks=speaks)
        code = await shown(app)
    return left(code, app.trouble, app.sight.failures.met.values(), args)


def left(code: int, trouble: str, met: Iterable[Exception], args: argparse.Namespace) -> int:
    """Tell what a screen met, and what reading came to an end with; return the exit code of one that was left."""
    tell_met(met, debug=args.debug)
    output: Output = args.output
    if trouble:
        output.problem(f"error: {trouble}")
    return code or (1 if trouble else 0)


def watch_app(
    log: EventLog,
    session: int,
    loaded: Loaded,
    *,
    look: Look | None = None,
    fps: float | None = None,
    named: str | None = None,
    speaks: Speaks = "at home",
    clock: Clock = system_clock,
    kind: type[WatchApp] | None = None,
) -> WatchApp:
    """Put the screen together with what it has to be told. Session 0 is the first that opens. `look` is that of `look_of`;
    `fps` is another rate than it has.

    `named` is the log that the command line names: what the screen tells to type means that one, too. `speaks` says to whose
    sessions words are given. `kind` is a screen that does more than the usual one.
    """
    from swarm.cli.lookup.all import lookups_of
    from swarm.cli.watch_words import LogControl
    from tui.app import WatchApp
    from tui.look import DEFAULT

    settings = loaded.settings

    def state(session: SessionState) -> str:
        return state_of(session, now=clock())

    return (kind or WatchApp)(
        log,
        session=session,
        state_of=state,
        cap_of=cap_reader(log),
        lookups=lookups_of(log, loaded),
        control=LogControl(log, loaded, named=named, speaks=speaks),
        present=presence_of(log.url),
        clock=clock,
        zone=zone_of(settings),
        look=look or DEFAULT,
        fps=fps,
    )


def cap_reader(log: EventLog) -> CapOf:
    """Return what looks up the caps that hold: of the day and the session from its recorded plan, of a task from itself."""

    async def cap_of(scope: str, live: Live) -> Cap | None:
        from tui.live import Cap

        plan = await _plan(log, live)
        if scope.startswith("day:"):
            return Cap(tokens=plan.day_tokens, nanos=plan.day_nanos) if plan else None
        if scope == session_name(live.session):
            return Cap(tokens=plan.session_tokens, nanos=plan.session_nanos) if plan else None
        return await _task_cap(log, live, scope.partition("/")[2])

    return cap_of


async def _plan(log: EventLog, live: Live) -> Plan | None:
    from swarm.plan import PlanUnreadable, read_plan  # once there is something on the screen

    if (state := live.state) is None:
        return None
    try:
        return read_plan(await log.text(state.settings, at=state.settings_at), session=session_name(state.number))
    except (TextMissing, PlanUnreadable):
        return None  # shown without its caps: nothing else depends on them here


async def _task_cap(log: EventLog, live: Live, name: str) -> Cap | None:
    from swarm.task import Task
    from tui.live import Cap

    task = live.tasks.of(live.session).get(name)
    if task is None:
        return None
    try:
        spec = msgspec.json.decode(await log.text(task.spec.ref, at=task.spec.at), type=Task)
    except (TextMissing, msgspec.MsgspecError):
        return None  # shown without its cap: nothing else depends on it here
    return Cap(tokens=spec.budget.tokens, nanos=spec.budget.usd_nanos) if spec.budget else None
