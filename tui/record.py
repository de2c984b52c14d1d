"""The events of a session in their order, as a scrubber needs them: where each stands, when it was, and which stick out."""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import AsyncGenerator, Sequence
from typing import Literal

import msgspec

from events.log import Entry, EventLog, LogCorrupt, LogError
from events.types.any import AnyEvent
from events.types.base import Unknown
from events.types.call import BudgetMarked, BudgetSet, CallOverran
from events.types.control import Request, TierPinned, TierUnpinned, WorkPaused, WorkUnpaused
from events.types.task import (
    AttemptAbandoned,
    StepAccepted,
    StepRejected,
    TaskCancelled,
    TaskFailed,
    TaskHalted,
    TaskReopened,
)
from events.types.tool import ApprovalAsked, ApprovalGiven, QuestionAnswered, QuestionAsked
from tui.words import cut, visible

PAGE = 500  # entries that are read and folded at once; between two pages the screen can be drawn
GAP_US = 2_000_000  # of the time in which nothing happened, so much is played
_LONGEST = 60

Kind = Literal["fail", "retry", "budget", "person"]
KINDS: tuple[Kind, ...] = ("fail", "budget", "person", "retry")
"""What sticks out: a failure, a mark or a cap of a budget, a person's word or what waits for one, and what is done again."""


class Mark(msgspec.Struct, frozen=True):
    """An event that sticks out; `index` is its number in the record, from 0."""

    index: int
    kind: Kind
    said: str


class Record:
    """What is known of each event of a session without reading it again. 40 bytes an event."""

    def __init__(self, session: int) -> None:
        self.session = session
        self.positions, self.times = array("q"), array("q")
        self.played = array(
            "q"
        )  # microseconds of playing until then, from 0: of the time between two events at most GAP_US
        self.marks: list[Mark] = []
        self.tasks: dict[str, array[int]] = {}  # the events of each task

    def __len__(self) -> int:
        return len(self.positions)

    def take(self, entries: Sequence[Entry]) -> None:
        """Add the next entries of the session."""
        for entry in entries:
            index, at = len(self.positions), entry.at
            if index:
                at = max(at, self.times[-1])  # a clock that went back: the order of events is that of the log
                self.played.append(self.played[-1] + min(at - self.times[-1], GAP_US))
            else:
                self.played.append(0)
            self.positions.append(entry.position)
            self.times.append(at)
            if entry.task:
                self.tasks.setdefault(entry.task, array("q")).append(index)
            if (found := mark_of(entry.event)) is not None:
                kind, what = found
                self.marks.append(Mark(index, kind, f"{entry.task} {what}".lstrip()))

    def end_at(self, position: int) -> None:
        """Forget what stands behind a position."""
        left = bisect_right(self.positions, position)
        for column in (self.positions, self.times, self.played):
            del column[left:]
        self.marks = [mark for mark in self.marks if mark.index < left]
        self.tasks = {name: kept for name, at in self.tasks.items() if (kept := at[: bisect_left(at, left)])}

    def until_position(self, position: int) -> int:
        """The number of the last event up to a position, -1 where there is none."""
        return bisect_right(self.positions, position) - 1

    def until_time(self, at: int) -> int:
        """The number of the last event up to a moment, -1 where there is none."""
        return bisect_right(self.times, at) - 1

    def until_played(self, played: float) -> int:
        return bisect_right(self.played, played) - 1

    def idle_us(self, index: int) -> int:
        """How long nothing happens behind an event where less of that is played; else 0."""
        gap = self.times[index + 1] - self.times[index] if index + 1 < len(self) else 0
        return gap if gap > GAP_US else 0


def mark_of(event: AnyEvent | Unknown) -> tuple[Kind, str] | None:
    """What an event is marked as, and what is said of it; None where it does not stick out."""
    match event:
        case TaskFailed(reason=reason):
            return "fail", f"failed: {cut(reason, _LONGEST)}"
        case TaskHalted(cause=cause, reason=reason):
            return "budget" if cause == "budget" else "fail", f"halted: {cut(reason, _LONGEST)}"
        case BudgetMarked(scope=scope, percent=percent):
            return "budget", f"{visible(scope)} at {percent} %"
        case CallOverran():
            return "budget", "a call overran its reservation"
        case BudgetSet(scope=scope):
            return "person", f"the cap of {visible(scope)} was set"
        case StepRejected(by=by) | StepAccepted(by=by) if by:
            return "person", f"{'rejected' if isinstance(event, StepRejected) else 'accepted'} by {cut(by, _LONGEST)}"
        case StepRejected(reason=reason):
            return "retry", f"rejected: {cut(reason, _LONGEST)}"
        case AttemptAbandoned(reason=reason):
            return "retry", f"abandoned: {cut(reason, _LONGEST)}"
        case _:
            return _persons(event)


def _persons(event: AnyEvent | Unknown) -> tuple[Kind, str] | None:
    match event:
        case ApprovalAsked() | QuestionAsked():
            return "person", "asks a person"
        case ApprovalGiven(allowed=allowed):
            return "person", "allowed" if allowed else "not allowed"
        case QuestionAnswered():
            return "person", "answered"
        case TaskCancelled(by=by) if by:
            return "person", f"cancelled by {cut(by, _LONGEST)}"
        case TaskReopened(by=by) if by:
            return "person", f"tried again by {cut(by, _LONGEST)}"
        case WorkPaused(by=by) | WorkUnpaused(by=by):
            return "person", f"{'paused' if isinstance(event, WorkPaused) else 'unpaused'} by {cut(by, _LONGEST)}"
        case TierPinned(tier=tier):
            return "person", f"pinned to {visible(tier)}"
        case TierUnpinned():
            return "person", "no longer pinned to a tier"
        case _:
            return ("person", "a person wants it otherwise") if isinstance(event, Request) else None


async def pages(
    log: EventLog, *, after: int, until: int, session: int | None = None, page: int = PAGE
) -> AsyncGenerator[list[Entry]]:
    """The entries behind a position up to another, in pages. Before it raises LogError it yields all that can be read."""
    while after < until:
        try:
            entries = await log.read(after=after, limit=min(page, until - after), session=session)
        except LogCorrupt:
            if page == 1:
                raise
            page = 1  # what stands before the damaged entry is sound
            continue
        if entries and entries[-1].position > until:
            entries = [entry for entry in entries if entry.position <= until]
        if not entries:
            return
        after = entries[-1].position
        yield entries


async def read_record(log: EventLog, session: int) -> tuple[Record, str]:
    """The record of a session as it stands now, and the sentence why the rest of it cannot be read; "" where it can."""
    record = Record(session)
    try:
        last = (await log.head()).position
        async for entries in pages(log, after=0, until=last, session=session):
            record.take(entries)
            await asyncio.sleep(0)
    except LogError as error:
        return record, str(error)
    return record, ""
