"""The record of a session and its states: what is found from a kept point is what a fold from the beginning comes to."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import anyio
import msgspec
from hypothesis import given
from hypothesis import strategies as st

from events.lineage import fold_session
from events.log import EventLog, open_log
from events.testing.histories import history
from events.types.call import BudgetMarked, BudgetSet
from events.types.session import SessionOpened
from events.types.task import TaskCancelled
from events.views.approvals import ApprovalsView
from events.views.base import encode_state, fold
from events.views.money import MoneyView
from events.views.questions import QuestionsView
from events.views.sessions import SessionsView
from events.views.tasks import TasksView
from events.views.using import UsingView
from tests.tui.recordings import Clock, Writer, a_session, damage, damaged, recording
from tui.past import Past
from tui.record import GAP_US, Record, read_record
from tui.timeline import Timeline


@asynccontextmanager
async def random_log(seed: int) -> AsyncGenerator[EventLog]:
    """Three sessions that work beside each other."""
    async with open_log("memory:") as log:
        for append in history(Random(seed)):
            await log.append(append.events, texts=append.texts)
        yield log


async def built(log: EventLog, session: int, *, every: int = 5, most: int = 8) -> tuple[Record, Timeline]:
    found, trouble = await read_record(log, session)
    assert not trouble
    timeline = Timeline(log, found, every=every, most=most)
    await timeline.build()
    return found, timeline


async def by_fold(log: EventLog, session: int, position: int) -> tuple[bytes, ...]:
    """What the views come to that fold the first events of the log, up to a position."""
    own = {"until": position, "session": session}
    views = [await fold(log, view, until=position, session=session) for view in (SessionsView(), UsingView())]
    asked = [await fold(log, view, until=position, session=session) for view in (ApprovalsView(), QuestionsView())]
    tasks = await fold_session(log, TasksView(), own["session"], until=own["until"])
    money = await fold(log, MoneyView().only(session), until=position)
    return tuple(encode_state(view) for view in (*views, *asked, tasks, money))


def told(past: Past) -> tuple[bytes, ...]:
    """The same of a state of the timeline."""
    tasks = TasksView(
        tasks=past.tasks.tasks, **dict(zip(("_reserved", "_unknown"), past.tasks.open_calls(), strict=True))
    )
    money = MoneyView(scopes=past.money.scopes, open=past.money.open, unknown=past.money.unknown)
    views = (past.sessions, past.using, past.approvals, past.questions, tasks, money.only(past.session))
    return tuple(encode_state(view) for view in views)


@given(st.integers(0, 10**6), st.lists(st.integers(0, 99), min_size=1, max_size=6), st.booleans())
def test_the_state_at_an_event_is_the_fold_of_all_up_to_it_however_one_came_there(
    seed: int, places: list[int], goes_on: bool
) -> None:
    async def seek() -> None:
        async with random_log(seed) as log:
            found, timeline = await built(log, session := 1 + seed % 3)
            near: Past | None = None
            for place in places:
                index = place * len(found) // 100
                past = await timeline.state_at(index, near)
                assert told(past) == await by_fold(log, session, found.positions[index])
                assert (past.position, past.at) == (found.positions[index], found.times[index])
                near = past if goes_on else None

    anyio.run(seek)


async def test_what_a_fork_began_with_is_there_from_its_first_event(tmp_path: Path) -> None:
    async with recording(tmp_path / "log.db") as writer:
        await a_session(writer)
        first = await writer.log.read(limit=1)
        assert isinstance(first[0].event, SessionOpened)
        opened = msgspec.structs.replace(first[0].event, parent=1, parent_position=12)
        fork = Writer(writer.log, 2)
        await fork.add(opened, topic="sessions")
        await fork.add(TaskCancelled(reason="enough"), task="docs")
        found, timeline = await built(writer.log, 2)
        for index in (1, 0):
            past = await timeline.state_at(index)
            assert past.tasks.of(2) == (
                await fold_session(writer.log, TasksView(), 2, until=found.positions[index])
            ).of(2)
        assert past.tasks.of(2)["build"].step is not None


async def test_many_points_come_apart_and_stay_right() -> None:
    async with random_log(7) as log:
        found, timeline = await built(log, 1, every=1, most=4)
        assert 2 <= timeline.points <= 4
        past = await timeline.state_at(len(found) - 1)
        assert told(past) == await by_fold(log, 1, found.positions[-1])


async def test_a_damaged_event_ends_the_record_before_it_and_is_told(tmp_path: Path) -> None:
    await damaged(tmp_path / "log.db", 14)
    async with open_log(tmp_path / "log.db", read_only=True) as log:
        found, trouble = await read_record(log, 1)
        assert list(found.positions) == list(range(1, 14)) and "damaged at position 14" in trouble


async def test_a_damaged_event_of_another_session_ends_the_states_before_it(tmp_path: Path) -> None:
    async with recording(tmp_path / "log.db") as writer:
        await a_session(writer)
        await Writer(writer.log, 2).open("another")
        await writer.add(TaskCancelled(reason="enough"), task="tell")
    damage(tmp_path / "log.db", 26)
    async with open_log(tmp_path / "log.db", read_only=True) as log:
        found, trouble = await read_record(log, 1)
        timeline = Timeline(log, found)
        assert (found.positions[-1], trouble) == (28, "")
        await timeline.build()
        assert found.positions[-1] == 25 and "damaged at position 26" in timeline.trouble
        assert (await timeline.state_at(len(found) - 1)).position == 25


async def test_the_time_in_which_nothing_happens_is_not_played_and_a_clock_that_went_back_stands_still() -> None:
    clock = Clock()
    async with open_log("memory:", clock=clock) as log:
        writer = Writer(log)
        await writer.open("gaps")
        clock.now += 3_600_000_000
        await writer.submit("one")
        clock.now -= 1_000_000_000
        await writer.submit("two")
        found, _ = await read_record(log, 1)
    second = 1_000_000
    assert list(found.played) == [0, second, second + GAP_US, second + GAP_US]
    assert [found.idle_us(index) for index in range(4)] == [0, 3_601 * second, 0, 0]


async def test_what_sticks_out_is_marked(tmp_path: Path) -> None:
    async with recording(tmp_path / "log.db") as writer:
        await a_session(writer)
        await writer.add(BudgetMarked(scope="s1", unit="tokens", percent=80, used=8, cap=10))
        await writer.add(BudgetSet(scope="s1", tokens=9, by="ann"))
        found, _ = await read_record(writer.log, 1)
    assert [(mark.kind, mark.said) for mark in found.marks] == [
        ("retry", "build rejected: a test fails"),
        ("fail", "docs failed: no model took it"),
        ("budget", "s1 at 80 %"),
        ("person", "the cap of s1 was set"),
    ]
