"""`swarm cost`."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest

from events.types.call import CallReserved, CallSettled
from events.views.base import fold
from events.views.cost import Cost, CostView, Payer
from swarm.cli.cost import days_of, summed, within
from swarm.cli.main import main
from swarm.cli.recorded import decimal_usd, recorded
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
