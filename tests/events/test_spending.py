"""What was spent on: the fold of a short log and the columns of a long one find the same."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import anyio
import anyio.to_thread
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import events.spending
from events.log import EventLog, LogUnusable, open_log
from events.spending import Field, Spending, spending
from events.sqlite import schema
from events.sqlite.segments import LENGTH
from events.sqlite.spending import spent
from events.testing import builders as make
from events.testing.builders import MORNING, SetClock, new
from events.testing.histories import history
from events.types.task import AttemptAbandoned, TaskReopened
from events.upkeep import archive
from events.views.cost import CostView
from events.views.spending import Asked, Findings
from tests.events.aged import aged
from tests.events.test_segments import fill

FIELDS: tuple[Field, ...] = ("session", "model", "price")
DAY = "2026-09-21"
SCOPES = ("log", f"day:{DAY}@UTC")


async def read(path: Path, asked: Asked) -> Spending:
    return await anyio.to_thread.run_sync(spending, path, FIELDS, asked)


async def both(path: Path, asked: Asked) -> Findings:
    """What is found, after the other way has found the same."""
    folded = await read(path, asked)
    by_columns = spent(path, 0, CostView(), FIELDS, asked)
    assert by_columns.costs == folded.costs
    assert by_columns.findings == folded.findings
    return folded.findings


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 80), st.integers(0, 900))
def test_columns_and_fold_find_the_same_wherever_the_log_stands(seed: int, appends: int, seconds: int) -> None:
    async def check(path: Path) -> None:
        clock = SetClock()
        async with open_log(path, clock=clock) as log:
            for append in history(Random(seed), sessions=5)[:appends]:
                clock.move(7)
                await log.append(append.events, texts=append.texts)

        moment = MORNING + seconds * 1_000_000
        await both(path, Asked())
        await both(path, Asked(first=DAY, last="2026-09-22", begins=MORNING, ends=moment, later={DAY: moment}))

    with TemporaryDirectory() as folder:
        anyio.run(check, Path(folder) / "log.db")


async def test_columns_and_fold_find_the_same_over_segments(tmp_path: Path) -> None:
    path, clock = tmp_path / "log.db", SetClock()
    async with open_log(path, clock=clock) as log:
        await fill(log, LENGTH)
        clock.move(3600)
        await fill(log, LENGTH, seed=2)
        for session in range(9):
            ends = [
                new(make.rejected(), session=session, task="t1"),
                new(make.task_accepted(), session=session, task="t2"),
            ]
            await log.append(ends)
    found = await both(path, Asked(first=DAY, last=DAY, later={DAY: MORNING + 60_000_000}))
    assert found.wasted > 0 and found.accepted == 9 and found.later[DAY] > 0


async def a_call(log: EventLog, nanos: int, *, attempt: int = 1, task: str = "build", tier: str = "paid") -> int:
    reserved = make.reserved(scopes=SCOPES, cost_nanos=10_000, tier=tier)
    call = (await log.append([new(reserved, task=task, step=1, attempt=attempt, topic="ledger")])).positions[0]
    await log.append([new(make.settled(call, cost_nanos=nanos), task=task, step=1, attempt=attempt)])
    return call


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


async def test_rejected_and_abandoned_attempts_are_waste_until_somebody_accepts_them(path: Path) -> None:
    async with open_log(path, clock=SetClock()) as log:
        for attempt, nanos in enumerate((100, 20, 3), 1):
            await a_call(log, nanos, attempt=attempt)
        assert (await both(path, Asked())).wasted == 0
        await log.append([new(make.rejected(), task="build", step=1, attempt=1)])
        abandoned = AttemptAbandoned(role="worker", reason="no answer")
        await log.append([new(abandoned, task="build", step=1, attempt=2)])
        await log.append([new(make.accepted(), task="build", step=1, attempt=3)])
        assert (await both(path, Asked())).wasted == 120
        assert (await both(path, Asked(first="2026-09-22", last="2026-09-22"))).wasted == 0
        await log.append([new(make.accepted(by="ann"), task="build", step=1, attempt=1)])  # a person thinks otherwise
        assert (await both(path, Asked())).wasted == 20


async def test_a_task_is_free_where_nothing_was_billed_for_it(path: Path) -> None:
    clock = SetClock()
    async with open_log(path, clock=clock) as log:
        for task, tier, nanos in (
            ("free", "free", 0),
            ("local", "local", 0),
            ("paid", "cheap", 0),
            ("odd", "local", 5),
        ):
            await a_call(log, nanos, task=task, tier=tier)
            await log.append([new(make.task_accepted(), task=task)])
        assert await both(path, Asked()) == Findings(accepted=4, free=2)
        await log.append([new(TaskReopened(reason="a person's verdict"), task="free")])
        assert await both(path, Asked()) == Findings(accepted=3, free=1)
        assert (await both(path, Asked(begins=clock.now + 1))).accepted == 0


async def test_what_was_spent_behind_a_moment_of_a_day_is_told_by_the_day(path: Path) -> None:
    clock = SetClock()
    async with open_log(path, clock=clock) as log:
        await a_call(log, 7)
        clock.move(60)
        await a_call(log, 11)
        unknown = await log.append([new(make.reserved(scopes=SCOPES, cost_nanos=500), topic="ledger")])
        await log.append([new(make.unknown(unknown.positions[0]))])
    assert (await both(path, Asked(later={DAY: MORNING}))).later == {DAY: 511}
    assert (await both(path, Asked(later={DAY: clock.now, "2026-09-20": 0}))).later == {}


async def test_a_long_log_is_summed_over_columns_also_where_its_beginning_was_archived(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SetClock()
    between = await aged(path, clock)
    whole = await read(path, Asked())
    monkeypatch.setattr(events.spending, "LONG", 1)
    assert await read(path, Asked()) == whole
    archive(path, before=between, clock=clock)
    cut = await read(path, Asked())
    with monkeypatch.context() as short:
        short.setattr(events.spending, "LONG", 1 << 40)
        assert await read(path, Asked()) == cut
    assert (cut.archived, whole.archived) == (between, 0)
    assert sum(cost.nanos for cost in cut.costs.values()) == sum(cost.nanos for cost in whole.costs.values())


async def test_a_damaged_page_of_a_long_log_is_told_as_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_log(path, clock=SetClock()) as log:
        await fill(log, LENGTH)
    monkeypatch.setattr(events.spending, "LONG", 1)
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'segment'").fetchone()
    with path.open("r+b") as file:
        file.seek((root - 1) * schema.PAGE)
        file.write(b"\xff" * 64)
    with pytest.raises(LogUnusable, match="pages are damaged"):
        await read(path, Asked())
