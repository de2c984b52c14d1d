"""The table, the days and the sentences of the view of costs, from the report of `swarm cost`. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

import msgspec

from events.log import session_name
from events.types.choice import FREE_TIERS
from events.views.cost import Cost, Payer
from events.views.drafts import Draft
from swarm.cli.cost_report import facts_of, share
from swarm.errors import dollars
from swarm.insight.periods import Period
from swarm.insight.spent import NONE, Report, Row
from tui.costs import TIERS, By, CostAsked, CostSheet, DayBar, Fact, Metric
from tui.sheet import Bar, Cell, Column, Line, Text
from tui.words import Tone, visible

FREE_GOAL = 80
"""Per cent of the accepted tasks that are to cost nothing."""

DAY_GOAL = 500_000_000
"""Nano-dollars that a day is to stay below."""

_UNITS: Mapping[Metric, str] = {"cost": "$", "tokens": "tokens", "calls": "calls"}
_BEFORE = {"day": "yesterday", "week": "last week", "month": "last month"}
_TOTAL = "total"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked up: the report, and what the command does not tell."""

    report: Report
    period: Period
    held: dict[Payer, Cost]  # of the period
    before: Sequence[Row]  # the rows of the period before
    judged: Sequence[Draft]  # in the period


class Verdicts(msgspec.Struct):
    accepted: int = 0
    judged: int = 0


def before_period(period: Period) -> Period:
    """The days before that stand for the period; nothing stands before them."""
    return Period(period.name, period.before_first, period.before_last, period.before_first, period.before_last)


def cost_sheet(found: Found, asked: CostAsked) -> CostSheet:
    report, period = found.report, found.period
    days = period.first.isoformat() if period.first == period.last else f"{period.first} to {period.last}"
    title = f"Cost \u00b7 {period.name} {days} \u00b7 by {asked.by} \u00b7 in {_UNITS[asked.metric]}"
    if not report.rows:
        word = {"day": "today", "week": "this week", "month": "this month"}[period.name]
        nothing = f"nothing was spent {word}; `swarm run` begins, w and m show a week and a month"
        return CostSheet(
            title=title,
            notes=([(nothing, "faint")],),
            days=tuple(_days(found, asked.metric)),
            tiers=_tiers(found, asked.metric),
            facts=tuple(_facts(found, asked)),
        )
    columns = tuple(column for column, _ in _columns(asked))
    return CostSheet(
        title=title,
        columns=columns,
        lines=tuple(_lines(found, asked)),
        days=tuple(_days(found, asked.metric)),
        tiers=_tiers(found, asked.metric),
        facts=tuple(_facts(found, asked)),
    )


def measure(cost: Cost, metric: Metric) -> int:
    match metric:
        case "cost":
            return cost.nanos
        case "tokens":
            return cost.input_tokens + cost.output_tokens
        case "calls":
            return cost.calls


