"""The ledger: never over a cap, whoever asks and from wherever, and nobody waits for ever."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any, cast

import anyio
import msgspec
import pytest

from events.log import Conflict, EventLog, open_log
from events.sqlite.log import open_sqlite
from events.testing.builders import claimed, new
from events.types.call import BudgetMarked, BudgetSet, CallReserved
from events.views.money import MoneyView
from swarm.errors import BudgetExceeded
from swarm.money.caps import Cap
from swarm.money.ledger import TOPIC, Ledger, Reserved
from swarm.owner import claim_topic
from tests.ledger_agents import Agent, a_need, check_never_over, crowd, entries_of, process, session, tell

CAP = 5_000


@pytest.fixture(params=["memory", "sqlite"])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[EventLog]:
    async with open_log("memory:" if request.param == "memory" else tmp_path / "log.db") as opened:
        yield opened


@pytest.mark.parametrize("where", ["memory", "sqlite"])
async def test_twenty_agents_under_a_cap_that_pays_for_five_calls_never_pass_it_and_all_come_to_an_end(
    where: str, tmp_path: Path
) -> None:
    for seed in range(50):
        async with open_log("memory:" if where == "memory" else tmp_path / f"{seed}.db") as log:
            with anyio.fail_after(20):
                ends = await crowd(log, seed, count=20, cap=CAP)
            money = await check_never_over(log, CAP)
            assert sum(ends.values()) == 20
            assert ends["granted"] >= 5
            assert not money.open


async def test_two_processes_with_ten_agents_each_never_pass_the_cap_of_their_log(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with anyio.fail_after(50):
        for seed in (1, 2):
            path = tmp_path / f"{seed}.db"
            async with process("crowd", path, seed, 10, CAP) as one, process("crowd", path, seed + 7, 10, CAP) as two:
                tell(one)
                tell(two)
                ends = [msgspec.json.decode((await each.communicate())[0], type=dict[str, int]) for each in (one, two)]
                assert [each.returncode for each in (one, two)] == [0, 0]
            assert [sum(each.values()) for each in ends] == [10, 10]
            assert sum(each["granted"] for each in ends) >= 5
            async with open_log(path, read_only=True) as log:
                assert not (await check_never_over(log, CAP)).open


async def test_one_that_waits_is_woken_by_a_settlement(log: EventLog) -> None:
    async with session(log) as (owner, ledger), anyio.create_task_group() as agents:
        need = a_need(80, Cap(scope="day", tokens=100))
        first, second = Agent(ledger, owner, need), Agent(ledger, owner, need)
        held = await first.reserve()
        agents.start_soon(second.reserve)
        with anyio.fail_after(10):
            await second.waits.wait()
            await first.settle(held, 20)
    await check_never_over(log, 100)


async def test_one_that_waits_is_woken_by_a_settlement_of_another_process(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with (
        process("hold", path, 80, 100) as other,
        open_log(path) as log,
        session(log) as (owner, ledger),
        anyio.create_task_group() as agents,
    ):
        agent = Agent(ledger, owner, a_need(80, Cap(scope="day", tokens=100)))
        agents.start_soon(agent.reserve)
        with anyio.fail_after(20):
            await agent.waits.wait()
            assert len(ledger.money.open) == 1, "it is refused nothing while the other may still cost less"
            tell(other)
            await other.wait()


async def test_a_reservation_of_a_dead_process_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with (
        process("hold", path, 80, 100) as other,
        open_log(path) as log,
        session(log) as (owner, ledger),
    ):
        agent = Agent(ledger, owner, a_need(80, Cap(scope="day", tokens=100)))
        refused: list[BudgetExceeded] = []

        async def ask() -> None:
            try:
                await agent.reserve()
            except BudgetExceeded as error:
                refused.append(error)

        with anyio.fail_after(20):
            async with anyio.create_task_group() as agents:
                agents.start_soon(ask)
                await agent.waits.wait()
                os.kill(other.pid, signal.SIGKILL)
        assert [(error.reserved, error.needed) for error in refused] == [(80, 80)]
        with pytest.raises(BudgetExceeded):
            await Agent(ledger, owner, a_need(80, Cap(scope="day", tokens=100))).reserve()
        assert (await Agent(ledger, owner, a_need(20, Cap(scope="day", tokens=100))).reserve()).grant.tokens == 20


async def test_those_who_wait_for_one_scope_are_served_in_the_order_they_came(log: EventLog) -> None:
    order: list[int] = []
    async with session(log) as (owner, ledger):
        cap = Cap(scope="day", tokens=100)
        held = await (first := Agent(ledger, owner, a_need(100, cap))).reserve()

        async def wait(number: int, agent: Agent) -> None:
            mine = await agent.reserve()
            order.append(number)
            await agent.settle(mine)

        with anyio.fail_after(20):
            async with anyio.create_task_group() as agents:
                for number, tokens in enumerate((90, 20, 70, 60)):
                    agent = Agent(ledger, owner, a_need(tokens, cap))
                    agents.start_soon(wait, number, agent)
                    await agent.waits.wait()
                await first.settle(held)
    assert order == [0, 1, 2, 3]


async def test_a_small_call_does_not_pass_a_large_one_that_waits_for_the_same_scope_and_one_elsewhere_does(
    log: EventLog,
) -> None:
    async with session(log) as (owner, ledger):
        day, elsewhere = Cap(scope="day", tokens=100), Cap(scope="s2", tokens=100)
        held = await (first := Agent(ledger, owner, a_need(80, day))).reserve()
        large, small = Agent(ledger, owner, a_need(90, day)), Agent(ledger, owner, a_need(10, day))
        with anyio.fail_after(20):
            async with anyio.create_task_group() as agents:
                agents.start_soon(large.reserve)
                await large.waits.wait()
                agents.start_soon(small.reserve)
                await small.waits.wait()
                await Agent(ledger, owner, a_need(90, elsewhere)).reserve()
                await first.settle(held)
    granted = [entry.event.tokens for entry in await entries_of(log) if isinstance(entry.event, CallReserved)]
    assert granted == [80, 90, 90, 10]


async def test_the_order_holds_among_those_who_ask_at_the_same_moment(tmp_path: Path) -> None:
    """While the first is being committed the others gather, and are decided in one batch."""
    async with open_log(tmp_path / "log.db") as log, session(log) as (owner, ledger):
        day = Cap(scope="day", tokens=100)
        first, large, small = (Agent(ledger, owner, a_need(tokens, day)) for tokens in (80, 90, 10))
        with anyio.fail_after(20):
            async with anyio.create_task_group() as agents:
                for agent in (large, small):
                    agents.start_soon(agent.reserve)
                held = await first.reserve()
                await large.waits.wait()
                await small.waits.wait()
                await first.settle(held)
        granted = [entry.event.tokens for entry in await entries_of(log) if isinstance(entry.event, CallReserved)]
        assert granted == [80, 90, 10]


async def test_a_call_that_is_granted_in_the_same_batch_is_one_that_may_still_cost_less(tmp_path: Path) -> None:
    """So the next one waits for it, and is not refused."""
    async with open_log(tmp_path / "log.db") as log, session(log) as (owner, ledger):
        day = Cap(scope="day", tokens=100)
        first, large, other = (Agent(ledger, owner, a_need(tokens, day)) for tokens in (10, 90, 60))
        with anyio.fail_after(20):
            async with anyio.create_task_group() as agents:

                async def take_and_settle() -> None:
                    held = await large.reserve()
                    await other.waits.wait()
                    await large.settle(held)

                agents.start_soon(take_and_settle)
                agents.start_soon(other.reserve)
                await first.reserve()
        assert ledger.money.scope("day").calls == 2, "and the third is granted, which the ledger folds later"


async def test_one_that_is_cancelled_while_it_waits_leaves_nothing_and_lets_the_next_one_pass(log: EventLog) -> None:
    async with session(log) as (owner, ledger):
        day = Cap(scope="day", tokens=100)
        held = await (first := Agent(ledger, owner, a_need(80, day))).reserve()
        gone, behind = Agent(ledger, owner, a_need(90, day)), Agent(ledger, owner, a_need(20, day))
        with anyio.fail_after(20):
            async with anyio.create_task_group() as agents, anyio.create_task_group() as doomed:
                doomed.start_soon(gone.reserve)
                await gone.waits.wait()
                agents.start_soon(behind.reserve)
                await behind.waits.wait()
                doomed.cancel_scope.cancel()
        await first.settle(held)
    granted = [entry.event.tokens for entry in await entries_of(log) if isinstance(entry.event, CallReserved)]
    assert granted == [80, 20]


async def test_one_that_is_refused_lets_those_behind_it_pass(log: EventLog) -> None:
    """The first in line is refused when what it waited for is spent; no event tells the others, and they go on."""
    async with session(log) as (owner, ledger):
        day = Cap(scope="day", tokens=100)
        held = await (first := Agent(ledger, owner, a_need(80, day))).reserve()
        large, small = Agent(ledger, owner, a_need(90, day)), Agent(ledger, owner, a_need(20, day))
        refused = anyio.Event()

        async def ask() -> None:
            with pytest.raises(BudgetExceeded):
                await large.reserve()
            refused.set()

        with anyio.fail_after(20):
            async with anyio.create_task_group() as agents:
                agents.start_soon(ask)
                await large.waits.wait()
                agents.start_soon(small.reserve)
                await small.waits.wait()
                await first.settle(held, 80)
        assert refused.is_set()
        assert ledger.money.scope("day").spent.tokens == 80


async def test_a_lost_claim_fails_its_own_session_and_nobody_elses_in_the_same_batch(log: EventLog) -> None:
    async with session(log) as (mine, ledger):
        theirs = msgspec.structs.replace(mine, session=2, position=1)
        await log.append([new(claimed(epoch=2), session=2, topic=claim_topic(2))])
        day = Cap(scope="day", tokens=100)
        outcome: dict[str, object] = {}

        async def ask(name: str, agent: Agent) -> None:
            try:
                outcome[name] = await agent.reserve()
            except Conflict as conflict:
                outcome[name] = conflict.topic

        with anyio.fail_after(10):
            async with anyio.create_task_group() as agents:
                for name, owner in (("mine", mine), ("theirs", theirs), ("mine too", mine)):
                    agents.start_soon(ask, name, Agent(ledger, owner, a_need(30, day)))
        assert outcome["theirs"] == "claim/s2"
        assert isinstance(outcome["mine"], Reserved)
        assert isinstance(outcome["mine too"], Reserved)
    assert (await check_never_over(log, 100)).scope("day").reserved.tokens == 60


async def test_all_who_ask_while_a_commit_is_under_way_are_reserved_in_the_next_one(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "log.db") as log, session(log) as (owner, ledger):
        day = Cap(scope="day", tokens=1_000)
        held: list[Reserved] = []

        async def ask() -> None:
            held.append(await Agent(ledger, owner, a_need(10, day)).reserve())

        async with anyio.create_task_group() as agents:
            for _ in range(20):
                agents.start_soon(ask)
        assert len({each.ack.positions for each in held}) == 2, "the first alone, the others behind it in one append"


async def test_a_ledger_that_was_behind_another_decides_again_and_stays_under_the_cap(tmp_path: Path) -> None:
    """Two logs on one file are as two processes: each learns of the other's reservations by conflict."""
    path = tmp_path / "log.db"
    day = Cap(scope="day", tokens=100)
    async with open_log(path) as one, open_log(path) as two:
        async with session(one) as (a, a_ledger), session(two) as (b, b_ledger):
            await Agent(a_ledger, a, a_need(60, day)).reserve()
            late = Agent(b_ledger, b, a_need(60, day, least=10))
            assert (await late.reserve()).grant.tokens == 40
            await Agent(a_ledger, a, a_need(50, Cap(scope="s1", tokens=100))).reserve()
        money = await check_never_over(two, 100)
    assert money.scope("day").reserved.tokens == 100


