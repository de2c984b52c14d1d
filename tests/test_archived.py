"""What a program that runs sees of an archive: numbers go on, caps hold, and what was confirmed stays so."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from events.log import EventLog, open_log, system_clock
from events.testing.builders import SetClock
from events.types.call import CallReserved
from events.upkeep import archive
from events.views.money import MoneyView
from events.views.standing import standing
from swarm.alive import lives
from swarm.errors import BudgetExceeded
from swarm.money.caps import Cap
from swarm.money.ledger import Ledger
from swarm.owner import Owner
from tests.events.aged import DAY
from tests.ledger_agents import Agent, a_need, a_session, session

CAP = Cap(scope="day", nanos=1_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


async def spend(log: EventLog, nanos: int) -> None:
    """A session that spends so much and ends."""
    async with session(log) as (owner, ledger):
        agent = Agent(ledger, owner, a_need(nanos, CAP))
        await agent.settle(await agent.reserve(), nanos)


async def begun(log: EventLog) -> tuple[Owner, Ledger]:
    """A session that starts from how things stand."""
    owner = await a_session(log)
    ledger = Ledger(log, lives=lambda claim: lives(claim, system_clock()))
    ledger.begin(await standing(log), MoneyView(), owner.session)
    return owner, ledger


async def test_no_number_of_a_session_is_given_twice(path: Path) -> None:
    clock = SetClock()
    async with open_log(path, clock=clock) as log:
        for _ in range(3):
            await spend(log, 10)
        clock.move(DAY)
        assert archive(path, before=clock.now, clock=clock).cut.sessions == (1, 2, 3)
        assert await log.last("sessions") is None
        assert [(await a_session(log)).session for _ in range(2)] == [4, 5]


async def test_a_number_goes_on_also_behind_the_second_archive(path: Path) -> None:
    clock = SetClock()
    async with open_log(path, clock=clock) as log:
        await spend(log, 10)
        for _ in range(2):
            clock.move(DAY)
            archive(path, before=clock.now, clock=clock)
            await spend(log, 10)
        assert (await a_session(log)).session == 4


async def test_what_was_spent_before_an_archive_counts_in_every_cap_after_it(path: Path) -> None:
    clock = SetClock()
    async with open_log(path, clock=clock) as log:
        await spend(log, 700)
        clock.move(DAY)
        archive(path, before=clock.now, clock=clock)
        owner, ledger = await begun(log)
        with pytest.raises(BudgetExceeded):
            await Agent(ledger, owner, a_need(400, CAP)).reserve()
        assert (await Agent(ledger, owner, a_need(300, CAP)).reserve()).grant.nanos == 300


async def test_a_ledger_that_was_open_meanwhile_reserves_on(path: Path) -> None:
    """All that stood on its topic is gone, and what its append expects of it with that."""
    clock = SetClock()
    async with open_log(path, clock=clock) as mine, open_log(path, clock=clock) as theirs:
        await spend(theirs, 700)
        clock.move(DAY)
        between = clock.now
        async with session(mine) as (owner, ledger):
            archive(path, before=between, clock=clock)
            assert not [entry for entry in await mine.read() if isinstance(entry.event, CallReserved)]
            with anyio.fail_after(10):
                agent = Agent(ledger, owner, a_need(300, CAP))
                await agent.settle(await agent.reserve(), 300)
                with pytest.raises(BudgetExceeded):
                    await Agent(ledger, owner, a_need(100, CAP)).reserve()
