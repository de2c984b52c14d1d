"""`swarm trail`: what is known of each agent on each model, by role and type of work, as the choice sees it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

import anyio
from msgspec.structs import asdict

from events.log import system_clock
from events.trails import HALF_LIFE_S
from events.views.base import fold
from swarm.cli.moments import last_before, moment_of
from swarm.cli.recorded import local_time, recorded, settings_of, utc_text, zone_of
from swarm.cli.trail_period import change, excluded_of
from swarm.cli.why import document_of, tell_reason
from swarm.errors import UsageError
from swarm.insight.arms import ArmsView, Known, known_arms, of_these, why_arm
from swarm.insight.judges import KnownJudge, known_judges
from swarm.insight.reason import many
from swarm.task import ROLES

if TYPE_CHECKING:
    from swarm.cli.output import Output

_DRAWN = tuple(role for role in ROLES if role != "validator")
"""Roles whose models are drawn; a judge follows from a rule and leaves no trail."""


_HELP = """\
without an action: what is known of each agent on each model
actions:
  exclude   let the verdicts of a period count for nothing, such as those of a broken check: --from WHEN --to WHEN,
            of one model with --model NAME; without a period: list what is excluded
  include   let such a period count again; the same options
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _HELP
    parser.add_argument("action", nargs="?", choices=("exclude", "include"), metavar="ACTION", help="see below")
    parser.add_argument("--at", metavar="WHEN", help="as it was then: 2h ago, 2026-11-20, 2026-11-20T14:30")
    parser.add_argument("--why", action="store_true", help="how each mean comes about, with the last verdicts")
    parser.add_argument("--from", dest="since", metavar="WHEN", help="exclude, include: where the period begins")
    parser.add_argument("--to", dest="until", metavar="WHEN", help="and where it ends; default: now")
    parser.add_argument(
        "--reason", default="", metavar="TEXT", help="exclude, include: why, for those who read the log"
    )
    parser.add_argument("--role", choices=_DRAWN, help="of this role alone")
    parser.add_argument("--type", metavar="TYPE", help="of this type of work alone, such as code")
    parser.add_argument(
        "--model", metavar="NAME", help="of models whose name holds this; exclude, include: of the model of this name"
    )


def run(args: argparse.Namespace) -> int:
    if args.action is not None:
        return change(args)
    if args.since or args.until or args.reason:
        raise UsageError("swarm trail: --from, --to and --reason belong to the actions exclude and include; name one")
    output: Output = args.output
    settings, now = settings_of(args), system_clock()
    if args.at is not None:
        now = moment_of(args.at, "--at", now=now, zone=zone_of(settings), ends=True)

    async def read() -> ArmsView:
        async with recorded(settings.log) as log:
            return await fold(log, ArmsView(), until=None if args.at is None else await last_before(log, now + 1))

    view = anyio.run(read)
    known, judges = known_arms(view, now), known_judges(view.trails.verdicts.judges)
    if args.type is not None and known and args.type not in {each.type for each in known}:
        raise UsageError(f"--type {args.type}: this log knows {', '.join(sorted({each.type for each in known}))}")
    found = list(of_these(known, role=args.role, type_=args.type, model=args.model))
    if output.json:
        arms = [_document(each) | _why(args, view, each, now) for each in found]
        of_judges = [asdict(each) for each in judges]
        document = {"at": utc_text(now), "excluded": excluded_of(view.trails), "arms": arms, "judges": of_judges}
        output.document("swarm.trail/1", document)
    elif not found:
        output.line("no work was judged yet" if not known else "no trail fits what was asked for")
    elif args.why:
        for each in found:
            tell_reason(why_arm(view, each, now), output)
    else:
        _tell(found, output, zone_of(settings), now)
        _tell_judges(judges, output)
    if not output.json and view.trails.excluded:
        output.note(f"{many(len(view.trails.excluded), 'period')} excluded: `swarm trail exclude` lists them")
    return 0


def _why(args: argparse.Namespace, view: ArmsView, known: Known, now: int) -> dict[str, Any]:
    return {"why": document_of(why_arm(view, known, now))} if args.why else {}


def _tell(found: Sequence[Known], output: Output, zone: tzinfo | None, now: int) -> None:
    rows = [
        (
            each.context,
            f"{each.agent}@{each.model}",
            each.tier,
            f"{each.mean:.2f}",
            f"{each.low:.2f} to {each.high:.2f}",
            f"{each.accepted:.1f}",
            f"{each.rejected:.1f}",
            str(each.chosen),
            f"{100 * each.first // each.firsts} %" if each.firsts else "",
            _when(each.used_at, now, zone),
            _when(each.judged_at, now, zone),
        )
        for each in found
    ]
    output.table(
        ("CONTEXT", "ARM", "TIER", "MEAN", "95 %", "ACCEPTED", "REJECTED", "CHOSEN", "FIRST", "LAST USED", "JUDGED"),
        rows,
    )
    judged = [each.judged_at for each in found if each.judged_at]
    if judged:
        days = int(HALF_LIFE_S / 86_400)
        newest, oldest = (_when(at, now, zone) for at in (max(judged), min(judged)))
        span = newest if newest == oldest else f"{oldest} to {newest}"
        output.note(f"last verdicts: {span}; what was accepted and rejected counts half after {days} days")


def _tell_judges(judges: Sequence[KnownJudge], output: Output) -> None:
    """Who judged, and what was found of that; nothing where nobody did."""
    if not judges:
        return
    rows = [
        (
            each.judge,
            f"{each.accepted:,}",
            f"{each.rejected:,}",
            f"{each.audited:,}",
            f"{each.wrong:,}",
            f"{100 * each.accepts_wrong:.0f} %",
            f"{100 * each.low:.0f} to {100 * each.high:.0f} %",
            f"{each.overruled:,}",
        )
        for each in judges
    ]
    output.line()
    output.table(
        ("JUDGE", "ACCEPTED", "REJECTED", "AUDITED", "FOUND WRONG", "ACCEPTS WRONG", "95 %", "OVERRULED"), rows
    )


def _when(at: int, now: int, zone: tzinfo | None) -> str:
    if not at:
        return "never"
    then = local_time(at, zone)
    return f"{then:%H:%M}" if then.date() == local_time(now, zone).date() else f"{then:%Y-%m-%d}"


def _document(each: Known) -> dict[str, Any]:
    return {
        "context": each.context,
        "role": each.role,
        "type": each.type,
        "agent": each.agent,
        "model": each.model,
        "tier": each.tier,
        "mean": round(each.mean, 6),
        "low": round(each.low, 6),
        "high": round(each.high, 6),
        "accepted": round(each.accepted, 6),
        "rejected": round(each.rejected, 6),
        "chosen": each.chosen,
        "first": each.first,
        "firsts": each.firsts,
        "last_used": utc_text(each.used_at) if each.used_at else None,
        "last_judged": utc_text(each.judged_at) if each.judged_at else None,
    }
