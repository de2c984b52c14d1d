"""`swarm replay [SESSION]`: a recorded session on the screen with a scrubber, its state at one point, or a picture of it."""

from __future__ import annotations

import argparse
import os
import re
import sys
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from events.log import EventLog, session_name, system_clock
from events.presence import presence_of
from events.views.base import fold
from events.views.sessions import SessionsView
from swarm.cli.look import add_look, look_of, picture_look
from swarm.cli.names import SESSION_HELP, find_session
from swarm.cli.on_screen import shown
from swarm.cli.recorded import LogTrouble, loaded_of, log_errors, recorded, zone_of
from swarm.errors import UsageError
from swarm.units import shortened

if TYPE_CHECKING:
    from swarm.cli.output import Output
    from swarm.settings.load import Loaded, Settings
    from tui.look import Look
    from tui.record import Record
    from tui.replay import ReplayApp

_SIZE = "120x40"
AT_HELP = (
    "an event (#48213), a time of day (14:03, 14:03:22), so long behind the start or before the end (+10m, -2m), the next "
    "event of a task (its name), start, end, or the first fail, retry, budget mark or person's word (fail, retry, budget, person)"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("session", nargs="?", metavar="SESSION", help=SESSION_HELP)
    parser.add_argument("--at", metavar="X", help=f"print the state at a point, and draw no screen: {AT_HELP}")
    parser.add_argument(
        "--to", metavar="FILE.svg", help="write one frame of the screen as a picture, at X or at the end"
    )
    parser.add_argument("--size", metavar="WxH", help=f"columns and rows of that picture; default: {_SIZE}")
    add_look(parser)
    parser.add_argument(
        "--check",
        action="store_true",
        help="do each attempt again from its record, compare, and report the first divergence; so do --until, and --json "
        "without --at",
    )
    parser.add_argument(
        "--until", type=int, metavar="POSITION", help="with --check: stop behind this position of the log"
    )


def run(args: argparse.Namespace) -> int:
    _require_together(args)
    if _is_check(args):
        from swarm.cli.replay_check import check

        return anyio.run(check, args)
    return anyio.run(_replay, args)


def _is_check(args: argparse.Namespace) -> bool:
    return args.check or args.until is not None or (args.json and args.at is None)


def _require_together(args: argparse.Namespace) -> None:
    """Raises UsageError where options say two things at once."""
    if args.size is not None and args.to is None:
        raise UsageError("--size is that of a picture; name its file with --to FILE.svg")
    if args.to is not None and args.json:
        raise UsageError("--to writes a picture and has no --json; use --at X --json for the state")
    if (args.check or args.until is not None) and (args.at is not None or args.to is not None):
        raise UsageError("--check and --until compare and draw nothing; leave --at and --to away, or them")
    if args.to is not None and Path(args.to).suffix.lower() != ".svg":
        raise UsageError(f"--to {shortened(args.to)}: a picture is an SVG; write a name that ends in .svg")


async def _replay(args: argparse.Namespace) -> int:
    loaded = loaded_of(args)
    settings = loaded.settings
    async with recorded(settings.log) as log:
        session = await find_session(log, args.session)
        if args.at is None and args.to is None:
            return await _play(log, session, loaded, args)
        record, trouble = await _record_of(log, session)
        number = _number("end" if args.at is None else args.at, record, zone_of(settings), trouble)
        output: Output = args.output
        if trouble:
            output.problem(f"note: {trouble}")
        if args.to is not None:
            await _draw(log, record, number, settings, args)
        else:
            from swarm.cli.replay_state import tell

            with log_errors():
                await tell(log, record, number, zone_of(settings), output)
    return 0


async def _record_of(log: EventLog, session: int) -> tuple[Record, str]:
    """The record, and why the rest of it cannot be read. Raises LogTrouble where nothing of it can."""
    from tui.record import read_record

    record, trouble = await read_record(log, session)
    if not len(record):
        raise LogTrouble(trouble)
    return record, trouble


def _number(at: str, record: Record, zone: tzinfo | None, trouble: str) -> int:
    from tui.sought import NotThere, sought

    try:
        return sought(at, record, zone=zone)
    except NotThere as problem:
        raise UsageError(f"--at {problem}" + (f"; {trouble}" if trouble else "")) from problem


async def _play(log: EventLog, session: int, loaded: Loaded, args: argparse.Namespace) -> int:
    """Show the screen until somebody leaves; where that is to watch the session live, show that then."""
    from swarm.cli.watch import left, watch_app

    _require_terminal(session)
    look = look_of(args, loaded.settings.view)
    record, trouble = await _record_of(log, session)
    app = replay_app(log, record, loaded, look=look, trouble=trouble)
    code, met, said = await shown(app), app.sight.failures.met, app.trouble
    if app.goes_live:
        live = watch_app(log, session, loaded, look=look, named=args.log)
        code, met, said = await shown(live), {**met, **live.sight.failures.met}, live.trouble
    return left(code, said, met.values(), args)


def replay_app(
    log: EventLog,
    record: Record,
    loaded: Loaded,
    *,
    look: Look | None = None,
    trouble: str = "",
) -> ReplayApp:
    from swarm.cli.lookup.all import lookups_of
    from swarm.cli.watch import cap_reader
    from tui.look import DEFAULT
    from tui.playback import Playback
    from tui.replay import ReplayApp

    async def go_live() -> str:
        return await why_not_live(log, record.session)

    playback = Playback(log, record, cap_of=cap_reader(log), trouble=trouble, present=presence_of(log.url))
    lookups = lookups_of(log, loaded, is_past=True)
    return ReplayApp(playback, go_live=go_live, lookups=lookups, zone=zone_of(loaded.settings), look=look or DEFAULT)


async def why_not_live(log: EventLog, session: int) -> str:
    """Why a session cannot be watched live, in a sentence; "" where it runs."""
    from swarm.cli.sessions import state_of

    state = (await fold(log, SessionsView(), session=session)).sessions.get(session)
    said = state_of(state, now=system_clock()) if state is not None else "gone"
    return "" if said == "running" else f"{session_name(session)} does not run: it is {said}"


async def _draw(log: EventLog, record: Record, number: int, settings: Settings, args: argparse.Namespace) -> None:
    """Raises UsageError, LogTrouble."""
    from swarm.cli.watch import cap_reader
    from tui.frame import frame
    from tui.playback import Playback

    size = _size_of(args.size or _SIZE)
    playback = Playback(log, record, cap_of=cap_reader(log))
    playback.playing.go(number)
    title = f"swarm replay {session_name(record.session)}"
    picture = await frame(playback, size=size, title=title, zone=zone_of(settings), look=picture_look(args))
    if playback.trouble:
        raise LogTrouble(playback.trouble)
    _write(args.to, picture)
    output: Output = args.output
    output.note(f"written: {args.to}")


def _write(path: str, picture: str) -> None:
    """Raises UsageError."""
    try:
        Path(path).write_text(picture)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"--to {shortened(path, 80)} cannot be written: {reason}; name another file") from error


