"""The ledger as a machine of states: whatever processes do to one log in whatever order, no cap is passed, and all adds up.

Each process has the log open by itself, as its own; all of them live in one event loop, so that a failure can be told step by
step. What is checked is what the log says, entry by entry, and what each ledger believes in the end.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeVar

import anyio
import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from events.bus import read_all
from events.log import EventLog, NewEvent, open_log, system_clock
from events.scopes import LOG, SHARED, month_of, path_of, session_of
from events.testing.builders import failed, opened, released, reserved, settled, unknown
from events.types.call import CallReserved
from events.views.base import fold
from events.views.money import Amount, MoneyView, ScopeState
from events.views.sessions import Claim, SessionsView
from events.views.standing import standing
from swarm.errors import BudgetExceeded
from swarm.money.caps import Cap, Grant, Need
from swarm.money.ledger import TOPIC, Intent, Ledger, Reserved
from swarm.owner import SESSIONS, Owner, new_event, open_session, take_session
from tests.conftest import is_long
from tests.ledger_agents import PRICE, Agent

T = TypeVar("T")

DAYS = tuple(f"day:2026-{day}@UTC" for day in ("10-30", "10-31", "11-01", "11-02", "12-31"))
PROJECTS, TASKS, ROLES = ("garden", "house"), ("a", "b"), ("worker", "validator")
MOST_PROCESSES = 3
END_S = 30

Kinds = dict[str, tuple[int | None, int | None]]
"""The caps by the kind of their scope, in tokens and in money."""

tight = st.sampled_from((None, 60, 100, 150, 250))
caps = st.tuples(tight, tight)


class Asked(msgspec.Struct, frozen=True):
    """What a call of a process asks for; one with a slow clock is a day `back`."""

    process: int
    task: str
    role: str
    input: int
    output: int
    whole: bool
    back: int


ASKED = st.builds(
    Asked,
    process=st.integers(0, MOST_PROCESSES),
    task=st.sampled_from(TASKS),
    role=st.sampled_from(ROLES),
    input=st.integers(1, 15),
    output=st.integers(10, 60),
    whole=st.booleans(),
    back=st.sampled_from((0, 0, 0, 1)),
)


def kind_of(scope: str) -> str:
    if session_of(scope) == SHARED:
        return scope.partition(":")[0]
    return ("session", "task", "role", "agent")[scope.count("/")]


class Planned(Agent):
    """An agent whose reservation names what a real one names, and that remembers what it was granted."""

    role = ROLES[0]

    def _intent(self, need: Need, grant: Grant) -> Intent:
        call = reserved(
            tokens=grant.tokens, cost_nanos=grant.nanos, scopes=need.named, role=self.role, agent=f"{self.role}-1"
        )
        event = self.owner.new(call, task=self.task, topic=TOPIC)
        return Intent(events=[event], reserved=0, texts=(), durable=self.durable)


class Process:
    """One that has the log open, owns a session and reserves for it."""

    def __init__(self, log: EventLog, owner: Owner, ledger: Ledger) -> None:
        self.log, self.owner, self.ledger = log, owner, ledger
        self.held: list[tuple[Planned, Reserved]] = []
        self.asking: list[asyncio.Task[None]] = []


class Books(RuleBasedStateMachine):
    """Processes on one log: they reserve, wait, settle, fail, vanish, come back; the day goes on and back."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "log.db"
        self.hosts: dict[int, tuple[asyncio.Task[None], asyncio.Event]] = {}  # by session
        self.processes: dict[int, Process] = {}
        self.vanished: list[int] = []  # sessions whose process was killed
        self.dead: set[int] = set()  # positions of claims whose owner is gone
        self.lost: list[tuple[int, int]] = []  # calls of which nobody knows, with what they had reserved
        self.killed: set[int] = set()  # sessions whose process ever was
        self.given: list[int] = []
        self.calls: dict[int, int] = {}  # by position the session of each reservation in the log
        self.days: set[date] = set()
        self.seen, self.position, self.day, self.ending = MoneyView(), 0, 1, False
        self.kinds: Kinds = {}

    def do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(self._in_time(coroutine))

    @staticmethod
    async def _in_time(coroutine: Coroutine[Any, Any, T]) -> T:
        with anyio.fail_after(END_S):
            return await coroutine

    # -- what happens --

    @initialize(log=caps, month=caps, day=caps, project=caps, session=caps, task=caps, role=caps)
    def set_caps(self, **kinds: tuple[int | None, int | None]) -> None:
        self.kinds = kinds
        for project, whole in zip(PROJECTS, (True, False), strict=True):
            self.do(self._start(project, None, whole=whole))

    @precondition(lambda self: len(self.processes) < MOST_PROCESSES)
    @rule(project=st.sampled_from(PROJECTS), whole=st.booleans())
    def another_process(self, project: str, whole: bool) -> None:
        self.do(self._start(project, None, whole=whole))

    @precondition(lambda self: self.processes)
    @rule(asked=st.lists(ASKED, min_size=1, max_size=6))
    def reserve(self, asked: list[Asked]) -> None:
        """Several at the same moment, in one process or in more: those of one go into a batch, one process conflicts with others."""
        self.do(self._ask([(self._process(each.process), each) for each in asked]))

    @rule(which=st.integers(0, 20), percent=st.integers(0, 100))
    def settle(self, which: int, percent: int) -> None:
        if not self._held():  # no precondition: what is granted by now is a matter of time
            return
        agent, held = self._take(which)
        self.do(agent.settle(held, held.grant.tokens * percent // 100))

    @rule(which=st.integers(0, 20), end=st.sampled_from((failed, released, unknown)))
    def end(self, which: int, end: Any) -> None:
        if not self._held():
            return
        agent, held = self._take(which)
        self.do(agent.append(end(held.position)))
        if end is unknown:
            self.lost.append((held.position, held.grant.tokens))

    @precondition(lambda self: self.processes)
    @rule(which=st.integers(0, 20), percent=st.integers(0, 100))
    def settle_after_all(self, which: int, percent: int) -> None:
        if not self.lost:
            return
        position, tokens = self.lost.pop(which % len(self.lost))
        amount = tokens * percent // 100
        owner = self._process(which).owner
        self.do(owner.append([owner.new(settled(position, tokens=amount, cost_nanos=amount))]))

    @precondition(lambda self: self.processes)
    @rule(which=st.integers(0, MOST_PROCESSES))
    def kill(self, which: int) -> None:
        self.do(self._end(self._process(which).owner.session))

    @precondition(lambda self: self.vanished and len(self.processes) < MOST_PROCESSES)
    @rule(whole=st.booleans())
    def resume(self, whole: bool) -> None:
        self.do(self._start("", self.vanished.pop(), whole=whole))

    @rule(day=st.integers(0, len(DAYS) - 1))
    def set_the_clock(self, day: int) -> None:
        self.day = day

    # -- what holds --

    @invariant()
    def no_cap_is_passed_and_every_level_comes_to_the_same(self) -> None:
        if self.processes:
            self.do(self._read_on())

    def teardown(self) -> None:
        try:
            if self.processes:
                self.do(self._settle_all())
                self.do(self._agree())
            for session in list(self.processes):
                self.do(self._end(session))
        finally:
            self.runner.close()
            self.folder.cleanup()

    # -- how --

    def _process(self, which: int) -> Process:
        return list(self.processes.values())[which % len(self.processes)]

    def _held(self) -> list[tuple[Process, int]]:
        return [(process, at) for process in self.processes.values() for at in range(len(process.held))]

    def _take(self, which: int) -> tuple[Planned, Reserved]:
        held = self._held()
        process, at = held[which % len(held)]
        return process.held.pop(at)

    def _lives(self, claim: Claim) -> bool:
        return claim.position not in self.dead

    async def _start(self, project: str, session: int | None, *, whole: bool) -> None:
        ready: asyncio.Future[Process] = asyncio.get_running_loop().create_future()
        gone = asyncio.Event()
        host = asyncio.create_task(self._host(project, session, whole, ready, gone))
        waited: set[asyncio.Future[Any]] = {host, ready}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if host.done():
            await host  # what went wrong
        process = ready.result()
        self.processes[process.owner.session] = process
        self.hosts[process.owner.session] = host, gone

    async def _host(
        self, project: str, session: int | None, whole: bool, ready: asyncio.Future[Process], gone: asyncio.Event
    ) -> None:
        async with open_log(self.path) as log:
            owner = await (_opened(log, project) if session is None else _taken(log, session))
            ledger = Ledger(log, lives=self._lives)
            if whole:
                async for entries in read_all(log):
                    ledger.fold(entries)
            else:
                start = await standing(log)
                own = await fold(log, MoneyView(), until=start.position)
                ledger.begin(start, own, owner.session)
            ready.set_result(Process(log, owner, ledger))
            await gone.wait()

    async def _end(self, session: int) -> None:
        """As SIGKILL: what is asked for is forgotten, what was reserved stays open under a claim whose owner is gone."""
        process = self.processes.pop(session)
        self.dead.add(process.owner.position)
        for task in process.asking:
            task.cancel()
        await asyncio.gather(*process.asking, return_exceptions=True)
        host, gone = self.hosts.pop(session)
        gone.set()
        await host
        self.vanished.append(session)
        self.killed.add(session)

    async def _ask(self, asked: Sequence[tuple[Process, Asked]]) -> None:
        agents: list[tuple[Planned, asyncio.Task[None]]] = []
        for process, each in asked:
            agent = self._agent(process, each)
            running = asyncio.create_task(self._reserve(process, agent))
            agents.append((agent, running))
            process.asking.append(running)
        for agent, running in agents:
            waits = asyncio.create_task(agent.waits.wait())
            await asyncio.wait({running, waits}, return_when=asyncio.FIRST_COMPLETED)
            waits.cancel()
            await asyncio.gather(waits, return_exceptions=True)

    def _agent(self, process: Process, asked: Asked) -> Planned:
        owner = process.owner
        named = (DAYS[max(0, self.day - asked.back)], owner.name, f"{owner.name}/{asked.task}")
        path = path_of(named, project=owner.project, role=asked.role, agent=f"{asked.role}-1")
        need = Need(
            scopes=path,
            named=named,
            caps=tuple(cap for cap in map(self._cap, path) if cap is not None),
            price=PRICE,
            input_tokens=asked.input,
            output_tokens=asked.output,
            least_output_tokens=asked.output if asked.whole else 1,
        )
        agent = Planned(process.ledger, owner, need, task=asked.task)
        agent.role = asked.role
        return agent

    def _cap(self, scope: str) -> Cap | None:
        tokens, nanos = self.kinds.get(kind_of(scope), (None, None))
        return None if tokens is None and nanos is None else Cap(scope=scope, tokens=tokens, nanos=nanos)

    async def _reserve(self, process: Process, agent: Planned) -> None:
        try:
            held = await agent.reserve()
        except BudgetExceeded as refusal:
            assert refusal.used + refusal.reserved + refusal.needed > refusal.cap
            return
        self.given.append(held.position)
        if self.ending:
            await agent.settle(held)
        else:
            process.held.append((agent, held))

    async def _read_on(self) -> None:
        log = next(iter(self.processes.values())).log
        async for entries in read_all(log, after=self.position):
            for entry in entries:
                self.seen.apply(entry)
                self.position = entry.position
                if isinstance(entry.event, CallReserved):
                    self.calls[entry.position] = entry.session
                    self._check_day(entry.event.scopes[0])
                    for scope in self.seen.open[entry.position].path:
                        self._check_cap(scope, self.seen.scope(scope))
        self._check_sums()

    def _check_cap(self, scope: str, state: ScopeState) -> None:
        cap = self._cap(scope) or Cap(scope=scope)
        assert cap.tokens is None or state.spent.tokens + state.reserved.tokens <= cap.tokens, (scope, state)
        assert cap.nanos is None or state.spent.nanos + state.reserved.nanos <= cap.nanos, (scope, state)

    def _check_day(self, scope: str) -> None:
        day = date.fromisoformat(scope[4:14])
        assert not {day + timedelta(days=1), day + timedelta(days=2)} & self.days, f"{scope} had ended"
        self.days.add(day)

    def _check_sums(self) -> None:
        scopes = self.seen.scopes
        if LOG not in scopes:
            return
        for kind in ("month", "day", "project", "session", "task", "role", "agent"):
            assert _sum([scopes[name] for name in scopes if kind_of(name) == kind]) == _sum([scopes[LOG]]), kind
        for wide in scopes:
            if (kind := kind_of(wide)) in ("session", "task", "role"):
                inside = [name for name in scopes if name.rpartition("/")[0] == wide]
            elif kind == "month":
                inside = [name for name in scopes if kind_of(name) == "day" and month_of(name) == wide]
            else:
                continue
            assert _sum([scopes[name] for name in inside]) == _sum([scopes[wide]]), wide

    async def _settle_all(self) -> None:
        """With nothing in flight any more everybody is granted what was asked for, or refused."""
        self.ending = True
        for process in self.processes.values():
            while process.held:
                agent, held = process.held.pop()
                await agent.settle(held)
        for process in self.processes.values():
            await asyncio.gather(*process.asking)

    async def _agree(self) -> None:
        await self._read_on()
        log = next(iter(self.processes.values())).log
        anew = await fold(log, MoneyView())
        assert anew == self.seen
        calls = {at: session for at, session in self.calls.items() if session not in self.killed}
        assert len(set(self.given)) == len(self.given)
        assert set(calls) <= set(self.given) <= set(self.calls), "no conflict has lost a reservation or made it twice"
        for process in self.processes.values():
            await process.ledger.catch_up(force=True)
            own = process.owner.session
            for of in (process.ledger.money, anew):
                assert {name: state for name, state in anew.scopes.items() if session_of(name) in (SHARED, own)} == {
                    name: state
                    for name, state in of.scopes.items()
                    if session_of(name) in (SHARED, own) and state != ScopeState()
                }


def _sum(states: Sequence[ScopeState]) -> tuple[Amount, Amount, Amount, int]:
    spent, taken, maybe = Amount(), Amount(), Amount()
    for state in states:
        for total, mine in ((spent, state.spent), (taken, state.reserved), (maybe, state.maybe_paid)):
            total.add(mine.tokens, mine.nanos)
    return spent, taken, maybe, sum(state.calls for state in states)


async def _opened(log: EventLog, project: str) -> Owner:
    def opening(number: int) -> list[NewEvent]:
        return [new_event(opened(), number, project, topic=SESSIONS)]

    return await open_session(log, opening, project=project, clock=system_clock, texts=())


async def _taken(log: EventLog, session: int) -> Owner:
    """The session again, as a resume takes it: of what was open nobody knows."""
    state = (await fold(log, SessionsView())).sessions[session]
    first = (await log.read(session=session, limit=1))[0]
    owner = await take_session(log, state, settings="{}", project=first.project, clock=system_clock, take_over=True)
    money = await fold(log, MoneyView())
    left = [held.position for held in money.open.values() if held.session == session]
    if left:
        await owner.append([owner.new(unknown(position)) for position in left])
    return owner


@pytest.mark.soak
def test_whatever_processes_do_no_cap_is_passed_all_adds_up_and_nobody_waits_for_ever(
    request: pytest.FixtureRequest,
) -> None:
    examples = 500 if is_long(request.config) else 25
    run_state_machine_as_test(Books, settings=settings(max_examples=examples, stateful_step_count=25, deadline=None))
