"""The schedules of a log, and the one way in which anything is written about them: read, decided and appended under `expect`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import msgspec

from events import processes
from events.bus import read_all
from events.log import Clock, Conflict, EventLog, LogCorrupt, NewEvent, system_clock
from events.types.schedule import (
    SCHEDULES,
    AnyFiring,
    AnySchedule,
    FiringFinished,
    FiringOrphaned,
    FiringStarted,
    Process,
    firing_topic,
)
from events.views.kept import Start
from events.views.schedules import Firing, ScheduleState, SchedulesView, schedules
from swarm.alive import boot_id, host_name
from swarm.schedule.decide import Decision, decide, to_kill
from swarm.schedule.times import SECOND

CONFLICTS_BEFORE_TURN = 3
TURN_TIMEOUT_S = 10.0
ELSEWHERE_S = 3_600
"""A process on another machine cannot be looked at: it counts as gone so long after its time is up."""


class Written(msgspec.Struct, frozen=True):
    """What was appended about a schedule, and where."""

    events: Sequence[AnySchedule | AnyFiring]
    positions: tuple[int, ...]


class Started(msgspec.Struct, frozen=True):
    """What was decided and stands in the log: `firing` is the one to be started now, 0 = none; `ends` those to be told to end."""

    state: ScheduleState
    firing: int
    ends: tuple[Firing, ...]


class Book:
    """Reads and writes schedules for one process. Of two that decide at the same moment one reads on and decides again."""

    def __init__(self, log: EventLog, start: Start[SchedulesView], clock: Clock) -> None:
        self._log, self.clock = log, clock
        self._view, self._position, self._reading = start.view, start.position, anyio.Lock()
        self.me = this_process()

    async def read(self) -> SchedulesView:
        """All schedules as they stand now, by the log itself: what this process knows of it may be old. Raises LogError."""
        async with self._reading:
            async for entries in read_all(self._log, after=self._position):
                for entry in entries:
                    self._view.apply(entry)
                self._position = entries[-1].position
        return self._view

    async def state(self, name: str) -> ScheduleState | None:
        """One of them; None where there is none, or it was removed."""
        state = (await self.read()).schedules.get(name)
        return None if state is None or state.removed else state

    async def write(
        self, name: str, say: Callable[[ScheduleState | None], Sequence[AnySchedule | AnyFiring]]
    ) -> Written:
        """Append what `say` makes of the schedule as it stands; it is asked again where another process was faster.

        It is told of a schedule that was removed, too, and of None where the name was never used. Raises LogError, and what `say` raises.
        """
        conflicts = 0
        while True:
            async with AsyncExitStack() as stack:
                if conflicts >= CONFLICTS_BEFORE_TURN:
                    await stack.enter_async_context(self._log.turn(timeout=TURN_TIMEOUT_S))
                expect = {topic: await self._head(topic) for topic in (SCHEDULES, firing_topic(name))}
                state = (await self.read()).schedules.get(name)
                events = say(state)
                if not events:
                    return Written((), ())
                project = Path(state.directory).name if state else ""
                new = [NewEvent(event=event, topic=_topic(event), project=project) for event in events]
                try:
                    ack = await self._log.append(new, expect=expect, durable=True)
                except Conflict as conflict:
                    if await self._head(conflict.topic) == conflict.expected:  # nobody wrote to it: the log is damaged
                        raise LogCorrupt(
                            url=self._log.url, position=conflict.found, reason=f"its topic is not {conflict.topic}"
                        ) from conflict
                    conflicts += 1
                else:
                    return Written(events, ack.positions)

    async def decide(self, name: str, *, places: int = 1) -> Started | None:
        """Decide the next thing about a schedule and record it; None where there is nothing to do. Raises LogError."""
        now, state = self.clock(), (await self.read()).schedules.get(name)
        if state is None or decide(state, now, me=self.me, places=places, gone=gone_of(state, now)) is None:
            return None  # most often, and found without asking where its topics end
        decided: list[Decision | None] = []

        def say(state: ScheduleState | None) -> Sequence[AnyFiring]:
            now = self.clock()
            found = decide(state, now, me=self.me, places=places, gone=gone_of(state, now)) if state else None
            decided.append(found)
            return found.events if found else ()

        written = await self.write(name, say)
        decision = decided[-1]
        if decision is None:
            return None
        state = (await self.read()).schedules[name]
        ends = tuple(state.open[firing] for firing in decision.ends if firing in state.open)
        return Started(state, written.positions[-1] if decision.starts else 0, ends)

    async def begin(self, name: str, firing: int) -> ScheduleState | None:
        """Say that the process of a firing is there, which is this one; None where the firing was given up meanwhile."""

        def say(state: ScheduleState | None) -> Sequence[AnyFiring]:
            found = state.open.get(firing) if state else None
            if found is None or found.process is not None or found.cancelled:
                return ()
            return (FiringStarted(schedule=name, firing=firing, process=self.me),)

        written = await self.write(name, say)
        return (await self.read()).schedules[name] if written.events else None

    async def finish(
        self, name: str, firing: int, exit_code: int, *, run: int = 0, idle: str = "", detail: str = ""
    ) -> bool:
        """Say how a firing ended; False where that is known already."""
        event = FiringFinished(schedule=name, firing=firing, exit_code=exit_code, run=run, idle=idle, detail=detail)
        written = await self.write(name, lambda state: (event,) if state and firing in state.open else ())
        return bool(written.events)

    async def ended(self, name: str, firing: int, exit_code: int, said: str) -> None:
        """Account for a firing whose process has ended with this code (128 + signal), and `said` this last.

        One that said so itself is left as it is.
        """

        def say(state: ScheduleState | None) -> Sequence[AnyFiring]:
            found = state.open.get(firing) if state else None
            if found is None:
                return ()
            if found.process is not None and not found.cancelled:
                return (FiringOrphaned(schedule=name, firing=firing, run=found.session),)
            detail = said if found.process is None else ""
            return (
                FiringFinished(
                    schedule=name, firing=firing, exit_code=exit_code or 1, run=found.session, detail=detail
                ),
            )

        await self.write(name, say)

    async def to_kill(self, name: str) -> list[Firing]:
        """The firings of a schedule whose processes had their time to end by themselves."""
        state = (await self.read()).schedules.get(name)
        return to_kill(state, self.clock()) if state else []

    async def _head(self, topic: str) -> int:
        last = await self._log.last(topic)
        return last.position if last else 0


async def open_book(log: EventLog, *, clock: Clock = system_clock) -> Book:
    """The schedules of a log. Raises LogError."""
    return Book(log, await schedules(log), clock)


def this_process() -> Process:
    pid = os.getpid()
    return Process(host_name(), boot_id(), pid, processes.started(pid))


def gone_of(state: ScheduleState, now: int) -> set[int]:
    """The open firings whose process is no more; where none has begun, whose starter is no more."""
    gone: set[int] = set()
    for firing in state.running:
        process = firing.process or firing.starter
        if process.host == host_name():
            is_gone = not is_there(process)
        else:
            is_gone = now - firing.at > (state.rule.timeout_s + ELSEWHERE_S) * SECOND
        if is_gone:
            gone.add(firing.position)
    return gone


def is_there(process: Process) -> bool:
    """Whether a process of this machine lives. A pid that was given anew is another one."""
    return (
        process.host == host_name()
        and process.boot == boot_id()
        and not processes.is_dead(process.pid)
        and processes.started(process.pid) == process.started
    )


def _topic(event: AnySchedule | AnyFiring) -> str:
    return SCHEDULES if isinstance(event, AnySchedule) else firing_topic(event.schedule)
