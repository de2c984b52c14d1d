"""`swarm trail exclude` and `include`: let the verdicts of a period count for nothing, or again; list what is excluded."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from datetime import tzinfo
from shlex import quote
from typing import TYPE_CHECKING, Any

import anyio

from events.log import NewEvent, open_log, system_clock
from events.types.choice import TRAILS, TrailsExcluded
from events.views.base import fold
from events.views.trails import Excluded, TrailsView
from swarm.cli.hints import to_type
from swarm.cli.moments import moment_of
from swarm.cli.recorded import local_time, log_errors, recorded, require_log, settings_of, utc_text, zone_of
from swarm.engine.requests import person
from swarm.errors import UsageError
from swarm.insight.arms import ArmsView, known_arms
from swarm.insight.reason import many

if TYPE_CHECKING:
    from swarm.cli.output import Output

TURN_S = 10.0


class NotExcluded(UsageError):
    """A period that is none of the excluded ones cannot count again."""

    def __init__(self) -> None:
        super().__init__("no such period is excluded; `swarm trail exclude` lists those that are, with what to type")


def change(args: argparse.Namespace) -> int:
    if args.at is not None or args.why or args.role or args.type:
        raise UsageError(f"swarm trail {args.action}: --at, --why, --role and --type belong to `swarm trail` alone")
    output: Output = args.output
    settings = settings_of(args)
    zone, now = zone_of(settings), system_clock()
    if args.since is None:
        if args.action == "include" or args.until:
            raise UsageError(f"swarm trail {args.action}: name the period with --from and --to")
        return anyio.run(_list, settings.log, output, zone, args.log)
    since = moment_of(args.since, "--from", now=now, zone=zone)
    until = now if args.until is None else moment_of(args.until, "--to", now=now, zone=zone, ends=True) + 1
    if until <= since:
        raise UsageError(f"--to {args.until or 'now'} is not behind --from {args.since}; a period ends after it begins")
    period = Excluded(since, until, args.model or "")
    require_log(settings.log)
    return anyio.run(_record, args, settings.log, period, output, zone)


async def _record(args: argparse.Namespace, url: str, period: Excluded, output: Output, zone: tzinfo | None) -> int:
    lifted = args.action == "include"
    with log_errors():
        async with open_log(url) as log, log.turn(timeout=TURN_S):
            known = await fold(log, ArmsView())
            before = known.trails
            if lifted and period not in before.excluded:
                raise NotExcluded
            if not lifted and period in before.excluded:
                output.note("this period is excluded already")
                return 0
            if not lifted and period.model:
                _require_model(period.model, {each.model for each in known_arms(known, period.until)})
            told = TrailsExcluded(
                since=period.since,
                until=period.until,
                model=period.model,
                lifted=lifted,
                by=person(),
                reason=args.reason,
            )
            await log.append([NewEvent(event=told, topic=TRAILS)], durable=True)
            after = await fold(log, TrailsView())
    if output.json:
        output.document("swarm.trail.excluded/1", {"excluded": excluded_of(after)})
        return 0
    words = "count again" if lifted else "count for nothing"
    output.line(f"verdicts of {_period(period, zone)} {words}; the next session chooses by what is left")
    output.line(f"{many(_verdicts(before), 'verdict')} counted before, {_verdicts(after)} do now")
    return 0


def _require_model(name: str, known: Collection[str]) -> None:
    """Raises UsageError where no verdict is of a model of this name: excluding it would change nothing."""
    if name not in known:
        near = [each for each in sorted(known) if name in each]
        raise UsageError(
            f"--model {name}: no work of a model of this name was judged; the whole name is needed, and this log knows "
            f"{', '.join(near or sorted(known)) or 'none'}"
        )


def _verdicts(view: TrailsView) -> int:
    """How many verdicts count, roughly: what use and time have left of them."""
    return round(
        sum(trail.accepted + trail.rejected for (context, _), trail in view.learned.rows.items() if context != "*")
    )


async def _list(url: str, output: Output, zone: tzinfo | None, log: str | None) -> int:
    """Tell what is excluded, each with the command that lets it count again on `log`, as the command line named it."""
    async with recorded(url) as opened:
        view = await fold(opened, TrailsView())
    if output.json:
        output.document("swarm.trail.excluded/1", {"excluded": excluded_of(view)})
    elif not view.excluded:
        output.line("no period is excluded")
    else:
        for each in view.excluded:
            output.line(_period(each, zone))
            begins, ends = (utc_text(at) for at in (each.since, each.until - 1))
            model = ("--model", quote(each.model)) if each.model else ()
            output.note(to_type("trail", "include", "--from", begins, "--to", ends, *model, log=log))
    return 0


def excluded_of(view: TrailsView) -> list[dict[str, Any]]:
    """The excluded periods as a document has them; `until` is the first moment that counts again."""
    return [
        {"since": utc_text(each.since), "until": utc_text(each.until), "model": each.model or None}
        for each in view.excluded
    ]


def _period(period: Excluded, zone: tzinfo | None) -> str:
    begins, ends = (f"{local_time(at, zone):%Y-%m-%d %H:%M:%S}" for at in (period.since, period.until))
    return f"{begins} to {ends}" + (f" of {period.model}" if period.model else "")
