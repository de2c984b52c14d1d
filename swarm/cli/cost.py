"""`swarm cost`: what was spent, on what. Amounts are whole nano-dollars from the log to the screen."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, cast

import anyio

from events.costs import Costs, Field, costs_by
from events.log import session_name, system_clock
from events.views.cost import Cost, Payer
from swarm.cli.at_prices import RECORDED, AtPrices, aged, costs_at, kept_rows, prices_named, told
from swarm.cli.recorded import decimal_usd, local_time, log_errors, require_log, settings_of, zone_of
from swarm.errors import UsageError, dollars

if TYPE_CHECKING:
    from swarm.cli.output import Output
    from swarm.settings.load import Settings

_ARCHIVED = "(archived)"  # sessions that an archive took are summed

_KEYS: dict[str, Callable[[Payer], str]] = {
    "model": lambda payer: payer.model,
    "role": lambda payer: payer.role,
    "task": lambda payer: f"{session_name(payer.session)}/{payer.task}" if payer.session else _ARCHIVED,
    "tier": lambda payer: payer.tier,
    "agent": lambda payer: payer.agent,
    "session": lambda payer: session_name(payer.session) if payer.session else _ARCHIVED,
    "day": lambda payer: payer.day,
}

_FIELDS: Mapping[str, Sequence[Field]] = {"task": ("session", "task"), "day": ()}
"""What has to be known of the payer for a key, where it is not the field of its name. The day always is."""

Period = tuple[str, str]
"""The first and the last day, as 2026-11-21."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "period",
        nargs="?",
        choices=["day", "week", "month"],
        help="today, this week from Monday on, or this month; default: everything that the log holds",
    )
    parser.add_argument(
        "--by",
        metavar="KEYS",
        default="model",
        help=f"what to sum by, one or several with commas between: {', '.join(_KEYS)}; default: model",
    )
    parser.add_argument(
        "--at-prices",
        metavar="today|recorded|FILE",
        default=RECORDED,
        help="the same tokens at the prices of your settings today, or of a TOML file that has them as settings do",
    )


def run(args: argparse.Namespace) -> int:
    output: Output = args.output
    keys = _keys(args.by)
    settings = settings_of(args)
    today = local_time(system_clock(), zone_of(settings)).date()
    at = None if args.at_prices == RECORDED else prices_named(args.at_prices, settings)
    found = anyio.run(_sums, settings.log, keys) if at is None else anyio.run(costs_at, settings.log, at)
    for note in _notes(found, settings, today):
        output.note(note)
    period = None if args.period is None else days_of(args.period, today)
    costs = {payer: cost for payer, cost in found.costs.items() if within(payer, period)}
    undated = sum(cost.calls for payer, cost in found.costs.items() if not payer.day)
    if period is not None and undated:
        output.note(f"{undated} calls are left out: their events name no day")
    rows = summed(costs, keys)
    if output.json:
        kept = kept_rows(found) if isinstance(found, AtPrices) else []
        prices = {"at_prices": args.at_prices, "kept_as_recorded": kept}
        output.document("swarm.cost/1", {**_document(rows, keys, args.period, period), **prices})
    else:
        _table(rows, keys, args.period, period, output)
    return 0


def _notes(found: Costs | AtPrices, settings: Settings, today: date) -> Iterator[str]:
    """What has to be known of the sums: which cache was not used, what was not repriced, which price is old."""
    if isinstance(found, AtPrices):
        yield from told(found)
    else:
        yield from (f"{note}; `swarm doctor --fix` makes it anew" for note in found.notes)
    if old := aged(found.costs, settings, today):
        yield old


def days_of(period: str, today: date) -> Period:
    """The days of the calendar period that holds today, up to today."""
    first = {"day": today, "week": today - timedelta(days=today.weekday()), "month": today.replace(day=1)}[period]
    return first.isoformat(), today.isoformat()