async def test_the_ledgers_fold_is_the_view_that_everybody_sees(log: EventLog) -> None:
    await crowd(log, 3, count=8, cap=CAP)
    async with session(log) as (owner, ledger):
        await Agent(ledger, owner, a_need(10, Cap(scope="s9", tokens=100))).reserve()
        await Agent(ledger, owner, a_need(10, Cap(scope="s9", tokens=100))).reserve()
        seen = MoneyView()
        for entry in (await entries_of(log))[:-1]:
            seen.apply(entry)
        assert seen == ledger.money, "but for the last append, which it folds before it decides again"


async def raise_cap(log: EventLog, scope: str, tokens: int) -> None:
    await log.append([new(BudgetSet(scope=scope, by="ada@host", tokens=tokens), topic=TOPIC)])


async def test_a_cap_that_is_raised_while_a_call_waits_lets_it_go_at_once(log: EventLog) -> None:
    async with session(log) as (owner, ledger), anyio.create_task_group() as agents:
        need = a_need(80, Cap(scope="day", tokens=100))
        await Agent(ledger, owner, need).reserve()
        waiting = Agent(ledger, owner, need)
        agents.start_soon(waiting.reserve)
        with anyio.fail_after(10):
            await waiting.waits.wait()
            await raise_cap(log, "day", tokens=160)
    assert ledger.money.scope("day").caps["tokens"].most == 160
    assert (await check_never_over(log, 160)).scope("day").reserved.tokens == 160


