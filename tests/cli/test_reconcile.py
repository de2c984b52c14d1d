"""`swarm budget reconcile`: what nobody knew is settled once, and every view then says the same."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import anyio
import pytest

from events.glance import Money, glance
from events.log import open_log
from events.spending import spending
from events.types.call import CallOverran, CallSettled, CallUnknown
from events.verify import verify_log
from events.views.attempts import AttemptsView
from events.views.base import fold
from events.views.money import MoneyView
from events.views.spending import Asked
from events.views.tasks import TasksView
from swarm.cli.main import main
from swarm.journal import Journal
from tests.ledger_agents import entries_of
from tests.tui.recordings import DAY, Writer, at_home, recording

Said = pytest.CaptureFixture[str]
CENT = 10_000_000


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """s1 has settled a cent; nobody knows of two calls of docs that hold 3 and 5 cents; s2 was left with one of 2 cents open."""
    at_home(tmp_path, monkeypatch)
    path = tmp_path / "log.db"

    async def write() -> None:
        async with recording(path) as writer:
            await writer.open("Mend it")
            await writer.submit("docs")
            paid = await writer.reserve("docs", model="sonnet", tokens=2000, nanos=4 * CENT)
            await writer.settle(paid, "docs", tokens=(900, 0, 80), nanos=CENT)
            for nanos, tokens in ((3 * CENT, 1000), (5 * CENT, 4000)):
                lost = await writer.reserve("docs", model="sonnet", tokens=tokens, nanos=nanos)
                await writer.add(CallUnknown(reservation=lost, reason="cut off"), task="docs", step=1, attempt=1)
            await writer.close(finished=False)
        async with open_log(path) as opened:
            second = Writer(opened, 2)
            await second.open("left alone", pid=2**22 + 7)
            await second.submit("tell")
            await second.reserve("tell", model="sonnet", tokens=800, nanos=2 * CENT)

    anyio.run(write)
    monkeypatch.setenv("SWARM_LOG", str(path))
    return str(path)


def listed(said: Said) -> list[dict[str, Any]]:
    said.readouterr()
    assert main(["budget", "reconcile", "--json"]) == 0
    return json.loads(said.readouterr().out)["unknown"]  # type: ignore[no-any-return]


def require_one_sum(log: str, spent: int, maybe: int) -> None:
    """Every view of the money of the day says that so much was spent, and so much of it maybe."""

    async def folded() -> tuple[MoneyView, TasksView]:
        async with open_log(log, read_only=True) as opened:
            return await fold(opened, MoneyView()), await fold(opened, TasksView())

    money, tasks = anyio.run(folded)
    cost = sum(cost.nanos for cost in spending(log, ["model"], Asked()).costs.values())
    assert {scope.spent.nanos for scope in (money.scope("log"), money.scope(DAY))} == {spent}
    assert money.scope(DAY).maybe_paid.nanos == maybe and cost == spent
    assert sum(task.cost_nanos for own in tasks.tasks.values() for task in own.values()) == spent
    reserved = money.scope(DAY).reserved.nanos
    assert glance(log, DAY).money == Money(spent=spent, reserved=reserved, maybe_paid=maybe)
    with sqlite3.connect(log) as connection:
        assert connection.execute("SELECT sum(cost_nanos), sum(maybe_paid_nanos) FROM v_costs").fetchone() == (
            spent,
            maybe,
        )
    connection.close()
    assert anyio.run(verify_log, log).ok


def test_the_calls_of_which_nobody_knows_are_listed_also_where_only_the_process_is_gone(log: str, said: Said) -> None:
    found = listed(said)
    assert [(each["task"], each["reserved_nanos"], each["state"]) for each in found] == [
        ("s1/docs", 3 * CENT, "maybe paid"),
        ("s1/docs", 5 * CENT, "maybe paid"),
        ("s2/tell", 2 * CENT, "open"),
    ]
    require_one_sum(log, 9 * CENT, 8 * CENT)


def test_a_call_is_settled_by_hand_once_and_for_all(log: str, said: Said) -> None:
    first, second, third = (str(each["call"]) for each in listed(said))
    assert main(["budget", "reconcile", first, "--cost", "$0.012", "--tokens", "700/90", "--dry-run"]) == 0
    require_one_sum(log, 9 * CENT, 8 * CENT)
    assert main(["budget", "reconcile", first, "--cost", "$0.012", "--tokens", "700/90"]) == 0
    assert f"call {first} of s1/docs cost $0.012; $0.03 had been held for it" in said.readouterr().out
    require_one_sum(log, 72_000_000, 5 * CENT)
    assert main(["budget", "reconcile", second, "--not-billed"]) == 0
    require_one_sum(log, 22_000_000, 0)
    assert main(["budget", "reconcile", third, "--cost", "0.005"]) == 0
    require_one_sum(log, 27_000_000, 0)
    assert main(["budget", "reconcile", first, "--cost", "$0.5"]) == 2
    assert (
        f"call {first} was settled by " in (told := said.readouterr().err)
        and "at $0.012; what is settled stays" in told
    )
    assert main(["budget", "reconcile", second, "--cost", "$0.5"]) == 2
    assert "was not billed" in said.readouterr().err
    require_one_sum(log, 27_000_000, 0)
    assert listed(said) == []


def test_what_was_settled_afterwards_is_no_answer_that_a_resume_could_take(log: str, said: Said) -> None:
    calls = [each["call"] for each in listed(said)]
    for call in calls:
        assert main(["budget", "reconcile", str(call), "--cost", "$0.01"]) == 0

    async def folded() -> tuple[Journal, AttemptsView]:
        async with open_log(log, read_only=True) as opened:
            return await fold(opened, Journal(), session=2), await fold(opened, AttemptsView(), session=2)

    journal, attempts = anyio.run(folded)
    (recorded,) = journal.attempts.values()
    ((tried,),) = recorded.calls.values()
    assert isinstance(tried.outcome, CallUnknown) and not journal.open
    ((call,),) = [attempt.calls for attempt in attempts.of("tell")]
    assert (call.answer, call.cost_nanos) == (None, CENT)


def test_why_says_who_settled_a_call_and_how(log: str, said: Said) -> None:
    first = str(listed(said)[0]["call"])
    assert main(["budget", "reconcile", first, "--cost", "$0.04", "--tokens", "2000/90"]) == 0
    said.readouterr()
    assert main(["why", first]) == 0
    told = said.readouterr().out
    assert "settled it by hand; its answer is lost" in told and "$0.04" in told

    async def overran() -> list[CallOverran]:
        async with open_log(log, read_only=True) as opened:
            return [entry.event for entry in await entries_of(opened) if isinstance(entry.event, CallOverran)]

    assert [(each.tokens, each.cost_nanos) for each in anyio.run(overran)] == [(1090, CENT)]


def test_an_invoice_settles_what_it_can_only_mean_and_tells_the_rest(log: str, said: Said, tmp_path: Path) -> None:
    path = tmp_path / "bill.csv"
    path.write_text(
        "time,model,input_tokens,output_tokens,cost\n"
        "2026-11-21T10:00:10Z,vendor/sonnet,900,80,0.010\n"  # the one that was settled
        "2026-11-21T10:00:12Z,vendor/sonnet,200,100,0.02\n"  # fits the first alone: the second had more to read
        "2026-11-21T10:00:14Z,vendor/sonnet,900,120,0.0251\n"
        "2026-11-21T10:00:14Z,vendor/opus,900,120,1.5\n"
        "yesterday,vendor/opus,900,120,1.5\n"
    )
    before = len(listed(said))
    assert main(["budget", "reconcile", "--invoice", str(path), "--dry-run"]) == 0
    assert "line 3 of bill.csv would settle call " in said.readouterr().out
    assert len(listed(said)) == before
    assert main(["budget", "reconcile", "--invoice", str(path)]) == 0
    told = said.readouterr()
    assert "line 4 of bill.csv settles call " in told.out and "line 5 is of no call in this log" in told.out
    assert "line 6: 'yesterday' is no time" in told.err
    assert "2 calls settled, 1 settled before, 0 ambiguous, 1 row of no call here" in told.err
    assert "2026-11-21 vendor/opus: $1.5 billed, $1.5 more than recorded; nothing was changed" in told.out
    require_one_sum(log, CENT + 2 * CENT + 25_100_000, 0)
    assert [each["task"] for each in listed(said)] == ["s2/tell"]
    assert main(["budget", "reconcile", "--invoice", str(path)]) == 0
    assert "0 calls settled, 3 settled before" in said.readouterr().err
    require_one_sum(log, CENT + 2 * CENT + 25_100_000, 0)

    async def settled() -> list[tuple[str, int]]:
        async with open_log(log, read_only=True) as opened:
            ends = [entry.event for entry in await entries_of(opened) if isinstance(entry.event, CallSettled)]
            return [(end.basis, end.input_tokens) for end in ends]

    assert anyio.run(settled) == [("provider", 900), ("invoice", 200), ("invoice", 900)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["7777", "--cost", "$1"], "call 7777 is not in this log"),
        (["one", "--cost", "$1"], "'one' is no call"),
        (["6"], "say what the call cost, with --cost AMOUNT, or that it was --not-billed"),
        (["6", "--cost", "$1", "--not-billed"], "say what the call cost"),
        (["6", "--cost", "much"], "'much' is no amount in US dollars"),
        (["6", "--cost", "$1", "--tokens", "5"], "write input and output as IN/OUT"),
        (["--cost", "$1"], "which call is meant?"),
        (["--invoice", "none.csv"], "none.csv: it cannot be read"),
        (["6", "--invoice", "none.csv"], "takes one CALL, or --invoice FILE"),
    ],
)
def test_what_makes_no_sense_settles_nothing(log: str, said: Said, words: list[str], message: str) -> None:
    assert main(["budget", "reconcile", *words]) == 2
    assert message in said.readouterr().err
    assert main(["budget", "s1", "--dry-run"]) == 2
    assert "--dry-run belongs to the action reconcile" in said.readouterr().err
    require_one_sum(log, 9 * CENT, 8 * CENT)


@pytest.fixture
def said(capsys: Said) -> Said:
    return capsys