def said(value: int, metric: Metric) -> str:
    return dollars(value) if metric == "cost" else f"{value:,}"


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table, with what its bar and its change are reckoned from."""

    name: str
    cost: Cost
    verdicts: Verdicts
    most: int
    before: Cost | None  # None: it had none
    is_total: bool = False


def _columns(asked: CostAsked) -> list[tuple[Column, str]]:
    columns = [
        (Column(asked.by, least=10, most=40), "name"),
        (Column("calls", right=True, rank=2), "calls"),
        (Column("in", right=True, rank=3), "in"),
        (Column("cached", right=True, rank=4), "cached"),
        (Column("out", right=True, rank=3), "out"),
        (Column("cost", right=True), "cost"),
        (Column("$/ok", right=True, rank=6), "each"),
        (Column("ok", right=True, rank=5), "ok"),
        (Column(_UNITS[asked.metric], rank=7, least=12), "bar"),
    ]
    return [*columns, (Column("against before", right=True, rank=1), "change")] if asked.compare else columns


def _lines(found: Found, asked: CostAsked) -> Iterator[Line]:
    rows = sorted(found.report.rows, key=lambda row: -measure(row[1], asked.metric))
    verdicts = verdicts_by(found.judged, asked.by)
    most = max(measure(cost, asked.metric) for _, cost in rows)
    before = dict(found.before)
    whole = Cost()
    for _, cost in found.before:
        whole.add(cost)
    drawn = [
        _Row(
            name=values[0],
            cost=cost,
            verdicts=verdicts.get(values[0], Verdicts()),
            most=most,
            before=before.get(values),
        )
        for values, cost in rows
    ]
    all_of = Verdicts(sum(draft.accepted for draft in found.judged), len(found.judged))
    drawn.append(
        _Row(
            name=_TOTAL,
            cost=found.report.total,
            verdicts=all_of,
            most=0,
            before=whole if before else None,
            is_total=True,
        )
    )
    for row in drawn:
        cells = tuple(_cell(row, what, asked.metric) for _, what in _columns(asked))
        yield Line(cells, key=_TOTAL if row.is_total else f"row {row.name}")


def _cell(row: _Row, what: str, metric: Metric) -> Cell:
    cost, verdicts = row.cost, row.verdicts
    match what:
        case "name":
            return Text(visible(row.name), "faint" if row.is_total else "")
        case "calls":
            return Text(f"{cost.calls:,}")
        case "in":
            return Text(f"{cost.input_tokens:,}")
        case "cached":
            return Text(share(cost.cached_tokens, cost.input_tokens))
        case "out":
            return Text(f"{cost.output_tokens:,}")
        case "cost":
            return Text(dollars(cost.nanos) + ("?" if cost.maybe_paid else ""), "warn" if cost.maybe_paid else "")
        case "each":
            return Text(dollars(cost.nanos // verdicts.accepted) if verdicts.accepted else "\u2014")
        case "ok":
            return Text(share(verdicts.accepted, verdicts.judged) if verdicts.judged else "\u2014")
        case "bar":
            return Text("") if row.is_total else Bar(measure(cost, metric) / row.most if row.most else 0.0)
        case _:
            return Text(*change_said(measure(cost, metric), row.before, metric))


def change_said(now: int, before: Cost | None, metric: Metric) -> tuple[str, Tone]:
    """Now against the period before, with a sign that says it without a colour."""
    was = measure(before, metric) if before is not None else 0
    if not was:
        return ("\u25b2 new", "warn") if now else ("=", "faint")
    if now == was:
        return "=", "faint"
    return (f"\u25b2 +{share(now - was, was)}", "warn") if now > was else (f"\u25bc -{share(was - now, was)}", "good")


def verdicts_by(judged: Sequence[Draft], by: By) -> dict[str, Verdicts]:
    """How drafts were judged, by what the rows of the table are of; a draft with several skills is one of each."""
    found: dict[str, Verdicts] = {}
    for draft in judged:
        for name in _names_of(draft, by):
            verdicts = found.setdefault(name, Verdicts())
            verdicts.judged += 1
            verdicts.accepted += draft.accepted
    return found


def _names_of(draft: Draft, by: By) -> Sequence[str]:
    match by:
        case "model":
            return (draft.model,)
        case "role":
            return ("worker",)
        case "task":
            return (f"{session_name(draft.session)}/{draft.task}",)
        case "tier":
            return (draft.tier,)
        case "skill":
            return draft.skills or (NONE,)


def _part_of(tier: str) -> int:
    return 0 if tier in FREE_TIERS else TIERS.index(tier) if tier in TIERS else len(TIERS) - 1


def _days(found: Found, metric: Metric) -> Iterator[DayBar]:
    sums: dict[str, list[int]] = {}
    for payer, cost in found.held.items():
        sums.setdefault(payer.day, [0, 0, 0])[_part_of(payer.tier)] += measure(cost, metric)
    for day in _dates(found.period):
        free, cheap, paid = sums.get(day.isoformat(), (0, 0, 0))
        yield DayBar(f"{day:%a %d}", (free, cheap, paid), said(free + cheap + paid, metric))


def _dates(period: Period) -> Iterator[date]:
    for number in range((period.last - period.first).days + 1):
        yield period.first + timedelta(days=number)


def _tiers(found: Found, metric: Metric) -> tuple[str, str, str]:
    sums = [0, 0, 0]
    for payer, cost in found.held.items():
        sums[_part_of(payer.tier)] += measure(cost, metric)
    free, cheap, paid = (said(value, metric) for value in sums)
    return free, cheap, paid


def _facts(found: Found, asked: CostAsked) -> Iterator[Fact]:
    report, findings = found.report, found.report.findings
    yield _a_day(report, found.period)
    for name, sentence in facts_of(report):
        if name == "on free tiers" and findings is not None:
            is_met = findings.free * 100 >= FREE_GOAL * findings.accepted
            yield _against_goal(name, sentence, f"{FREE_GOAL} % or more", is_met=is_met)
        else:
            yield Fact(name, sentence)
    if report.rows:
        yield Fact(
            "ok",
            "drafts that were accepted, of those that were judged; $/ok is all that a row cost, by accepted drafts",
            "faint",
        )
    gone = {values for values, _ in found.before} - {values for values, _ in report.rows}
    if asked.compare and gone:
        yield Fact("before", f"{len(gone)} rows of {_BEFORE[found.period.name]} have nothing now", "faint")
    for note in report.notes:
        yield Fact("", visible(note), "faint")


def _a_day(report: Report, period: Period) -> Fact:
    """The mean of the days of the period, from the first on of which the log says anything."""
    first = max(period.first.isoformat(), min((day for day in report.by_day if day), default=""))
    days = (period.last - date.fromisoformat(first)).days + 1 if first <= period.last.isoformat() else 1
    a_day = report.total.nanos // days
    over = "today" if days == 1 else f"on average over {days} days"
    return _against_goal(
        "cost a day", f"{dollars(a_day)} {over}", f"below {dollars(DAY_GOAL)}", is_met=a_day < DAY_GOAL
    )


def _against_goal(name: str, sentence: str, goal: str, *, is_met: bool) -> Fact:
    said = "✔ the goal is kept" if is_met else "✘ the goal is missed"
    return Fact(name, f"{sentence} · {said}: {goal}", "good" if is_met else "warn")
