"""Answers that are given again: nothing is sent twice that was asked before, and nothing is given that may be wrong now."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from events.bus import next_entries
from events.log import EventLog, NewEvent, system_clock
from events.memory import MemoryLog
from events.types.answer import ANSWERS, AnswersCleared, AnswerServed
from events.types.call import CallReserved, CallSettled
from events.types.choice import ChoiceMade
from events.views.answers import answers
from events.views.base import fold
from events.views.money import MoneyView
from swarm.cache.caching import Caching
from swarm.calls import settled_answer
from swarm.journal import Journal
from swarm.models.limits import Allowance, Limits
from swarm.models.scripted import ScriptedModel
from swarm.plan import Plan
from swarm.repeats import is_trusted, open_repeats
from swarm.replay import replay
from swarm.tries import Connected
from tests.calling import ASK, arm, desk, in_order
from tests.ledger_agents import entries_of
from tests.provider import Answer
from tests.running import DEAR, PASS, Cast, model, run, serving, verdict

ONE = "prompt: Write a limerick about tea.\naccept: It rhymes.\n"
EXACT, NEAR = Caching(exact=True), Caching(exact=True, near=True)


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog(clock=system_clock)


def with_answers(plan: Plan, caching: Caching = EXACT) -> Plan:
    return msgspec.structs.replace(plan, caching=caching)


async def served(log: EventLog) -> list[AnswerServed]:
    return [each.event for each in await entries_of(log) if isinstance(each.event, AnswerServed)]


async def calls(log: EventLog, session: int) -> int:
    entries = await entries_of(log)
    return len([each for each in entries if each.session == session and isinstance(each.event, CallReserved)])


async def test_what_was_asked_before_is_answered_from_the_log_and_costs_nothing(log: MemoryLog, tmp_path: Path) -> None:
    cast = Cast(worker=["Tea, tea, for me.", "Never said."])
    async with serving(cast, model("dear", "paid", price=DEAR)) as (_, plan):
        first = await run(log, ONE, with_answers(plan), tmp_path)
        spent = (await fold(log, MoneyView())).scopes["log"].spent.nanos
        second = await run(log, ONE, with_answers(plan), tmp_path)
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert second.tasks[0].text == first.tasks[0].text == "Tea, tea, for me."
    assert cast.roles == ["worker", "validator"], "asked once"
    assert (await fold(log, MoneyView())).scopes["log"].spent.nanos == spent > 0
    drafted, judged = await served(log)
    assert (drafted.role, judged.role, drafted.how, judged.how) == ("worker", "validator", "exact", "exact")
    assert drafted.saved_nanos + judged.saved_nanos == spent
    assert await calls(log, 2) == 0
    again = await replay(log, 2)
    assert (again.divergence, again.skipped, again.requests) == (None, "", 2)


async def test_nothing_is_given_again_unless_the_plan_says_so(log: MemoryLog, tmp_path: Path) -> None:
    cast = Cast()
    async with serving(cast) as (_, plan):
        for _ in range(2):
            await run(log, ONE, plan, tmp_path)
    assert cast.roles == ["worker", "validator"] * 2
    assert not (await answers(log)).view.known


async def test_a_draft_that_was_rejected_is_asked_for_again(log: MemoryLog, tmp_path: Path) -> None:
    cast = Cast(worker=["Bad.", "Good.", "Better."], validator=[verdict(False, "no rhyme"), PASS])
    async with serving(cast) as (_, plan):
        await run(log, ONE, with_answers(plan), tmp_path)
        second = await run(log, ONE, with_answers(plan), tmp_path)
    assert cast.roles == ["worker", "validator"] * 3
    assert second.tasks[0].text == "Better." and not await served(log)


async def test_a_changed_input_file_is_asked_about_anew(log: MemoryLog, tmp_path: Path) -> None:
    task = "prompt: Sum this up.\ninput: a.txt\n"
    cast = Cast()
    async with serving(cast) as (_, plan):
        for text in ("one", "two", "one"):
            (tmp_path / "a.txt").write_text(text)
            await run(log, task, with_answers(plan), tmp_path)
    assert cast.roles.count("worker") == 2
    assert [each.role for each in await served(log)].count("worker") == 1, "the first one holds again"


async def test_another_project_gets_no_answers(log: MemoryLog, tmp_path: Path) -> None:
    cast = Cast()
    async with serving(cast) as (_, plan):
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            await run(log, ONE, with_answers(plan), tmp_path / name)
    assert not await served(log)


async def test_tasks_that_ask_the_same_at_once_ask_once(log: MemoryLog, tmp_path: Path) -> None:
    both = "tasks:\n" + "".join(
        f"  - id: t{n}\n    prompt: Say hello.\n    check: [{{contains: Hello}}]\n" for n in (1, 2)
    )
    cast = Cast(worker=["Hello."])
    async with serving(cast) as (_, plan):
        result = await run(log, both, with_answers(plan), tmp_path)
    assert result.exit_code == 0 and [task.text for task in result.tasks] == ["Hello.", "Hello."]
    assert cast.roles == ["worker"]
    (one,) = await served(log)
    assert one.how == "exact"


async def test_what_a_person_cleared_and_what_is_too_old_is_asked_for_again(log: MemoryLog, tmp_path: Path) -> None:
    cast = Cast()
    async with serving(cast) as (_, plan):
        await run(log, ONE, with_answers(plan), tmp_path)
        late = system_clock() + 61_000_000
        await run(log, ONE, with_answers(plan, Caching(exact=True, ttl_s=60)), tmp_path, clock=lambda: late)
        assert cast.roles == ["worker", "validator"] * 2, "the first answers are too old"
        await log.append([NewEvent(event=AnswersCleared(by="ada@host"), topic=ANSWERS)])
        await run(log, ONE, with_answers(plan), tmp_path)
    assert cast.roles == ["worker", "validator"] * 3 and not await served(log)


@pytest.mark.parametrize(
    ("asked", "how"),
    [
        ("hello, could you write a limerick about tea, thanks", "canonical"),
        ("Write the limerick about tea.", "near"),
        ("Write 2 limericks about tea.", ""),
        ("Write a limerick not about tea.", ""),
    ],
)
async def test_another_wording_is_answered_from_the_log_and_another_question_is_not(
    log: MemoryLog, tmp_path: Path, asked: str, how: str
) -> None:
    check = "check: [{contains: tea}]\n"
    cast = Cast(worker=["On tea."])
    async with serving(cast) as (_, plan):
        await run(log, f"prompt: Write a limerick about tea.\n{check}", with_answers(plan, NEAR), tmp_path)
        await run(log, f"prompt: {asked}\n{check}", with_answers(plan, NEAR), tmp_path)
    assert [each.how for each in await served(log)] == ([how] if how else [])
    assert len(cast.roles) == (1 if how else 2)


async def test_with_another_model_or_server_in_its_place_it_is_asked(log: MemoryLog, tmp_path: Path) -> None:
    cast = Cast()
    async with serving(cast, model("a")) as (provider, plan):
        await run(log, ONE, with_answers(plan), tmp_path)
        other: Any = msgspec.structs.replace(plan.roster, models=(model("b"),))
        await run(log, ONE, with_answers(msgspec.structs.replace(plan, roster=other)), tmp_path)
        assert len(provider.requests) == 4
    async with serving(cast, model("a")) as (_, plan):  # the same name, on another server
        await run(log, ONE, with_answers(plan), tmp_path)
    assert len(cast.roles) == 6 and not await served(log)


def test_one_wrong_verdict_ends_it_unless_a_hundred_right_ones_outweigh_it() -> None:
    assert is_trusted(0, 0) and is_trusted(50, 0)
    assert not is_trusted(0, 1) and not is_trusted(50, 1)
    assert is_trusted(100, 1) and not is_trusted(100, 2)


async def test_a_served_answer_is_taken_from_the_record_as_any_other_and_teaches_no_trail(
    log: MemoryLog, tmp_path: Path
) -> None:
    async with serving(Cast(worker=["On tea."])) as (_, plan):
        for _ in range(2):
            await run(log, ONE, with_answers(plan), tmp_path)
    entries = [each for each in await entries_of(log) if each.session == 2]
    journal = Journal()
    for entry in entries:
        journal.apply(entry)
    (given,) = journal.of("tasks", 1, 1, "worker").calls[1]
    assert isinstance(given.outcome, CallSettled)
    answer = await settled_answer(log, given, given.outcome)
    assert (answer.text, answer.model, answer.finish) == ("On tea.", "m1", "stop")
    assert not [each for each in entries if isinstance(each.event, ChoiceMade)], (
        "no verdict on it is one more on its model"
    )


async def test_a_task_with_tools_is_done_each_time(log: MemoryLog, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    task = "prompt: Sum up a.txt.\ntools: [read]\ncheck: [{contains: fine}]\n"
    cast = Cast()
    async with serving(cast) as (_, plan):
        for _ in range(2):
            await run(log, task, with_answers(plan), tmp_path)
    assert cast.roles == ["worker", "worker"] and not await served(log)


async def test_where_the_one_that_is_waited_for_comes_to_nothing_the_next_one_asks(
    log: MemoryLog, tmp_path: Path
) -> None:
    both = "tasks:\n" + "".join(
        f"  - id: t{n}\n    prompt: Say hello.\n    check: [{{contains: Hello}}]\n" for n in (1, 2)
    )
    cast = Cast(worker=[Answer("no", status=400), "Hello."])
    async with serving(cast) as (_, plan):
        result = await run(log, both, with_answers(plan), tmp_path)
    assert sorted(task.status for task in result.tasks) == ["accepted", "failed"]
    assert cast.roles == ["worker", "worker"] and not await served(log)


async def test_who_waits_gets_the_answer_though_the_first_one_does_not_go_on() -> None:
    model_ = ScriptedModel("free", lambda _: "On tea.")
    said: list[str] = []
    async with desk([model_]) as first:
        known = {"free": Connected(model_, Limits(Allowance(at_once=8)))}
        repeats = await open_repeats(first.log, EXACT, known, project="/p", clock=first.clock.micros)
        async with desk([model_], beside=first, repeats=repeats) as here, anyio.create_task_group() as tasks:
            over = anyio.Event()

            async def ask(*, leads: bool) -> None:
                call, attempt = await here.begun()
                said.append((await call(ASK, pick=in_order(arm("free")))).text)
                if leads:
                    await over.wait()  # nothing of it is appended meanwhile but by the call itself
                await attempt.flush()

            tasks.start_soon(partial(ask, leads=True))
            tasks.start_soon(partial(ask, leads=False))
            with anyio.fail_after(10):
                while not await served(here.log):
                    await next_entries(here.log, (await here.log.head()).position)
            over.set()
        assert said == ["On tea."] * 2 and model_.asked == 1
