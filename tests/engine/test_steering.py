"""What a person says of a session while it runs and afterwards: a pause, a retry, a tier for first tries."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from math import inf
from pathlib import Path
from random import Random
from typing import Any

import anyio
import msgspec
import pytest

from events.blobs import Known, Pack
from events.bus import next_entries
from events.lineage import fold_session
from events.log import Entry, EventLog, open_log
from events.types.call import CallReserved, CallUnknown
from events.types.choice import ChoiceMade
from events.types.control import (
    CancelRequested,
    PauseRequested,
    PinRequested,
    Request,
    RequestAnswered,
    RetryRequested,
    TierPinned,
    UnpauseRequested,
    WorkPaused,
    WorkUnpaused,
)
from events.types.task import StepDrafted, TaskReopened
from events.views.tasks import TasksView
from swarm.engine.requests import ask_of
from swarm.engine.timing import TimeLimits
from swarm.plan import Plan
from swarm.redact import Secrets
from swarm.replay import replay
from swarm.session import Result, answer_session, fork_session
from swarm.task import Limits, Task
from tests.ledger_agents import entries_of
from tests.provider import Answer
from tests.running import DEAR, Cast, faces, model, resume, run, serving, state_of, verdict

SIMPLE = "prompt: Write a limerick about rain\n"
ONCE = SIMPLE + "limits: {attempts: 1}\n"
CHAIN = "tasks:\n  first: {prompt: Write one, limits: {attempts: 1}}\n  second: {prompt: Write two, needs: first}\n"
ADA = "ada@here"


@pytest.fixture
async def log(tmp_path: Path) -> AsyncGenerator[EventLog]:
    async with open_log(tmp_path / "state" / "log.db") as opened:
        yield opened


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
async def replays(log: EventLog) -> AsyncGenerator[None]:
    """Whatever a person said: the session can be played again, and every request was answered at most once."""
    yield
    entries = await entries_of(log)
    if entries:
        played = await replay(log, 1)
        assert played.divergence is None and not played.skipped
    answered = [entry.event.request for entry in entries if isinstance(entry.event, RequestAnswered)]
    assert len(answered) == len(set(answered))


async def ask(log: EventLog, event: Request, task: str = "") -> int:
    return await ask_of(log, 1, "project", event, task=task)


async def pause(log: EventLog, task: str = "") -> int:
    return await ask(log, PauseRequested(by=ADA), task)


async def unpause(log: EventLog, task: str = "") -> int:
    return await ask(log, UnpauseRequested(by=ADA), task)


async def retry(log: EventLog, task: str, reason: str = "") -> int:
    return await ask(log, RetryRequested(by=ADA, reason=reason), task)


async def pin(log: EventLog, tier: str, task: str = "", *, confirmed: bool = False) -> int:
    return await ask(log, PinRequested(by=ADA, tier=tier, confirmed=confirmed), task)


async def answer(log: EventLog, plan: Plan) -> Result:
    return await answer_session(log, await state_of(log), plan, environ={}, secrets=Secrets([]))


async def seen(log: EventLog, is_it: Callable[[Entry], bool], after: int = 0) -> Entry:
    """The first entry of that kind behind a position, once it is there."""
    while True:
        for entry in await next_entries(log, after):
            after = entry.position
            if is_it(entry):
                return entry


async def answered(log: EventLog, request: int) -> RequestAnswered:
    def is_it(entry: Entry) -> bool:
        return isinstance(entry.event, RequestAnswered) and entry.event.request == request

    event = (await seen(log, is_it, request)).event
    assert isinstance(event, RequestAnswered)
    return event


async def ran_while(log: EventLog, text: str, plan: Plan, root: Path, meanwhile: Callable[[], Any]) -> Result:
    """Run a file, and something beside it."""
    result: list[Result] = []

    async def running() -> None:
        result.append(await run(log, text, plan, root))

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(running)
            await meanwhile()
    return result[0]


def of(entries: Sequence[Entry], *kinds: type) -> list[Entry]:
    return [entry for entry in entries if isinstance(entry.event, kinds)]


def held(text: str, asked: anyio.Event, release: anyio.Event) -> Callable[[dict[str, Any]], Answer]:
    """An answer that waits; `asked` is set when the request is there."""

    def line(_: dict[str, Any]) -> Answer:
        asked.set()
        return Answer(text, before_head=release.wait)

    return line


def models_of(cast: Cast, role: str = "worker") -> list[str]:
    return [body["model"] for who, body in cast.seen if who == role]


# --- pause ------------------------------------------------------------------------------------------------------------


async def test_a_paused_session_lets_its_call_end_and_begins_nothing_until_it_goes_on(
    log: EventLog, root: Path
) -> None:
    asked, release = anyio.Event(), anyio.Event()
    cast = Cast(worker=[held("Rain.", asked, release), "More rain."])

    async def meanwhile() -> None:
        await asked.wait()
        again = await pause(log), await pause(log)
        assert [(await answered(log, each)).refused for each in again] == [
            "",
            "s1 is paused already, by ada@here; `swarm unpause s1` goes on with it",
        ]
        release.set()
        await seen(log, lambda entry: isinstance(entry.event, StepDrafted))
        assert cast.roles == ["worker"]
        assert not (await answered(log, await unpause(log))).refused

    async with serving(cast) as (_, plan):
        result = await ran_while(log, CHAIN, plan, root, meanwhile)
    assert [task.status for task in result.tasks] == ["accepted", "accepted"]
    entries = await entries_of(log)
    assert not of(entries, CallUnknown), "a call in flight is not cut"
    (paused,), (unpaused,) = of(entries, WorkPaused), of(entries, WorkUnpaused)
    between = [entry for entry in entries if paused.position < entry.position < unpaused.position]
    assert of(between, StepDrafted) and not of(between, CallReserved)


async def test_one_task_is_paused_and_the_others_go_on(log: EventLog, root: Path) -> None:
    text = "tasks:\n  slow: Write slowly\n  quick: Write at once\n  after: {prompt: Write more, needs: quick}\n"
    asked, release = anyio.Event(), anyio.Event()
    hang = held("slow", asked, release)

    def draft(body: dict[str, Any]) -> Answer:
        return hang(body) if "Write slowly" in str(body["messages"]) else Answer("done")

    async def meanwhile() -> None:
        await asked.wait()
        assert not (await answered(log, await pause(log, "slow"))).refused
        release.set()
        await seen(log, lambda entry: entry.kind == "task.accepted" and entry.task == "after")
        await seen(log, lambda entry: entry.kind == "step.drafted" and entry.task == "slow")
        refused = (await answered(log, await unpause(log))).refused
        assert refused == "s1 is not paused"
        await unpause(log, "slow")

    async with serving(Cast(worker=[draft])) as (_, plan):
        result = await ran_while(log, text, plan, root, meanwhile)
    assert [task.status for task in result.tasks] == ["accepted"] * 3
    ends = [entry.task for entry in await entries_of(log) if entry.kind == "task.accepted"]
    assert ends[-1] == "slow"


async def test_items_are_paused_with_the_task_that_they_are_of(log: EventLog, root: Path) -> None:
    text = "tasks:\n  all: {prompt: 'Write of {{item}}', each: [rain, snow]}\n"
    asked, release = anyio.Event(), anyio.Event()

    async def meanwhile() -> None:
        await asked.wait()
        await answered(log, await pause(log, "all"))
        child = (await seen(log, lambda entry: entry.kind == "step.planned")).task
        assert "is paused with s1/all" in (await answered(log, await unpause(log, child))).refused
        release.set()
        await unpause(log, "all")

    async with serving(Cast(worker=[held("It rains.", asked, release), "It snows."])) as (_, plan):
        result = await ran_while(log, text, plan, root, meanwhile)
    assert result.exit_code == 0


async def test_ctrl_c_ends_a_paused_session_and_a_resume_goes_on_with_it_and_says_so(log: EventLog, root: Path) -> None:
    asked, release, stop = anyio.Event(), anyio.Event(), anyio.Event()
    told: list[str] = []
    cast = Cast(worker=[held("Rain.", asked, release)])
    async with serving(cast) as (_, plan):
        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                group.start_soon(lambda: run(log, SIMPLE, plan, root, looks=faces(stop=stop)))
                await asked.wait()
                await answered(log, await pause(log))
                release.set()
                await seen(log, lambda entry: isinstance(entry.event, StepDrafted))
                stop.set()
        closed = (await state_of(log)).exit_code
        result = await resume(log, plan, looks=faces(say=told.append))
    assert (closed, result.exit_code, cast.roles) == (130, 0, ["worker", "validator"])
    assert told == ["s1 was paused by ada@here; it goes on"]


async def test_a_pause_that_nobody_answered_is_answered_once_and_lifted_by_who_resumes(
    log: EventLog, root: Path
) -> None:
    asked = anyio.Event()
    cast = Cast(worker=[held("never", asked, anyio.Event()), "Rain."])
    async with serving(cast) as (_, plan):
        stop = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: run(log, SIMPLE, plan, root, looks=faces(stop=stop, abort=stop)))
            await asked.wait()
            stop.set()
        request = await pause(log)
        with anyio.fail_after(20):
            result = await resume(log, plan)
    assert not (await answered(log, request)).refused
    kinds = [entry.kind for entry in of(await entries_of(log), WorkPaused, WorkUnpaused)]
    assert (result.exit_code, kinds) == (0, ["work.paused", "work.unpaused"])


async def test_a_task_stays_paused_over_a_resume_and_what_has_ended_cannot_be_paused(log: EventLog, root: Path) -> None:
    async with serving(Cast()) as (_, plan):
        small = msgspec.structs.replace(plan, session_tokens=10)
        await run(log, "budget: {tokens: 10}\n" + CHAIN, small, root)
        asked = await pause(log, "second")
        await answer(log, small)
        assert not (await answered(log, asked)).refused
        rich = msgspec.structs.replace(plan, session_tokens=100_000)

        async def unpaused() -> None:
            await seen(log, lambda entry: entry.kind == "task.accepted" and entry.task == "first")
            await unpause(log, "second")

        with anyio.fail_after(20):
            async with anyio.create_task_group() as group:
                group.start_soon(unpaused)
                assert (await resume(log, rich)).exit_code == 0
        late = [await pause(log), await pause(log, "first"), await pause(log, "third")]
        await answer(log, rich)
    reasons = [(await answered(log, each)).refused for each in late]
    assert reasons == [
        "s1 has ended; there is nothing to pause",
        "s1/first has ended: it is accepted; there is nothing to pause",
        "there is no task 'third' in this session",
    ]


async def test_a_paused_task_can_be_cancelled(log: EventLog, root: Path) -> None:
    asked, release = anyio.Event(), anyio.Event()

    async def meanwhile() -> None:
        await asked.wait()
        await answered(log, await pause(log))
        release.set()
        await seen(log, lambda entry: isinstance(entry.event, StepDrafted))
        await ask(log, CancelRequested(by=ADA))

    async with serving(Cast(worker=[held("Rain.", asked, release)])) as (_, plan):
        result = await ran_while(log, SIMPLE, plan, root, meanwhile)
    assert (result.tasks[0].status, result.tasks[0].maybe_paid) == ("cancelled", 0)


async def test_the_time_of_a_paused_task_stands_still_also_for_what_is_in_flight() -> None:
    paused = False
    times = TimeLimits(lambda _: paused)
    task = Task(id="a", prompt="Go", limits=Limits(time_s=100.0))
    with times.within(task):
        before = anyio.current_effective_deadline() - anyio.current_time()
        paused = True
        times.look("a")
        assert anyio.current_effective_deadline() == inf
        with times.within(task):  # what begins meanwhile, such as a delivery
            assert anyio.current_effective_deadline() == inf
        paused = False
        times.look("a")
        after = anyio.current_effective_deadline() - anyio.current_time()
    assert 0 < after <= before <= 100.0
    times.begin_anew("a")
    with times.within(task):
        assert anyio.current_effective_deadline() < inf


# --- retry ------------------------------------------------------------------------------------------------------------


async def test_a_failed_task_is_tried_again_once_more_and_with_it_what_was_cancelled_for_it(
    log: EventLog, root: Path
) -> None:
    cast = Cast(worker=["Rain.", "Rain in Spain."], validator=[verdict(False, "no place"), verdict(True)])
    async with serving(cast) as (_, plan):
        first = await run(log, CHAIN, plan, root)
        assert [task.status for task in first.tasks] == ["failed", "cancelled"]
        request = await retry(log, "first", "the judge was wrong")
        between = await answer(log, plan)
        assert ([task.status for task in between.tasks], (await state_of(log)).finished) == (["open", "open"], False)
        result = await resume(log, plan)
    assert [task.status for task in result.tasks] == ["accepted", "accepted"]
    assert "no place" in cast.prompts("worker")[1]
    opened = of(await entries_of(log), TaskReopened)
    assert [(entry.task, entry.event.by, entry.event.attempts) for entry in opened if entry.cause == request] == [  # type: ignore[union-attr]
        ("first", ADA, 1),
        ("second", "", 0),
    ]


async def test_a_running_session_tries_a_failed_task_again_at_once(log: EventLog, root: Path) -> None:
    asked, release = anyio.Event(), anyio.Event()
    hang = held("slow", asked, release)
    text = "tasks:\n  bad: {prompt: Write badly, limits: {attempts: 1}}\n  slow: Write slowly\n"

    def draft(body: dict[str, Any]) -> Answer:
        return hang(body) if "Write slowly" in str(body["messages"]) else Answer("done")

    async def meanwhile() -> None:
        await seen(log, lambda entry: entry.kind == "task.failed")
        assert not (await answered(log, await retry(log, "bad"))).refused
        await seen(log, lambda entry: entry.kind == "task.accepted" and entry.task == "bad")
        release.set()

    async with serving(Cast(worker=[draft], validator=[verdict(False), verdict(True)])) as (_, plan):
        result = await ran_while(log, text, plan, root, meanwhile)
    assert result.exit_code == 0


async def test_an_attempt_that_came_to_nothing_is_made_anew_and_not_given_back(log: EventLog, root: Path) -> None:
    cast = Cast(worker=["Rain."], validator=["no verdict", "nor here", verdict(True)])
    async with serving(cast) as (_, plan):
        first = await run(log, SIMPLE, plan, root)
        assert (first.tasks[0].status, first.tasks[0].cause) == ("failed", "no verdict")
        await retry(log, "tasks")
        await answer(log, plan)
        result = await resume(log, plan)
    assert (result.exit_code, cast.roles) == (0, ["worker", "validator", "validator", "worker", "validator"])


async def test_what_was_skipped_for_it_is_looked_at_again(log: EventLog, root: Path) -> None:
    text = (
        "tasks:\n  build: {prompt: Build, limits: {attempts: 1}}\n"
        "  publish: {prompt: Publish, needs: build, when: build.passed > 0}\n"
        "  mourn: {prompt: Mourn, needs: build, when: build.failed > 0}\n"
    )
    cast = Cast(validator=[verdict(False), verdict(True)])
    async with serving(cast) as (_, plan):
        first = await run(log, text, plan, root)
        assert [task.status for task in first.tasks] == ["failed", "skipped", "accepted"]
        await retry(log, "build")
        await answer(log, plan)
        result = await resume(log, plan)
    assert [task.status for task in result.tasks] == ["accepted"] * 3


async def test_a_resume_too_looks_again_at_what_was_skipped_for_want_of_a_model(log: EventLog, root: Path) -> None:
    text = "tasks:\n  a: {prompt: Go}\n  b: {prompt: Go, needs: a, when: a.passed > 0}\n  c: {prompt: 'Go {{item}}', each: [x]}\n"
    async with serving(Cast()) as (_, plan):
        pass
    with anyio.fail_after(20):
        first = await run(log, text, plan_with_one_try(plan), root)
    assert [task.status for task in first.tasks][:3] == ["failed", "skipped", "failed"]
    async with serving(Cast()) as (_, back):
        again = await resume(log, back)
    assert {task.status for task in again.tasks} == {"accepted"}


def plan_with_one_try(plan: Plan) -> Plan:
    return msgspec.structs.replace(plan, tries=1, patience_s=1.0)


async def test_a_task_that_failed_by_its_items_tries_those_again(log: EventLog, root: Path) -> None:
    text = "tasks:\n  all: {prompt: 'Write of {{item}}', each: [rain, snow], limits: {attempts: 1}}\n"
    cast = Cast(validator=[verdict(False), verdict(True)])
    async with serving(cast) as (_, plan):
        first = await run(log, text, plan, root)
        assert (first.tasks[0].status, first.tasks[0].cause) == ("failed", "items")
        await retry(log, "all")
        await answer(log, plan)
        result = await resume(log, plan)
    assert result.exit_code == 0
    assert cast.roles.count("worker") == 3


async def test_items_that_were_cancelled_with_their_task_are_tried_again_with_it(log: EventLog, root: Path) -> None:
    text = "tasks:\n  all: {prompt: 'Write of {{item}}', each: [rain, snow]}\n"
    asked = anyio.Event()
    cast = Cast(worker=[held("never", asked, anyio.Event())])

    async def meanwhile() -> None:
        await asked.wait()
        await ask(log, CancelRequested(by=ADA))

    async with serving(cast) as (_, plan):
        first = await ran_while(log, text, plan, root, meanwhile)
        assert {task.status for task in first.tasks} == {"cancelled"}
        cast.play("worker", "It falls.")
        child, whole = await retry(log, first.tasks[1].name), await retry(log, "all")
        await answer(log, plan)
        result = await resume(log, plan)
    assert (
        "is an item of all, which is cancelled; begin with `swarm retry s1/all`" in (await answered(log, child)).refused
    )
    assert not (await answered(log, whole)).refused
    assert {task.status for task in result.tasks} == {"accepted"}


async def test_a_cancelled_task_is_tried_again_and_a_person_is_told_why_another_cannot_be(
    log: EventLog, root: Path
) -> None:
    asked = anyio.Event()
    cast = Cast(worker=[held("never", asked, anyio.Event()), "Rain."])

    async def meanwhile() -> None:
        await asked.wait()
        assert "s1/first is under way" in (await answered(log, await retry(log, "first"))).refused
        await ask(log, CancelRequested(by=ADA))

    async with serving(cast) as (_, plan):
        await ran_while(log, CHAIN, plan, root, meanwhile)
        second, first = await retry(log, "second"), await retry(log, "first")
        await answer(log, plan)
        await resume(log, plan)
        again = await retry(log, "second"), await retry(log, "first")
        await answer(log, plan)
        result = await resume(log, plan)
    assert (
        (await answered(log, second)).refused
    ) == "s1/second needs first, which was cancelled; begin with `swarm retry s1/first`"
    assert not (await answered(log, first)).refused
    assert [(await answered(log, each)).refused for each in again] == [
        "",
        "s1/first is accepted; `swarm reject s1/first WHY` has it done again",
    ]
    assert result.exit_code == 0


async def test_a_try_that_a_person_wants_is_made_whatever_it_is_worth(log: EventLog, root: Path) -> None:
    cast = Cast(validator=[*[verdict(False, "No.")] * 2, verdict(True)])
    arms = model("free"), model("dear", "paid", price=DEAR)
    async with serving(cast, *arms) as (_, plan):
        cheap = msgspec.structs.replace(plan, choice=msgspec.structs.replace(plan.choice, worth=0.01))
        first = await run(log, SIMPLE + "limits: {attempts: 5}\n", cheap, root)
        assert (first.tasks[0].status, first.tasks[0].cause) == ("failed", "not worth it")
        await retry(log, "tasks")
        await answer(log, cheap)
        result = await resume(log, cheap)
    assert (result.exit_code, models_of(cast)) == (0, ["free", "free", "dear"])


# --- pin --------------------------------------------------------------------------------------------------------------


async def choices(log: EventLog, role: str = "worker") -> list[ChoiceMade]:
    found = [entry.event for entry in await entries_of(log)]
    return [event for event in found if isinstance(event, ChoiceMade) and event.role == role]


async def test_first_tries_go_to_the_pinned_tier_until_the_pin_is_taken_back(log: EventLog, root: Path) -> None:
    text = "tasks:\n" + "".join(
        f"  t{n}: {{prompt: Write {n}, needs: [{f't{n - 1}' if n > 1 else ''}]}}\n" for n in (1, 2, 3, 4)
    )
    asked, release = anyio.Event(), anyio.Event()
    cast = Cast(
        worker=[held("one", asked, release), "two"], validator=[verdict(True), verdict(False, "No."), verdict(True)]
    )

    async def meanwhile() -> None:
        await asked.wait()
        assert not (await answered(log, await pin(log, "paid"))).refused
        assert "there is no tier 'gold'" in (await answered(log, await pin(log, "gold"))).refused
        assert "pinned to paid already" in (await answered(log, await pin(log, "paid"))).refused
        assert not (await answered(log, await pin(log, "free", "t4"))).refused
        release.set()
        await seen(log, lambda entry: entry.kind == "task.accepted" and entry.task == "t2")

    async with serving(cast, model("free"), model("dear", "paid", price=DEAR)) as (_, plan):
        result = await ran_while(log, text, plan, root, meanwhile)
    assert result.exit_code == 0
    assert models_of(cast) == ["free", "dear", "dear", "dear", "free"], "the second of t2 stays with feedback"
    (pinned, _) = of(await entries_of(log), TierPinned)
    first = [(each.pinned, each.pin) for each in await choices(log)]
    assert first[:3] == [("", 0), ("paid", pinned.position), ("", 0)]
    assert ("free", "a person pinned the try to the tier paid") in [
        (each.model, each.rule) for each in (await choices(log))[1].excluded
    ]


async def test_a_pin_and_a_retry_bring_a_failed_task_to_the_tier(log: EventLog, root: Path) -> None:
    cast = Cast(validator=[verdict(False, "No."), verdict(True)])
    async with serving(cast, model("free"), model("dear", "paid", price=DEAR)) as (_, plan):
        await run(log, ONCE, plan, root)
        await pin(log, "paid", "tasks")
        await retry(log, "tasks")
        await answer(log, plan)
        result = await resume(log, plan)
    assert (result.exit_code, models_of(cast)) == (0, ["free", "dear"])
    assert (await choices(log))[-1].pinned == "paid"


@pytest.mark.parametrize(
    ("tier", "missed"),
    [
        ("cheap", "no model of the tier cheap is there for it"),
        ("paid", "of the tier paid, its one model is left out"),
    ],
)
async def test_where_nobody_of_the_tier_may_take_it_the_choice_is_made_as_ever_and_says_so(
    log: EventLog, root: Path, tier: str, missed: str
) -> None:
    cast = Cast()
    async with serving(cast, model("free"), model("dear", "paid", price=None)) as (_, plan):

        async def pinned() -> None:
            await seen(log, lambda entry: entry.kind == "session.claimed")
            await pin(log, tier)

        asked, release = anyio.Event(), anyio.Event()
        cast.play("worker", held("one", asked, release), "two")

        async def meanwhile() -> None:
            await pinned()
            await asked.wait()
            release.set()

        result = await ran_while(log, CHAIN, plan, root, meanwhile)
    assert (result.exit_code, set(models_of(cast))) == (0, {"free"})
    last = (await choices(log))[-1]
    assert (last.pinned, last.missed) == (tier, missed)


async def test_paid_calls_that_were_said_yes_to_with_a_pin_are_not_asked_about(log: EventLog, root: Path) -> None:
    async def nobody(_: str) -> bool:
        raise AssertionError("nobody is asked")

    cast = Cast(validator=[verdict(False, "No."), verdict(True)])
    arms = model("free"), model("dear", "paid", price=DEAR)
    async with serving(cast, *arms, paid_confirmed=False) as (_, plan):
        await run(log, ONCE, plan, root)
        await pin(log, "paid", "tasks", confirmed=True)
        await retry(log, "tasks")
        await answer(log, plan)
        result = await resume(log, plan, looks=faces(confirm=nobody))
    assert (result.exit_code, models_of(cast)) == (0, ["free", "dear"])


async def test_a_fork_keeps_a_pin_and_no_pause(log: EventLog, root: Path) -> None:
    cast = Cast(validator=[verdict(False, "No."), verdict(True)])
    async with serving(cast, model("free"), model("dear", "paid", price=DEAR)) as (_, plan):
        await run(log, ONCE, plan, root)
        await pin(log, "paid", "tasks")
        await retry(log, "tasks")
        await pause(log)
        await answer(log, plan)
        with anyio.fail_after(20):
            forked = await fork_session(
                log,
                await state_of(log),
                plan,
                at=None,
                changed={},
                texts=Pack(Known()),
                environ={},
                faces=faces(),
                secrets=Secrets([]),
            )
    assert (forked.exit_code, models_of(cast)) == (0, ["free", "dear"])
    view = await fold_session(log, TasksView(), 2)
    assert view.whole(2).paused is None and view.of(2)["tasks"].own.pin is not None
    played = await replay(log, 2)
    assert played.divergence is None and not played.skipped


# --- whatever is said -------------------------------------------------------------------------------------------------

TREE = (
    "budget: $1\ntasks:\n  a: {prompt: Write a, limits: {attempts: 2}}\n  b: {prompt: Write b, needs: a}\n"
    "  c: {prompt: 'Write of {{item}}', each: [rain, snow], needs: a}\n  d: {prompt: Write d, when: b.failed == 0, needs: b}\n"
)


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_is_said_in_whichever_order_is_answered_once_holds_and_plays_again(
    log: EventLog, root: Path, seed: int
) -> None:
    """Words at random while a session runs, is interrupted and resumed: nothing begins while it is paused, a replay is clean."""
    random, said = Random(seed), list[int]()
    words: list[Request] = [
        *(PauseRequested(by=ADA), UnpauseRequested(by=ADA), UnpauseRequested(by=ADA), RetryRequested(by=ADA)),
        *(PinRequested(by=ADA, tier=tier) for tier in ("paid", "free", "cheap", "")),
    ]

    async def talk() -> None:
        after = 0
        while True:
            for entry in await next_entries(log, after):
                after = entry.position
                if isinstance(entry.event, StepDrafted | CallReserved | WorkPaused):
                    task = random.choice(["", "a", "b", "c", "d", "c-1"])
                    said.append(await ask(log, random.choice(words), task))
                if isinstance(entry.event, WorkPaused):  # sooner or later it goes on
                    said.append(await ask(log, UnpauseRequested(by=ADA), entry.task))

    def judge(_: dict[str, Any]) -> str:
        return verdict(random.random() < 0.6, "no")

    async with serving(Cast(validator=[judge]), model("free"), model("dear", "paid", price=DEAR)) as (_, plan):
        with anyio.fail_after(60):
            async with anyio.create_task_group() as group:
                group.start_soon(talk)
                await run(log, TREE, plan, root)
                await resume(log, plan)
                group.cancel_scope.cancel()
        await answer(log, plan)
    entries, view = await entries_of(log), TasksView()
    assert sorted(said) == sorted(entry.event.request for entry in entries if isinstance(entry.event, RequestAnswered))
    for entry in entries:
        view.apply(entry)
        if isinstance(entry.event, CallReserved):
            assert view.pause_of(view.of(1)[entry.task]) is None, (
                f"a call began at {entry.position} while it was paused"
            )
        if isinstance(entry.event, ChoiceMade) and entry.event.pinned and not entry.event.missed:
            assert entry.event.tier == entry.event.pinned
