"""Explanations of real runs, from their logs alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from events.blobs import Known, Pack
from events.log import Entry, EventLog, open_log
from events.testing.contract import everything
from events.types.call import BudgetMarked, BudgetSet, CallReserved, CallSettled
from events.types.choice import ChoiceMade
from events.types.control import VerdictRequested
from events.types.session import SessionOpened
from events.types.task import StepAccepted, StepRejected, TaskFailed, TaskHalted
from swarm.engine.requests import ask_of
from swarm.insight.reason import Reason
from swarm.insight.sentences import chain, said
from swarm.insight.story import read_story
from swarm.insight.why import NoSuchEvent, explain, explain_cost, explain_event
from swarm.money.caps import with_reserve
from swarm.money.recording import record_caps
from swarm.redact import Secrets
from swarm.session import answer_session, fork_session, recorded_plan
from swarm.task import parse_budget
from tests.provider import Answer
from tests.running import DEAR, PASS, Cast, faces, model, money_of, resume, run, serving, state_of, verdict
from tests.tui.recordings import Writer, record

TWO = "tasks: {write: Write a limerick., print: {prompt: Print it., needs: write}}\n"


@pytest.fixture
async def log() -> AsyncGenerator[EventLog]:
    async with open_log("memory:") as opened:
        yield opened


def all_of(reason: Reason) -> list[Reason]:
    return [reason, *(each for part in reason.because for each in all_of(part))]


def lines(reason: Reason) -> str:
    return "\n".join(each.said for each in all_of(reason))


def only(entries: list[Entry], kind: type) -> list[Entry]:
    return [entry for entry in entries if isinstance(entry.event, kind)]


async def test_every_event_of_a_run_is_explained_and_leads_back_to_the_beginning(log: EventLog, tmp_path: Path) -> None:
    cast = Cast(worker=["one", "two"], validator=[verdict(False, "it lacks rhyme"), PASS])
    async with serving(cast, model("m1"), model("m2", "paid", price=DEAR)) as (_, plan):
        await run(log, "prompt: Write a limerick\nexplore: true\nlimits: {attempts: 2}\n", plan, tmp_path)
    story = await read_story(log, 1)
    needs = {name: task.needs for name, task in story.tasks.items()}
    for entry in await everything(log):
        reason = await explain_event(log, entry.position)
        assert reason.event == entry.position
        assert json.loads(msgspec.json.encode(reason))["said"] == reason.said
        assert said(entry) != entry.kind
        back = chain(entry, story.entries, needs)
        assert [each.position for each in back] == sorted((each.position for each in back), reverse=True)
        assert isinstance((back or [entry])[-1].event, SessionOpened)


async def test_a_retry_leads_back_to_the_rejection_that_caused_it(log: EventLog, tmp_path: Path) -> None:
    cast = Cast(worker=["one", "two"], validator=[verdict(False, "it lacks rhyme"), PASS])
    async with serving(cast) as (_, plan):
        await run(log, "prompt: Write a limerick\n", plan, tmp_path)
    entries = await everything(log)
    first, second = (entry for entry in only(entries, ChoiceMade) if getattr(entry.event, "role", "") == "worker")
    (rejected,) = only(entries, StepRejected)
    reason = await explain_event(log, second.position)
    led = next(part for part in reason.because if part.said.startswith("what led to it"))
    assert led.because[0].event == rejected.position
    assert first.position in {part.event for part in led.because}
    assert "a rule went before the draw: another try with feedback" in lines(reason)


async def test_a_task_is_explained_by_its_verdicts_their_checks_and_what_the_next_attempt_was_told(
    log: EventLog, tmp_path: Path
) -> None:
    cast = Cast(worker=["no", "no", "a rose"], validator=[PASS])
    async with serving(cast) as (_, plan):
        await run(log, "prompt: Name a flower\ncheck: {contains: rose}\n", plan, tmp_path)
    reason = await explain(log, 1, task="tasks")
    assert (reason.facts["status"], reason.tone) == ("accepted", "good")
    attempts = [part for part in reason.because if "attempt" in part.facts]
    assert [part.tone for part in attempts] == ["bad", "bad", "good"]
    checks = [part.facts for part in all_of(attempts[0]) if "check" in part.facts]
    assert [(fact["check"], fact["passed"]) for fact in checks] == [("form", True), ("contains 'rose'", False)]
    (told,) = [part for part in all_of(attempts[0]) if part.text is not None]
    assert told.text is not None and "the result does not hold 'rose'" in told.text
    assert not [part for part in all_of(attempts[2]) if part.text is not None]
    step = await explain(log, 1, task="tasks", step=1)
    assert (step.facts["stage"], len(step.because)) == ("accepted", 3)


async def test_what_a_session_cost_is_explained_to_the_last_nano_dollar(log: EventLog, tmp_path: Path) -> None:
    async with serving(Cast(), model("m2", "paid", price=DEAR)) as (_, plan):
        await run(log, TWO, plan, tmp_path)
    whole = await explain_cost(log, 1)
    parts = [await explain_cost(log, 1, task=name) for name in ("write", "print")]
    spent = (await money_of(log)).scope("s1").spent.nanos
    assert whole.facts["cost_nanos"] == sum(part.facts["cost_nanos"] for part in parts) == spent > 0
    (row,) = [part for part in whole.because if part.said.startswith("price row")]
    assert row.said == "price row dear-1: $1 a million tokens of input, $4 of output"
    for settled in only(await everything(log), CallSettled):
        reason = await explain_event(log, settled.position)
        assert "by the price row dear-1, as it was then" in lines(reason)
        assert not [each for each in all_of(reason) if each.tone == "bad"]


async def refused(log: EventLog, tmp_path: Path, text: str, **more: Any) -> tuple[Reason, Reason, TaskHalted]:
    """The explanation of a run's halted task, that of the halt, and the halt."""
    async with serving(Cast(), model("m2", "paid", price=DEAR), **more) as (_, plan):
        result = await run(log, text, plan, tmp_path)
    assert result.exit_code == 3
    (halted,) = only(await everything(log), TaskHalted)
    assert isinstance(halted.event, TaskHalted)
    return await explain(log, 1, task=halted.task), await explain_event(log, halted.position), halted.event


