"""How fast money goes: whatever is read first, the speed at a place in the log is that of all that stands before it."""

from __future__ import annotations

from random import Random

import pytest

from events.log import open_log
from events.types.call import CallReleased, CallUnknown
from events.views.burning import HOUR_US, LEAST_US, BurningView
from events.views.money import Amount
from swarm.cli.lookup.burns import Burns
from tests.tui.recordings import DAY, Clock, Writer


@pytest.mark.parametrize("seed", range(8))
async def test_the_last_hour_read_from_the_end_is_that_of_a_fold_of_everything(seed: int) -> None:
    random, clock = Random(seed), Clock()
    async with open_log("memory:", clock=clock) as log:
        writer, held = Writer(log, 1), list[int]()
        await writer.open("t")
        await writer.submit("a")
        for _ in range(60):
            clock.now += random.choice((0, 0, 5, 40, 90)) * 60_000_000
            if held and random.random() < 0.6:
                position = held.pop(random.randrange(len(held)))
                if random.random() < 0.2:
                    await writer.add(
                        random.choice((CallUnknown, CallReleased))(reservation=position, reason="cut"), task="a"
                    )
                else:
                    await writer.settle(position, "a", nanos=random.randrange(10**9))
            else:
                held.append(await writer.reserve("a", tokens=random.randrange(9000), nanos=random.randrange(10**9)))
        entries = await log.read(limit=1000)
        followed, view = Burns(log, step=random.randrange(1, 9)), BurningView()
        for entry in entries:
            view.apply(entry)
            if random.random() < 0.3:
                assert await followed.at(entry.position) == view.burning()
                assert await Burns(log, step=random.randrange(1, 9)).at(entry.position) == view.burning()
        assert await followed.at(entries[4].position) == await Burns(log).at(entries[4].position)  # backwards


async def test_what_went_is_spread_over_the_time_from_the_first_call_of_the_hour() -> None:
    clock = Clock()
    async with open_log("memory:", clock=clock) as log:
        writer = Writer(log, 1)
        first = await writer.reserve("a", tokens=100, nanos=900)
        clock.now += 30 * 60_000_000 - 1_000_000
        await writer.settle(first, "a", tokens=(500, 0, 0), nanos=700)
        burning = await Burns(log).at(2)
    assert burning.until - burning.since == HOUR_US // 2
    assert burning.sums[DAY] == Amount(500, 700)
    assert (burning.an_hour(DAY, "nanos"), burning.an_hour("s1/a", "tokens"), burning.an_hour("s2", "nanos")) == (
        1400,
        1000,
        0,
    )


async def test_what_came_at_once_is_taken_as_that_of_a_minute() -> None:
    async with open_log("memory:", clock=Clock()) as log:
        writer = Writer(log, 1)
        await writer.settle(await writer.reserve("a", tokens=9, nanos=9), "a", nanos=10)
        assert (await Burns(log).at(2)).an_hour("s1", "nanos") == 10 * HOUR_US // LEAST_US
