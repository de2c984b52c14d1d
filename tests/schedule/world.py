"""A world for schedules with a clock of its own: runs, a starter that is killed, a machine that sleeps, a clock that jumps.

All that is decided in it is decided by `decide`, and all that is known stands in a view that folds what was appended.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from random import Random

import msgspec

from events.log import Entry
from events.types.any import AnyEvent
from events.types.schedule import (
    AnySchedule,
    FiringDue,
    FiringFinished,
    FiringMissed,
    FiringQueued,
    FiringSkipped,
    FiringStarted,
    Process,
    Rule,
    ScheduleRewound,
    ScheduleSet,
)
from events.views.schedules import ScheduleState, SchedulesView
from swarm.schedule.decide import decide, next_look, to_kill

S = 1_000_000
HOUR, DAY = 3_600 * S, 86_400 * S
NAME = "nightly"


class Troubles(msgspec.Struct, frozen=True):
    """How often of a thousand steps something goes wrong."""

    sleeps: int = 0  # the machine is suspended, for up to two days
    jumps_back: int = 0  # the clock goes back, by up to half a day, and never by more than 20 hours in all
    kills: int = 0  # the starter dies between an append and what it was to do next
    crashes: int = 0  # a run dies without a word
    failures: int = 100  # a run ends with 1
    longest_run_s: int = 5_000


class _Run(msgspec.Struct):
    process: Process
    begins: int
    ends: int
    code: int | None  # None: it dies without a word


class World:
    def __init__(self, rule: Rule, *, now: int, random: Random, troubles: Troubles) -> None:
        self.now, self.random, self.troubles = now, random, troubles
        self.view, self.entries = SchedulesView(), list[Entry]()
        self.runs: dict[int, _Run] = {}
        self.alive: set[Process] = set()
        self._pids, self._highest = 100, now
        self.me = self._process()
        self.append(ScheduleSet(schedule=NAME, directory="/p", path="a.yaml", rule=rule, since=now))

    @property
    def state(self) -> ScheduleState:
        return self.view.schedules[NAME]

    def append(self, event: AnyEvent) -> int:
        topic = "schedules" if isinstance(event, AnySchedule) else f"schedule/{NAME}"
        position = len(self.entries) + 1
        self.entries.append(Entry(position, b"", self.now, topic, "", 0, "", 0, 0, 0, event))
        self.view.apply(self.entries[-1])
        return position

    def run(self, until: int) -> None:
        """Step on, from one moment at which something is to be done to the next, until that time."""
        while self.now < until:
            self._step(until)
        self.troubles = Troubles(failures=self.troubles.failures, longest_run_s=self.troubles.longest_run_s)
        self.now += 60 * S
        self.look()

    def look(self) -> None:
        """Do all that is to be done now, as a starter does; one that is killed leaves the rest to the next."""
        self._move_runs()
        for late in to_kill(self.state, self.now):
            self._end(late.position, None)
        for _ in range(10_000):
            gone = {each.position for each in self.state.running if (each.process or each.starter) not in self.alive}
            decision = decide(self.state, self.now, me=self.me, gone=gone)
            if decision is None:
                return
            positions = [self.append(event) for event in decision.events]
            if self._happens(self.troubles.kills):
                self.alive.discard(self.me)
                self.me = self._process()
                return
            for firing in decision.ends:
                self._end(firing, 143)
            if decision.starts:
                self._start(positions[-1])
        raise AssertionError("there is always something more to do")

    def _step(self, until: int) -> None:
        moments = [next_look(self.state, self.now) or until]
        moments += [run.begins if run.begins > self.now else run.ends for run in self.runs.values()]
        # a crontab asks within a minute of the moment
        self.now = max(self.now + S, min(*moments, until)) + self.random.randrange(60) * S
        if self._happens(self.troubles.sleeps):
            self.now += self.random.randrange(2 * DAY)
        self.look()
        if self._happens(self.troubles.jumps_back):
            self._highest = max(self._highest, self.now)
            self.now = max(self.now - self.random.randrange(DAY // 2), self._highest - 20 * HOUR)
            self.look()

    def _start(self, firing: int) -> None:
        begins = self.now + self.random.randrange(1, 5) * S
        lasts = self.random.randrange(1, self.troubles.longest_run_s) * S
        code = None if self._happens(self.troubles.crashes) else int(self._happens(self.troubles.failures))
        self.runs[firing] = _Run(self._process(), begins, begins + lasts, code)

    def _move_runs(self) -> None:
        for firing, run in list(self.runs.items()):
            found = self.state.open.get(firing)
            if found is None:  # it was given up: its process sees that, or was ended
                self.alive.discard(self.runs.pop(firing).process)
            elif found.process is None and run.begins <= self.now and not found.cancelled:
                self.append(FiringStarted(schedule=NAME, firing=firing, process=run.process))
            if firing in self.runs and run.ends <= self.now:
                self._end(firing, run.code)

    def _end(self, firing: int, code: int | None) -> None:
        if run := self.runs.pop(firing, None):
            self.alive.discard(run.process)
            if code is not None and firing in self.state.open:
                self.append(FiringFinished(schedule=NAME, firing=firing, exit_code=code))

    def _process(self) -> Process:
        self._pids += 1
        process = Process("here", "boot", self._pids, 1)
        self.alive.add(process)
        return process

    def _happens(self, of_a_thousand: int) -> bool:
        return self.random.randrange(1_000) < of_a_thousand


def require_all_accounted(entries: Sequence[Entry], state: ScheduleState, slots: Sequence[int]) -> None:
    """Every slot up to the last one decided is started, skipped, missed or waiting: exactly one of these, and nothing else is."""
    fates: Counter[int] = Counter()
    tries: dict[int, list[int]] = {}
    for event in (entry.event for entry in entries):
        match event:
            case FiringDue(due=due, manual=False):
                fates[due] += event.nth == 1
                tries.setdefault(due, []).append(event.nth)
            case FiringSkipped(due=due):
                fates[due] += 1
            case FiringMissed():
                missed = slots[bisect_left(slots, event.first_due) : bisect_right(slots, event.last_due)]
                assert len(missed) == event.slots and missed[0] == event.first_due and missed[-1] == event.last_due
                fates.update(missed)
            case ScheduleRewound():
                raise AssertionError("a clock that goes back by less than a day reopens nothing")
            case _:
                pass
    fates.update(each.due for each in state.queued)
    decided = slots[: bisect_right(slots, state.decided)]
    assert dict(fates) == dict.fromkeys(decided, 1)
    assert all(nths == list(range(1, len(nths) + 1)) for nths in tries.values())
    waited = {entry.event.due for entry in entries if isinstance(entry.event, FiringQueued)}
    assert waited <= set(decided)
