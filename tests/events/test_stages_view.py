"""What stages came to is a fold of the log: texts, what requests had less by them, and tasks that ended."""

from __future__ import annotations

import pytest

from events.log import EventLog
from events.memory import MemoryLog
from events.testing import builders as make
from events.testing.builders import SetClock
from events.types.any import AnyEvent
from events.types.stage import How, StageApplied, StageUndone, StageWithdrawn
from events.types.task import TaskCancelled, TaskFailed
from events.views.base import decode_state, encode_state, fold
from events.views.stages import Ended, Kind, StagesView, Texts, stages_past

DAY = "2026-11-22"
SCOPES = ("log", f"day:{DAY}@UTC", "s1")


def kind(stage: str = "inputs", how: How = "used") -> Kind:
    return Kind(stage, how, DAY, "code")


class Work:
    """A log in which tasks of the type `code` are worked on."""

    def __init__(self) -> None:
        self.log: EventLog = MemoryLog(clock=SetClock())

    async def add(self, event: AnyEvent, *, task: str = "build", attempt: int = 1) -> int:
        new = make.new(event, session=1, task=task, step=1, attempt=attempt)
        return (await self.log.append([new])).positions[0]

    async def passes(self, stage: str = "inputs", how: How = "used", *, before: int = 1000, after: int = 400) -> None:
        await self.add(StageApplied(stage=stage, before=before, after=after, how=how))

    async def asks(self, *, tokens: int = 500, nanos: int = 1000, attempt: int = 1, settled: bool = True) -> None:
        position = await self.add(make.reserved(scopes=SCOPES, role="worker"), attempt=attempt)
        if settled:
            used = make.settled(position, input_tokens=tokens - 100, output_tokens=100, cost_nanos=nanos)
            await self.add(used, attempt=attempt)
        else:
            await self.add(make.failed(position), attempt=attempt)

    async def view(self) -> StagesView:
        return await fold(self.log, StagesView())


@pytest.fixture
async def work() -> Work:
    work = Work()
    await work.add(make.submitted(type="code"))
    return work


async def test_a_text_counts_once_and_saves_in_each_answered_request_of_its_attempt(work: Work) -> None:
    await work.passes()
    await work.asks()
    await work.asks(settled=False)
    await work.passes("outputs", before=900, after=800)
    await work.asks()
    await work.asks(attempt=2)
    view = await work.view()
    assert view.texts[kind()] == Texts(count=1, before=1000, after=400, saved=1200, saved_nanos=2 * 600 * 1000 // 500)
    assert view.texts[kind("outputs")] == Texts(
        count=1, before=900, after=800, saved=100, saved_nanos=100 * 1000 // 500
    )


async def test_texts_that_are_told_whole_after_all_are_charged_with_the_request_that_was_for_nothing(
    work: Work,
) -> None:
    await work.passes()
    await work.asks(tokens=900)
    await work.add(StageUndone(stage="inputs", before=1000, after=400))
    await work.asks(tokens=1500, nanos=1500)
    texts = (await work.view()).texts[kind()]
    assert (texts.saved, texts.undone) == (600 - 1000, 1)  # what was sent in vain
    assert texts.saved_nanos == 600 * 1000 // 900 - 1000


async def test_a_task_ends_on_the_side_of_what_became_of_its_texts(work: Work) -> None:
    await work.passes()
    await work.passes("outputs", "held")
    await work.asks(tokens=700, nanos=30_000)
    await work.add(make.task_accepted())
    view = await work.view()
    assert view.ended == {
        kind(): Ended(passed=1, accepted=1, tokens=700, tokens_squared=490_000, nanos=30_000, micros_squared=900),
        kind("outputs", "held"): Ended(
            passed=1, accepted=1, tokens=700, tokens_squared=490_000, nanos=30_000, micros_squared=900
        ),
    }


@pytest.mark.parametrize(
    ("ends", "passed", "failed", "accepted"), [("late", 0, 1, 1), ("never", 0, 1, 0), ("cancelled", 0, 0, 0)]
)
async def test_passed_is_only_what_was_accepted_without_a_rejection(
    work: Work, ends: str, passed: int, failed: int, accepted: int
) -> None:
    await work.passes()
    await work.asks()
    await work.add(make.rejected())
    end: dict[str, AnyEvent] = {
        "late": make.task_accepted(),
        "never": TaskFailed(reason="no draft", cause="rejected"),
        "cancelled": TaskCancelled(reason="enough", by="ann"),
    }
    await work.add(end[ends])
    found = (await work.view()).ended.get(kind(), Ended())
    assert (found.passed, found.failed, found.accepted) == (passed, failed, accepted)


async def test_a_task_whose_texts_passed_no_stage_is_on_no_side(work: Work) -> None:
    await work.asks()
    await work.add(make.task_accepted())
    view = await work.view()
    assert not view.ended and not view.texts


async def test_the_fold_goes_on_from_its_state_and_remembers_what_was_withdrawn(work: Work) -> None:
    await work.passes()
    await work.asks()
    gone = StageWithdrawn(stage="inputs", passed=1, failed=9, held_passed=9, held_failed=1, low=-0.9, high=-0.5)
    await work.add(gone)
    before = await work.view()
    again = decode_state(StagesView, encode_state(before))
    assert again == before and again.withdrawn == {"inputs": gone}
    head = (await work.log.head()).position
    await work.asks()
    await work.add(make.task_accepted())
    assert await fold(work.log, again, after=head) == await work.view()
    assert (await stages_past(work.log)).view == await work.view()
