"""The past of a session that was forked from another: what its parents recorded up to the fork, read as its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar, get_args

import msgspec

from events.bus import read_all
from events.log import Entry, EventLog
from events.types.answer import AnswerServed
from events.types.call import (
    BudgetMarked,
    BudgetSet,
    CallFailed,
    CallOverran,
    CallReleased,
    CallReserved,
    CallSettled,
    CallUnknown,
)
from events.types.control import Request, RequestAnswered, WorkPaused, WorkUnpaused
from events.types.session import SessionClaimed, SessionClosed, SessionOpened, SessionRenewed
from events.types.task import StepPlanned, TaskExpanded, TaskSubmitted
from events.views.base import View, fold

V = TypeVar("V", bound=View)

_PARENTS_OWN = (
    SessionOpened,
    SessionClaimed,
    SessionRenewed,
    SessionClosed,
    *get_args(Request),
    RequestAnswered,
    WorkPaused,
    WorkUnpaused,
)
"""What is about the parent itself, and no part of its work."""


_PARENTS_MONEY = (
    CallReserved,
    CallSettled,
    CallFailed,
    CallReleased,
    CallUnknown,
    CallOverran,
    AnswerServed,
    BudgetMarked,
    BudgetSet,
)
"""What the parent paid for, and what it saved: a fork's sums begin at zero."""


class Stretch(msgspec.Struct, frozen=True):
    """The events of a session up to a position."""

    session: int
    until: int


async def ancestors(log: EventLog, session: int) -> list[Stretch]:
    """The stretches that a session begins with, the oldest first; none where it was not forked."""
    found: list[Stretch] = []
    while True:
        first = await log.read(session=session, limit=1)
        if not first or not isinstance(first[0].event, SessionOpened) or not first[0].event.parent:
            return found[::-1]
        opened = first[0].event
        found.append(Stretch(opened.parent, opened.parent_position))
        session = opened.parent


async def inherited(log: EventLog, session: int) -> list[Entry]:
    """What a session begins with, in order, each entry as if it were the session's own; its position stays."""
    return await _recorded_by(log, await ancestors(log, session), session)


def without_money(entries: Sequence[Entry]) -> list[Entry]:
    """What of a parent's record shows in its fork: plans, drafts and verdicts, and no call."""
    return [entry for entry in entries if not isinstance(entry.event, _PARENTS_MONEY)]


async def fold_session(log: EventLog, view: V, session: int, *, until: int | None = None) -> V:
    """Apply to the view what a session did, what it was forked from included."""
    for entry in without_money(await inherited(log, session)):
        if until is None or entry.position <= until:
            view.apply(entry)
    return await fold(log, view, until=until, session=session)


async def inherited_by_fork(log: EventLog, stretch: Stretch, *, fork: int) -> list[Entry]:
    """What a session that is forked there begins with."""
    return await _recorded_by(log, [*await ancestors(log, stretch.session), stretch], fork)


async def _recorded_by(log: EventLog, stretches: Sequence[Stretch], session: int) -> list[Entry]:
    entries: list[Entry] = []
    for stretch in stretches:
        async for page in read_all(log, until=stretch.until, session=stretch.session):
            entries += [entry for entry in page if not isinstance(entry.event, _PARENTS_OWN)]
    return [msgspec.structs.replace(entry, session=session) for entry in _whole(entries)]


def _whole(entries: list[Entry]) -> list[Entry]:
    """Without plans and expansions of which only a part stands before the fork: one append brings all of them."""
    planned: dict[str, list[int]] = {}
    expanded: dict[str, int] = {}
    submitted: dict[str, int] = {}
    for index, entry in enumerate(entries):
        match entry.event:
            case StepPlanned(total=total):
                steps = planned.setdefault(entry.task, [])
                steps.append(index)
                if len(steps) == total:
                    del planned[entry.task]
            case TaskExpanded():
                expanded[entry.task] = index
            case TaskSubmitted():
                submitted[entry.task] = index
            case _:
                pass
    partial = {index for steps in planned.values() for index in steps}
    for index in expanded.values():
        event = entries[index].event
        assert isinstance(event, TaskExpanded)
        if any(child not in submitted for child in event.children):
            partial |= {index, *(submitted[child] for child in event.children if child in submitted)}
    return [entry for index, entry in enumerate(entries) if index not in partial]
