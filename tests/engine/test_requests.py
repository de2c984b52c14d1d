"""What others ask of a session: to cancel, to accept, to reject, while it runs and afterwards."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from events.bus import next_entries
from events.log import Entry, EventLog, open_log
from events.types.control import CancelRequested, RequestAnswered, VerdictRequested
from events.types.task import StepAccepted, StepRejected, TaskCancelled
from swarm.engine.requests import ask_of
from swarm.plan import Plan
from swarm.redact import Secrets
from swarm.replay import replay
from swarm.session import Result, answer_session
from tests.ledger_agents import entries_of
from tests.provider import Answer
from tests.running import Cast, faces, resume, run, serving, state_of, verdict

SIMPLE = "prompt: Write a limerick about rain\n"
WRITTEN = "prompt: Write a limerick about rain\noutput: out.md\nlimits: {attempts: 1}\n"
CHAIN = "tasks:\n  first: Write the first line\n  second: {prompt: Write the second line, needs: first}\n"


@pytest.fixture(params=["memory", "sqlite"])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[EventLog]:
    async with open_log("memory:" if request.param == "memory" else tmp_path / "state" / "log.db") as opened:
        yield opened


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


async def accept(log: EventLog, task: str, reason: str = "") -> int:
    return await ask_of(log, 1, "project", VerdictRequested(by="ada@here", accepted=True, reason=reason), task=task)


async def reject(log: EventLog, task: str, reason: str = "no rhyme", step: int = 0) -> int:
    event = VerdictRequested(by="ada@here", accepted=False, reason=reason)
    return await ask_of(log, 1, "project", event, task=task, step=step)


async def cancel(log: EventLog, task: str = "") -> int:
    return await ask_of(log, 1, "project", CancelRequested(by="ada@here"), task=task)


async def answer(log: EventLog, plan: Plan) -> Result:
    return await answer_session(log, await state_of(log), plan, environ={}, secrets=Secrets([]))


@pytest.fixture(autouse=True)
async def replays(log: EventLog) -> AsyncGenerator[None]:
    """Whatever a person said: the session can be played again."""
    yield
    played = await replay(log, 1)
    assert played.divergence is None and not played.skipped


async def answer_of(log: EventLog, request: int) -> RequestAnswered:
    position = request
    while True:
        for entry in await next_entries(log, position):
            position = entry.position
            if isinstance(entry.event, RequestAnswered) and entry.event.request == request:
                return entry.event


async def ran_while(
    log: EventLog, text: str, plan: Plan, root: Path, meanwhile: Callable[[], Any], seen: anyio.Event | None = None
) -> Result:
    """Run a file, and something beside it once the provider has been asked."""
    result: list[Result] = []

    async def running() -> None:
        result.append(await run(log, text, plan, root))

    async with anyio.create_task_group() as group:
        group.start_soon(running)
        if seen is not None:
            await seen.wait()
        await meanwhile()
    return result[0]


def hanging(asked: anyio.Event) -> Callable[[dict[str, Any]], Answer]:
    """An answer that never comes; `asked` is set when the request is there."""

    def line(_: dict[str, Any]) -> Answer:
        asked.set()
        return Answer("never", before_head=anyio.Event().wait)

    return line


def of(entries: Sequence[Entry], kind: type) -> list[Entry]:
    return [entry for entry in entries if isinstance(entry.event, kind)]


# --- after the session ------------------------------------------------------------------------------------------------


async def test_a_person_accepts_what_the_validator_rejected_and_it_is_delivered(log: EventLog, root: Path) -> None:
    async with serving(Cast(worker=["Rain."], validator=[verdict(False, "too short")])) as (provider, plan):
        first = await run(log, WRITTEN, plan, root)
        assert (first.exit_code, first.tasks[0].status) == (1, "failed")
        calls = len(provider.requests)
        request = await accept(log, "tasks", "short is good")
        second = await answer(log, plan)
        assert len(provider.requests) == calls
    assert (second.exit_code, second.tasks[0].status, second.tasks[0].text) == (0, "accepted", "Rain.")
    assert (root / "out.md").read_text() == "Rain.\n"
    (entry,) = of(await entries_of(log), StepAccepted)
    assert isinstance(entry.event, StepAccepted) and entry.cause == request
    assert (entry.event.by, entry.event.reason, entry.attempt) == ("ada@here", "short is good", 1)
    assert entry.event.overrules is not None and entry.event.overrules.model == "m1"
    assert (await state_of(log)).finished


async def test_a_person_rejects_what_was_accepted_and_a_resume_tries_again_with_the_reason(
    log: EventLog, root: Path
) -> None:
    cast = Cast(worker=["Rain.", "Rain in Spain."])
    async with serving(cast) as (_, plan):
        await run(log, SIMPLE, plan, root)
        await reject(log, "tasks", "it lacks a place")
        between = await answer(log, plan)
        assert (between.tasks[0].status, (await state_of(log)).finished) == ("open", False)
        result = await resume(log, plan)
    assert result.tasks[0].text == "Rain in Spain."
    assert "it lacks a place" in cast.prompts("worker")[1]
    (entry,) = of(await entries_of(log), StepRejected)
    assert isinstance(entry.event, StepRejected) and entry.event.overrules is not None


async def test_a_rejection_by_a_person_leaves_one_attempt_more(log: EventLog, root: Path) -> None:
    text = "prompt: Write a limerick about rain\nlimits: {attempts: 1}\n"
    async with serving(Cast(worker=["Rain.", "More rain."])) as (_, plan):
        await run(log, text, plan, root)
        await reject(log, "tasks")
        await answer(log, plan)
        result = await resume(log, plan)
    assert (result.tasks[0].status, result.tasks[0].text) == ("accepted", "More rain.")


Ask = Callable[[EventLog], Awaitable[int]]
IN_VAIN: list[tuple[Ask, str]] = [
    (lambda log: accept(log, "tasks"), "accepted already"),
    (lambda log: accept(log, "other"), "no task 'other'"),
    (lambda log: reject(log, "tasks", step=7), "step 7 of tasks has no draft"),
    (lambda log: cancel(log, "tasks"), "it is accepted"),
]


@pytest.mark.parametrize(("ask", "why"), IN_VAIN)
async def test_what_cannot_be_done_is_refused_with_the_reason_and_changes_nothing(
    log: EventLog, root: Path, ask: Ask, why: str
) -> None:
    async with serving(Cast()) as (_, plan):
        await run(log, SIMPLE, plan, root)
        request = await ask(log)
        result = await answer(log, plan)
    assert why in (await answer_of(log, request)).refused
    assert (result.exit_code, result.tasks[0].status, (await state_of(log)).finished) == (0, "accepted", True)


async def test_a_task_without_a_draft_can_be_cancelled_and_not_be_judged(log: EventLog, root: Path) -> None:
    async with serving(lambda _: Answer(status=500)) as (_, plan):
        await run(log, SIMPLE, plan_with_one_try(plan), root)
        judged, cancelled = await accept(log, "tasks"), await cancel(log, "tasks")
        result = await answer(log, plan)
    assert "has no draft to accept" in (await answer_of(log, judged)).refused
    assert not (await answer_of(log, cancelled)).refused
    assert (result.tasks[0].status, (await state_of(log)).finished) == ("cancelled", True)


def plan_with_one_try(plan: Plan) -> Plan:
    import msgspec

    return msgspec.structs.replace(plan, tries=1, patience_s=1.0)


async def test_a_request_that_nobody_answered_is_answered_by_the_next_owner(log: EventLog, root: Path) -> None:
    asked = anyio.Event()
    async with serving(Cast(worker=[hanging(asked)])) as (_, plan):
        stop = anyio.Event()
        looks = faces(stop=stop, abort=stop)

        async def interrupt() -> None:
            await asked.wait()
            stop.set()

        async with anyio.create_task_group() as group:
            group.start_soon(interrupt)
            await run(log, SIMPLE, plan, root, looks=looks)
        request = await cancel(log)
        result = await resume(log, plan)
    assert not (await answer_of(log, request)).refused
    assert result.tasks[0].status == "cancelled"


# --- while it runs ----------------------------------------------------------------------------------------------------


async def test_a_running_session_is_cancelled_and_its_open_call_stays_charged(log: EventLog, root: Path) -> None:
    asked = anyio.Event()
    async with serving(Cast(worker=[hanging(asked)])) as (_, plan):
        result = await ran_while(log, CHAIN, plan, root, lambda: cancel(log), asked)
    assert [task.status for task in result.tasks] == ["cancelled", "cancelled"]
    assert (result.exit_code, result.tasks[0].maybe_paid) == (1, 1)
    assert (await state_of(log)).finished


async def test_one_task_is_cancelled_and_the_others_go_on(log: EventLog, root: Path) -> None:
    asked = anyio.Event()
    hang = hanging(asked)

    def draft(body: dict[str, Any]) -> Answer:
        return hang(body) if "slow" in str(body["messages"]) else Answer("done")

    text = "tasks:\n  slow: Write slowly\n  quick: Write at once\n  after: {prompt: Write more, needs: slow}\n"
    async with serving(Cast(worker=[draft])) as (_, plan):
        result = await ran_while(log, text, plan, root, lambda: cancel(log, "slow"), asked)
    assert {task.name: task.status for task in result.tasks} == {
        "slow": "cancelled",
        "quick": "accepted",
        "after": "cancelled",
    }
    by = {entry.task: entry.event.by for entry in await entries_of(log) if isinstance(entry.event, TaskCancelled)}
    assert by == {"slow": "ada@here", "after": ""}


async def test_a_draft_is_accepted_by_a_person_before_its_judge_has_answered(log: EventLog, root: Path) -> None:
    asked = anyio.Event()
    async with serving(Cast(worker=["Rain."], validator=[hanging(asked)])) as (_, plan):
        result = await ran_while(log, SIMPLE, plan, root, lambda: accept(log, "tasks"), asked)
    assert (result.exit_code, result.tasks[0].text, result.tasks[0].maybe_paid) == (0, "Rain.", 1)


async def test_a_draft_is_rejected_by_a_person_before_its_judge_has_answered(log: EventLog, root: Path) -> None:
    asked = anyio.Event()
    cast = Cast(worker=["Rain.", "Spain."], validator=[hanging(asked), verdict(True)])
    async with serving(cast) as (_, plan):
        result = await ran_while(log, SIMPLE, plan, root, lambda: reject(log, "tasks", "not that"), asked)
    assert (result.exit_code, result.tasks[0].text) == (0, "Spain.")
    assert "not that" in cast.prompts("worker")[1]


async def test_a_task_that_was_cancelled_by_a_person_is_not_taken_up_again(log: EventLog, root: Path) -> None:
    async with serving(Cast()) as (_, plan):
        small = plan_of_tokens(plan, 10)
        await run(
            log,
            CHAIN.replace("tasks:", "budget: 10\ntasks:", 1).replace("budget: 10", "budget: {tokens: 10}"),
            small,
            root,
        )
        await cancel(log, "second")
        await answer(log, small)
        result = await resume(log, plan_of_tokens(plan, 100_000))
    assert {task.name: task.status for task in result.tasks} == {"first": "accepted", "second": "cancelled"}


def plan_of_tokens(plan: Plan, tokens: int) -> Plan:
    import msgspec

    return msgspec.structs.replace(plan, session_tokens=tokens)


async def test_what_follows_a_rejection_is_written_over_what_was_delivered(log: EventLog, root: Path) -> None:
    async with serving(Cast(worker=["Rain.", "More rain."])) as (_, plan):
        await run(log, "prompt: Write a limerick\noutput: rain.txt\n", plan, root)
        await reject(log, "tasks")
        await answer(log, plan)
        result = await resume(log, plan)
    assert (result.tasks[0].status, (root / "rain.txt").read_text()) == ("accepted", "More rain.\n")
