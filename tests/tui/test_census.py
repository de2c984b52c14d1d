"""The counts of tasks, whose turn it is, and their order: kept up as they move, and always what they would be from scratch."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from events.log import Entry
from events.memory import MemoryLog
from events.testing.builders import SetClock
from events.testing.contract import everything
from events.testing.histories import history
from events.views.spending import Asked, SpendingView
from swarm.cycle import EXPLORATIONS, Work, next_step
from tests.tui.recordings import START, recording
from tui.census import EXPLORATIONS as OURS
from tui.census import Census, next_role
from tui.filter import read_filter
from tui.live import Live
from tui.moved import Moved
from tui.order import SORTS, TASK_FIELDS, Order, age_us
from tui.words import status_of

ROLE_OF = {Work.EXPLORE: "explorer", Work.DRAFT: "worker", Work.JUDGE: "validator", Work.AUDIT: "validator"}


async def a_history(seed: int) -> list[Entry]:
    log = MemoryLog(clock=SetClock())
    for append in history(Random(seed)):
        await log.append(append.events, texts=append.texts)
    return await everything(log)


@pytest.mark.parametrize("seed", range(10))
async def test_whose_turn_it_is_is_what_the_engine_would_open(seed: int) -> None:
    assert OURS == EXPLORATIONS
    live, seen = Live(1), Counter[str]()
    for entry in await a_history(seed):
        live.apply([entry])
        tasks = live.tasks.of(1)
        for task in tasks.values():
            opened = next_step(task, tasks).open
            role = ROLE_OF.get(opened.work, "") if opened is not None else ""
            assert next_role(task, tasks) == role
            seen[role] += 1
    assert seen["worker"] and seen["validator"]


@pytest.mark.parametrize("seed", range(10))
async def test_the_counts_are_those_of_all_tasks_whatever_moved_when(seed: int) -> None:
    random, entries, live = Random(seed), await a_history(seed), Live(1)
    folded: list[Entry] = []
    while entries:
        many = random.randrange(1, 30)
        live.apply(entries[:many])
        folded, entries = folded + entries[:many], entries[many:]
        tasks, census = live.tasks.of(1), live.census
        busy = {call.task for call in live.tasks.calls(1)} | {task for session, task in live.using.now if session == 1}
        queued = Counter(
            next_role(task, tasks) for task in tasks.values() if task.name not in busy and not task.own.paused
        )
        assert +census.glyphs == Counter(status_of(task).glyph for task in tasks.values())
        assert {role: many for role, many in census.queued.items() if many} == {
            role: many for role, many in queued.items() if role
        }
        assert live.running() == Counter(call.role for call in live.tasks.calls(1))
        assert sum(live.running().values()) == sum(task.open_calls for task in tasks.values())
        whole = Census()
        whole.take(tasks, Moved(), dict.fromkeys(task for session, task in live.using.now if session == 1))
        assert +whole.tiers == +census.tiers
    spent = SpendingView()
    for entry in folded:
        if entry.session == 1:
            spent.apply(entry)
    found = spent.findings(Asked())
    assert (live.census.tiers.total(), live.census.tiers["free"]) == (found.accepted, found.free)


@pytest.mark.parametrize("sort", SORTS)
async def test_the_order_of_tasks_that_moved_is_that_of_all(sort: str) -> None:
    random, entries, live = Random(4), await a_history(4), Live(1)
    kept, filter, now = Order(), read_filter("!state:cancelled tokens>=0 age>1s", TASK_FIELDS), START + 60_000_000
    kept.sort = next(each for each in SORTS if each == sort)
    kept.filter = filter
    while entries:
        many = random.randrange(1, 30)
        live.apply(entries[:many])
        entries = entries[many:]
        kept.take(live, now)
        anew = Order()
        anew.sort, anew.filter = kept.sort, filter
        anew.take(live, now)
        assert [task.name for task in kept.shown] == [task.name for task in anew.shown]
        assert all(status_of(task).word != "cancelled" and age_us(task, now) > 1e6 for task in kept.shown)
    assert not kept.take(live, now)
    keys = {
        "cost": [-task.cost_nanos for task in kept.shown],
        "tokens": [-task.tokens for task in kept.shown],
        "age": [-age_us(task, now) for task in kept.shown],
    }.get(sort, [])
    assert keys == sorted(keys)


async def test_names_with_numbers_stand_in_the_order_in_which_people_count(tmp_path: Path) -> None:
    live, order = Live(1), Order()
    async with recording(tmp_path / "log.db") as writer:
        await writer.open("many")
        for name in ("t10", "t9", "a", "t1-b", "t1-10", "t1-9"):
            await writer.submit(name)
        live.apply(await writer.log.read())
    order.sort = "name"
    assert order.take(live, START)
    assert [task.name for task in order.shown] == ["a", "t1-9", "t1-10", "t1-b", "t9", "t10"]


def test_what_moved_is_found_without_looking_at_what_did_not() -> None:
    moved = Moved()
    moved.add(["a", "b"])
    moved.add(["c", "a"])
    assert moved.since(2) == [] and moved.since(1) == ["a", "c"] and moved.since(0) == ["a", "c", "b"]
