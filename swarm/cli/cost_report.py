"""What `swarm cost` found, as text, as one JSON document and as CSV."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from events.views.cost import Cost
from events.views.spending import Findings
from swarm.cli.bars import bar, sparkline
from swarm.cli.recorded import decimal_usd
from swarm.cli.rows import Value
from swarm.errors import dollars
from swarm.insight.outlook import LEAST, METHOD, Band, Outlook
from swarm.insight.saved import ByCache, ByFree
from swarm.insight.spent import Report

if TYPE_CHECKING:
    from swarm.cli.output import Output

_BAR = 12  # characters of a bar
_SPARK = 30  # days of a sparkline
_WHEN = {"day": "today", "week": "this week", "month": "this month", "all": "yet"}
_BEFORE = {
    "day": "yesterday",
    "week": "the same days of the week before",
    "month": "the month before up to the same day",
}


def tell(report: Report, output: Output) -> None:
    """Write the table and what can be said beside it."""
    period = report.period
    if not report.rows:
        output.line(f"nothing was spent {_WHEN['all' if period is None else period.name]}")
        return
    if period is not None:
        days = f" ({period.first} to {period.last})" if period.first != period.last else ""
        output.note(f"{period.label}{days}", "dim")
    _table(report, output)
    output.line()
    for name, said in lines_of(report):
        output.line(f"{name:<15} {said}")


def _table(report: Report, output: Output) -> None:
    classes = [name for name in _CLASSES if name in _USUAL or getattr(report.total, _CLASSES[name])]
    header = [*(key.upper() for key in report.keys), "CALLS", *classes, "COST", "MAYBE PAID"]
    most = max(cost.nanos for _, cost in report.rows)
    drawn = sys.stdout.isatty() and most > 0 and len(report.rows) > 1
    rows = [[*values, *_cells(cost, classes)] for values, cost in report.rows]
    rows.append(["total", *[""] * (len(report.keys) - 1), *_cells(report.total, classes)])
    if drawn:  # for eyes: a program that reads the table has the numbers
        header.append("")
        for row, (_, cost) in zip(rows, report.rows, strict=False):
            row.append(bar(cost.nanos, most, _BAR, sys.stdout))
        rows[-1].append("")
    output.table(header, rows)


_CLASSES = {
    "IN": "input_tokens",
    "CACHED": "cached_tokens",
    "WRITTEN": "cache_write_tokens",
    "OUT": "output_tokens",
    "REASONING": "reasoning_tokens",
}
_USUAL = ("IN", "CACHED", "OUT")


def _cells(cost: Cost, classes: Sequence[str]) -> list[str]:
    return [
        f"{cost.calls:,}",
        *(f"{getattr(cost, _CLASSES[name]):,}" for name in classes),
        dollars(cost.nanos),
        dollars(cost.maybe_paid_nanos) if cost.maybe_paid else "",
    ]


def lines_of(report: Report) -> Iterator[tuple[str, str]]:
    """What is said below the table: a name, and a sentence with its numbers."""
    yield from facts_of(report)
    values = [
        report.by_day.get((report.today - timedelta(days=back)).isoformat(), 0) for back in range(_SPARK - 1, -1, -1)
    ]
    if any(values):
        yield f"last {_SPARK} days", f"{sparkline(values, sys.stdout)}  at most {dollars(max(values))} a day"


def facts_of(report: Report) -> Iterator[tuple[str, str]]:
    """Those of them that are words and numbers alone."""
    found, nanos = report.findings, report.total.nanos
    if found is not None:
        yield from _came_of_it(found, nanos)
    yield from _saved(report.by_cache, report.by_free)
    if report.period is not None and report.before is not None:
        yield "change", change(nanos, report.before, _BEFORE[report.period.name])
    yield from _foreseen(report.outlook, report.today)


def _came_of_it(found: Findings, nanos: int) -> Iterator[tuple[str, str]]:
    if found.accepted:
        each = dollars(nanos // found.accepted)
        yield "accepted tasks", f"{found.accepted:,}, at {each} each (all that was spent, by accepted tasks)"
        yield "on free tiers", f"{share(found.free, found.accepted)} of them ({found.free:,}) cost nothing"
    elif nanos:
        yield "accepted tasks", "none"
    if found.wasted:
        yield (
            "retry waste",
            f"{dollars(found.wasted)} ({share(found.wasted, nanos)}) for rejected and abandoned attempts",
        )


def _saved(by_cache: ByCache, by_free: ByFree | None) -> Iterator[tuple[str, str]]:
    if by_cache.tokens:
        baseline = "against the uncached price of the rows that were paid"
        yield "saved by caches", f"about {dollars(by_cache.nanos)} on {by_cache.tokens:,} tokens (estimate: {baseline})"
    if by_cache.unpriced:
        yield (
            "",
            f"{by_cache.unpriced:,} cached tokens are left out: neither settings nor log have their price rows any more",
        )
    if by_free is not None and by_free.tokens:
        baseline = f"against {by_free.model} at {by_free.row}, all input uncached"
        yield "saved by free", f"about {dollars(by_free.nanos)} on {by_free.tokens:,} tokens (estimate: {baseline})"


def _foreseen(outlook: Outlook, today: date) -> Iterator[tuple[str, str]]:
    if outlook.day is None or outlook.month is None:
        yield "forecast", f"too little history: {outlook.days} past days, and {LEAST} are needed"
        return
    yield (
        "forecast",
        f"today {_band(outlook.day)}, {today:%Y-%m} {_band(outlook.month)} ({METHOD}: {outlook.days}, 10 to 90 %)",
    )


def _band(band: Band) -> str:
    return f"{dollars(band.median)} ({dollars(band.low)} to {dollars(band.high)})"


def change(now: int, before: int, what: str) -> str:
    """Now against before, in percent where there was something."""
    if not before:
        return f"{what} cost nothing"
    sign, less = ("-", before - now) if now < before else ("+", now - before)
    return f"{sign}{share(less, before)} against {what} ({dollars(before)})"


def share(part: int, whole: int) -> str:
    """A share in percent with one decimal, rounded to the nearest; nothing of nothing is none."""
    tenths = (2_000 * part + whole) // (2 * whole) if whole else 0
    return f"{tenths // 10:,}.{tenths % 10} %"


def plain_rows(report: Report) -> tuple[list[str], list[list[Value]]]:
    """The rows for other programs, with their keys and without the total: sums of a column are the reader's."""
    header = [*report.keys, *_fields(Cost())]
    return header, [[*values, *_fields(cost).values()] for values, cost in report.rows]


