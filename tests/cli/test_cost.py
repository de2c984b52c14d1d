"""`swarm cost`."""

from __future__ import annotations

import csv
import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from events.blobs import Known, Pack
from events.log import EventLog, open_log
from events.testing import builders as make
from events.testing.builders import SetClock
from events.types.call import CallReserved, CallSettled
from events.views.base import fold
from events.views.cost import Cost, CostView, Payer
from swarm.cli import cost
from swarm.cli.cost_report import change
from swarm.cli.main import main
from swarm.cli.recorded import decimal_usd, recorded
from swarm.connect import Roster
from swarm.insight.periods import period_of
from swarm.insight.spent import aged, summed, within
from swarm.messages import Price
from swarm.plan import Plan
from swarm.settings.load import ModelConfig, load_settings
from swarm.settings.pricetable import table_date
from tests.tui.recordings import DAY, START, recorded_log


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
    for key in ("model", "role", "task", "tier", "agent", "session", "day", "price", "project", "task,model"):
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
    assert DAY == "day:2026-11-21@UTC"
    payer = Payer(day="2026-11-15", session=1, task="a", role="worker", agent="x", model="m", tier="free")
    assert (
        within(payer, None) and within(payer, period_of("month", today)) and not within(payer, period_of("week", today))
    )


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
        ("[models.a]\n\nprice = '1'", "prices.toml:3: models.a.price: '1' is not a price"),
        ("[models.a]\nprice = 1", "prices.toml:2: models.a.price: a price is a text"),
        ("models = 3", "prices.toml:1: models is a number"),
        ("[models]\na = 3", "prices.toml:2: models.a is a number"),
        ("[models.a]\nmodel = 'x'", "names the price of no model"),
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


@pytest.fixture
def month(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Ten cents on each day of November up to the 21st, a Saturday; half of it after noon, when it is looked at."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SWARM_TIME_ZONE", "UTC")
    monkeypatch.setattr(cost, "system_clock", lambda: START + 2 * 3_600_000_000)
    path, clock = tmp_path / "month.db", SetClock(START - 21 * DAY_S * 1_000_000)

    async def write() -> None:
        async with open_log(path, clock=clock) as opened:
            for day in range(1, 22):
                clock.move(DAY_S)
                await a_task(opened, f"2026-11-{day:02}", f"t{day}", clock, halves=2 if day < 21 else 1)

    anyio.run(write)
    return str(path)


DAY_S = 24 * 3600
HALF = 50_000_000


async def a_task(log: EventLog, day: str, task: str, clock: SetClock, *, halves: int) -> None:
    """A paid draft that is rejected, then a free one that is accepted; on the last day the first alone."""
    scopes = ("log", f"day:{day}@UTC")
    paid = make.reserved(tier="paid", model="gold", price=GOLD, scopes=scopes)
    free = make.reserved(tier="free", model="qwen", price="free", scopes=scopes)
    for half in range(halves):
        clock.move(4 * 3600 * half)
        (call,) = (await log.append([make.new(paid, task=task, step=1, attempt=1, topic="ledger")])).positions
        used = make.settled(call, cost_nanos=HALF, cached_tokens=200, cache_write_tokens=100)
        await log.append([make.new(used, task=task, step=1, attempt=1)])
        clock.move(-4 * 3600 * half)
    await log.append([make.new(make.rejected(), task=task, step=1, attempt=1)])
    (call,) = (await log.append([make.new(free, task=f"free{task}", topic="ledger")])).positions
    await log.append([make.new(make.settled(call, cost_nanos=0), task=f"free{task}")])
    await log.append([make.new(make.task_accepted(), task=name) for name in (task, f"free{task}")])


GOLD = "preset@2026-11-09:0.15/0.60/0.015"  # a row that the settings have
WEEK = 5 * 2 * HALF + HALF


