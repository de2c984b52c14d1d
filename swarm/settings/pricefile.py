"""A file of prices: TOML with models as settings have them, of which the prices alone are read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from swarm.errors import UsageError
from swarm.messages import Price
from swarm.settings.pricetext import parse_price
from swarm.settings.tomlfile import KeyPath, TomlFile, dotted, read_toml
from swarm.units import kind_of

FORM = 'a row is written [models."NAME"] with price = "IN/OUT", as in settings'


def read_price_file(path: Path) -> dict[str, Price]:
    """Return the prices by the models' names. A settings file is such a file, too: rows with other keys alone are passed.

    Raises UsageError with all that is wrong, each with its line.
    """
    file = read_toml(path)
    found: dict[str, Price] = {}
    problems: list[str] = []
    for name, table in _tables(file).items():
        key: KeyPath = ("models", name)
        kind = kind_of(table)
        row = cast("Mapping[str, Any]", table) if isinstance(table, Mapping) else None
        try:
            if row is None:
                raise ValueError(f"{dotted(key)} is {kind}; {FORM}")
            if not row:
                raise ValueError(f"{dotted(key)} has no price; {FORM}")
            if "price" in row:
                key = (*key, "price")
                found[name] = _price(row["price"], path.name, dotted(key))
        except ValueError as error:
            problems.append(f"{path}:{file.line_of(key)}: {error}")
    if problems:
        raise UsageError("\n  ".join(problems))
    if not found:
        raise UsageError(f"{path} names the price of no model; {FORM}")
    return found


def _tables(file: TomlFile) -> Mapping[str, Any]:
    tables: object = file.data.get("models", {})
    if isinstance(tables, Mapping):
        return cast("Mapping[str, Any]", tables)
    raise UsageError(f"{file.path}:{file.line_of(('models',))}: models is {kind_of(tables)}; {FORM}")


def _price(written: object, source: str, at: str) -> Price:
    try:
        return parse_price(written, source=source)
    except ValueError as error:
        raise ValueError(f"{at}: {error}") from error
