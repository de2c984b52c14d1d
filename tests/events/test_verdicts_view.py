"""What verdicts say of judges and of types of tasks, as a fold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from events.log import EventLog, open_log, system_clock
from events.memory import MemoryLog
from events.testing.builders import (
    SetClock,
    a_ref,
    accepted,
    audited,
    closed,
    drafted,
    new,
    opened,
    planned,
    rejected,
    submitted,
)
from events.upkeep import archive
from events.views.base import fold
from events.views.experience import standing_and_experience
from events.views.tasks import TasksView
from events.views.trails import TrailsView
from events.views.verdicts import CHECKS, Drafts, Judged, VerdictsView
from swarm.engine.verdicts import accept, step_to_judge

DAY_S = 24 * 3600.0


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog(clock=system_clock)


async def tell(log: EventLog, *events: Any, task: str = "build", session: int = 1) -> None:
    await log.append([new(event, session=session, task=task, step=1, attempt=1) for event in events])


async def verdicts_of(log: EventLog) -> VerdictsView:
    return await fold(log, VerdictsView())


async def test_verdicts_count_for_the_model_that_judged_and_for_the_checks(log: MemoryLog) -> None:
    await tell(log, submitted(), planned(), drafted(), rejected(), drafted(), rejected(judge="critic@a"))
    await tell(log, drafted(), accepted(judge="other@a"))
    await tell(log, submitted(type="docs"), planned(), drafted(), accepted(), task="page")
    found = await verdicts_of(log)
    assert found.judges == {CHECKS: Judged(accepted=1, rejected=1), "a": Judged(accepted=1, rejected=1)}
    assert found.types == {"code": Drafts(1, 2), "docs": Drafts(1, 0)}


async def test_what_nobody_judged_is_no_verdict_and_a_persons_is_none_of_a_judge(log: MemoryLog) -> None:
    await tell(log, submitted(), planned(), drafted(), accepted(unjudged=True))
    await tell(log, submitted(), planned(), drafted(), rejected(by="ada@host"), task="page")
    found = await verdicts_of(log)
    assert (found.judges, found.types) == ({}, {"code": Drafts(0, 1)})


async def test_the_first_verdict_on_a_draft_is_the_one_that_counts_for_its_type(log: MemoryLog) -> None:
    await tell(log, submitted(), planned(), drafted(), rejected(judge="critic@a"), accepted(by="ada@host"))
    assert (await verdicts_of(log)).types == {"code": Drafts(0, 1)}


async def test_an_audit_without_a_verdict_counts_for_nothing(log: MemoryLog) -> None:
    await tell(log, audited(agrees=None), audited(agrees=True), audited())
    assert (await verdicts_of(log)).judges == {"small": Judged(audited=2, wrong=1)}


@pytest.mark.parametrize(("judge", "name"), [("critic@a", "a"), ("", CHECKS)])
async def test_a_person_who_accepts_what_was_rejected_overrules_whoever_rejected_it(
    log: MemoryLog, judge: str, name: str
) -> None:
    await tell(log, submitted(), planned(), drafted(draft=a_ref(place=1)), rejected(judge=judge))
    task = (await fold(log, TasksView())).of(1)["build"]
    await tell(log, *(each.event for each in accept(task, step_to_judge(task, 0, accepted=True), by="ada", reason="")))
    assert (await verdicts_of(log)).judges == {name: Judged(rejected=1, overruled=1)}


async def test_what_is_known_of_judges_and_types_goes_on_behind_an_archive(tmp_path: Path) -> None:
    path, clock = tmp_path / "log.db", SetClock()
    async with open_log(path, clock=clock) as log:
        await log.append([new(opened(), topic="sessions")])
        await tell(log, submitted(), planned(), drafted(), accepted(judge="critic@a"), audited(judge="a"))
        await log.append([new(closed(), topic="claim/s1")])
        early = await standing_and_experience(log)
    clock.move(400 * DAY_S)
    archive(path, before=clock.now, clock=clock)
    async with open_log(path, clock=clock) as log:
        await tell(log, audited(judge="a", agrees=True), session=2)
        found = (await fold(log, TrailsView())).verdicts
        assert found.judges == {"a": Judged(accepted=1, audited=2, wrong=1)}
        assert found.types == {"code": Drafts(1, 0)}
        later, _ = await standing_and_experience(log, early)
        assert later.view.trails.verdicts.judges == found.judges
        assert later.position == (await log.head()).position


async def test_a_view_that_goes_on_is_the_one_that_was_folded_anew(log: MemoryLog) -> None:
    start = await standing_and_experience(log)
    await tell(log, submitted(), planned(), drafted(), accepted(judge="critic@a"))
    on, anew = await standing_and_experience(log, start), await standing_and_experience(log)
    assert [each.view for each in on] == [each.view for each in anew]
