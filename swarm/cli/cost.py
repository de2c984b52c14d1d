"""`swarm cost`: what was spent, on what, and what came of it. Amounts are whole nano-dollars from the log to the screen."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, cast

import msgspec

from events.log import session_name, system_clock
from events.spending import Field, Spending, spending
from events.types.choice import FREE_TIERS
from events.views.cost import Cost, Payer
from events.views.spending import Asked
from swarm.cli.cost_report import Report, Row, document, plain_rows, tell
from swarm.cli.recorded import local_time, log_errors, require_log, settings_of, zone_of
from swarm.cli.rows import add_row_arguments, form_of, write_rows
from swarm.errors import UsageError
from swarm.insight.outlook import LONGEST, Outlook, outlook
from swarm.insight.periods import Period, days_of_month_left, moment, period_of
from swarm.insight.saved import saved_by_cache, saved_by_free
from swarm.settings.pricetable import old_prices

if TYPE_CHECKING:
    from swarm.cli.output import Output
    from swarm.messages import Price
    from swarm.settings.load import Settings

RECORDED = "recorded"  # the prices of then, of `--at-prices`
ARCHIVED = "(archived)"  # sessions that an archive took are summed
NONE = "-"

KEYS: dict[str, Callable[[Payer], str]] = {
    "model": lambda payer: payer.model,
    "role": lambda payer: payer.role,
    "task": lambda payer: f"{session_name(payer.session)}/{payer.task}" if payer.session else ARCHIVED,
    "tier": lambda payer: payer.tier,
    "agent": lambda payer: payer.agent,
    "session": lambda payer: session_name(payer.session) if payer.session else ARCHIVED,
    "day": lambda payer: payer.day,
    "price": lambda payer: payer.price or NONE,
    "project": lambda payer: payer.project or NONE,
}

SCHEDULE = "schedule"
"""What is not said of a payer, but of its session."""

SKILL = "skill"
"""What is not said of a payer, but of its calls: several of them may share one."""

_ALL = (*KEYS, SCHEDULE, SKILL)

Schedules: TypeAlias = Mapping[int, str]
"""By the number of a session the schedule of which it was a run."""

_NO_SCHEDULES: Schedules = {}

_FIELDS: Mapping[str, Sequence[Field]] = {"task": ("session", "task"), "day": (), "schedule": ("session",), SKILL: ()}
"""What has to be known of the payer for a key, where it is not the field of its name. The day always is."""

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
        help=f"what to sum by, one or several with commas between: {', '.join(_ALL)}; default: model",
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
    report = _report(found, keys, schedules, period, local_time(now, zone), settings, args.baseline)
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
    held = {payer: cost for payer, cost in found.costs.items() if within(payer, report.period)}
    by_day = {day: cost.nanos for (day,), cost in summed(found.costs, ["day"])}
    notes = (*report.notes, *told(found), "the forecast and what was saved are at the recorded prices")
    changed = msgspec.structs.replace(
        report,
        rows=tuple(summed(held, report.keys, schedules)),
        total=total(held.values()),
        findings=None,
        before=None if report.period is None else _before(by_day, report.period),
        by_day=by_day,
        notes=notes,
    )
    return changed, kept_rows(found)


def _read(url: str, keys: Sequence[str], period: Period | None, now: int, zone: tzinfo | None) -> Spending:
    """What the log says. Raises NothingRecorded, LogTrouble."""
    fields: list[Field] = list(dict.fromkeys([*(field for key in keys for field in _fields_of(key)), *_ALWAYS]))
    require_log(url)
    with log_errors():
        return spending(url, fields, _asked(period, now, zone))


def _asked(period: Period | None, now: int, zone: tzinfo | None) -> Asked:
    """The days and moments of the period, and for past days the moment at which the clock showed what it shows now."""
    today = local_time(now, zone)
    past = [today.date() - timedelta(days=back) for back in range(1, LONGEST + 1)]
    later = {day.isoformat(): moment(day, zone, today.time()) for day in past}
    if period is None:
        return Asked(later=later)
    return Asked(
        first=period.first.isoformat(),
        last=period.last.isoformat(),
        begins=moment(period.first, zone),
        ends=moment(period.last + timedelta(days=1), zone),
        later=later,
    )


def _report(
    found: Spending,
    keys: Sequence[str],
    schedules: Schedules,
    period: Period | None,
    now: datetime,
    settings: Settings,
    baseline: str | None,
) -> Report:
    costs, whole = found.costs, _is_whole(found, period, now)
    held = {payer: cost for payer, cost in costs.items() if within(payer, period)}
    by_day = {day: cost.nanos for (day,), cost in summed(costs, ["day"])}
    free = total(cost for payer, cost in held.items() if payer.tier in FREE_TIERS)
    models = {name: model.price for name, model in settings.models.items() if model.price is not None}
    return Report(
        keys=tuple(keys),
        period=period,
        today=now.date(),
        rows=() if SKILL in keys else tuple(summed(held, keys, schedules)),
        total=total(held.values()),
        findings=found.findings if whole else None,
        before=None if period is None else _before(by_day, period),
        by_cache=saved_by_cache(
            [(payer.price, cost) for payer, cost in held.items()], _rows(held, models, settings.log)
        ),
        by_free=saved_by_free(free, models if baseline is None else {baseline: models[baseline]}),
        outlook=_outlook(by_day, found, now),
        by_day=by_day,
        notes=tuple(filter(None, [*_notes(found, period, whole), aged(costs, settings, now.date())])),
    )


def _rows(held: Mapping[Payer, Cost], models: Mapping[str, Price], url: str) -> dict[str, Price]:
    """The price rows of the settings by their ids, and those with which caches were used before and that only the log has."""
    rows = {price.row: price for price in models.values()}
    missing = {payer.price for payer, cost in held.items() if cost.cached_tokens and cost.nanos} - rows.keys()
    if not missing:
        return rows
    import anyio

    from swarm.cli.recorded import recorded
    from swarm.insight.rows import recorded_rows

    async def read() -> dict[str, Price]:
        async with recorded(url) as log:
            return await recorded_rows(log, missing)

    return {**rows, **anyio.run(read)}


def _before(by_day: Mapping[str, int], period: Period) -> int:
    first, last = period.before_first.isoformat(), period.before_last.isoformat()
    return sum(nanos for day, nanos in by_day.items() if first <= day <= last)


def _outlook(by_day: Mapping[str, int], found: Spending, now: datetime) -> Outlook:
    since = local_time(found.archived, now.tzinfo).date().isoformat() if found.archived else ""
    return outlook(by_day, found.findings.later, now.date(), days_of_month_left(now.date()), since)


def foreseen(url: str, zone: tzinfo | None, now: int) -> Outlook:
    """What today and this month will have cost at their ends. Raises NothingRecorded, LogTrouble."""
    found = _read(url, ["day"], None, now, zone)
    by_day = {day: cost.nanos for (day,), cost in summed(found.costs, ["day"])}
    return _outlook(by_day, found, local_time(now, zone))


def _is_whole(found: Spending, period: Period | None, now: datetime) -> bool:
    """Whether the log still has all that happened in the period."""
    return found.archived <= (0 if period is None else moment(period.first, now.tzinfo))


def _notes(found: Spending, period: Period | None, whole: bool) -> list[str]:
    notes = [f"{note}; `swarm doctor --fix` makes it anew" for note in found.notes]
    undated = sum(cost.calls for payer, cost in found.costs.items() if not payer.day)
    if period is not None and undated:
        notes.append(f"{undated} calls are left out: their events name no day")
    if not whole:
        notes.append(
            "a part of this time was archived: it is in the sums, and what came of tasks and drafts is not told"
        )
    return notes


def aged(costs: Mapping[Payer, Cost], settings: Settings, today: date) -> str:
    """Say which models that cost something have an old price in the settings; empty where none has."""
    models = {payer.model for payer, cost in costs.items() if cost.nanos} & settings.models.keys()
    return old_prices(((model, settings.models[model].price) for model in models), today)


def within(payer: Payer, period: Period | None) -> bool:
    return period is None or (bool(payer.day) and period.first.isoformat() <= payer.day <= period.last.isoformat())


def summed(costs: Mapping[Payer, Cost], keys: Sequence[str], schedules: Schedules = _NO_SCHEDULES) -> list[Row]:
    """Sums by the values of the keys, in the order of `ordered`."""
    readers = readers_of(schedules)
    sums: dict[tuple[str, ...], Cost] = {}
    for payer, cost in costs.items():
        sums.setdefault(tuple(readers[key](payer) for key in keys), Cost()).add(cost)
    return ordered(sums, keys)


def readers_of(schedules: Schedules) -> Mapping[str, Callable[[Payer], str]]:
    """By key what it is of a payer."""
    return {**KEYS, SCHEDULE: partial(_schedule, schedules)}


def ordered(sums: Mapping[tuple[str, ...], Cost], keys: Sequence[str]) -> list[Row]:
    """Days in their order, else the dearest first."""
    if keys[0] == "day":
        return sorted(sums.items(), key=lambda row: (row[0][0], -row[1].nanos, row[0]))
    return sorted(sums.items(), key=lambda row: (-row[1].nanos, -row[1].calls, row[0]))


def _schedule(schedules: Schedules, payer: Payer) -> str:
    return schedules.get(payer.session, NONE) if payer.session else ARCHIVED


def _schedules(url: str) -> dict[int, str]:
    """The schedules of the sessions that were runs of one."""
    import anyio

    from swarm.cli.recorded import recorded
    from swarm.insight.schedules import schedules_of

    async def read() -> dict[int, str]:
        async with recorded(url) as log:
            return await schedules_of(log)

    return anyio.run(read)


def total(costs: Iterable[Cost]) -> Cost:
    found = Cost()
    for cost in costs:
        found.add(cost)
    return found


def _fields_of(key: str) -> Sequence[Field]:
    return _FIELDS[key] if key in _FIELDS else (cast("Field", key),)


def _keys(text: str) -> list[str]:
    keys = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not keys or any(key not in _ALL for key in keys):
        raise UsageError(f"--by {text!r}: a sum can be asked for by {', '.join(_ALL)}, with commas between several")
    return keys


def _require_priced(name: str, settings: Settings) -> None:
    priced = sorted(each for each, model in settings.models.items() if model.price and not model.price.is_free)
    if name not in priced:
        known = f"with a price there are {', '.join(priced)}" if priced else "no model of the settings has one"
        raise UsageError(f"--baseline {name}: a model with a price is expected, and {known}")