@pytest.mark.parametrize(
    ("text", "scope", "remedy"),
    [
        ("budget: $0.0012\n" + TWO, "s1", "swarm resume s1 --raise '+$0.01'"),
        ("budget: 0.9k\n" + TWO, "s1", "swarm resume s1 --raise +"),
        (
            TWO.replace("needs: write", "needs: write, budget: $0.000001"),
            "s1/print",
            "swarm resume s1 --raise '+$0.01'",
        ),
    ],
)
async def test_a_refusal_names_the_scope_its_numbers_and_a_command_with_which_it_really_goes_on(
    text: str, scope: str, remedy: str, log: EventLog, tmp_path: Path
) -> None:
    of_task, of_event, halt = await refused(log, tmp_path, text)
    for reason in (of_task, of_event):
        numbers = next(part.facts for part in all_of(reason) if "cap" in part.facts)
        assert numbers["scope"] == scope == halt.scope
        assert [numbers[name] for name in ("cap", "used", "reserved", "needed")] == [
            halt.cap,
            halt.used,
            halt.reserved,
            halt.needed,
        ]
        least = next(part.facts for part in all_of(reason) if "least_cap" in part.facts)
        needed = halt.used + halt.reserved + halt.needed
        assert least["least_cap"] == (with_reserve(needed) if halt.held else needed)
        assert needed > halt.cap - halt.held
        assert least["command"].startswith(remedy)
        used = [part.facts for part in all_of(reason) if "used" in part.facts and "calls" in part.facts]
        assert sum(fact["used"] for fact in used) == halt.used
    given = least["command"].rpartition(" ")[2].strip("'")
    added = parse_budget(given.removeprefix("+"))
    more = {"tokens": halt.cap + (added.tokens or 0), "nanos": halt.cap + (added.usd_nanos or 0)}[halt.unit]
    cap = BudgetSet(scope=scope, by="ada@host")
    await record_caps(log, [msgspec.structs.replace(cap, **{halt.unit: more})])
    async with serving(Cast(), model("m2", "paid", price=DEAR)) as (_, plan):
        before = await recorded_plan(log, await state_of(log))
        await resume(log, msgspec.structs.replace(before, roster=plan.roster))
    halts = [entry for entry in only(await everything(log), TaskHalted) if entry.task == of_task.facts["task"]]
    assert len(halts) == 1  # the call that was refused has been made


