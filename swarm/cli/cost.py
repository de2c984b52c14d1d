"""`swarm cost`: what was spent, on what, and what came of it. Amounts are whole nano-dollars from the log to the screen."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING

import msgspec

from events.log import system_clock
from events.spending import Field, Spending, spending
from events.views.cost import Cost, Payer
from swarm.cli.cost_report import document, plain_rows, tell
from swarm.cli.recorded import local_time, log_errors, require_log, settings_of, zone_of
from swarm.cli.rows import add_row_arguments, form_of, write_rows
from swarm.errors import UsageError
from swarm.insight.outlook import Outlook
from swarm.insight.periods import Period, period_of
from swarm.insight.spent import (
    ALL,
    SCHEDULE,
    SKILL,
    Report,
    Schedules,
    asked_of,
    before_of,
    fields_of,
    held_in,
    missing_rows,
    outlook_of,
    report_of,
    rows_of_settings,
    summed,
    total,
)

if TYPE_CHECKING:
    from swarm.cli.output import Output
    from swarm.messages import Price
    from swarm.settings.load import Settings

RECORDED = "recorded"  # the prices of then, of `--at-prices`

_ALWAYS: Sequence[Field] = ("tier", "price")
"""What the estimates need of each payer."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "period",
        nargs="?",
        choices=["day", "week", "month", "all"],
        help="today, this week from Monday on, this month, or everything that the log holds; default: all",
    )
    parser.add_argument(
        "--by",
        metavar="KEYS",
        default="model",
        help=f"what to sum by, one or several with commas between: {', '.join(ALL)}; default: model",
    )
    parser.add_argument(
        "--baseline",
        metavar="MODEL",
        help="at whose price the tokens of free calls are reckoned; default: the cheapest priced model of the settings",
    )
    parser.add_argument(
        "--at-prices",
        metavar="today|recorded|FILE",
        default=RECORDED,
        help="the same tokens at the prices of your settings today, or of a TOML file that has them as settings do",
    )
    parser.add_argument(
        "--carried", action="store_true", help="with --by skill: each with all that its calls cost, not with its share"
    )
    add_row_arguments(parser)


def run(args: argparse.Namespace) -> int:
    output: Output = args.output
    form = form_of(args)
    keys, settings = _keys(args.by), settings_of(args)
    if SKILL in keys and args.at_prices != RECORDED:
        raise UsageError("--by skill is at the recorded prices; leave --at-prices out")
    if args.carried and SKILL not in keys:
        raise UsageError("--carried goes with --by skill")
    if args.baseline is not None:
        _require_priced(args.baseline, settings)
    zone, now = zone_of(settings), system_clock()
    period = period_of(args.period or "all", local_time(now, zone).date())
    found = _read(settings.log, keys, period, now, zone)
    schedules = _schedules(settings.log) if SCHEDULE in keys else {}
    prices = _prices(held_in(found.costs, period), settings)
    report = report_of(found, keys, schedules, period, local_time(now, zone), settings, prices, args.baseline)
    if SKILL in keys:
        report = _by_skill(report, schedules, settings.log, carried=args.carried)
    kept: list[dict[str, str | int]] = []
    if args.at_prices != RECORDED:
        report, kept = _repriced(report, schedules, args.at_prices, settings)
    for note in report.notes:
        output.note(note)
    if output.json:
        more = {"at_prices": args.at_prices, "kept_as_recorded": kept, "carried": args.carried}
        output.document("swarm.cost/1", {**document(report), **more})
    elif form:
        write_rows(form, *plain_rows(report))
    else:
        tell(report, output)
    return 0


def _by_skill(report: Report, schedules: Schedules, url: str, *, carried: bool) -> Report:
    """The report with rows by skill; its other figures stay as they are."""
    from swarm.cli.cost_skills import costs_by_skill, rows_of, told

    view = costs_by_skill(url)
    rows = rows_of(view, report.keys, schedules, report.period, carried=carried)
    return msgspec.structs.replace(report, rows=rows, notes=(*report.notes, *told(view, carried)))


def _repriced(
    report: Report, schedules: Schedules, named: str, settings: Settings
) -> tuple[Report, list[dict[str, str | int]]]:
    """The report with its sums at other prices, and what keeps its recorded amount; its other figures stay as they are."""
    import anyio

    from swarm.cli.at_prices import costs_at, kept_rows, prices_named, told

    found = anyio.run(costs_at, settings.log, prices_named(named, settings))
    held = held_in(found.costs, report.period)
    by_day = {day: cost.nanos for (day,), cost in summed(found.costs, ["day"])}
    notes = (*report.notes, *told(found), "the forecast and what was saved are at the recorded prices")
    changed = msgspec.structs.replace(
        report,
        rows=tuple(summed(held, report.keys, schedules)),
        total=total(held.values()),
        findings=None,
        before=None if report.period is None else before_of(by_day, report.period),
        by_day=by_day,
        notes=notes,
    )
    return changed, kept_rows(found)


def _read(url: str, keys: Sequence[str], period: Period | None, now: int, zone: tzinfo | None) -> Spending:
    """What the log says. Raises NothingRecorded, LogTrouble."""
    fields: list[Field] = list(dict.fromkeys([*(field for key in keys for field in fields_of(key)), *_ALWAYS]))
    require_log(url)
    with log_errors():
        return spending(url, fields, asked_of(period, local_time(now, zone), zone))


def foreseen(url: str, zone: tzinfo | None, now: int) -> Outlook:
    """What today and this month will have cost at their ends. Raises NothingRecorded, LogTrouble."""
    return outlook_of(_read(url, ["day"], None, now, zone), local_time(now, zone))


def _prices(held: Mapping[Payer, Cost], settings: Settings) -> dict[str, Price]:
    """The price rows of the settings by their ids, and those with which caches were used before and that only the log has."""
    rows = rows_of_settings(settings)
    missing = missing_rows(held, rows)
    if not missing:
        return rows
    import anyio

    from swarm.cli.recorded import recorded
    from swarm.insight.rows import recorded_rows

    async def read() -> dict[str, Price]:
        async with recorded(settings.log) as log:
            return await recorded_rows(log, missing)

    return {**rows, **anyio.run(read)}


def _schedules(url: str) -> dict[int, str]:
    """The schedules of the sessions that were runs of one."""
    import anyio

    from swarm.cli.recorded import recorded
    from swarm.insight.schedules import schedules_of

    async def read() -> dict[int, str]:
        async with recorded(url) as log:
            return await schedules_of(log)

    return anyio.run(read)


def _keys(text: str) -> list[str]:
    keys = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not keys or any(key not in ALL for key in keys):
        raise UsageError(f"--by {text!r}: a sum can be asked for by {', '.join(ALL)}, with commas between several")
    return keys


def _require_priced(name: str, settings: Settings) -> None:
    priced = sorted(each for each, model in settings.models.items() if model.price and not model.price.is_free)
    if name not in priced:
        known = f"with a price there are {', '.join(priced)}" if priced else "no model of the settings has one"
        raise UsageError(f"--baseline {name}: a model with a price is expected, and {known}")