def within(payer: Payer, period: Period | None) -> bool:
    return period is None or (bool(payer.day) and period[0] <= payer.day <= period[1])


def summed(costs: Mapping[Payer, Cost], keys: Sequence[str]) -> list[tuple[tuple[str, ...], Cost]]:
    """Sums by the values of the keys: days in their order, else the dearest first."""
    sums: dict[tuple[str, ...], Cost] = {}
    for payer, cost in costs.items():
        sums.setdefault(tuple(_KEYS[key](payer) for key in keys), Cost()).add(cost)
    if keys[0] == "day":
        return sorted(sums.items(), key=lambda row: (row[0][0], -row[1].nanos, row[0]))
    return sorted(sums.items(), key=lambda row: (-row[1].nanos, -row[1].calls, row[0]))


async def _sums(url: str, keys: Sequence[str]) -> Costs:
    """The sums by what the keys are made of. Raises NothingRecorded, LogTrouble."""
    require_log(url)
    with log_errors():
        fields: list[Field] = [field for key in keys for field in _fields_of(key)]
        return await costs_by(url, list(dict.fromkeys([*fields, "model"])))  # the model for the age of its price


def _fields_of(key: str) -> Sequence[Field]:
    return _FIELDS[key] if key in _FIELDS else (cast("Field", key),)


def _keys(text: str) -> list[str]:
    keys = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    wrong = [key for key in keys if key not in _KEYS]
    if wrong or not keys:
        raise UsageError(f"--by {text!r}: a sum can be asked for by {', '.join(_KEYS)}, with commas between several")
    return keys


def _total(rows: Sequence[tuple[tuple[str, ...], Cost]]) -> Cost:
    total = Cost()
    for _, cost in rows:
        total.add(cost)
    return total


def _table(
    rows: Sequence[tuple[tuple[str, ...], Cost]],
    keys: Sequence[str],
    name: str | None,
    period: Period | None,
    output: Output,
) -> None:
    if not rows:
        output.line(f"nothing was spent {f'this {name}' if name in ('week', 'month') else 'today' if name else 'yet'}")
        return
    if period is not None:
        output.note(f"{period[0]} to {period[1]}" if period[0] != period[1] else period[0], "dim")
    header = [*(key.upper() for key in keys), "CALLS", "IN", "CACHED", "OUT", "COST", "MAYBE PAID"]
    total = ["total", *[""] * (len(keys) - 1)]
    output.table(header, [[*values, *_cells(cost)] for values, cost in rows] + [[*total, *_cells(_total(rows))]])


def _cells(cost: Cost) -> list[str]:
    return [
        f"{cost.calls:,}",
        f"{cost.input_tokens:,}",
        f"{cost.cached_tokens:,}",
        f"{cost.output_tokens:,}",
        dollars(cost.nanos),
        dollars(cost.maybe_paid_nanos) if cost.maybe_paid else "",
    ]


def _document(
    rows: Sequence[tuple[tuple[str, ...], Cost]], keys: Sequence[str], name: str | None, period: Period | None
) -> dict[str, object]:
    total = _fields(_total(rows))
    return {
        "period": name or "all",
        "from": period[0] if period else None,
        "to": period[1] if period else None,
        "by": list(keys),
        **{f"total_{field}": value for field, value in total.items()},
        "rows": [{**dict(zip(keys, values, strict=True)), **_fields(cost)} for values, cost in rows],
    }


def _fields(cost: Cost) -> dict[str, int | str]:
    return {
        "calls": cost.calls,
        "failed": cost.failed,
        "open": cost.open,
        "maybe_paid": cost.maybe_paid,
        "input_tokens": cost.input_tokens,
        "cached_tokens": cost.cached_tokens,
        "output_tokens": cost.output_tokens,
        "nanos": cost.nanos,
        "usd": decimal_usd(cost.nanos),
        "maybe_paid_nanos": cost.maybe_paid_nanos,
        "maybe_paid_usd": decimal_usd(cost.maybe_paid_nanos),
    }
