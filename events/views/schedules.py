"""Schedules: what each is, what runs of it, what waits, what became of its last firings. It stays small, however long the log.

A page that shows them needs nothing else but the moments to come, which `next_times` of swarm/schedule/times.py says of a rule.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from events.bus import read_all
from events.log import Entry, EventLog
from events.types.schedule import (
    SCHEDULES,
    AnyFiring,
    AnySchedule,
    FiringCancelled,
    FiringDue,
    FiringFinished,
    FiringMissed,
    FiringOrphaned,
    FiringQueued,
    FiringSkipped,
    FiringStarted,
    Process,
    Rule,
    SchedulePaused,
    ScheduleRemoved,
    ScheduleResumed,
    ScheduleRewound,
    ScheduleSet,
)
from events.types.session import SessionOpened
from events.views.kept import EVERY, Kept, Start, fold_kept, snapshot_of

RECENT = 50
"""Firings that ended, of each schedule, that are kept."""

REWIND_US = 86_400 * 1_000_000
"""So far behind what is decided the clock has to stand before slots count again: no slot of a smaller step back is run twice."""

Status = Literal[
    "starting",
    "running",
    "ending",
    "done",
    "idle",
    "failed",
    "halted",
    "timed out",
    "replaced",
    "interrupted",
    "orphaned",
]
_BY_CODE: dict[int, Status] = {0: "done", 3: "halted", 130: "interrupted", 143: "interrupted"}
_BY_REASON: dict[str, Status] = {"timeout": "timed out", "replaced": "replaced"}


class Firing(msgspec.Struct, kw_only=True):
    """One try of a slot."""

    position: int  # of its firing.due: its name
    due: int
    at: int  # when it was started
    starter: Process
    nth: int = 1
    manual: bool = False
    goes_on: int = 0  # the session of the try before it
    process: Process | None = None  # None: it has not begun
    session: int = 0  # 0: it has opened none so far
    cancelled: str = ""  # why it was told to end
    cancelled_at: int = 0
    ended_at: int = 0  # 0: it has not
    exit_code: int | None = None
    orphaned: bool = False
    idle: str = ""
    detail: str = ""

    @property
    def status(self) -> Status:
        """In one word."""
        if not self.ended_at:
            return "ending" if self.cancelled else "running" if self.process else "starting"
        if self.cancelled and (self.orphaned or self.exit_code):
            return _BY_REASON.get(self.cancelled, "interrupted")
        if self.orphaned:
            return "orphaned"
        if self.idle:
            return "idle"
        return _BY_CODE.get(self.exit_code or 0, "failed")


class Queued(msgspec.Struct, frozen=True):
    due: int
    at: int
    reason: str


class Tally(msgspec.Struct):
    """What became of all slots that were ever due, and of the runs that a person started."""

    runs: int = 0  # that ended, further tries included
    by_status: dict[str, int] = {}
    missed: int = 0
    skipped: int = 0


class ScheduleState(msgspec.Struct, kw_only=True):
    """A schedule. `open` are its firings that have not ended, by their names; `recent` those that ended last, the oldest first."""

    name: str
    directory: str
    path: str
    rule: Rule
    options: tuple[str, ...]
    by: str
    position: int  # of its last schedule.set
    set_at: int
    decided: int  # what became of every slot up to here is decided
    paused_at: int = 0  # 0: it is not
    paused_by: str = ""
    pause_reason: str = ""
    removed: bool = False
    open: dict[int, Firing] = {}
    queued: list[Queued] = []
    recent: list[Firing] = []
    tally: Tally = msgspec.field(default_factory=Tally)

    @property
    def running(self) -> list[Firing]:
        """Its open firings in the order in which they were started."""
        return list(self.open.values())

    @property
    def last(self) -> Firing | None:
        """The firing that ended last."""
        return self.recent[-1] if self.recent else None


class SchedulesView(msgspec.Struct):
    """All schedules of a log, by their names; those that were removed stay, so that a name that comes again goes on from there."""

    schedules: dict[str, ScheduleState] = {}

    @property
    def present(self) -> list[ScheduleState]:
        """Those that were not removed, by their names."""
        return sorted((each for each in self.schedules.values() if not each.removed), key=lambda each: each.name)

    @property
    def running(self) -> int:
        """How many firings of all schedules have not ended."""
        return sum(len(each.open) for each in self.schedules.values())

    def apply(self, entry: Entry) -> None:
        event = entry.event
        if isinstance(event, ScheduleSet):
            self.schedules[event.schedule] = _set(self.schedules.get(event.schedule), event, entry)
        elif isinstance(event, AnySchedule):
            if state := self.schedules.get(event.schedule):
                _say(state, event, entry.at)
        elif isinstance(event, AnyFiring):
            if state := self.schedules.get(event.schedule):
                _fire(state, event, entry)
        elif isinstance(event, SessionOpened) and event.firing:
            state = self.schedules.get(event.schedule)
            if state is not None and (firing := state.open.get(event.firing)):
                firing.session = entry.session


SCHEDULES_KEPT = Kept("schedules", 1, SchedulesView)


async def schedules(log: EventLog) -> Start[SchedulesView]:
    """All schedules as they stand now; see `fold_kept`. What stands before the first that was ever set is not read."""
    if await log.archived() is not None or await log.snapshot(SCHEDULES_KEPT.name, SCHEDULES_KEPT.form) is not None:
        return await fold_kept(log, SCHEDULES_KEPT)
    begun = position = await before_first(log)
    view = SchedulesView()
    async for entries in read_all(log, after=begun):
        for entry in entries:
            view.apply(entry)
        position = entries[-1].position
    start = Start(SCHEDULES_KEPT, view, position, 0, "")
    if position - begun >= EVERY:
        await log.keep(snapshot_of(start))
    return start


async def before_first(log: EventLog) -> int:
    """The position behind which the first schedule was set, or the end of the log: no schedule is spoken of up to there."""
    end = (await log.head()).position  # first: one that is set meanwhile stands behind it
    first = await log.read(topic=SCHEDULES, limit=1)
    return first[0].position - 1 if first else end


def _set(before: ScheduleState | None, event: ScheduleSet, entry: Entry) -> ScheduleState:
    if before is None or before.removed:
        before = ScheduleState(
            name=event.schedule,
            directory=event.directory,
            path=event.path,
            rule=event.rule,
            options=event.options,
            by=event.by,
            position=entry.position,
            set_at=entry.at,
            decided=before.decided if before else event.since,
            open=before.open if before else {},
        )
    before.directory, before.path, before.rule, before.options = event.directory, event.path, event.rule, event.options
    before.by, before.position, before.set_at = event.by, entry.position, entry.at
    before.decided = _from(before.decided, event.since)
    return before


def _say(state: ScheduleState, event: AnySchedule, at: int) -> None:
    match event:
        case SchedulePaused(by=by, reason=reason):
            state.paused_at, state.paused_by, state.pause_reason = at, by, reason
        case ScheduleResumed(since=since):
            state.paused_at, state.paused_by, state.pause_reason = 0, "", ""
            state.decided = _from(state.decided, since)
        case ScheduleRemoved():
            state.removed, state.recent, state.queued = True, [], []
        case _:
            pass


def _from(decided: int, since: int) -> int:
    """From where slots count once somebody says that they count from `since` on. A slot that was decided stays so, but for
    those of a clock that was far ahead."""
    return since if decided - since > REWIND_US else max(decided, since)


def _fire(state: ScheduleState, event: AnyFiring, entry: Entry) -> None:
    match event:
        case FiringMissed():
            state.decided = max(state.decided, event.last_due)
            state.tally.missed += event.slots
        case FiringSkipped(due=due):
            _decide(state, due)
            state.tally.skipped += 1
        case FiringQueued(due=due, reason=reason):
            _decide(state, due)
            state.queued.append(Queued(due, entry.at, reason))
        case FiringDue():
            if not event.manual:
                _decide(state, event.due)
            state.open[entry.position] = Firing(
                position=entry.position,
                due=event.due,
                at=entry.at,
                starter=event.starter,
                nth=event.nth,
                manual=event.manual,
                goes_on=event.goes_on,
            )
        case ScheduleRewound(since=since):
            state.decided = since
        case _:
            if firing := state.open.get(event.firing):
                _go_on(state, firing, event, entry.at)


def _decide(state: ScheduleState, due: int) -> None:
    state.decided = max(state.decided, due)
    state.queued = [each for each in state.queued if each.due != due]


def _go_on(
    state: ScheduleState,
    firing: Firing,
    event: FiringStarted | FiringCancelled | FiringFinished | FiringOrphaned,
    at: int,
) -> None:
    match event:
        case FiringStarted(process=process):
            firing.process = process
            return
        case FiringCancelled(reason=reason):
            firing.cancelled, firing.cancelled_at = reason, at
            return
        case FiringFinished():
            firing.exit_code, firing.idle, firing.detail = event.exit_code, event.idle, event.detail
        case FiringOrphaned():
            firing.orphaned = True
    firing.session = event.run or firing.session
    firing.ended_at = at
    del state.open[firing.position]
    state.recent = [*state.recent[1 - RECENT :], firing]
    state.tally.runs += 1
    state.tally.by_status[firing.status] = state.tally.by_status.get(firing.status, 0) + 1
