"""Periods whose verdicts count for nothing: every fold comes to what it had come to without them."""

from __future__ import annotations

from pathlib import Path

import pytest

import events.views.kept
from events.log import EventLog, NewEvent, open_log
from events.memory import MemoryLog
from events.testing import builders as make
from events.testing.builders import MORNING, SetClock
from events.trails import EVERYWHERE
from events.types.choice import TRAILS, Candidate, TrailsExcluded
from events.types.task import Overruled
from events.upkeep import archive
from events.views.base import fold
from events.views.standing import standing
from events.views.trails import TrailsView

DAY = 86_400
DAY_US = DAY * 1_000_000


async def judge(log: EventLog, clock: SetClock, number: int, model: str, accepted: bool) -> None:
    """One task on a model, accepted or rejected; a day passes."""
    chosen = make.chosen(model=model, candidates=(Candidate(agent="maker", model=model, tier="free", mean=0.5),))
    verdict = make.accepted() if accepted else make.rejected()
    done = [make.new(event, task=f"t{number}", step=1, attempt=1) for event in (chosen, verdict)]
    await log.append([make.a_task(f"t{number}"), *done])
    clock.move(DAY)


def excluding(first: int, last: int, *, model: str = "", lifted: bool = False) -> NewEvent:
    """Days from the first one on, the last one out."""
    since, until = MORNING + first * DAY_US, MORNING + last * DAY_US
    return NewEvent(event=TrailsExcluded(since=since, until=until, model=model, lifted=lifted, by="ann"), topic=TRAILS)


async def history(log: EventLog, clock: SetClock, *, without: tuple[int, ...] = ()) -> None:
    for number, (model, accepted) in enumerate([("a", True), ("a", False), ("b", False), ("a", False), ("b", True)]):
        if number in without:
            clock.move(DAY)
        else:
            await judge(log, clock, number, model, accepted)


def a_log() -> tuple[MemoryLog, SetClock]:
    clock = SetClock()
    return MemoryLog(clock=clock), clock


async def test_the_fold_starts_again_without_the_verdicts_of_the_period() -> None:
    (log, clock), (bare, bare_clock) = a_log(), a_log()
    await history(log, clock)
    await history(bare, bare_clock, without=(1, 2, 3))
    before = await fold(log, TrailsView())
    await log.append([excluding(1, 4)])
    after = await fold(log, TrailsView())
    assert after.learned == (await fold(bare, TrailsView())).learned != before.learned
    assert not after.outdated
    await log.append([excluding(1, 4, lifted=True)])
    again = await fold(log, TrailsView())
    assert (again.learned, again.excluded) == (before.learned, []), "it counts again"


async def test_of_one_model_alone() -> None:
    (log, clock), (bare, bare_clock) = a_log(), a_log()
    await history(log, clock)
    await history(bare, bare_clock, without=(1, 3))
    await log.append([excluding(1, 4, model="a")])
    assert (await fold(log, TrailsView())).learned == (await fold(bare, TrailsView())).learned


async def test_a_person_who_overrules_what_is_excluded_takes_nothing_back() -> None:
    log, clock = a_log()
    await judge(log, clock, 0, "a", False)
    await log.append([excluding(0, 1)])
    overruled = Overruled(context="worker/code", agent="maker", model="a", judged_at=MORNING)
    await log.append([make.new(make.accepted(by="ann", overrules=overruled), task="t0", step=1, attempt=1)])
    view = await fold(log, TrailsView())
    trail = view.learned.trail(EVERYWHERE, "a", clock.now)
    assert (trail.accepted, trail.rejected) == (1, 0)


@pytest.mark.parametrize("before", [True, False])
async def test_a_session_starts_from_a_snapshot_that_knows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    """Whether the snapshot is from before the exclusion or from after it: it is what a fold of everything comes to."""
    monkeypatch.setattr(events.views.kept, "EVERY", 4)
    clock = SetClock()
    async with open_log(tmp_path / "log.db", clock=clock) as log:
        await history(log, clock)
        if before:
            assert (await standing(log)).kept
        await log.append([excluding(1, 4)])
        start = await standing(log)
        assert start.view == (await standing(log, anew=True)).view
        assert start.view.trails == await fold(log, TrailsView())
        assert start.kept == start.position, "the next one need not fold everything again"
        await judge(log, clock, 9, "a", True)
        assert (await standing(log)).view.trails == await fold(log, TrailsView())


async def test_an_archive_carries_trails_on_that_know_what_was_excluded_later(tmp_path: Path) -> None:
    clock = SetClock()
    path = tmp_path / "log.db"
    async with open_log(path, clock=clock) as log:
        await log.append([make.new(make.opened(), topic="sessions"), make.new(make.claimed(), topic="claim/s1")])
        await history(log, clock)
        await log.append([make.new(make.closed(), topic="claim/s1")])
        clock.move(DAY)
        cut = clock.now
        await log.append([excluding(1, 4)])
        expected = await fold(log, TrailsView())
    archive(path, before=cut, clock=clock)
    async with open_log(path, read_only=True) as log:
        found = await fold(log, TrailsView())
    assert (found.learned, found.excluded) == (expected.learned, expected.excluded)
    assert not found.outdated
