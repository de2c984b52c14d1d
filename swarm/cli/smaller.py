"""`swarm log prune` and `swarm log archive`: make a log that has grown small again, after a question."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from events.log import session_name, system_clock
from events.upkeep import Archived, Cut, NothingToArchive, Prunable, archivable, archive, prunable, prune
from swarm.cli.output import Declined, counted
from swarm.cli.recorded import local_time, log_errors, require_log, settings_of, zone_of
from swarm.errors import UsageError

if TYPE_CHECKING:
    from swarm.cli.output import Output

_AGE = re.compile(r"([0-9]{1,5})([dw]?)")
_STEPS = {
    "write": "writing the archive",
    "verify": "verifying it",
    "place": "putting it in its place",
    "cut": "cutting it off the log",
    "shrink": "giving room back to the disk",
}


def make_smaller(args: argparse.Namespace) -> int:
    settings = settings_of(args)
    option, other = (
        ("--texts-before", args.before or args.to) if args.action == "prune" else ("--before", args.texts_before)
    )
    when = args.texts_before if args.action == "prune" else args.before
    if other or not when:
        raise UsageError(f"swarm log {args.action}: say which are old with {option}, such as `{option} 90d`")
    zone = zone_of(settings)
    before = moment_of(when, option, now=system_clock(), zone=zone)
    require_log(settings.log)
    act = _prune if args.action == "prune" else _archive
    with log_errors():
        return act(args, settings.log, before, local_time(before, zone).date())


def moment_of(text: str, option: str, *, now: int, zone: tzinfo | None) -> int:
    """The local midnight that a date or an age in days or weeks means, in microseconds since 1970. Raises UsageError."""
    today = local_time(now, zone).date()
    age = _AGE.fullmatch(text.strip())
    try:
        if age:
            day = today - timedelta(days=int(age[1]) * (7 if age[2] == "w" else 1))
        else:
            day = date.fromisoformat(text.strip())
        moment = round(datetime.combine(day, time(), tzinfo=zone).timestamp() * 1e6)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{option} {text!r}: write a date such as 2026-08-31, or an age such as 90d or 12w") from error
    if day > today:
        raise UsageError(
            f"{option} {text}: that day is still to come; write a date that is past, or an age such as 90d"
        )
    return moment


def _prune(args: argparse.Namespace, url: str, before: int, day: date) -> int:
    output: Output = args.output
    what = prunable(url, before=before)
    if args.dry_run or not what.texts:
        _tell_prunable(what, day, output, f"would drop {_texts(what)}")
        return 0
    if not args.yes:
        _ask(
            output,
            f"Drop {_texts(what)}? Their sessions stay in the log, and can no longer be read in full or forked.",
            remedy=f"say `swarm log prune --texts-before {quote(args.texts_before)} --yes`",
        )
    done = prune(url, before=before)
    if done is None:
        _tell_prunable(prunable(url, before=before), day, output, "")
        return 0
    _tell_prunable(done.what, day, output, f"dropped {_texts(done.what)}", position=done.position, shrunk=done.shrunk)
    return 0


def _texts(what: Prunable) -> str:
    return f"{counted(what.texts, 'text')} ({_size(what.size)}) of {counted(len(what.sessions), 'session')}"


def _tell_prunable(
    what: Prunable, day: date, output: Output, said: str, *, position: int = 0, shrunk: bool = False
) -> None:
    if output.json:
        document = {
            "before": day.isoformat(),
            "done": bool(position),
            "position": position or None,
            "sessions": [session_name(number) for number in what.sessions],
            "texts": what.texts,
            "bytes": what.size,
            "kept": {session_name(number): why for number, why in what.kept.items()},
            "shrunk": shrunk,
        }
        output.document("swarm.log.prune/1", document)
        return
    if what.texts:
        output.line(f"{said} that ended before {day}: {names_of(what.sessions)}")
    else:
        output.line(f"no session that ended before {day} has texts to drop")
    _tell_kept(what, output)
    _tell_room(position, shrunk, output)


def _tell_kept(what: Prunable, output: Output) -> None:
    for why, said in (
        ("unfinished", "can still be resumed; `swarm cancel` ends what is not to go on"),
        ("fork", "began a fork that keeps its own"),
    ):
        sessions = sorted(number for number, reason in what.kept.items() if reason == why)
        if sessions:
            output.note(f"{counted(len(sessions), 'older session')} with texts kept: {names_of(sessions)} {said}")


def _ask(output: Output, question: str, *, remedy: str) -> None:
    """Raises ConfirmationNeeded where nobody can be asked, Declined where somebody says no."""
    if not output.confirm(question, remedy=remedy):
        raise Declined("Nothing was changed", remedy=f"to do it after all, {remedy}")


def _tell_room(position: int, shrunk: bool, output: Output) -> None:
    if position and not shrunk:
        output.note("the file is as large as before: its room is used again (other processes have it open)")


def _archive(args: argparse.Namespace, url: str, before: int, day: date) -> int:
    output: Output = args.output
    cut = archivable(url, before=before)
    if cut.position == cut.after or args.dry_run:
        _tell_cut(cut, day, url, output)
        return 0
    if not args.yes:
        _ask(
            output,
            f"Cut {_events(cut)} off the log? They move to a file, which `swarm --log FILE` reads.",
            remedy=f"say `swarm log archive --before {quote(args.before)} --yes`",
        )
    to = Path(args.to) if args.to else None
    try:
        done = archive(url, before=before, to=to, tell=lambda step: output.detail(_STEPS[step]))
    except NothingToArchive as nothing:
        _tell_cut(nothing.cut, day, url, output)
        return 0
    _tell_archived(done, day, output)
    return 0


def _events(cut: Cut) -> str:
    return f"{counted(cut.events, 'event')} of {counted(len(cut.sessions), 'session')}"


def _tell_cut(cut: Cut, day: date, url: str, output: Output) -> None:
    if output.json:
        output.document("swarm.log.archive/1", _document(cut, day))
    elif cut.position == cut.after:
        output.line(str(NothingToArchive(url=url, cut=cut)))
    else:
        output.line(f"would cut off {_events(cut)}, up to position {cut.position}: {names_of(cut.sessions)}")
        _tell_blocking(cut, output)


def _tell_archived(done: Archived, day: date, output: Output) -> None:
    cut = done.cut
    if output.json:
        more = {"file": done.file, "bytes": done.size, "archived": done.position, "shrunk": done.shrunk}
        output.document("swarm.log.archive/1", {**_document(cut, day), "done": True, **more})
        return
    output.line(f"archived {_events(cut)} in {done.file} ({_size(done.size)}): {names_of(cut.sessions)}")
    output.line(
        f"the log goes on behind position {cut.position}; read the rest with `swarm ps --log {quote(done.file)}`"
    )
    _tell_blocking(cut, output)
    _tell_room(done.position, done.shrunk, output)


def _tell_blocking(cut: Cut, output: Output) -> None:
    if cut.blocking:
        output.note(
            f"{names_of(cut.blocking)} can still be resumed and kept what is newer in the log; "
            f"`swarm cancel {session_name(cut.blocking[0])}` ends what is not to go on"
        )


def _document(cut: Cut, day: date) -> dict[str, object]:
    return {
        "before": day.isoformat(),
        "done": False,
        "after": cut.after,
        "position": cut.position,
        "hash": cut.hash or None,
        "events": cut.events,
        "sessions": [session_name(number) for number in cut.sessions],
        "blocking": [session_name(number) for number in cut.blocking],
    }


def names_of(sessions: Sequence[int]) -> str:
    """Sessions in rising order as people write them: s1 to s4, s7."""
    runs: list[tuple[int, int]] = []
    for number in sessions:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = runs[-1][0], number
        else:
            runs.append((number, number))
    words = [session_name(first) + (f" to {session_name(last)}" if last > first else "") for first, last in runs]
    return ", ".join(words[:8]) + (f" and {len(words) - 8} more" if len(words) > 8 else "")


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{size / 1e3:,.1f} KB"
