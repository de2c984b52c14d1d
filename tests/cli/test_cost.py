"""`swarm cost`."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from events.types.call import CallReserved, CallSettled
from events.views.base import fold
from events.views.cost import Cost, CostView, Payer
from swarm.cli.at_prices import aged
from swarm.cli.cost import days_of, summed, within
from swarm.cli.main import main
from swarm.cli.recorded import decimal_usd, recorded
from swarm.settings.load import load_settings
from swarm.settings.pricetable import table_date
from tests.tui.recordings import DAY, recorded_log


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return recorded_log(tmp_path, monkeypatch)


def cost_json(capsys: pytest.CaptureFixture[str], log: str, *words: str) -> dict[str, Any]:
    assert main(["cost", "--log", log, "--json", *words]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_total_is_exact_and_equals_what_the_events_say(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    async def naive() -> int:
        async with recorded(log) as opened:
            entries = await opened.read(limit=1000)
        settled = sum(entry.event.cost_nanos for entry in entries if isinstance(entry.event, CallSettled))
        lost = {entry.event.reservation for entry in entries if entry.kind == "call.unknown"}  # type: ignore[union-attr]
        held = sum(e.event.cost_nanos for e in entries if isinstance(e.event, CallReserved) and e.position in lost)
        return settled + held

    found = cost_json(capsys, log)
    assert found["total_nanos"] == anyio.run(naive) == 4_234_567
    assert found["total_usd"] == "0.004234567"
    assert found["total_maybe_paid_nanos"] == 3_000_000
    assert sum(row["nanos"] for row in found["rows"]) == found["total_nanos"]


def test_every_key_gives_the_same_total(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    for key in ("model", "role", "task", "tier", "agent", "session", "day", "task,model"):
        found = cost_json(capsys, log, "--by", key)
        assert (found["total_nanos"], found["total_calls"], found["total_input_tokens"]) == (4_234_567, 5, 2100)
        assert found["by"] == key.split(",")


def test_the_table_has_a_row_a_model_the_dearest_first_and_a_total(
    log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cost", "--log", log]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["MODEL", "CALLS", "IN", "CACHED", "OUT", "COST", "MAYBE", "PAID"]
    assert rows[1] == ["sonnet", "3", "1,200", "0", "300", "$0.004234567", "$0.003"]
    assert rows[2] == ["qwen", "2", "900", "100", "80", "$0"]
    assert rows[3] == ["total", "5", "2,100", "100", "380", "$0.004234567", "$0.003"]


def test_tasks_are_told_apart_by_their_session(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = cost_json(capsys, log, "--by", "task")
    assert {row["task"]: row["nanos"] for row in found["rows"]} == {
        "s1/docs": 3_000_000,
        "s1/build": 1_234_567,
        "s1/ship": 0,
    }


def test_a_period_counts_the_local_days_of_the_reservations() -> None:
    today = date(2026, 11, 21)  # a Saturday
    assert days_of("day", today) == ("2026-11-21", "2026-11-21")
    assert days_of("week", today) == ("2026-11-16", "2026-11-21")
    assert days_of("month", today) == ("2026-11-01", "2026-11-21")
    assert DAY == "day:2026-11-21@UTC"
    payer = Payer(day="2026-11-15", session=1, task="a", role="worker", agent="x", model="m", tier="free")
    assert within(payer, None) and within(payer, days_of("month", today)) and not within(payer, days_of("week", today))


def test_days_stand_in_their_order() -> None:
    def payer(day: str) -> Payer:
        return Payer(day=day, session=1, task="a", role="worker", agent="x", model="m", tier="free")

    costs = {payer("2026-11-20"): Cost(nanos=5), payer("2026-11-19"): Cost(nanos=9), payer("2026-11-21"): Cost(nanos=7)}
    assert [values for values, _ in summed(costs, ["day"])] == [("2026-11-19",), ("2026-11-20",), ("2026-11-21",)]


def test_nothing_spent_in_a_period_is_said(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    async def view() -> CostView:
        async with recorded(log) as opened:
            return await fold(opened, CostView())

    assert all(payer.day == "2026-11-21" for payer in anyio.run(view).costs)
    found = cost_json(capsys, log, "day")
    assert found["from"] == found["to"]
    assert found["total_nanos"] == (4_234_567 if found["to"] == "2026-11-21" else 0)


def test_an_unknown_key_is_refused_with_those_that_there_are(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "--log", log, "--by", "colour"]) == 2
    assert "model, role, task, tier, agent, session, day" in capsys.readouterr().err


def test_without_a_log_cost_says_how_to_begin(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost"]) == 2
    assert "begin with `swarm run" in capsys.readouterr().err


@pytest.mark.parametrize("nanos", [0, 1, 10, 999_999_999, 1_000_000_000, 123_456_789_012_345_678_901, -5])
def test_a_decimal_amount_is_the_same_amount(nanos: int) -> None:
    assert Decimal(decimal_usd(nanos)) * 1_000_000_000 == nanos


PRICES = """
[models.qwen]
provider = "mine" # a file of settings will do: the prices alone are read
price = "1000/2000/500"
[models.other]
price = "1/1"
"""


def test_the_same_tokens_cost_what_a_file_says_and_who_is_not_in_it_keeps_its_amount_and_is_named(
    log: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded_then = {row["model"]: row for row in cost_json(capsys, log)["rows"]}
    file = tmp_path / "prices.toml"
    file.write_text(PRICES)
    found = cost_json(capsys, log, "--at-prices", str(file))
    now = {row["model"]: row for row in found["rows"]}
    assert now.keys() == recorded_then.keys()
    assert [kept["model"] for kept in found["kept_as_recorded"]] == sorted(set(now) - {"qwen"})
    for model in now.keys() - {"qwen"}:
        assert now[model] == recorded_then[model]
    qwen = now["qwen"]
    settled = (
        (qwen["input_tokens"] - qwen["cached_tokens"]) * 1_000_000
        + qwen["cached_tokens"] * 500_000
        + qwen["output_tokens"] * 2_000_000
    )
    assert qwen["nanos"] == settled + qwen["maybe_paid_nanos"]
    assert found["total_nanos"] == sum(row["nanos"] for row in now.values())
    assert main(["cost", "--log", log, "--at-prices", str(file)]) == 0
    assert "as recorded, since no price is known for it:" in capsys.readouterr().err


def test_recorded_prices_are_the_default_and_todays_are_those_of_the_settings(
    log: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = cost_json(capsys, log)
    assert (plain["at_prices"], plain["kept_as_recorded"]) == ("recorded", [])
    assert cost_json(capsys, log, "--at-prices", "recorded") == plain
    today = cost_json(capsys, log, "--at-prices", "today")
    assert today["total_nanos"] == plain["total_nanos"], "no setting knows these models"
    assert sum(kept["calls"] for kept in today["kept_as_recorded"]) == plain["total_calls"]
    (tmp_path / "swarm").mkdir()
    (tmp_path / "swarm" / "config.toml").write_text(
        '[providers.mine]\nbase_url = "https://api.example.com/v1"\n'
        '[models.qwen]\nprovider = "mine"\nmodel = "q"\nprice = "1000/2000"\n'
    )
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    dearer = cost_json(capsys, log, "--at-prices", "today")
    assert dearer["total_nanos"] > plain["total_nanos"]
    assert "qwen" not in [kept["model"] for kept in dearer["kept_as_recorded"]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no such file"),
        ("[models.a]\n\nprice = '1'", "prices.toml:3: '1' is not a price"),
        ("[models.a]\nprice = 1", "prices.toml:2: a price is a text"),
        ("models = 3", "names the price of no model"),
        ("[models]\na = 3", "names the price of no model"),
        ("[models.a", "this is not TOML"),
    ],
)
def test_a_file_that_is_no_price_list_is_told_with_its_line(
    log: str, tmp_path: Path, text: str | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "prices.toml"
    if text is not None:
        file.write_text(text)
    assert main(["cost", "--log", log, "--at-prices", str(file)]) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_report_says_where_the_price_of_a_model_that_cost_something_is_old(tmp_path: Path) -> None:
    (tmp_path / "swarm").mkdir()
    (tmp_path / "swarm" / "config.toml").write_text('[models.gold]\nprovider = "openai"\nmodel = "gpt-5.5"\n')
    settings = load_settings(tmp_path, environ={"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}).settings
    nobody = Payer(day="", session=0, task="", role="", agent="", model="", tier="")
    payer = msgspec.structs.replace(nobody, model="gold")
    later = table_date() + timedelta(days=61)
    assert aged({payer: Cost(nanos=1)}, settings, later).startswith(
        f"the price of gold is of {table_date()}, 61 days ago"
    )
    assert not aged({payer: Cost(nanos=1)}, settings, table_date())
    assert not aged({payer: Cost(nanos=0), nobody: Cost(nanos=1)}, settings, later)
