"""Whole sessions: from a task file to what was accepted, whatever happens on the way."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path

import anyio
import pytest

from events.blobs import Text
from events.log import Ack, Entry, EventLog, Head, NewEvent, Snapshot, open_log
from events.trails import EVERYWHERE
from events.types.base import TextRef
from events.types.call import CallReserved, CallSettled
from events.types.choice import ChoiceMade
from events.types.task import StepAccepted, StepDrafted, StepPlanned, StepRejected, TaskAccepted
from events.views.base import fold
from events.views.trails import TrailsView
from swarm.errors import UsageError
from tests.ledger_agents import entries_of
from tests.provider import Answer
from tests.running import (
    DEAR,
    Cast,
    asked_models,
    model,
    money_of,
    plan_text,
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


# --- the ordinary course ----------------------------------------------------------------------------------------------


async def test_a_task_is_drafted_judged_and_accepted(log: EventLog, root: Path) -> None:
    cast = Cast(worker=["The rain in Spain."])
    async with serving(cast) as (_, plan):
        result = await run(log, SIMPLE, plan, root)
    (task,) = result.tasks
    assert (result.exit_code, task.status, task.text, task.unjudged) == (0, "accepted", "The rain in Spain.", False)
    assert cast.roles == ["worker", "validator"]
    assert result.head == await log.head()
    assert (await state_of(log)).finished


async def test_what_a_reservation_says_of_the_temperature_takes_no_room_where_there_is_none(root: Path) -> None:
    async with open_log(root / "log.db") as log, serving(Cast()) as (_, plan):
        await run(log, SIMPLE, plan, root)
    with closing(sqlite3.connect(root / "log.db")) as connection:
        bodies = [body for (body,) in connection.execute("SELECT body FROM event")]
    assert any('"max_output_tokens"' in body for body in bodies)
    assert not any('"temperature"' in body for body in bodies)


async def test_tasks_that_need_nothing_of_each_other_run_at_the_same_time_and_results_reach_who_needs_them(
    log: EventLog, root: Path
) -> None:
    together = anyio.Event()
    asked: list[str] = []

    def draft(body: dict[str, object]) -> Answer:
        prompt = json.dumps(body["messages"])
        asked.append(prompt)
        if "first" in prompt and "last" not in prompt:
            return Answer("ONE", before_head=together.wait)
        if "second" in prompt and "last" not in prompt:
            together.set()  # the first is answered only when the second was asked, too
            return Answer("TWO")
        return Answer("DONE")

    file = """
tasks:
  a: {prompt: Write the first}
  b: {prompt: Write the second}
  c: {prompt: Write the last, needs: [a, b]}