async def test_a_refusal_by_a_cap_that_a_person_recorded_says_who_did(log: EventLog, tmp_path: Path) -> None:
    await record_caps(log, [BudgetSet(scope="s1/write", tokens=500, by="ada@host")])
    of_task, of_event, halt = await refused(log, tmp_path, TWO)
    assert (halt.scope, halt.unit, halt.cap, halt.cap_by) == ("s1/write", "tokens", 500, "ada@host")
    assert "(set by ada@host)" in halt.reason
    for reason in (of_task, of_event):
        assert "its cap is 500 tokens, which ada@host set" in lines(reason)


async def test_a_refusal_by_the_day_names_what_used_it_across_sessions(log: EventLog, tmp_path: Path) -> None:
    async with serving(Cast(), model("m2", "paid", price=DEAR)) as (_, plan):
        await run(log, "prompt: Write a limerick\n", plan, tmp_path)
        tight = msgspec.structs.replace(plan, day_nanos=500_000)
        assert (await run(log, "prompt: Write another\n", tight, tmp_path)).exit_code == 3
    reason = await explain(log, 2, task="tasks")
    assert "`swarm resume s2 --raise '+$0.01'` for this day alone, or raise `budget.day_usd` in your settings" in lines(
        reason
    )
    (user,) = [part.facts for part in all_of(reason) if "calls" in part.facts and "used" in part.facts]
    assert (user["task"], user["used"]) == ("s1/tasks", (await money_of(log)).scope("s1").spent.nanos)


async def test_a_task_that_no_model_took_names_each_failure_and_what_would_have_to_change(
    log: EventLog, tmp_path: Path
) -> None:
    refuse = Answer(status=401, body=b'{"error": {"message": "no such key"}}')
    async with serving(Cast(worker=[refuse])) as (_, plan):
        await run(log, "prompt: Write a limerick\n", plan, tmp_path)
    (failed,) = only(await everything(log), TaskFailed)
    for reason in (await explain(log, 1, task="tasks"), await explain_event(log, failed.position)):
        assert "no such key" in lines(reason)
        assert any(part.facts.get("command") == "swarm resume s1" for part in all_of(reason))


async def test_a_cancelled_task_is_explained_by_the_one_that_it_needs(log: EventLog, tmp_path: Path) -> None:
    cast = Cast(validator=[verdict(False, "it lacks rhyme")])
    async with serving(cast) as (_, plan):
        await run(log, TWO.replace("Write a limerick.", "{prompt: Write, limits: {attempts: 1}}"), plan, tmp_path)
    reason = await explain(log, 1, task="print")
    assert reason.said == "s1/print is cancelled: it needs write, which failed"
    assert [(part.facts["need"], part.tone) for part in reason.because if "need" in part.facts] == [("write", "bad")]
    led = (await explain_event(log, reason.event)).because[-1]
    assert led.because[0].said == "s1/write: the task failed: 1 draft was rejected"
    session = await explain(log, 1)
    assert session.said == "s1 was closed with exit code 1, from what is cancelled and failed"


async def test_what_a_person_decided_is_explained_by_what_they_asked_for(log: EventLog, tmp_path: Path) -> None:
    cast = Cast(validator=[verdict(False, "it lacks rhyme")])
    async with serving(cast) as (_, plan):
        await run(log, "prompt: Write a limerick\nlimits: {attempts: 1}\n", plan, tmp_path)
        asked = VerdictRequested(by="ada@here", accepted=True, reason="I like it")
        request = await ask_of(log, 1, tmp_path.name, asked, task="tasks")
        await answer_session(log, await state_of(log), plan, environ={}, secrets=Secrets([]))
    reason = await explain(log, 1, task="tasks")
    assert reason.facts["status"] == "accepted"
    assert "accepted by ada@here" in lines(reason) and "ada@here: I like it" in lines(reason)
    verdicts = only(await everything(log), StepAccepted)
    led = (await explain_event(log, verdicts[-1].position)).because[-1]
    assert (led.because[0].event, led.because[0].said) == (request, "s1/tasks: ada@here accepted the draft")


