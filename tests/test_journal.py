"""The journal: what an attempt took from the world and did is given back, at no event of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

import pytest

from events.blobs import Pack
from events.log import EventLog, NewEvent, open_log
from events.testing.builders import chosen, failed, planned, reserved, settled, submitted, unknown
from events.types.any import AnyEvent
from events.types.call import CallFailed, CallReserved, CallSettled, CallUnknown
from events.types.task import StepAccepted, StepDrafted, TaskAccepted
from events.views.base import fold
from events.views.tasks import TasksView
from swarm.cycle import Placed
from swarm.journal import Attempt, Journal, Recorded
from swarm.owner import Owner
from tests.ledger_agents import a_session


@pytest.fixture
async def log() -> AsyncGenerator[EventLog]:
    async with open_log("memory:") as opened:
        yield opened


@pytest.fixture
async def owner(log: EventLog) -> Owner:
    owner = await a_session(log)
    pack = Pack(owner.known)
    task = owner.new(submitted(spec=pack.put("spec")), task="t")
    await owner.append([task], texts=pack.texts)
    return owner


async def attempt_of(owner: Owner, *, role: str = "worker") -> Attempt:
    state = (await fold(owner.log, TasksView())).of(1)["t"]
    recorded = (await journal_of(owner.log)).of("t", 1, 1, role)
    return Attempt(owner, state, step=1, attempt=1, role=role, recorded=recorded)


async def journal_of(log: EventLog) -> Journal:
    return await fold(log, Journal())


async def plan(owner: Owner) -> None:
    await owner.append([owner.new(planned(), task="t", step=1)])


def at_work(owner: Owner, event: AnyEvent, topic: str = "") -> NewEvent:
    return owner.new(event, task="t", step=1, attempt=1, topic=topic)


def drafted(attempt: Attempt, text: str) -> Placed:
    return Placed(StepDrafted(draft=attempt.put(text), agent="maker", model="m", tier="free"), 1, 1)


def world(*texts: str) -> tuple[list[str], Callable[[], Awaitable[str]]]:
    left = list(texts)

    async def take() -> str:
        return left.pop(0)

    return left, take


async def test_what_was_captured_is_recorded_with_the_outcome_and_never_taken_again(owner: Owner) -> None:
    await plan(owner)
    left, take = world("the first look", "another look")
    attempt = await attempt_of(owner)
    assert await attempt.capture("brief", take) == "the first look"
    before = (await owner.log.head()).position
    await attempt.finish([drafted(attempt, "DRAFT")], {})
    (entry,) = await owner.log.read(after=before)
    assert isinstance(entry.event, StepDrafted)
    assert [each.name for each in entry.event.captured] == ["brief"], "no event of its own"
    again = await attempt_of(owner)
    assert await again.capture("brief", take) == "the first look"
    assert left == ["another look"]


async def test_what_was_captured_is_recorded_with_the_call_that_follows(owner: Owner) -> None:
    attempt = await attempt_of(owner)
    await attempt.capture("brief", world("a look")[1])
    pack = Pack(owner.known)
    call = attempt.new(reserved(captured=attempt.captures(pack)), topic="ledger")
    await owner.append([call], texts=pack.texts)
    attempt.captures_are_stored()
    again = await attempt_of(owner)
    assert await again.capture("brief", world()[1]) == "a look"
    assert (await attempt_of(owner, role="validator")).recorded == Recorded(), "another role has a record of its own"


async def test_an_answer_is_settled_before_anything_else_is_taken_and_with_the_outcome_where_that_comes_next(
    owner: Owner,
) -> None:
    await plan(owner)
    ack = await owner.append([owner.new(reserved(), task="t", step=1, attempt=1, topic="ledger")])

    def settlement(pack: Pack) -> Sequence[NewEvent]:
        return [attempt.new(settled(ack.positions[0], answer=pack.put("ANSWER")))]

    attempt = await attempt_of(owner)
    attempt.settle(settlement, durable=True)
    assert (await journal_of(owner.log)).open, "it is held"
    await attempt.capture("more", world("x")[1])
    assert not (await journal_of(owner.log)).open, "it is in the log before anything acts on it"
    attempt.settle(settlement, durable=True)
    before = (await owner.log.head()).position
    await attempt.finish([drafted(attempt, "DRAFT")], {})
    assert [entry.kind for entry in await owner.log.read(after=before)] == ["call.settled", "step.drafted"]


async def test_an_outcome_and_what_follows_from_it_are_one_append(owner: Owner) -> None:
    await plan(owner)
    worker = await attempt_of(owner)
    await worker.finish([drafted(worker, "DRAFT")], {})
    validator = await attempt_of(owner, role="validator")
    draft = validator.state.steps[0].draft
    assert draft is not None
    ack = await validator.finish([Placed(StepAccepted(draft=draft.lasting), 1, 1)], {})
    assert len(ack.positions) == 2
    end = (await owner.log.read(after=ack.positions[0]))[0].event
    assert isinstance(end, TaskAccepted)
    assert await owner.log.text(end.result, at=ack.positions[1]) == "DRAFT"


async def test_each_try_of_a_call_stands_under_its_ordinal_with_its_choice_and_its_end(owner: Owner) -> None:
    choice, first = at_work(owner, chosen(model="small")), at_work(owner, reserved(), "ledger")
    position = (await owner.append([choice, first])).positions[1]
    await owner.append([at_work(owner, settled(position))])
    for nth in (1, 2):
        last = await owner.append([at_work(owner, reserved(ordinal=2, nth=nth), "ledger")])
    journal = await journal_of(owner.log)
    calls = journal.of("t", 1, 1, "worker").calls
    assert {ordinal: [each.reserved.nth for each in tries] for ordinal, tries in calls.items()} == {1: [1], 2: [1, 2]}
    (settled_,) = calls[1]
    assert settled_.choice is not None
    assert isinstance(settled_.outcome, CallSettled)
    assert settled_.outcome_at == position + 1
    assert [each.choice for each in calls[2]] == [None, None], "a choice belongs to the reservation beside it"
    assert list(journal.open) == [last.positions[0] - 1, last.positions[0]]
    assert all(isinstance(entry.event, CallReserved) for entry in journal.open.values())


async def test_of_a_call_of_which_nobody_knew_it_counts_that_it_was_not_billed_and_not_what_it_cost(
    owner: Owner,
) -> None:
    """Whether it is made again without asking: what was billed has no answer either way."""
    ends = (None, failed, settled)
    for ordinal, end in enumerate(ends, 1):
        (position,) = (await owner.append([at_work(owner, reserved(ordinal=ordinal), "ledger")])).positions
        await owner.append([at_work(owner, unknown(position))])
        if end is not None:
            await owner.append([at_work(owner, end(position), "ledger")])
    calls = (await journal_of(owner.log)).of("t", 1, 1, "worker").calls
    assert [type(tries[0].outcome) for tries in calls.values()] == [CallUnknown, CallFailed, CallUnknown]


async def test_an_attempt_numbers_its_calls_the_same_way_each_time(owner: Owner) -> None:
    for _ in range(2):
        attempt = await attempt_of(owner)
        assert [attempt.next_call()[0] for _ in range(3)] == [1, 2, 3]
        assert attempt.key == "s1/t/1/1/worker"
