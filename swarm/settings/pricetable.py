"""Prices of models that settings name without one: a table with a date, cut from genai-prices by `bench/cut_prices.py`.

A row's id names the table, its date and the row, so that a price can be found again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from swarm.messages import Price
from swarm.settings.pricetext import parse_price

OLD_AFTER_DAYS = 60
"""Prices of a date that is longer ago are said to be old."""

_SNAPSHOT = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{8})$")
_DATED_ROW = re.compile(r"[^:]*@(\d{4}-\d{2}-\d{2}):")


class _Provider(msgspec.Struct, frozen=True):
    addresses: tuple[str, ...]
    models: dict[str, str]  # "-DATE" at the end of a name stands for any day


class _Table(msgspec.Struct, frozen=True):
    source: str
    date: str
    providers: dict[str, _Provider]


@cache
def _table() -> _Table:
    return msgspec.json.decode(Path(__file__).with_name("prices.json").read_bytes(), type=_Table)


class Known(NamedTuple):
    """A row of the table."""

    table: str  # its name and date
    row: str  # provider/model
    written: str  # as `parse_price` reads it


def known_row(base_url: str, model: str) -> Known | None:
    """The row of a model at the server that bills it; None where the table does not have it.

    The address decides, not the name that settings give to a provider: others serve the same models at other prices.
    """
    table, name = _table(), model.lower()
    for provider, has in table.providers.items():
        if any(base_url == address or base_url.startswith(f"{address}/") for address in has.addresses):
            for row in (name, _SNAPSHOT.sub("-DATE", name)):
                if row in has.models:
                    return Known(f"{table.source}@{table.date}", f"{provider}/{row}", has.models[row])
    return None


def known_price(base_url: str, model: str) -> Price | None:
    """The price of a model by the table."""
    known = known_row(base_url, model)
    return parse_price(known.written, source=known.table, name=known.row) if known else None


def known_models() -> frozenset[str]:
    """The names of all models that the table has a price of."""
    return frozenset(name for provider in _table().providers.values() for name in provider.models)


def table_date() -> date:
    """The day for which the table holds."""
    return date.fromisoformat(_table().date)


def date_of(row: str) -> date | None:
    """The day of the table that a price row is from; None for a price that somebody wrote into settings."""
    found = _DATED_ROW.match(row)
    return date.fromisoformat(found[1]) if found else None


def old_prices(rows: Iterable[tuple[str, Price | None]], today: date) -> str:
    """A sentence about the models, each with its price, whose price is an old one; empty where none is."""
    dates = {model: day for model, price in rows if price and (day := date_of(price.row))}
    old = sorted(model for model, day in dates.items() if (today - day).days > OLD_AFTER_DAYS)
    if not old:
        return ""
    first = min(dates[model] for model in old)
    more = f" and {len(old) - 3} more" if len(old) > 3 else ""
    return (
        f"the price of {', '.join(old[:3])}{more} is of {first}, {(today - first).days} days ago, and may have changed; "
        f'bring swarm up to date, or write the price into your settings: [models."{old[0]}"] price = "IN/OUT"'
    )
