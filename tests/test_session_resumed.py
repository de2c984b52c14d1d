"""What a resume finds: sessions that were let go, results that could not be delivered, calls in doubt, other models."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import anyio
import anyio.lowlevel
import msgspec
import pytest

from events.log import Entry, EventLog, open_log, session_name
from events.types.call import CallUnknown
from events.types.session import SessionClosed
from events.views.base import fold
from events.views.sessions import SessionsView
from swarm.replay import replay
from tests.ledger_agents import entries_of
from tests.provider import Answer
from tests.running import (
    DEAR,
    PASS,
    Cast,
    a_plan,
    faces,
    model,
    money_of,
    resume,
    run,
    serving,
    state_of,
)

SIMPLE = "prompt: Write a limerick about rain\n"


@pytest.fixture
async def log(tmp_path: Path) -> AsyncGenerator[EventLog]:
    async with open_log(tmp_path / "state" / "log.db") as opened:
        yield opened


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


# --- a session is let go by whoever ran it ------------------------------------------------------------------------------


async def test_a_session_that_is_cancelled_from_outside_is_let_go_and_the_same_process_goes_on_with_it(
    log: EventLog, root: Path
) -> None:
    cast = Cast(worker=[Answer("late", before_head=anyio.Event().wait), "TEXT"])
    async with serving(cast) as (provider, plan):
        with anyio.fail_after(20):
            async with anyio.create_task_group() as beside:

                async def cancel_in_flight() -> None:
                    await provider.asked.wait()
                    scope.cancel()

                beside.start_soon(cancel_in_flight)
                with anyio.CancelScope() as scope:
                    await run(log, SIMPLE, plan, root)
        entries = await entries_of(log)
        assert [type(entry.event) for entry in entries[-2:]] == [CallUnknown, SessionClosed]
        closed = entries[-1].event
        assert isinstance(closed, SessionClosed)
        assert (closed.finished, closed.exit_code, closed.reason) == (False, 130, "interrupted")
        assert not (await money_of(log)).open
        again = await resume(log, plan)
    assert (again.exit_code, again.tasks[0].text) == (0, "TEXT")


async def cancelled_after(checkpoints: int, work: Callable[[], Awaitable[object]]) -> None:
    """Begin the work and cancel it after so many turns of the loop."""

    async def cancel() -> None:
        for _ in range(checkpoints):
            await anyio.lowlevel.checkpoint()
        scope.cancel()

    async with anyio.create_task_group() as beside:
        beside.start_soon(cancel)
        with anyio.CancelScope() as scope:
            await work()
        beside.cancel_scope.cancel()


async def test_no_session_stays_claimed_wherever_its_beginning_is_cancelled(log: EventLog, root: Path) -> None:
    async with serving(Cast(worker=[Answer("late", before_head=anyio.Event().wait)])) as (_, plan):
        for checkpoints in range(40):
            await cancelled_after(checkpoints, lambda: run(log, SIMPLE, plan, root))
        opened = anyio.Event()

        def see(_: Sequence[Entry]) -> None:
            opened.set()

        async with anyio.create_task_group() as beside:  # one that is there, however few turns the others came to
            beside.start_soon(partial(run, log, SIMPLE, plan, root, looks=faces(observe=see)))
            await opened.wait()
            beside.cancel_scope.cancel()
        number = max((await fold(log, SessionsView())).sessions)
        for checkpoints in range(40):
            await cancelled_after(checkpoints, lambda: resume(log, plan, session=number))
    sessions = (await fold(log, SessionsView())).sessions
    assert [session_name(number) for number, state in sessions.items() if state.claim is not None] == []
    assert not (await money_of(log)).open


async def test_a_session_that_a_fault_ended_is_let_go_and_goes_on(log: EventLog, root: Path) -> None:
    def fail(entries: Sequence[Entry]) -> None:
        if any(entry.kind == "step.drafted" for entry in entries):
            raise RuntimeError("the display is broken")

    cast = Cast()
    async with serving(cast) as (_, plan):
        with anyio.fail_after(20), pytest.raises(RuntimeError, match="the display is broken"):
            await run(log, SIMPLE, plan, root, looks=faces(observe=fail))
        state = await state_of(log)
        assert (state.claim, state.finished, state.exit_code) == (None, False, 1)
        assert state.reason == "RuntimeError: the display is broken"
        assert (await resume(log, plan)).exit_code == 0
    assert cast.roles.count("worker") == 1, "the draft was recorded"


async def test_a_stop_that_comes_when_all_is_done_interrupted_nothing(log: EventLog, root: Path) -> None:
    looks = faces()

    def stop_at_the_end(entries: Sequence[Entry]) -> None:
        if any(entry.kind == "task.accepted" for entry in entries):
            looks.stop.set()

    async with serving(Cast()) as (_, plan):
        result = await run(log, SIMPLE, plan, root, looks=msgspec.structs.replace(looks, observe=stop_at_the_end))
    assert (result.exit_code, result.interrupted, result.tasks[0].status) == (0, False, "accepted")
    assert (await state_of(log)).finished


# --- what stood in the way outside can be put aside ---------------------------------------------------------------------


async def test_a_result_that_could_not_be_delivered_is_delivered_by_a_resume_without_another_call(
    log: EventLog, root: Path
) -> None:
    place = root / "poem.txt"

    def meanwhile(_: dict[str, object]) -> str:
        place.write_text("somebody else's")
        return "TEXT"

    cast = Cast(worker=[meanwhile])
    async with serving(cast) as (_, plan):
        result = await run(log, SIMPLE + "output: poem.txt\n", plan, root)
        assert (result.exit_code, result.tasks[0].cause) == (1, "output")
        assert not (await state_of(log)).finished
        place.unlink()
        again = await resume(log, plan)
    assert (again.exit_code, place.read_text()) == (0, "TEXT\n")
    assert cast.roles == ["worker", "validator"]
    assert (await replay(log, 1)).divergence is None


async def test_a_check_that_could_not_be_carried_out_is_tried_again_by_a_resume_on_the_same_draft(
    log: EventLog, root: Path
) -> None:
    schema = root / "form.json"
    schema.write_text("{}")

    def meanwhile(_: dict[str, object]) -> str:
        schema.write_text("[[[")
        return "{}"

    cast = Cast(worker=[meanwhile])
    async with serving(cast) as (_, plan):
        result = await run(log, SIMPLE + "check: {schema: form.json}\n", plan, root)
        assert (result.exit_code, result.tasks[0].cause) == (1, "input")
        schema.write_text("{}")
        again = await resume(log, plan)
    assert (again.exit_code, cast.roles) == (0, ["worker"])
    assert (await replay(log, 1)).divergence is None


# --- other models, and other rules --------------------------------------------------------------------------------------


async def test_what_only_words_accept_is_not_accepted_where_a_resume_brings_no_model_that_may_judge(
    log: EventLog, root: Path
) -> None:
    looks = faces()

    def stop(_: dict[str, object]) -> str:
        looks.stop.set()
        return "TEXT"

    cast = Cast(worker=[stop])
    async with serving(cast) as (provider, plan):
        await run(log, SIMPLE + "accept: It rhymes.\n", plan, root, looks=looks)
        small = a_plan({"one": provider.url}, model("small", judge=False))
        result = await resume(log, small)
        assert (result.exit_code, result.tasks[0].status, result.tasks[0].cause) == (4, "failed", "no model")
        assert "small: it is too small to judge" in result.tasks[0].reason
        again = await resume(log, plan)
    assert (again.exit_code, again.tasks[0].unjudged, cast.roles) == (0, False, ["worker", "validator"])
    assert (await replay(log, 1)).divergence is None


async def test_a_call_in_doubt_is_asked_about_before_another_model_takes_it(log: EventLog, root: Path) -> None:
    looks = faces()

    def judge(_: dict[str, object]) -> Answer:
        looks.stop.set()
        looks.abort.set()
        return Answer(PASS, before_head=anyio.Event().wait)

    questions: list[str] = []

    async def no(question: str) -> bool:
        questions.append(question)
        return False

    cast = Cast(worker=["TEXT"], validator=[judge, PASS])
    async with serving(cast, on_unknown="ask") as (provider, plan):
        await run(log, SIMPLE, plan, root, looks=looks)
        other = a_plan({"one": provider.url}, model("m2"), on_unknown="ask")
        result = await resume(log, other, looks=faces(confirm=no))
        assert (result.exit_code, result.tasks[0].status, result.tasks[0].cause) == (5, "halted", "confirmation")
        assert cast.roles == ["worker", "validator"]
        again = await resume(log, other)
    assert questions == ["A call of m1 for s1/tasks/1/1/validator may have been paid and has no answer. Make it again?"]
    assert (again.exit_code, cast.roles) == (0, ["worker", "validator", "validator"])


async def test_who_says_no_to_paid_calls_is_asked_once_however_many_tasks_want_one(log: EventLog, root: Path) -> None:
    asked: list[str] = []

    async def no(question: str) -> bool:
        asked.append(question)
        await anyio.lowlevel.checkpoint()
        return False

    file = "tasks:\n" + "".join(f"  t{number}: {{prompt: Go}}\n" for number in range(5))
    async with serving(Cast(), model("m1", "paid", price=DEAR), paid_confirmed=False) as (provider, plan):
        result = await run(log, file, plan, root, looks=faces(confirm=no))
        assert provider.requests == []
    assert (result.exit_code, {task.cause for task in result.tasks}) == (5, {"confirmation"})
    assert len(asked) == 1