async def test_a_skipped_task_names_its_condition_and_one_that_is_done_for_each_item_names_its_parts(
    log: EventLog, tmp_path: Path
) -> None:
    file = """
tasks:
  words: {prompt: List two words, check: {regex: rain}}
  lines: {prompt: "A line on {{item}}", needs: words, each: "words.output[]", when: words.passed == 1}
  sorry: {prompt: Say sorry, needs: words, when: words.failed == 1}
"""
    async with serving(Cast(worker=['["rain", "sun"]', "a line"])) as (_, plan):
        await run(log, file, plan, tmp_path)
    skipped = await explain(log, 1, task="sorry")
    assert skipped.facts["status"] == "skipped" and "words.failed == 1" in skipped.said
    assert "it needs words, which is accepted, and its condition speaks of that" in lines(skipped)
    parts = [part.said for part in (await explain(log, 1, task="lines")).because]
    assert "s1/lines.1 is accepted" in parts and "s1/lines.2 is accepted" in parts
    first = await explain(log, 1, task="lines.1")
    led = (await explain_event(log, first.event)).because[-1]
    assert any("it is done once for each of 2 items" in part.said for part in led.because)


async def test_a_fork_explains_what_it_took_over_and_costs_only_what_it_paid(log: EventLog, tmp_path: Path) -> None:
    async with serving(Cast(), model("m2", "paid", price=DEAR)) as (_, plan):
        await run(log, TWO, plan, tmp_path)
        at = next(entry.position for entry in only(await everything(log), StepAccepted) if entry.task == "write")
        await fork_session(
            log,
            await state_of(log),
            plan,
            at=at,
            environ={},
            faces=faces(),
            secrets=Secrets([]),
            changed={},
            texts=Pack(Known()),
        )
    reason = await explain(log, 2, task="write")
    assert (reason.facts["status"], reason.facts["cost_nanos"]) == ("accepted", 0)
    assert "accepted by critic@m2" in lines(reason)
    cost = await explain_cost(log, 2)
    assert cost.facts["cost_nanos"] == (await money_of(log)).scope("s2").spent.nanos > 0
    end = await explain(log, 2, task="print")
    led = (await explain_event(log, end.event)).because[-1]
    assert led.because[-1].said.endswith("forked from s1 at " + str(at))


async def test_a_mark_of_a_budget_names_what_had_spent_it(log: EventLog) -> None:
    writer = Writer(log)
    await writer.open("Two tasks")
    for task, nanos in (("a", 3_000_000), ("b", 1_500_000)):
        await writer.submit(task)
        await writer.plan(task, "Do it")
        await writer.settle(await writer.reserve(task, nanos=5_000_000), task, nanos=nanos)
    await writer.reserve("b", nanos=9_000_000)
    mark = BudgetMarked(scope="s1", unit="nanos", percent=90, used=4_500_000, cap=5_000_000)
    reason = await explain_event(log, await writer.add(mark, topic="ledger", task="b"))
    assert reason.said == "s1/b: s1 passed 90 % of its cap: $0.0045 of $0.005 are spent"
    assert [part.said for part in reason.because[:2]] == [
        "s1/a used $0.003 of it in 1 call",
        "s1/b used $0.0015 of it in 1 call",
    ]


async def test_an_open_call_is_said_to_be_in_flight_and_nothing_is_explained_that_is_not_there(
    log: EventLog, tmp_path: Path
) -> None:
    async with serving(Cast()) as (_, plan):
        await run(log, "prompt: Write a limerick\n", plan, tmp_path)
    head = (await log.head()).position
    for position in (0, -1, head + 1):
        with pytest.raises(NoSuchEvent, match=f"its last one is {head}" if position > head else "its first one is 1"):
            await explain_event(log, position)


async def test_a_call_whose_process_died_is_explained_as_open(tmp_path: Path) -> None:
    await record(tmp_path / "log.db")
    async with open_log(tmp_path / "log.db", read_only=True) as log:
        reserved = only(await everything(log), CallReserved)[-1]
        assert "is in flight, or its process has gone" in (await explain_event(log, reserved.position)).said
        assert "cost nothing: the provider bills nothing for it" in lines(await explain_event(log, 22))


@pytest.mark.parametrize(
    "golden", sorted((Path(__file__).parents[1] / "data").glob("golden-*.db")), ids=lambda path: path.stem
)
async def test_every_event_of_every_released_log_has_a_sentence(golden: Path, tmp_path: Path) -> None:
    shutil.copy(golden, tmp_path / "log.db")
    async with open_log(tmp_path / "log.db", read_only=True) as log:
        for entry in await everything(log):
            assert said(entry) != entry.kind
            assert (await explain_event(log, entry.position)).event == entry.position