def _size_of(text: str) -> tuple[int, int]:
    """Raises UsageError."""
    from tui.frame import LEAST, MOST

    found = re.fullmatch(r"([0-9]{1,4})x([0-9]{1,4})", text)
    size = (int(found[1]), int(found[2])) if found else (0, 0)
    if any(not least <= each <= most for each, least, most in zip(size, LEAST, MOST, strict=True)):
        bounds = "x".join(map(str, LEAST)), "x".join(map(str, MOST))
        raise UsageError(f"--size {shortened(text)}: columns and rows are expected, {bounds[0]} to {bounds[1]}")
    return size


def _require_terminal(session: int) -> None:
    """Raises UsageError where no screen can be drawn."""
    from tui.frame import LEAST

    name = session_name(session)
    instead = f"`swarm replay {name} --at end` prints the state, `swarm replay {name} --check` compares"
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)) or os.environ.get("TERM") == "dumb":
        raise UsageError(f"replay needs a terminal to draw on; {instead}")
    columns, rows = os.get_terminal_size(sys.stdout.fileno())
    if columns < LEAST[0] or rows < LEAST[1]:
        raise UsageError(
            f"replay needs a terminal of at least {LEAST[0]} columns and {LEAST[1]} rows, and this one has {columns} and "
            f"{rows}; make it larger, or {instead}"
        )