async def test_a_cap_that_another_process_records_holds_from_the_next_call_on(tmp_path: Path) -> None:
    async with open_log(tmp_path / "log.db") as log, session(log) as (owner, ledger):
        spent = await (agent := Agent(ledger, owner, a_need(80, Cap(scope="day", tokens=100)))).reserve()
        await agent.settle(spent, 80)
        with pytest.raises(BudgetExceeded):
            await agent.reserve()
        async with open_log(tmp_path / "log.db") as other:
            await raise_cap(other, "day", tokens=200)
        again = await agent.reserve()
        assert again.grant.tokens == 80, "a refusal looks at the log itself before it is one"
        await agent.settle(again, 80)
        async with open_log(tmp_path / "log.db") as other:
            await raise_cap(other, "day", tokens=170)
        with pytest.raises(BudgetExceeded, match=r"of 170 tokens \(set by ada@host\) left"):
            await Agent(ledger, owner, a_need(20, Cap(scope="day", tokens=100))).reserve()


async def test_a_cap_is_recorded_for_a_scope_that_had_none_and_leaves_the_other_unit_as_it_is(log: EventLog) -> None:
    async with session(log) as (owner, ledger):
        free, capped = a_need(40), Cap(scope="s", nanos=50)
        need = msgspec.structs.replace(free, scopes=("day", "s"), caps=(capped,))
        await raise_cap(log, "day", tokens=30)
        with pytest.raises(BudgetExceeded) as by_day:
            await Agent(ledger, owner, need).reserve()
        assert (by_day.value.scope, by_day.value.unit, by_day.value.cap) == ("day", "tokens", 30)
        await raise_cap(log, "day", tokens=300)
        await raise_cap(log, "s", tokens=300)
        await (agent := Agent(ledger, owner, need)).settle(await agent.reserve(), 40)
        with pytest.raises(BudgetExceeded) as by_money:
            await agent.reserve()
        assert (by_money.value.scope, by_money.value.unit, by_money.value.cap) == ("s", "nanos", 50)


