"""What was spent, on what, and what came of it: the report of `swarm cost` from what was read of the log. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from functools import partial
from typing import TypeAlias, cast

import msgspec

from events.log import session_name
from events.spending import Field, Spending
from events.types.choice import FREE_TIERS
from events.views.cost import Cost, Payer
from events.views.spending import Asked, Findings
from swarm.insight.outlook import LONGEST, Outlook, outlook
from swarm.insight.periods import Period, days_of_month_left, moment
from swarm.insight.saved import ByCache, ByFree, saved_by_cache, saved_by_free
from swarm.messages import Price
from swarm.settings.load import Settings
from swarm.settings.pricetable import old_prices

Row: TypeAlias = tuple[tuple[str, ...], Cost]
"""The values of the keys, and the sums of what they are of."""

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

ALL = (*KEYS, SCHEDULE, SKILL)

Schedules: TypeAlias = Mapping[int, str]
"""By the number of a session the schedule of which it was a run."""

_NO_SCHEDULES: Schedules = {}

_FIELDS: Mapping[str, Sequence[Field]] = {"task": ("session", "task"), "day": (), "schedule": ("session",), SKILL: ()}
"""What has to be known of the payer for a key, where it is not the field of its name. The day always is."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is shown. `before` is what the period before cost; None where there is no such."""

    keys: tuple[str, ...]
    period: Period | None
    today: date
    rows: tuple[Row, ...]
    total: Cost
    findings: Findings | None  # None: the log no longer has all that they are of
    before: int | None
    by_cache: ByCache
    by_free: ByFree | None
    outlook: Outlook
    by_day: Mapping[str, int]
    notes: tuple[str, ...]


def asked_of(period: Period | None, today: datetime, zone: tzinfo | None) -> Asked:
    """The days and moments of the period, and for past days the moment at which the clock showed what it shows now."""
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


def report_of(
    found: Spending,
    keys: Sequence[str],
    schedules: Schedules,
    period: Period | None,
    now: datetime,
    settings: Settings,
    prices: Mapping[str, Price],
    baseline: str | None = None,
) -> Report:
    """The report as of `now` on the wall clock. `prices` are the rows by their ids, those of `missing_rows` among them."""
    costs, whole = found.costs, _is_whole(found, period, now)
    held = held_in(costs, period)
    by_day = {day: cost.nanos for (day,), cost in summed(costs, ["day"])}
    free = total(cost for payer, cost in held.items() if payer.tier in FREE_TIERS)
    models = _priced(settings)
    return Report(
        keys=tuple(keys),
        period=period,
        today=now.date(),
        rows=() if SKILL in keys else tuple(summed(held, keys, schedules)),
        total=total(held.values()),
        findings=found.findings if whole else None,
        before=None if period is None else before_of(by_day, period),
        by_cache=saved_by_cache([(payer.price, cost) for payer, cost in held.items()], prices),
        by_free=saved_by_free(free, models if baseline is None else {baseline: models[baseline]}),
        outlook=outlook_of(found, now),
        by_day=by_day,
        notes=tuple(filter(None, [*_notes(found, period, whole), aged(costs, settings, now.date())])),
    )


def held_in(costs: Mapping[Payer, Cost], period: Period | None) -> dict[Payer, Cost]:
    """What of the costs is of the period."""
    return {payer: cost for payer, cost in costs.items() if within(payer, period)}


def _priced(settings: Settings) -> dict[str, Price]:
    return {name: model.price for name, model in settings.models.items() if model.price is not None}


def rows_of_settings(settings: Settings) -> dict[str, Price]:
    """The price rows of the settings by their ids."""
    return {price.row: price for price in _priced(settings).values()}


def missing_rows(costs: Mapping[Payer, Cost], known: Mapping[str, Price]) -> set[str]:
    """The ids of rows at which caches were used and that are not known: only the log may have them."""
    return {payer.price for payer, cost in costs.items() if cost.cached_tokens and cost.nanos} - known.keys()


def before_of(by_day: Mapping[str, int], period: Period) -> int:
    """What the period before cost."""
    first, last = period.before_first.isoformat(), period.before_last.isoformat()
    return sum(nanos for day, nanos in by_day.items() if first <= day <= last)


def outlook_of(found: Spending, now: datetime) -> Outlook:
    """What the day and the month that hold `now` will have cost at their ends."""
    since = datetime.fromtimestamp(found.archived // 1_000_000, now.tzinfo).date().isoformat() if found.archived else ""
    by_day = {day: cost.nanos for (day,), cost in summed(found.costs, ["day"])}
    return outlook(by_day, found.findings.later, now.date(), days_of_month_left(now.date()), since)


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


def total(costs: Iterable[Cost]) -> Cost:
    found = Cost()
    for cost in costs:
        found.add(cost)
    return found


def fields_of(key: str) -> Sequence[Field]:
    """What has to be known of a payer for a key."""
    return _FIELDS[key] if key in _FIELDS else (cast("Field", key),)
