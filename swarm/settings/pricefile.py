"""A file of prices: TOML with models as settings have them, of which the prices alone are read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from swarm.errors import UsageError
from swarm.messages import Price
from swarm.settings.pricetext import parse_price
from swarm.settings.tomlfile import read_toml

EXAMPLE = '[models."openai/gpt-6-luna"] and below it price = "0.20/1/0.02"'


def read_price_file(path: Path) -> dict[str, Price]:
    """Return the prices by the models' names. A settings file is such a file, too.

    Raises UsageError with all that is wrong, each with its line.
    """
    file = read_toml(path)
    tables: object = file.data.get("models")
    found: dict[str, Price] = {}
    problems: list[str] = []
    for name, table in cast("Mapping[str, Any]", tables).items() if isinstance(tables, Mapping) else ():
        written: object = cast("Mapping[str, Any]", table).get("price") if isinstance(table, Mapping) else None
        if written is not None:
            try:
                found[name] = parse_price(written, source=path.name)
            except ValueError as error:
                problems.append(f"{path}:{file.line_of(('models', name, 'price'))}: {error}")
    if problems:
        raise UsageError("\n  ".join(problems))
    if not found:
        raise UsageError(f"{path} names the price of no model; write it as in settings: {EXAMPLE}")
    return found
