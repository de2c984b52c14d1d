"""The table of prices that ships: what is in it, who is found in it, and when it is old."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.cli.checkup.setup import prices_finding
from swarm.connect import Roster, endpoint
from swarm.messages import FREE, Price
from swarm.plan import Plan, allowed_arms
from swarm.settings import pricetable
from swarm.settings.load import ModelConfig, ProviderConfig, load_settings
from swarm.settings.pricetable import OLD_AFTER_DAYS, date_of, known_price, old_prices, table_date
from swarm.settings.pricetext import parse_price
from swarm.settings.providers import PRESETS, PRICES_OF
from swarm.task import Task

TABLE = json.loads(Path(pricetable.__file__).with_name("prices.json").read_text())
ROWS = [
    (has["addresses"][0], provider, name, price)
    for provider, has in TABLE["providers"].items()
    for name, price in has["models"].items()
]


def test_every_row_of_the_table_is_a_price_that_is_found_at_the_address_of_its_provider() -> None:
    assert len(ROWS) > 1000
    for address, provider, name, price in ROWS:
        found = known_price(f"{address}/v1", name.replace("-DATE", "-2026-05-01"))
        assert found is not None, name
        if price == "free":
            assert (provider, found) == ("openrouter", FREE)
            continue
        plain = TABLE["providers"][provider]["models"].get(name.replace("-DATE", "-2026-05-01"), price)
        assert found == parse_price(plain, source="", name="") or found.row.endswith(f":{provider}/{name}")
        assert date_of(found.row) == table_date(), "a row names its table and the day of it"
        assert found.input_nanos or found.output_nanos, "nothing is free by the table but what says so"


def test_the_source_of_the_table_its_date_and_its_licence_are_in_it() -> None:
    assert TABLE["source"].startswith("genai-prices-") and TABLE["url"].startswith("https://")
    assert "MIT License" in TABLE["licence"] and "Copyright (c) Pydantic" in TABLE["licence"]
    assert TABLE["date"] == PRICES_OF, "the presets are from the same table"


def test_the_presets_cost_what_the_table_says() -> None:
    compared = 0
    for preset in PRESETS.values():
        for name, model in preset["models"].items():
            price = known_price(preset["base_url"], model.get("model", name))
            if price is not None and model["price"] != "free":
                written = parse_price(model["price"])
                for field in ("input_nanos", "output_nanos"):
                    assert getattr(price, field) == getattr(written, field), name
                compared += 1
    assert compared >= 5


def test_a_model_without_a_price_is_priced_by_the_server_that_bills_it(tmp_path: Path) -> None:
    (tmp_path / "swarm").mkdir()
    (tmp_path / "swarm" / "config.toml").write_text(
        '[models.dated]\nprovider = "openai"\nmodel = "gpt-5.5-2026-04-23"\n'
        '[models.own]\nprovider = "openai"\nmodel = "gpt-5.5"\nprice = "1/2"\n'
        '[models.unheard-of]\nprovider = "openai"\nmodel = "gpt-5.5-mine"\n'
        '[models.elsewhere]\nprovider = "mine"\nmodel = "gpt-5.5"\n'
        '[providers.mine]\nbase_url = "https://api.openai.com.example.com/v1"\n'
    )
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    loaded = load_settings(tmp_path, environ=environ)
    models = loaded.settings.models
    dated = models["dated"].price
    assert dated is not None
    assert (dated.input_nanos, dated.output_nanos, dated.cached_nanos) == (5 * 10**9, 30 * 10**9, 5 * 10**8)
    assert dated.rates_at(272_001).input_nanos == 10 * 10**9
    origin = loaded.origins["models", "dated", "price"]
    assert (origin.kind, origin.place) == ("price table", f"{TABLE['source']}@{TABLE['date']}")
    assert msgspec.structs.replace(parse_price(origin.value), row=dated.row) == dated
    assert models["own"].price == parse_price("1/2")
    assert ("models", "elsewhere", "price") not in loaded.origins
    assert models["unheard-of"].price is models["elsewhere"].price is None, "unknown is not free"


async def test_a_server_that_the_command_line_names_is_priced_by_its_address_or_asks_for_its_price() -> None:
    async def named(model: str, price: str | None = None) -> Plan:
        config, server = await endpoint(
            "https://api.openai.com/v1", model=model, price=price, environ={}, transport="aiohttp"
        )
        return Plan(roster=Roster(models=(config,), providers=(server,)), day_nanos=1, session_tokens=1)

    task = Task(id="t", prompt="p")
    priced = await named("gpt-5.5")
    assert priced.roster.models[0].price == known_price("https://api.openai.com/v1", "gpt-5.5")
    assert allowed_arms(priced, task, "worker")[1] == {}
    assert (await named("gpt-5.5", "1/2")).roster.models[0].price == parse_price("1/2")
    excluded = allowed_arms(await named("unheard-of"), task, "worker")[1]
    assert "its price is unknown and a money cap holds; add `--price IN/OUT`" in excluded["unheard-of"]


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_a_server_and_a_model_are_called_a_price_is_found_or_none(address: str, model: str) -> None:
    assert known_price(address, model) is None or address


def priced(day: date, *, row: str = "openai/m") -> Price:
    return Price(row=f"table-1@{day}:{row}", input_nanos=1, output_nanos=1)


def test_a_price_is_old_after_sixty_days_and_one_of_yours_or_free_never() -> None:
    today = date(2026, 11, 21)
    last, old = today - timedelta(days=OLD_AFTER_DAYS), today - timedelta(days=OLD_AFTER_DAYS + 1)
    assert not old_prices([("m", priced(last)), ("mine", parse_price("1/2")), ("f", FREE), ("unknown", None)], today)
    said = old_prices([("m", priced(old)), ("n", priced(last)), ("o", priced(old - timedelta(days=9)))], today)
    assert said.startswith(f"the price of m, o is of {old - timedelta(days=9)}, 70 days ago")
    assert '[models."m"] price = "IN/OUT"' in said


@pytest.mark.parametrize(
    ("row", "day"),
    [
        ("preset@2026-11-09:0.10/0.50", date(2026, 11, 9)),
        ("genai-prices-0.2.3@2026-11-09:openai/gpt-5", date(2026, 11, 9)),
        ("settings:0.15/0.60", None),
        ("demo:3/15", None),
        ("free", None),
    ],
)
def test_a_row_says_of_which_day_it_is(row: str, day: date | None) -> None:
    assert date_of(row) == day


def test_doctor_says_how_old_prices_are_and_which_are_unknown() -> None:
    today = table_date() + timedelta(days=3)
    server = ProviderConfig(name="p", base_url="https://api.example.com/v1")
    model = ModelConfig(name="m", provider="p", model="m", tier="paid")

    def having(price: Price | None) -> list[tuple[ModelConfig, ProviderConfig]]:
        return [(ModelConfig(name="m", provider="p", model="m", tier=model.tier, price=price), server)]

    assert prices_finding([], today).said == f"the table is of {table_date()}, 3 days ago"
    assert 'price = "IN/OUT"' in prices_finding(having(None), today).remedy
    old = prices_finding(having(priced(today - timedelta(days=100))), today)
    assert (old.state, "100 days ago" in old.said) == ("warn", True)
