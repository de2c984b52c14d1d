"""Cuts the table of prices that ships (swarm/settings/prices.json) from the data of the package genai-prices.

    uv run --with genai-prices==0.2.3 python -m bench.cut_prices 2026-11-09

The date is that of the newest entry of the data that holds by now. A price that changes with the hour is taken at its dearest.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from importlib import import_module
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parents[1] / "swarm" / "settings" / "prices.json"

# Those who serve models at a price of their own under one address. Left out are who sells what others serve at prices that
# depend on who does, who has prices by region or by contract, and who serves no chat.
ADDRESSES = {
    "anthropic": ["https://api.anthropic.com"],
    "arcee": ["https://api.arcee.ai"],
    "avian": ["https://api.avian.io"],
    "baseten": ["https://inference.baseten.co"],
    "cerebras": ["https://api.cerebras.ai"],
    "cohere": ["https://api.cohere.ai", "https://api.cohere.com"],
    "deepseek": ["https://api.deepseek.com"],
    "fireworks": ["https://api.fireworks.ai"],
    "google": ["https://generativelanguage.googleapis.com"],
    "groq": ["https://api.groq.com"],
    "meta": ["https://api.meta.ai"],
    "minimax": ["https://api.minimax.io"],
    "mistral": ["https://api.mistral.ai"],
    "moonshotai": ["https://api.moonshot.ai"],
    "novita": ["https://api.novita.ai"],
    "openai": ["https://api.openai.com"],
    "openrouter": ["https://openrouter.ai"],  # only what is free there
    "ovhcloud": ["https://oai.endpoints.kepler.ai.cloud.ovh.net"],
    "perplexity": ["https://api.perplexity.ai"],
    "together": ["https://api.together.xyz"],
    "x-ai": ["https://api.x.ai"],
    "zai": ["https://api.z.ai"],
}
CLASSES = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "output_reasoning_mtok")
BEYOND_TOKENS = ("output_citation_mtok",)
"""Of a model that has one of these, a part of each answer is billed that no usage tells."""
DATES = ("-2026-01-01", "-20260101")


def main() -> None:
    day = datetime.fromisoformat(sys.argv[1]).replace(tzinfo=UTC)
    providers = {provider.id: provider for provider in import_module("genai_prices.data").providers}
    package = distribution("genai-prices")
    licence = next(file for file in package.files or () if file.name == "LICENSE").read_text()
    models = {name: dict(sorted(_models(providers[name], day))) for name in ADDRESSES}
    table = {
        "source": f"genai-prices-{package.version}",
        "url": "https://github.com/pydantic/genai-prices",
        "licence": licence,
        "date": sys.argv[1],
        "providers": {name: {"addresses": ADDRESSES[name], "models": rows} for name, rows in models.items()},
    }
    TABLE.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n")
    print(sum(map(len, models.values())), "names,", TABLE.stat().st_size, "bytes")  # noqa: T201


def _models(provider: Any, day: datetime) -> Iterator[tuple[str, str]]:
    for model in provider.models:
        price = _price(model, day)
        if provider.id == "openrouter":
            price = "free" if model.id.endswith(":free") else ""
        for name in sorted({model.id, *_names(model.match)}) if price else ():
            if _found(provider, name) is model:
                yield name.lower(), price
            for date in DATES:
                if model.id == name and _found(provider, name + date) is model:
                    yield f"{name.lower()}-DATE", price


def _names(clause: Any) -> Iterator[str]:
    if hasattr(clause, "equals"):
        yield clause.equals
    for each in getattr(clause, "or_", ()):
        yield from _names(each)


def _found(provider: Any, name: str) -> Any:
    return next((model for model in provider.models if model.is_match(name)), None)


def _price(model: Any, day: datetime) -> str:
    """The price as settings have it; empty where it is not one by tokens alone."""
    rows: list[dict[str, Any]] = [vars(model.get_prices(day + timedelta(hours=hour, minutes=30))) for hour in range(24)]
    row = max(rows, key=lambda each: (_at(each.get("output_mtok"), 0) or 0, _at(each.get("input_mtok"), 0) or 0))
    if row.get("input_mtok") is None or row.get("output_mtok") is None or any(row.get(name) for name in BEYOND_TOKENS):
        return ""
    said = [_rates(row, 0)]
    if row.get("requests_kcount"):
        said.append(f"request {_usd(row['requests_kcount'] / 1000)}")
    starts: set[int] = {tier.start for name in CLASSES for tier in getattr(row.get(name), "tiers", ())}
    return "; ".join(said + [f"above {start}: {_rates(row, start + 1)}" for start in sorted(starts)])


def _rates(row: dict[str, Any], tokens: int) -> str:
    amounts = [_at(row.get(name), tokens) for name in CLASSES]
    return "/".join("" if amount is None else _usd(amount) for amount in amounts).rstrip("/")


def _at(price: Any, tokens: int) -> Decimal | None:
    """The price of a class for a request with so much input."""
    if price is None or isinstance(price, Decimal):
        return price
    passed = [tier.price for tier in price.tiers if tokens > tier.start]
    return Decimal(passed[-1] if passed else price.base)


def _usd(amount: Decimal) -> str:
    nanos = amount.quantize(Decimal("1e-9"), ROUND_CEILING)
    return format(nanos.normalize(), "f")


if __name__ == "__main__":
    main()
