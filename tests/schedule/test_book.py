"""Schedules on a real log: two that start what is due, one that is killed between two events, an archive."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncGenerator
from functools import partial
from pathlib import Path

import anyio
import pytest

from events.log import EventLog, NewEvent, open_log
from events.testing.builders import SetClock
from events.testing.contract import everything
from events.types.schedule import (
    SCHEDULES,
    FiringDue,
    FiringMissed,
    FiringOrphaned,
    FiringSkipped,
    Rule,
    ScheduleRemoved,
    ScheduleSet,
)
from events.upkeep import archive
from events.views.schedules import schedules
from swarm.schedule.book import Book, is_there, open_book, this_process
from tests.schedule.world import DAY, HOUR, S

T = 20_500 * DAY


@pytest.fixture
def clock() -> SetClock:
    return SetClock(T + HOUR)


@pytest.fixture
async def log(tmp_path: Path, clock: SetClock) -> AsyncGenerator[EventLog]:
    async with open_log(tmp_path / "log.db", clock=clock) as opened:
        yield opened


async def set_up(log: EventLog, *names: str, **rule: object) -> None:
    for name in names:
        terms = Rule(cron="@hourly", **rule)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        event = ScheduleSet(schedule=name, directory="/home/ada/p", path="a.yaml", rule=terms, since=T)
        await log.append([NewEvent(event=event, topic=SCHEDULES)])


async def started_by(book: Book, name: str) -> list[int]:
    """Decide until there is nothing more; what is started has run at once."""
    found: list[int] = []
    while (started := await book.decide(name)) is not None:
        if started.firing:
            found.append(started.firing)
            assert await book.begin(name, started.firing) is not None
            await book.finish(name, started.firing, 0, run=1)
    return found


async def test_of_two_that_start_what_is_due_each_slot_is_started_by_one(tmp_path: Path) -> None:
    clock, names = SetClock(T), [f"job-{number}" for number in range(3)]
    path = tmp_path / "log.db"
    async with open_log(path, clock=clock) as one, open_log(path, clock=clock) as other:
        await set_up(one, *names)
        books = [await open_book(log, clock=clock) for log in (one, other)]
        for hour in range(1, 13):
            clock.now = T + hour * HOUR
            async with anyio.create_task_group() as group:
                for book in books:
                    for name in names:
                        group.start_soon(started_by, book, name)
        entries = await everything(one)
        views = [await book.read() for book in books]
    starts = Counter((e.event.schedule, e.event.due) for e in entries if isinstance(e.event, FiringDue))
    assert starts == Counter({(name, T + hour * HOUR): 1 for name in names for hour in range(1, 13)})
    assert views[0] == views[1]


async def test_a_firing_that_was_given_up_does_not_begin(log: EventLog, clock: SetClock) -> None:
    await set_up(log, "a")
    book = await open_book(log, clock=clock)
    started = await book.decide("a")
    assert started is not None
    other = await open_book(log, clock=clock)
    assert await other.begin("a", started.firing) is not None
    assert await book.begin("a", started.firing) is None, "it has begun, and does not a second time"
    clock.move(6 * 3_600)
    told = await book.decide("a")
    assert told is not None and [each.position for each in told.ends] == [started.firing]
    await book.ended("a", started.firing, 143, "")
    clock.now = T + 9 * HOUR
    started = await book.decide("a")
    while started is not None and not started.firing:  # what was missed meanwhile
        started = await book.decide("a")
    assert started is not None
    await book.ended("a", started.firing, 1, "no memory")
    assert await book.begin("a", started.firing) is None
    assert not await book.finish("a", started.firing, 0)
    state = await book.state("a")
    assert state is not None and state.recent[-1].detail == "no memory"


async def test_a_process_that_is_gone_leaves_an_orphan_and_the_policy_is_applied(
    log: EventLog, clock: SetClock
) -> None:
    await set_up(log, "a")
    book = await open_book(log, clock=clock)
    book.me = book.me.__class__(book.me.host, book.me.boot, 2**22 + 1, 7)  # no pid is so high
    started = await book.decide("a")
    assert started is not None and await book.begin("a", started.firing) is not None
    book.me = this_process()
    clock.move(300)
    again = await book.decide("a")  # the orphan
    assert again is not None and not again.firing
    again = await book.decide("a")
    assert again is not None and again.state.open[again.firing].nth == 2
    assert any(isinstance(entry.event, FiringOrphaned) for entry in await everything(log))


def test_a_process_is_there_while_it_is_the_same() -> None:
    me = this_process()
    assert is_there(me) and me.pid == os.getpid()
    assert not is_there(me.__class__(me.host, me.boot, me.pid, me.started + 1))
    assert not is_there(me.__class__(me.host, "another boot", me.pid, me.started))


async def test_killed_behind_any_event_the_next_start_accounts_for_every_slot(tmp_path: Path) -> None:
    """The log is cut behind each of its events in turn, and somebody else goes on from there."""
    clock = SetClock(T + HOUR)
    async with open_log(tmp_path / "log.db", clock=clock) as log:
        await set_up(log, "a", overlap="queue")
        book = await open_book(log, clock=clock)
        first = await book.decide("a")
        assert first is not None and await book.begin("a", first.firing) is not None
        clock.now = T + 2 * HOUR
        assert await book.decide("a") is not None  # it is queued
        await book.finish("a", first.firing, 0)
        await started_by(book, "a")
        entries = await everything(log)
    for cut in range(1, len(entries) + 1):
        later = SetClock()
        async with open_log("memory:", clock=later) as log:
            for entry in entries[:cut]:
                later.now = entry.at
                await log.append([NewEvent(event=entry.event, topic=entry.topic)])
            later.now = T + 3 * HOUR
            book = await open_book(log, clock=later)
            for _ in range(3):  # who had started a run is this process, which lives: its time goes by
                await started_by(book, "a")
                later.move(7 * 3_600)
            fates: Counter[int] = Counter()
            for each in await everything(log):
                if isinstance(each.event, FiringDue) and each.event.nth == 1:
                    fates[each.event.due] += 1
                elif isinstance(each.event, FiringMissed):
                    fates.update(range(each.event.first_due, each.event.last_due + 1, HOUR))
                elif isinstance(each.event, FiringSkipped):
                    fates[each.event.due] += 1
            state = await book.state("a")
            assert state is not None
            fates.update(each.due for each in state.queued)
            assert set(fates.values()) == {1} and {T + HOUR, T + 2 * HOUR, T + 3 * HOUR} <= set(fates), cut


async def test_a_schedule_goes_on_behind_an_archive(tmp_path: Path) -> None:
    clock = SetClock(T + HOUR)
    path = tmp_path / "log.db"
    async with open_log(path, clock=clock) as log:
        await set_up(log, "a", "b")
        book = await open_book(log, clock=clock)
        await book.write("b", lambda state: [ScheduleRemoved(schedule="b", by="ada")])
        assert await started_by(book, "a")
    clock.move(60)
    done = await anyio.to_thread.run_sync(partial(archive, path, before=clock.now, clock=clock))
    assert done.cut.position > 4
    clock.now = T + 2 * HOUR
    async with open_log(path, clock=clock) as log:
        assert [each.name for each in (await schedules(log)).view.present] == ["a"]
        book = await open_book(log, clock=clock)
        (firing,) = await started_by(book, "a")
        state = await book.state("a")
        assert state is not None and [each.due for each in state.recent] == [T + HOUR, T + 2 * HOUR]
        assert state.recent[-1].position == firing


async def test_what_is_undone_by_nobody_is_never_written(log: EventLog) -> None:
    await set_up(log, "a")
    book = await open_book(log, clock=SetClock(T + 10 * S))
    before = (await log.head()).position
    assert await book.decide("a") is None and await book.decide("nobody") is None
    assert (await log.head()).position == before
