"""The same usage at other price rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import msgspec

from swarm.errors import UsageError
from swarm.messages import Price
from swarm.money.prices import most_nanos, repriced
from swarm.settings.pricetext import parse_price
from swarm.settings.tomlfile import KeyPath, TomlFile, dotted, read_toml
from swarm.units import kind_of
from swarm.whatif.record import CallRecord, SessionRecord

FORM = 'a row is written [models."NAME"] with price = "IN/OUT", as in settings'


def read_price_file(path: Path) -> dict[str, Price]:
    """Read a file of prices by model: rows as in settings, of which nothing but the price is looked at.

    Raises UsageError with file and line.
    """
    if not path.exists():
        raise UsageError(f"--prices {path}: there is no such file; {FORM}")
    file = read_toml(path)
    other = next((key for key in file.data if key not in ("models", "providers")), None)
    if other is not None:
        raise _wrong(file, (other,), f"{dotted((other,))} is no price; {FORM}")
    models = _table(file, ("models",), file.data.get("models", {}))
    prices = {name: _price(file, name, models[name]) for name in models}
    if not prices:
        raise _wrong(file, (), f"there is no price in it; {FORM}")
    return prices


def at_prices(session: SessionRecord, prices: Mapping[str, Price]) -> SessionRecord:
    """The session with the amounts of its calls at other prices. Models without a row keep what was recorded."""
    calls = {
        at: at_price(call, prices[call.model]) if call.model in prices else call for at, call in session.calls.items()
    }
    return msgspec.structs.replace(session, calls=calls)


def at_price(call: CallRecord, price: Price) -> CallRecord:
    """The call at another price row: what was held by its bounds, what was charged by its usage."""
    held = most_nanos(price, call.most_input_tokens, call.max_output_tokens)
    charged = held if call.usage is None else repriced(call.usage, price)
    if call.state == "failed":
        charged = 0
    return msgspec.structs.replace(call, price=price.row, held_nanos=held, charged_nanos=charged)


def _price(file: TomlFile, name: str, row: object) -> Price:
    key = ("models", name)
    table = _table(file, key, row)
    if "price" not in table:
        raise _wrong(file, key, f"{dotted(key)} has no price; {FORM}")
    try:
        return parse_price(table["price"], source=file.path.name)
    except ValueError as error:
        raise _wrong(file, (*key, "price"), f"{dotted((*key, 'price'))}: {error}") from error


def _table(file: TomlFile, key: KeyPath, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(file, key, f"{dotted(key)} is {kind_of(value)}; {FORM}")
    return cast("Mapping[str, Any]", value)


def _wrong(file: TomlFile, key: KeyPath, said: str) -> UsageError:
    return UsageError(f"{file.path}:{file.line_of(key)}: {said}")
