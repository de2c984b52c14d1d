"""`swarm models prices`: what each model costs, where that stands, of which day it is; and the line to add where nobody knows."""

from __future__ import annotations

import argparse
import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from events.log import system_clock
from swarm.cli.models_known import KnownModel, known_models, named
from swarm.cli.recorded import decimal_usd, local_time
from swarm.messages import Price
from swarm.settings.layers import Origin
from swarm.settings.load import BUILT_IN, Loaded, config_dir, load_settings
from swarm.settings.pricetable import date_of, old_prices, table_date

if TYPE_CHECKING:
    from swarm.cli.output import Output


def act(args: argparse.Namespace, output: Output) -> int:
    flags = {"log": args.log} if args.log else {}
    loaded = load_settings(Path.cwd(), environ=os.environ, flags=flags)
    known, _ = anyio.run(known_models, loaded.settings)
    shown = named(known, args.names)
    today = local_time(system_clock(), None).date()
    if output.json:
        output.document("swarm.models.prices/1", {"models": [_fields(each, loaded) for each in shown]})
        return 0
    output.table(
        ("MODEL", "INPUT", "OUTPUT", "CACHED", "WRITTEN", "OF", "FROM"), [_row(each, loaded, today) for each in shown]
    )
    output.note(
        "in US dollars per million tokens; `swarm config show` has steps and prices of requests as they are written"
    )
    if said := old_prices(((each.name, each.config.price) for each in shown), today):
        output.note(said, "yellow")
    for each in shown:
        if each.config.price is None:
            output.note(
                f"the price of {each.name} is unknown, so that it takes no part; add to {config_dir(os.environ) / 'config.toml'}: "
                f'[models."{each.name}"] price = "IN/OUT"',
                "yellow",
            )
    return 0


def origin_of(each: KnownModel, loaded: Loaded) -> str:
    """Where the price of a model stands, for people."""
    origin = loaded.origins.get(("models", each.name, "price"))
    if origin is not None:
        return _place(origin)
    if each.config.price is None:
        return "unknown"
    is_set = each.name in loaded.settings.models
    return "free by its tier or on this machine" if is_set else "free: it runs on this machine"


def _place(origin: Origin) -> str:
    if origin.kind == "price table":
        return f"the table of prices ({origin.place})"
    return "ships with swarm" if origin.place == BUILT_IN else f"{origin.kind} {origin.place}"


def _day(each: KnownModel) -> date | None:
    return date_of(each.config.price.row) if each.config.price else None


def _row(each: KnownModel, loaded: Loaded, today: date) -> tuple[Any, ...]:
    day = _day(each)
    age = f"{day}, {(today - day).days} days" if day else ""
    return (each.name, *_amounts(each.config.price), age, origin_of(each, loaded))


def _amounts(price: Price | None) -> tuple[str, str, str, str]:
    if price is None:
        return "?", "?", "", ""
    if price.is_free:
        return "free", "", "", ""
    more = (price.cached_nanos, price.cache_write_nanos)
    cached, written = ("" if nanos is None else decimal_usd(nanos) for nanos in more)
    return decimal_usd(price.input_nanos), decimal_usd(price.output_nanos), cached, written


def _fields(each: KnownModel, loaded: Loaded) -> dict[str, Any]:
    price, day = each.config.price, _day(each)

    def usd(nanos: int | None) -> str | None:
        return None if nanos is None else decimal_usd(nanos)

    return {
        "name": each.name,
        "row": price.row if price else None,
        "input_usd": usd(price.input_nanos) if price else None,
        "output_usd": usd(price.output_nanos) if price else None,
        "cached_usd": usd(price.cached_nanos) if price else None,
        "cache_write_usd": usd(price.cache_write_nanos) if price else None,
        "request_usd": usd(price.request_nanos) if price else None,
        "steps": [
            {
                "above_tokens": step.above_tokens,
                "input_usd": decimal_usd(step.input_nanos),
                "output_usd": decimal_usd(step.output_nanos),
            }
            for step in (price.steps if price else ())
        ],
        "of": day.isoformat() if day else None,
        "table": table_date().isoformat(),
        "from": origin_of(each, loaded),
    }
