"""The ledger while others read, write and settle at the same moment: nothing is counted twice, and no mark is lost."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from events.log import Ack, NewEvent, open_log
from events.types.call import BudgetSet
from swarm.errors import BudgetExceeded
from swarm.money.caps import Cap
from swarm.money.recording import record_caps
from tests.ledger_agents import Agent, a_need, session


async def test_what_two_read_at_the_same_time_is_counted_once(tmp_path: Path) -> None:
    """A session's tasks catch up each for itself; a call of another process must not be taken twice for that."""
    async with open_log(tmp_path / "log.db") as log, session(log) as (_, ledger):
        async with open_log(tmp_path / "log.db") as other, session(other) as (owner, theirs):
            await Agent(theirs, owner, a_need(60, Cap(scope="day", tokens=100))).reserve()
            async with anyio.create_task_group() as readers:
                for _ in range(3):
                    readers.start_soon(partial(ledger.catch_up, force=True))
        assert ledger.money.scope("day").reserved.tokens == 60
        assert ledger.money.scope("day").calls == 1


async def test_a_cap_recorded_for_a_day_is_not_that_of_the_day_in_which_a_call_is_decided_again(tmp_path: Path) -> None:
    yesterday, today = "day:2026-11-21@UTC", "day:2026-11-22@UTC"
    path = tmp_path / "log.db"
    async with open_log(path) as one, open_log(path) as two:
        async with session(one) as (owner, ledger), session(two) as (other, theirs):
            await record_caps(one, [BudgetSet(scope=yesterday, by="ada@host", tokens=1_000)])
            await ledger.catch_up(force=True)
            await Agent(theirs, other, a_need(10, Cap(scope=today, tokens=100))).reserve()
            with pytest.raises(BudgetExceeded) as refused:
                await Agent(ledger, owner, a_need(500, Cap(scope=yesterday, tokens=100))).reserve()
        assert (refused.value.scope, refused.value.cap) == (today, 100)


async def test_a_mark_that_is_passed_while_a_reservation_is_appended_is_told_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with open_log("memory:") as log, session(log) as (owner, ledger):
        day = Cap(scope="day", tokens=100)
        held = await (agent := Agent(ledger, owner, a_need(80, day))).reserve()
        append, late = log.append, [held]

        async def and_meanwhile(events: Sequence[NewEvent], **options: Any) -> Ack:
            ack = await append(events, **options)
            if late:
                await agent.settle(late.pop(), 80)
                await ledger.catch_up()
            return ack

        monkeypatch.setattr(log, "append", and_meanwhile)
        await Agent(ledger, owner, a_need(10, day)).reserve()
        assert [(mark.scope, mark.percent) for mark in ledger.marks()] == [("day", 80)]