async def test_what_is_spent_of_a_cap_is_told_anew_once_a_person_has_changed_the_cap(log: EventLog) -> None:
    async with session(log) as (owner, ledger):
        day = Cap(scope="day", tokens=100)
        await (agent := Agent(ledger, owner, a_need(85, day))).settle(await agent.reserve(), 85)
        await Agent(ledger, owner, a_need(1, day)).reserve()
        told: list[tuple[int, int]] = []
        for most in (1_000, 100, 94):
            await raise_cap(log, "day", tokens=most)
            await ledger.catch_up()
            told += [(mark.percent, mark.cap) for mark in ledger.marks()]
            await Agent(ledger, owner, a_need(1, day)).reserve()
    marks = [entry.event for entry in await entries_of(log) if isinstance(entry.event, BudgetMarked)]
    assert [(mark.percent, mark.cap) for mark in marks] == [(80, 100), *told]
    assert told == [(80, 100), (90, 94)], "nothing is told of a cap of which less than 80 % is spent"


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_caps_are_recorded_meanwhile_no_call_is_reserved_above_the_one_in_force(
    log: EventLog, seed: int
) -> None:
    luck, ends = Random(seed), dict[str, int]()

    async def change() -> None:
        for _ in range(12):
            await anyio.lowlevel.checkpoint()
            await raise_cap(log, luck.choice(("day", "s", "t1")), luck.randrange(CAP // 10, CAP * 2))

    with anyio.fail_after(20):
        async with anyio.create_task_group() as beside:
            beside.start_soon(change)
            ends = await crowd(log, seed, count=20, cap=CAP)
    assert sum(ends.values()) == 20, "and nobody waits for ever"
    money = MoneyView()
    for entry in await entries_of(log):
        money.apply(entry)
        for name in entry.event.scopes if isinstance(entry.event, CallReserved) else ():
            state = money.scope(name)
            tokens = state.caps["tokens"].most if "tokens" in state.caps else CAP
            assert state.spent.tokens + state.reserved.tokens <= tokens, f"{name} at {entry.position}"
            assert state.spent.nanos + state.reserved.nanos <= CAP


class Meddled:
    """A log of which another process gets hold for a moment after each append."""

    def __init__(self, log: EventLog, meddle: Callable[[], Awaitable[None]]) -> None:
        self._log, self._meddle = log, meddle

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def append(self, *args: Any, **options: Any) -> Any:
        ack = await self._log.append(*args, **options)
        await self._meddle()
        return ack


async def test_what_another_process_took_meanwhile_counts_for_all_of_a_batch_also_where_one_of_it_is_refused(
    tmp_path: Path,
) -> None:
    """A batch is decided by one state of the ledger's topic, and goes in behind that one or not at all."""
    path, day, others = tmp_path / "log.db", Cap(scope="day", tokens=100), list[int]()
    async with open_log(path) as one, open_log(path) as two, session(two) as (b, b_ledger), session(one) as (a, _):

        async def take() -> None:
            if not others:
                others.append((await Agent(b_ledger, b, a_need(60, day)).reserve()).position)

        meddled = Ledger(cast("EventLog", Meddled(one, take)), lives=lambda _: True)
        ends: dict[str, object] = {}

        async def ask(name: str, agent: Agent) -> None:
            try:
                ends[name] = await agent.reserve()
            except BudgetExceeded as refusal:
                ends[name] = refusal

        with anyio.fail_after(20):
            async with anyio.create_task_group() as agents:
                agents.start_soon(ask, "first", Agent(meddled, a, a_need(10, Cap(scope="s1", tokens=100))))
                agents.start_soon(ask, "small", Agent(meddled, a, a_need(60, day, least=10)))
                agents.start_soon(ask, "large", Agent(meddled, a, a_need(200, day)))
        assert isinstance(ends["large"], BudgetExceeded) and isinstance(ends["small"], Reserved)
        assert ends["small"].grant.tokens == 40, "what the other one left"
        await check_never_over(one, 100)