def document(report: Report) -> dict[str, Any]:
    """Everything as one JSON document. Amounts are whole nano-dollars, and beside each the same as a decimal text."""
    period, found = report.period, report.findings
    each = report.total.nanos // found.accepted if found is not None and found.accepted else None
    return {
        "period": period.name if period else "all",
        "label": period.label if period else None,
        "from": period.first.isoformat() if period else None,
        "to": period.last.isoformat() if period else None,
        "by": list(report.keys),
        **{f"total_{field}": value for field, value in _fields(report.total).items()},
        "rows": [{**dict(zip(report.keys, values, strict=True)), **_fields(cost)} for values, cost in report.rows],
        "tasks": found and {"accepted": found.accepted, "free": found.free, **_money("per_accepted", each)},
        "waste": found and _money("retries", found.wasted),
        "saved": _saved_document(report),
        "before": None
        if period is None
        else {"from": str(period.before_first), "to": str(period.before_last), **_money("total", report.before)},
        "forecast": _forecast(report.outlook),
    }


def _saved_document(report: Report) -> dict[str, Any]:
    cache, free = report.by_cache, report.by_free
    return {
        "estimate": True,
        "cache": {
            **_money("saved", cache.nanos),
            "tokens": cache.tokens,
            "left_out_tokens": cache.unpriced,
            "baseline": "the uncached price of the recorded rows",
        },
        "free": None
        if free is None
        else {**_money("saved", free.nanos), "tokens": free.tokens, "baseline": free.model, "price": free.row},
    }


def _forecast(outlook: Outlook) -> dict[str, Any]:
    bands = {"day": outlook.day, "month": outlook.month}
    return {
        "method": METHOD,
        "past_days": outlook.days,
        "least_days": LEAST,
        **{
            name: None
            if band is None
            else {**_money("low", band.low), **_money("median", band.median), **_money("high", band.high)}
            for name, band in bands.items()
        },
    }


def _money(name: str, nanos: int | None) -> dict[str, int | str | None]:
    return {f"{name}_nanos": nanos, f"{name}_usd": None if nanos is None else decimal_usd(nanos)}


def _fields(cost: Cost) -> dict[str, int | str]:
    return {
        "calls": cost.calls,
        "failed": cost.failed,
        "open": cost.open,
        "maybe_paid": cost.maybe_paid,
        "input_tokens": cost.input_tokens,
        "cached_tokens": cost.cached_tokens,
        "cache_write_tokens": cost.cache_write_tokens,
        "output_tokens": cost.output_tokens,
        "reasoning_tokens": cost.reasoning_tokens,
        "nanos": cost.nanos,
        "usd": decimal_usd(cost.nanos),
        "maybe_paid_nanos": cost.maybe_paid_nanos,
        "maybe_paid_usd": decimal_usd(cost.maybe_paid_nanos),
    }
