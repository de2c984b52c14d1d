"""`swarm log`: the events of the log, one line each, past ones and, with -f, those that come."""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import AsyncGenerator, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

import anyio
import msgspec

from events.bus import PAGE_ENTRIES, POLL_S, read_all
from events.log import Entry, EventLog, LogError, LogLocked, LogLost, system_clock
from events.onward import read_on
from events.presence import Present, presence_of, reason
from events.types.any import encode_body
from events.types.base import Unknown
from swarm.cli.moments import position_after
from swarm.cli.names import Name, find
from swarm.cli.recorded import LogGone, local_time, recorded, settings_of, utc_text, zone_of
from swarm.cli.streams import is_gone, write_result
from swarm.errors import UsageError
from swarm.insight.story import text_or_none
from tui.wanted import Wanted, kinds_of, unknown_kinds

if TYPE_CHECKING:
    from swarm.cli.output import Output

FOLLOWED = 10  # past events with which -f begins where nothing else is said


_ACTIONS = """\
actions:
  prune --texts-before WHEN         drop the texts of sessions that ended before; events stay
  archive --before WHEN [--to FILE] cut what is older off into a file that can be read by itself
WHEN is a date (2026-08-31, its midnight) or an age (90d, 12w)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _ACTIONS
    parser.add_argument(
        "action",
        nargs="?",
        metavar="ID",
        help="only this session, task or step (s412, s412/build, s412/build/2); or one of the actions below",
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on with the events that come, until Ctrl-C")
    parser.add_argument("--session", metavar="ID", help="the same as an option")
    parser.add_argument(
        "--kind",
        metavar="K",
        action="append",
        default=[],
        help="only this kind, such as call.settled or call; repeatable",
    )
    parser.add_argument(
        "--since", metavar="WHEN", help="only those of the last 2h, 30m, 1d; or from a position on: 4711"
    )
    parser.add_argument("-n", dest="newest", metavar="N", type=int, help="only the newest N")
    parser.add_argument("--texts", action="store_true", help="show the texts that the events refer to")
    small = parser.add_argument_group("to make the log small")
    small.add_argument("--texts-before", metavar="WHEN", help="prune: sessions that ended before")
    small.add_argument("--before", metavar="WHEN", help="archive: events that are older")
    small.add_argument("--to", metavar="FILE", help="archive: the file to write; default: one beside the log")
    small.add_argument("--dry-run", action="store_true", help="say what would go, and do nothing")
    small.add_argument("--yes", action="store_true", help="do it without asking")


def run(args: argparse.Namespace) -> int:
    if args.action in ("prune", "archive"):
        from swarm.cli.smaller import make_smaller

        return make_smaller(args)
    for option in ("texts_before", "before", "to", "dry_run", "yes"):
        if getattr(args, option):
            name = "--" + option.replace("_", "-")
            raise UsageError(f"swarm log: {name} belongs to the actions prune and archive; name one of them")
    if args.action is not None and args.session is not None:
        raise UsageError(
            f"swarm log: {args.action} and --session {args.session} both name what is wanted; give one of them"
        )
    if args.newest is not None and args.newest < 0:
        raise UsageError(f"-n {args.newest}: the number of events to show is 0 or more")
    try:
        anyio.run(_print, args)
    except KeyboardInterrupt:
        if not args.follow:
            raise
        return 130  # this is how following ends: nothing to be told
    return 0


async def _print(args: argparse.Namespace) -> None:
    settings = settings_of(args)
    async with recorded(settings.log) as log:
        present = presence_of(settings.log)
        meant = args.session or args.action
        name = await find(log, meant) if meant else None
        wanted = _wanted(name, args.kind, args.output)
        printer = _Printer(log, args.output, zone=zone_of(settings), texts=args.texts)
        head = (await log.head()).position
        after = 0 if args.since is None else await position_after(log, args.since, now=system_clock())
        newest = FOLLOWED if args.follow and args.newest is None and args.since is None else args.newest
        if newest is None:
            async for entries in read_all(log, after=after, until=head, session=wanted.session):
                await printer.write([entry for entry in entries if wanted.fits(entry)])
        else:
            await printer.write(await newest_entries(log, wanted, newest, after=after, head=head))
        if args.follow:
            await _follow(log, wanted, printer, after=max(head, after), present=present)


async def newest_entries(log: EventLog, wanted: Wanted, many: int, *, after: int, head: int) -> list[Entry]:
    """The newest entries up to `head` and behind `after` that are wanted, at most `many`, oldest first."""
    window = many
    while many:
        start = max(after, head - window)
        found: list[Entry] = []
        async for entries in read_all(log, after=start, until=head, session=wanted.session):
            found += [entry for entry in entries if wanted.fits(entry)]
            found = found[-many:]
        if len(found) == many or start == after:
            return found
        window *= 8  # positions have gaps and other events lie between: look further back
    return []


async def _follow(log: EventLog, wanted: Wanted, printer: _Printer, *, after: int, present: Present) -> None:
    """Raises LogGone where the file is no longer the log that was opened."""
    try:
        async for entries in _coming(log, after, present, printer.output):
            await printer.write([entry for entry in entries if wanted.fits(entry)])
    except LogError as error:
        if (said := await reason(error, present)) != str(error) or isinstance(error, LogLost):
            raise LogGone(said) from error
        raise


async def _coming(log: EventLog, after: int, present: Present, output: Output) -> AsyncGenerator[list[Entry]]:
    """Yield what comes until nobody reads our output. Where the log is locked it is waited for, and told once."""
    newest: Entry | None = None
    told = False
    while not _reader_is_gone():
        try:
            entries = await read_on(log, after=after, newest=newest, limit=PAGE_ENTRIES)
            if entries:
                newest, after, told = entries[-1], entries[-1].position, False
                yield entries
            elif entries is None:
                newest = None  # what is left behind what was archived
            else:
                await present()
                await log.wait(after, timeout=POLL_S)
        except LogLocked as locked:
            if not told:
                output.note(f"waiting: {locked}")
            told = True


def _reader_is_gone() -> bool:
    """Whether stdout is a pipe that was closed at its other end: with nothing to write, no write would tell."""
    try:
        return is_gone(sys.stdout.fileno())
    except (OSError, ValueError):
        return False  # not a file of the system: nothing can be known


class _Printer:
    """Writes entries as lines for people or as JSON Lines."""

    def __init__(self, log: EventLog, output: Output, *, zone: tzinfo | None, texts: bool) -> None:
        self.output = output
        self._log, self._zone, self._texts = log, zone, texts

    async def write(self, entries: Sequence[Entry]) -> None:
        from tui.lines import essence, id_of, short, texts_of

        for entry in entries:
            found = {ref.digest: (field, ref) for field, ref in texts_of(entry.event)} if self._texts else {}
            texts = {
                digest: await text_or_none(self._log, ref, at=entry.position) for digest, (_, ref) in found.items()
            }
            if self.output.json:
                self.output.document("swarm.log/1", event_document(entry, texts if self._texts else None))
                continue
            moment = local_time(entry.at, self._zone).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
            line = f"{entry.position:>7} {moment} {entry.kind:<17} {id_of(entry):<16} {essence(entry)}"
            self.output.line(line.rstrip())
            for digest, (field, ref) in found.items():
                self._write_text(f"{field} {short(ref)}", texts[digest])
        write_result("", flush=True)

    def _write_text(self, title: str, text: str | None) -> None:
        from tui.words import visible_lines

        self.output.line(f"        {title}{':' if text is not None else ' is no longer kept'}", "dim")
        for line in visible_lines(text or "").splitlines() if text else ():
            self.output.line(f"        │ {line}")


def event_document(entry: Entry, texts: dict[str, str | None] | None) -> dict[str, Any]:
    """An event as a program gets it, with the texts that it refers to by their digests, where they are wanted."""
    document: dict[str, Any] = {
        "position": entry.position,
        "id": str(uuid.UUID(bytes=entry.id)),
        "at": utc_text(entry.at),
        "topic": entry.topic,
        "project": entry.project,
        "session": entry.session,
        "task": entry.task,
        "step": entry.step,
        "attempt": entry.attempt,
        "cause": entry.cause,
        "kind": entry.kind,
        "body": _body_document(entry),
    }
    return document if texts is None else {**document, "texts": texts}


def _body_document(entry: Entry) -> Any:
    try:
        return msgspec.json.decode(encode_body(entry.event))
    except (msgspec.DecodeError, UnicodeError):  # of a kind that is not known here: it may be anything
        return entry.event.raw.decode("utf-8", "replace") if isinstance(entry.event, Unknown) else None


def _wanted(name: Name | None, given: Sequence[str], output: Output) -> Wanted:
    kinds = kinds_of(given)
    for said in unknown_kinds(kinds):
        output.note(f"--kind {said}")
    if name is None:
        return Wanted(kinds=kinds)
    return Wanted(session=name.session, task=name.task, step=name.step, kinds=kinds)
