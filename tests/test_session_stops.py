"""Sessions that do not go through: caps, models that are away, interruptions, time, and other owners; and what is paid."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import anyio
import msgspec
import pytest

from events.log import Entry, EventLog, open_log
from events.types.call import CallSettled, CallUnknown
from events.types.session import SessionClaimed
from events.types.task import TaskHalted
from swarm.errors import OwnerLost, SessionBusy
from swarm.owner import take_session
from swarm.session import recorded_plan
from tests.ledger_agents import entries_of
from tests.provider import Answer
from tests.running import (
    DEAR,
    Cast,
    a_plan,
    faces,
    model,
    money_of,
    plan_text,
    resume,
    run,
    serving,
    state_of,
    verdict,
)

SIMPLE = "prompt: Write a limerick about rain\n"


@pytest.fixture(params=["memory", "sqlite"])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[EventLog]:
    async with open_log("memory:" if request.param == "memory" else tmp_path / "state" / "log.db") as opened:
        yield opened


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def events(entries: Sequence[Entry], kind: type) -> list[Entry]:
    return [entry for entry in entries if isinstance(entry.event, kind)]


# --- what stops a session ---------------------------------------------------------------------------------------------


async def test_a_budget_that_is_too_small_halts_before_the_call_and_a_raise_goes_on(log: EventLog, root: Path) -> None:
    cast = Cast()
    async with serving(cast) as (provider, plan):
        result = await run(log, SIMPLE + "budget: 0.3k\n", plan, root)
        assert (result.exit_code, result.tasks[0].status, result.tasks[0].cause) == (3, "halted", "budget")
        assert provider.requests == []
        assert not (await state_of(log)).finished
        (halt,) = events(await entries_of(log), TaskHalted)
        assert isinstance(halt.event, TaskHalted)
        assert (halt.event.scope, halt.event.unit, halt.event.cap) == ("s1", "tokens", 300)
        again = await resume(log, msgspec.structs.replace(plan, session_tokens=100_000))
    assert (again.exit_code, again.tasks[0].status) == (0, "accepted")
    assert cast.roles == ["worker", "validator"]


async def test_a_session_ends_where_a_task_is_halted_that_another_one_needs_and_a_resume_does_both(
    log: EventLog, root: Path
) -> None:
    file = "budget: 1k\ntasks:\n  a: {prompt: Write it}\n  b: {prompt: Go on, needs: [a]}\n"
    async with serving(Cast()) as (_, plan):
        with anyio.fail_after(10):
            result = await run(log, file, plan, root)
        assert (result.exit_code, [task.status for task in result.tasks]) == (3, ["halted", "open"])
        assert not (await state_of(log)).finished
        with anyio.fail_after(10):
            again = await resume(log, msgspec.structs.replace(plan, session_tokens=100_000))
    assert (again.exit_code, [task.status for task in again.tasks]) == (0, ["accepted", "accepted"])


async def test_what_was_answered_before_a_halt_is_not_asked_again(log: EventLog, root: Path) -> None:
    cast = Cast()
    async with serving(cast) as (_, plan):
        result = await run(log, SIMPLE + "budget: 1k\n", plan, root)
        assert (result.exit_code, cast.roles) == (3, ["worker"])
        again = await resume(log, msgspec.structs.replace(plan, session_tokens=100_000))
    assert (again.exit_code, cast.roles) == (0, ["worker", "validator"])


async def test_a_model_that_nobody_reaches_is_no_model_and_the_session_can_go_on_when_it_is_back(
    log: EventLog, root: Path
) -> None:
    async with serving(Cast()) as (gone, plan):
        pass
    with anyio.fail_after(20):
        result = await run(log, SIMPLE, plan, root)
    assert (result.exit_code, result.tasks[0].status, result.tasks[0].cause) == (4, "failed", "no model")
    assert f"127.0.0.1:{gone.port}" in result.tasks[0].reason
    async with serving(Cast()) as (_, back):
        assert (await resume(log, back)).exit_code == 0


async def test_what_was_cancelled_for_want_of_a_model_is_taken_up_again_with_the_task_that_it_needs(
    log: EventLog, root: Path
) -> None:
    file = "tasks:\n  a: {prompt: Go}\n  b: {prompt: Go, needs: [a]}\n  c: {prompt: Go, needs: [b]}\n"
    async with serving(Cast()) as (_, plan):
        pass
    with anyio.fail_after(20):
        result = await run(log, file, plan, root)
    assert (result.exit_code, [task.status for task in result.tasks]) == (4, ["failed", "cancelled", "cancelled"])
    async with serving(Cast()) as (_, back):
        again = await resume(log, back)
    assert [task.status for task in again.tasks] == ["accepted"] * 3


async def test_a_model_without_a_price_is_not_called_and_the_reason_names_the_line_to_add(
    log: EventLog, root: Path
) -> None:
    async with serving(Cast(), model("m1", "paid", price=None)) as (provider, plan):
        result = await run(log, SIMPLE, plan, root)
        assert provider.requests == []
    assert result.exit_code == 4
    assert (
        'm1: its price is unknown and a money cap holds; add `price = "IN/OUT"` to [models."m1"]'
        in result.tasks[0].reason
    )


async def test_a_paid_model_that_nobody_allowed_is_not_called_and_asks_once(log: EventLog, root: Path) -> None:
    asked: list[str] = []

    async def no(question: str) -> bool:
        asked.append(question)
        return False

    async with serving(Cast(), model("m1", "paid", price=DEAR), paid_confirmed=False) as (provider, plan):
        result = await run(log, SIMPLE, plan, root, looks=faces(confirm=no))
        assert provider.requests == []
        assert (result.exit_code, result.tasks[0].status, result.tasks[0].cause) == (5, "halted", "confirmation")
        assert len(asked) == 1
        again = await resume(log, plan, looks=faces())
    assert again.exit_code == 0
    assert again.cost_nanos > 0


async def test_an_interrupted_session_keeps_its_answers_and_goes_on_where_it_was(log: EventLog, root: Path) -> None:
    looks = faces()

    def judge(_: dict[str, object]) -> Answer:
        looks.stop.set()
        looks.abort.set()
        return Answer(verdict(True), before_head=anyio.Event().wait)

    cast = Cast(worker=["TEXT"], validator=[judge, verdict(True)])
    async with serving(cast) as (_, plan):
        with anyio.fail_after(20):
            result = await run(log, SIMPLE, plan, root, looks=looks)
        assert (result.exit_code, result.interrupted, result.tasks[0].status) == (130, True, "open")
        assert not (await state_of(log)).finished
        unknown = events(await entries_of(log), CallUnknown)
        assert len(unknown) == 1, "the call in flight stays charged"
        money = await money_of(log)
        assert not money.open
        assert money.scope("s1").maybe_paid.tokens > 0
        again = await resume(log, plan)
    assert (again.exit_code, again.tasks[0].text) == (0, "TEXT")
    assert cast.roles == ["worker", "validator", "validator"]
    asked = [body["messages"] for role, body in cast.seen if role == "validator"]
    assert asked[0] == asked[1], "the recorded request is asked again, it is not built anew"


async def test_the_first_stop_lets_the_call_in_flight_end_and_starts_no_other(log: EventLog, root: Path) -> None:
    looks = faces()

    def draft(_: dict[str, object]) -> str:
        looks.stop.set()
        return "TEXT"

    cast = Cast(worker=[draft])
    async with serving(cast) as (_, plan):
        with anyio.fail_after(5):
            result = await run(log, SIMPLE, plan, root, looks=looks)
        assert (result.exit_code, cast.roles) == (130, ["worker"])
        assert not events(await entries_of(log), CallUnknown)
        assert (await resume(log, plan)).exit_code == 0
    assert cast.roles == ["worker", "validator"]


async def test_a_task_that_takes_longer_than_its_limit_fails_and_its_call_stays_charged(
    log: EventLog, root: Path
) -> None:
    cast = Cast(worker=[Answer("late", before_head=anyio.Event().wait)])
    async with serving(cast) as (provider, plan):
        with anyio.fail_after(20):
            result = await run(log, SIMPLE + "limits: {time: 0.5s}\n", plan, root)
        was_asked = bool(provider.requests)
    assert (result.exit_code, result.tasks[0].cause) == (1, "time")
    assert result.tasks[0].reason == "it took longer than its limit of 0.5 s"
    money = await money_of(log)
    assert not money.open
    assert not was_asked or money.scope("s1/tasks").maybe_paid.tokens > 0


async def test_a_session_that_was_taken_over_writes_nothing_more(log: EventLog, root: Path) -> None:
    async def take_over() -> None:
        state = await state_of(log)
        await take_session(log, state, settings="{}", project="", clock=lambda: 0, take_over=True)

    cast = Cast(worker=[Answer("late", before_head=take_over)])
    async with serving(cast) as (_, plan):
        with anyio.fail_after(20), pytest.raises(OwnerLost, match="session s1 was taken over by"):
            await run(log, SIMPLE, plan, root)
    entries = await entries_of(log)
    assert [entry.kind for entry in entries].count("session.claimed") == 2
    assert isinstance(entries[-1].event, SessionClaimed)


async def test_a_session_whose_owner_lives_is_not_resumed(log: EventLog, root: Path) -> None:
    async def try_it() -> None:
        with pytest.raises(SessionBusy, match="session s1 is being run by process"):
            await resume(log, a_plan({"one": "http://127.0.0.1:1/v1"}))

    async with serving(Cast(worker=[Answer("TEXT", before_head=try_it)])) as (_, plan):
        assert (await run(log, SIMPLE, plan, root)).exit_code == 0


# --- money ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", ["Write a limerick", "Migrate all of it, refactor the design across several files"])
async def test_the_cap_that_a_file_gets_is_enough_for_all_attempts_at_full_length(
    log: EventLog, root: Path, prompt: str
) -> None:
    """Answers as long as was asked for, a repaired verdict each time, and every attempt rejected but the last."""
    judged = Counter[str]()

    def draft(body: dict[str, object]) -> Answer:
        words = int(str(body.get("max_tokens") or body.get("max_completion_tokens")))
        return Answer("word " * (words - 5) + "end")

    def judge(body: dict[str, object]) -> str:
        judged[""] += 1
        return "well" if judged[""] % 2 else verdict(judged[""] % 6 == 0, "It is not there yet. " * 10)

    cast = Cast(explorer=[plan_text("one thing", "another", "and the last")], worker=[draft], validator=[judge])
    file = f"tasks:\n  a: {{prompt: '{prompt}'}}\n  b: {{prompt: '{prompt}', needs: [a]}}\n"
    async with serving(cast) as (_, plan):
        result = await run(log, file, plan, root)
    assert [(task.status, task.reason) for task in result.tasks] == [("accepted", "")] * 2


async def test_a_file_without_a_budget_is_capped_also_where_one_of_its_tasks_has_a_budget(
    log: EventLog, root: Path
) -> None:
    caps: list[int] = []
    async with serving(Cast()) as (_, plan):
        for text in (
            "a: {prompt: Go}",
            "a: {prompt: Go, budget: 9k}",
            "a: {prompt: Go, budget: 9k}\n  b: {prompt: Go}",
        ):
            await run(log, f"tasks:\n  {text}\n", plan, root)
            recorded = await recorded_plan(log, await state_of(log, len(caps) + 1))
            assert recorded.session_tokens is not None
            caps.append(recorded.session_tokens)
    alone, own, both = caps
    # each adds its own, and the largest reservation, which all three have, is added once
    assert own > 9_000
    assert both - own == alone - (own - 9_000)


async def test_a_paid_model_takes_over_where_every_free_draft_was_rejected(log: EventLog, root: Path) -> None:
    cast = Cast(validator=[verdict(False, "No."), verdict(False, "No."), verdict(True)])
    async with serving(cast, model("free"), model("dear", "paid", price=DEAR)) as (_, plan):
        result = await run(log, SIMPLE, plan, root)
    assert [body["model"] for role, body in cast.seen if role == "worker"] == ["free", "free", "dear"]
    assert {body["model"] for role, body in cast.seen if role == "validator"} == {"free"}
    paid = [entry.event for entry in await entries_of(log) if isinstance(entry.event, CallSettled)]
    assert [call.cost_nanos > 0 for call in paid] == [False, False, False, False, True, False]
    assert result.cost_nanos == sum(call.cost_nanos for call in paid)


async def test_a_days_money_that_is_gone_halts_paid_work(log: EventLog, root: Path) -> None:
    async with serving(Cast(), model("dear", "paid", price=DEAR), day_nanos=1_000) as (provider, plan):
        result = await run(log, SIMPLE, plan, root)
        assert provider.requests == []
    assert result.exit_code == 3
    assert "the budget of day:" in result.tasks[0].reason