"""
    async with serving(Cast(worker=[draft])) as (_, plan):
        with anyio.fail_after(20):
            result = await run(log, file, plan, root)
    assert [(task.name, task.text) for task in result.tasks] == [("a", "ONE"), ("b", "TWO"), ("c", "DONE")]
    assert "Result of a" in asked[-1]
    assert "ONE" in asked[-1]
    assert "TWO" in asked[-1]


async def test_a_planned_task_is_done_step_by_step_and_each_step_sees_the_ones_before(
    log: EventLog, root: Path
) -> None:
    cast = Cast(explorer=[plan_text("gather", "sort", "write")], worker=["NOTES", "LIST", "TEXT"])
    async with serving(cast) as (_, plan):
        result = await run(log, SIMPLE + "explore: true\n", plan, root)
    assert cast.roles == ["explorer", *["worker", "validator"] * 3]
    assert result.tasks[0].text == "TEXT"
    last = cast.prompts("worker")[2]
    assert "Your step, 3 of 3: write" in last
    assert "do it well" in last
    assert last.index("NOTES") < last.index("LIST")
    planned = [entry.event.title for entry in await entries_of(log) if isinstance(entry.event, StepPlanned)]
    assert planned == ["gather", "sort", "write"]


async def test_an_answer_that_is_no_plan_is_asked_for_again_and_then_the_task_is_one_step(
    log: EventLog, root: Path
) -> None:
    cast = Cast(explorer=["Let me think.", '{"steps": []}'])
    async with serving(cast) as (_, plan):
        result = await run(log, SIMPLE + "explore: true\n", plan, root)
    assert (result.exit_code, cast.roles) == (0, ["explorer", "explorer", "worker", "validator"])


async def test_the_judges_reason_is_in_the_next_prompt_of_the_same_model(log: EventLog, root: Path) -> None:
    cast = Cast(worker=["no", "yes"], validator=[verdict(False, "It does not rhyme."), verdict(True)])
    async with serving(cast, model("m1"), model("m2")) as (_, plan):
        result = await run(log, SIMPLE, plan, root)
    first, second = cast.prompts("worker")
    assert "rhyme" not in first
    assert "Your last draft was not accepted\nIt does not rhyme." in second
    workers = [body["model"] for role, body in cast.seen if role == "worker"]
    judges = [body["model"] for role, body in cast.seen if role == "validator"]
    assert len(set(workers)) == 1
    assert not set(workers) & set(judges), "another free model judges"
    assert result.tasks[0].text == "yes"
    whys = [
        entry.event.why for entry in events(await entries_of(log), ChoiceMade) if isinstance(entry.event, ChoiceMade)
    ]
    assert whys == ["", "another try with feedback"]


async def test_after_two_rejections_another_model_takes_the_step_and_three_end_the_task(
    log: EventLog, root: Path
) -> None:
    cast = Cast(validator=[verdict(False, "No.")])
    async with serving(cast, model("m1"), model("m2")) as (_, plan):
        result = await run(log, SIMPLE, plan, root)
    workers = [body["model"] for role, body in cast.seen if role == "worker"]
    assert workers[0] == workers[1] != workers[2]
    assert (result.exit_code, result.tasks[0].reason) == (1, "3 drafts were rejected")


async def test_a_judge_that_gives_no_verdict_is_asked_once_more_and_then_nothing_was_passed(
    log: EventLog, root: Path
) -> None:
    cast = Cast(validator=["Looks fine to me!", "Really fine."])
    async with serving(cast) as (_, plan):
        result = await run(log, SIMPLE, plan, root)
    assert cast.roles == ["worker", "validator", "validator"]
    assert (result.exit_code, result.tasks[0].status, result.tasks[0].cause) == (1, "failed", "no verdict")
    repaired = Cast(validator=["Looks fine to me!", verdict(True)])
    async with serving(repaired) as (_, plan):
        assert (await run(log, SIMPLE, plan, root)).exit_code == 0


async def test_a_task_whose_need_failed_is_cancelled_with_the_reason(log: EventLog, root: Path) -> None:
    file = "tasks:\n  a: {prompt: Write it, limits: {attempts: 1}}\n  b: {prompt: Go on, needs: [a]}\n  c: {prompt: End, needs: [b]}\n"
    async with serving(Cast(validator=[verdict(False, "No.")])) as (_, plan):
        result = await run(log, file, plan, root)
    assert [task.status for task in result.tasks] == ["failed", "cancelled", "cancelled"]
    assert result.tasks[1].reason == "it needs a, which failed"
    assert result.exit_code == 1


# --- who accepts ------------------------------------------------------------------------------------------------------


async def test_a_task_with_nothing_but_checks_needs_no_judge(log: EventLog, root: Path) -> None:
    cast = Cast(worker=["no colour", "red and blue"])
    file = "prompt: Name two colours\ncheck:\n  - {contains: blue}\n"
    async with serving(cast) as (_, plan):
        result = await run(log, file, plan, root)
    assert (result.exit_code, cast.roles) == (0, ["worker", "worker"])
    assert "blue" in cast.prompts("worker")[1]
    assert not result.tasks[0].unjudged
    accepted = events(await entries_of(log), StepAccepted)[-1].event
    assert isinstance(accepted, StepAccepted)
    assert (accepted.judge, [check.passed for check in accepted.checks]) == ("", [True, True])


async def test_what_is_said_in_words_is_judged_even_where_all_checks_passed(log: EventLog, root: Path) -> None:
    cast = Cast(worker=["red and blue"])
    file = "prompt: Name two colours\ncheck:\n  - {contains: blue}\naccept: They are complementary.\n"
    async with serving(cast) as (_, plan):
        assert (await run(log, file, plan, root)).exit_code == 0
    assert cast.roles == ["worker", "validator"]
    assert "They are complementary." in cast.prompts("validator")[0]


async def test_a_task_that_nobody_can_judge_is_refused_before_anything_is_called_or_written(
    log: EventLog, root: Path
) -> None:
    async with serving(Cast(), model("tiny", judge=False)) as (provider, plan):
        with pytest.raises(UsageError, match=r"no model here may judge that .*it is too small to judge.*check:"):
            await run(log, SIMPLE + "accept: It rhymes.\n", plan, root)
        assert provider.requests == []
    assert await entries_of(log) == []


async def test_without_a_judge_only_the_form_is_looked_at_and_the_work_is_marked_and_moves_no_trail(
    log: EventLog, root: Path
) -> None:
    async with serving(Cast(worker=["", "a limerick"]), model("tiny", judge=False)) as (_, plan):
        result = await run(log, SIMPLE, plan, root)
    assert (result.exit_code, result.tasks[0].unjudged, result.tasks[0].text) == (0, True, "a limerick")
    trail = (await fold(log, TrailsView())).learned.trail(EVERYWHERE, "tiny", system_now(await entries_of(log)))
    assert (trail.accepted, round(trail.rejected, 3)) == (0, 1), (
        "the empty draft was rejected, the other one is unjudged"
    )


def system_now(entries: Sequence[Entry]) -> int:
    return entries[-1].at


async def test_judged_work_moves_the_trail_of_its_worker(log: EventLog, root: Path) -> None:
    async with serving(Cast(validator=[verdict(False, "No."), verdict(True)])) as (_, plan):
        await run(log, SIMPLE, plan, root)
    trail = (await fold(log, TrailsView())).learned.trail(
        "worker/writing", "writer@m1", system_now(await entries_of(log))
    )
    assert (round(trail.accepted, 2), round(trail.rejected, 2)) == (2, 1), "who mends it does what was expected of half"


# --- outputs ----------------------------------------------------------------------------------------------------------


async def test_an_output_is_written_when_it_is_accepted_and_once(log: EventLog, root: Path) -> None:
    seen: list[bool] = []

    def judge(_: dict[str, object]) -> str:
        seen.append((root / "out.txt").exists())
        return verdict(True)

    async with serving(Cast(worker=["TEXT"], validator=[judge])) as (_, plan):
        result = await run(log, SIMPLE + "output: out.txt\n", plan, root)
    assert seen == [False], "nothing is in the user's tree before it is accepted"
    assert (root / "out.txt").read_text() == "TEXT\n"
    assert result.tasks[0].outputs == ("out.txt",)
    (end,) = events(await entries_of(log), TaskAccepted)
    assert isinstance(end.event, TaskAccepted)
    assert [output.path for output in end.event.outputs] == ["out.txt"]


async def test_an_output_that_somebody_changed_meanwhile_is_left_alone(log: EventLog, root: Path) -> None:
    (root / "out.txt").write_text("before\n")

    def draft(_: dict[str, object]) -> str:
        (root / "out.txt").write_text("mine, not yours\n")
        return "TEXT"

    async with serving(Cast(worker=[draft])) as (_, plan):
        result = await run(log, SIMPLE + "output: out.txt\n", plan, root)
    assert (root / "out.txt").read_text() == "mine, not yours\n"
    assert (result.exit_code, result.tasks[0].status, result.tasks[0].cause) == (1, "failed", "output")
    assert "out.txt" in result.tasks[0].reason


# --- what a task costs the log ----------------------------------------------------------------------------------------


class Counting:
    """A log that keeps what is appended to it."""

    def __init__(self, log: EventLog) -> None:
        self._log, self.url = log, log.url
        self.appends: list[Sequence[NewEvent]] = []
        self.durable: set[type] = set()  # what was asked to be kept through a power cut

    async def append(
        self,
        events: Sequence[NewEvent],
        *,
        expect: Mapping[str, int] | None = None,
        durable: bool = False,
        cause: int = 0,
        texts: Sequence[Text] = (),
    ) -> Ack:
        self.appends.append(events)
        self.durable |= {type(new.event) for new in events if durable}
        return await self._log.append(events, expect=expect, durable=durable, cause=cause, texts=texts)

    async def read(
        self, *, after: int = 0, limit: int = 500, topic: str | None = None, session: int | None = None
    ) -> list[Entry]:
        return await self._log.read(after=after, limit=limit, topic=topic, session=session)

    async def last(self, topic: str) -> Entry | None:
        return await self._log.last(topic)

    async def text(self, ref: TextRef, *, at: int) -> str:
        return await self._log.text(ref, at=at)

    async def head(self) -> Head:
        return await self._log.head()

    async def archived(self) -> Entry | None:
        return await self._log.archived()

    async def snapshot(self, view: str, form: int) -> Snapshot | None:
        return await self._log.snapshot(view, form)

    async def keep(self, snapshot: Snapshot) -> None:
        await self._log.keep(snapshot)

    def since(self, after: int) -> list[Entry] | None:
        return self._log.since(after)

    async def wait(self, after: int, *, timeout: float) -> bool:
        return await self._log.wait(after, timeout=timeout)

    def turn(self, *, timeout: float) -> AbstractAsyncContextManager[None]:
        return self._log.turn(timeout=timeout)


async def test_a_task_of_three_calls_is_at_most_thirteen_events_in_seven_appends(log: EventLog, root: Path) -> None:
    counting = Counting(log)
    async with serving(Cast()) as (provider, plan):
        await run(counting, SIMPLE + "explore: true\n", plan, root)
        assert len(provider.requests) == 3
    of_the_task = [[new for new in append if new.task] for append in counting.appends]
    assert sum(map(bool, of_the_task)) <= 7
    assert sum(map(len, of_the_task)) <= 13


async def test_what_is_paid_for_is_durable_before_it_is_sent_and_before_it_is_used(log: EventLog, root: Path) -> None:
    bought, free = Counting(log), Counting(log)
    async with serving(Cast(), model("m1", "paid", price=DEAR)) as (_, plan):
        await run(bought, SIMPLE, plan, root)
    assert {CallReserved, CallSettled, StepDrafted, TaskAccepted} <= bought.durable
    async with serving(Cast()) as (_, plan):
        await run(free, SIMPLE, plan, root)
    assert TaskAccepted in free.durable
    assert not free.durable & {CallReserved, StepDrafted}, "a free call waits for no disk"


async def test_fifty_tasks_at_once_are_all_accepted_and_each_call_is_settled_once(log: EventLog, root: Path) -> None:
    file = "tasks:\n" + "".join(f"  t{number}: {{prompt: Write number {number}}}\n" for number in range(50))
    async with serving(Cast()) as (provider, plan):
        with anyio.fail_after(40):
            result = await run(log, file, plan, root)
        assert len(provider.requests) == 100
        assert set(asked_models(provider.requests)) == {"m1"}
    assert {task.status for task in result.tasks} == {"accepted"}
    entries = await entries_of(log)
    assert len(events(entries, CallReserved)) == len(events(entries, CallSettled)) == 100
    assert not (await money_of(log)).open


async def test_a_rejection_names_its_judge_and_the_rule_by_which_it_was_taken(log: EventLog, root: Path) -> None:
    async with serving(Cast(validator=[verdict(False, "No.", 0.2), verdict(True)])) as (_, plan):
        await run(log, SIMPLE, plan, root)
    rejected = events(await entries_of(log), StepRejected)[0].event
    assert isinstance(rejected, StepRejected)
    assert (rejected.judge, rejected.score) == ("critic@m1", 0.2)
    assert rejected.why_judge == "the worker's own model: no other free one may judge"