def test_a_report_says_what_came_of_the_money(month: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = cost_json(capsys, month, "week")
    assert (found["label"], found["from"], found["to"]) == ("2026-W47", "2026-11-16", "2026-11-21")
    assert found["total_nanos"] == found["waste"]["retries_nanos"] == WEEK
    assert found["tasks"] == {
        "accepted": 12,
        "free": 6,
        "per_accepted_nanos": WEEK // 12,
        "per_accepted_usd": decimal_usd(WEEK // 12),
    }
    assert found["before"] == {
        "from": "2026-11-09",
        "to": "2026-11-14",
        "total_nanos": 12 * HALF,
        "total_usd": "0.6",
    }
    assert found["total_cache_write_tokens"] == 11 * 100


def test_the_forecast_adds_what_is_left_of_the_day_and_of_the_month(
    month: str, capsys: pytest.CaptureFixture[str]
) -> None:
    forecast = cost_json(capsys, month, "day")["forecast"]
    assert forecast["past_days"] == 20
    # each past day spent one half behind this time of day
    assert {forecast["day"][f"{end}_nanos"] for end in ("low", "median", "high")} == {2 * HALF}
    assert {forecast["month"][f"{end}_nanos"] for end in ("low", "median", "high")} == {30 * 2 * HALF}


def test_estimates_name_their_baselines(month: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = cost_json(capsys, month, "--baseline", "mistral/mistral-medium-3-5")
    saved = found["saved"]
    assert saved["estimate"] is True
    # 41 calls of 200 cached tokens at $0.15 instead of $0.015 a million; a write costs as much as no cache
    assert saved["cache"]["saved_nanos"] == 41 * 200 * 135
    assert saved["free"]["baseline"] == "mistral/mistral-medium-3-5" and saved["free"]["tokens"] == 21 * 500
    assert saved["free"]["saved_nanos"] == 21 * (400 * 1_500 + 100 * 7_500)
    cheapest = cost_json(capsys, month)["saved"]["free"]
    assert 0 < cheapest["saved_nanos"] < saved["free"]["saved_nanos"]


def test_the_text_says_the_same_below_its_table(month: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "week", "--log", month]) == 0
    said = capsys.readouterr()
    assert "2026-W47 (2026-11-16 to 2026-11-21)" in said.err
    lines = {line[:15].strip(): line[16:] for line in said.out.splitlines()}
    assert lines["accepted tasks"].startswith("12, at $0.0458 each")
    assert lines["on free tiers"] == "50.0 % of them (6) cost nothing"
    assert lines["retry waste"] == "$0.55 (100.0 %) for rejected and abandoned attempts"
    assert lines["change"] == "-8.3 % against the same days of the week before ($0.60)"
    assert lines["forecast"].startswith("today $0.10 ($0.10 to $0.10), 2026-11 $3.00 ($3.00 to $3.00) (bootstrap over")
    assert lines["last 30 days"].startswith("▁" * 9 + "█" * 20 + "▅")
    assert "estimate" in lines["saved by caches"] and "estimate" in lines["saved by free"]


def test_csv_has_a_line_a_row_and_sums_to_the_total(month: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "month", "--by", "day,model", "--csv", "--log", month]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert rows[0]["day"] == "2026-11-01" and {row["model"] for row in rows} == {"gold", "qwen"}
    assert sum(int(row["nanos"]) for row in rows) == 41 * HALF


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--baseline", "nonsense"], "with a price there are"), (["--csv", "--json"], "two forms of one result")],
)
def test_options_that_make_no_sense_are_refused(
    words: list[str], said: str, month: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cost", "--log", month, *words]) == 2
    assert said in "".join(capsys.readouterr())


def test_a_short_history_foresees_nothing(
    log: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cost, "system_clock", lambda: START + 3 * DAY_S * 1_000_000)
    forecast = cost_json(capsys, log)["forecast"]
    assert (forecast["day"], forecast["month"], forecast["past_days"]) == (None, None, 3)
    assert main(["cost", "--log", log]) == 0
    assert "too little history: 3 past days, and 7 are needed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (0, 0, "it cost nothing"),
        (3, 2, "+50.0 % against it ($0.000000002)"),
        (0, 7, "-100.0 % against it ($0.000000007)"),
    ],
)
def test_a_change_is_told_in_percent_of_what_was(now: int, before: int, said: str) -> None:
    assert change(now, before, "it") == said


@pytest.mark.parametrize("kept", [True, False])
def test_a_price_row_that_settings_no_longer_have_is_taken_from_the_log(
    kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "old.db"
    price = Price(row="settings:1/2/0.5", input_nanos=10**9, output_nanos=2 * 10**9, cached_nanos=5 * 10**8)
    model = ModelConfig(name="old", provider="p", model="old", tier="paid", price=price if kept else None)
    plan = Plan(roster=Roster(models=(model,), providers=()), day_nanos=0)

    async def write() -> None:
        async with open_log(path) as opened:
            pack = Pack(Known())
            session = make.opened(settings=pack.put(msgspec.json.encode(plan).decode()))
            await opened.append([make.new(session, topic="sessions")], texts=pack.texts)
            call = make.reserved(price=price.row)
            (position,) = (await opened.append([make.new(call, topic="ledger")])).positions
            await opened.append([make.new(make.settled(position, cached_tokens=100))])

    anyio.run(write)
    saved = cost_json(capsys, str(path))["saved"]["cache"]
    assert (saved["saved_nanos"], saved["left_out_tokens"]) == ((50_000, 0) if kept else (0, 100))
