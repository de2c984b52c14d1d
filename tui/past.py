"""What a session had come to at a point of its record, and the points that are kept so that each is soon found again.

A kept point holds only what moved since the one before. What it holds moves no more: a fold that goes on from there first
takes a copy of what it is going to move, so that ten thousand tasks cost a kept point nothing as long as they rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar, cast

import msgspec

from events.log import Entry
from events.views.approvals import ApprovalsView
from events.views.money import MoneyView, Reservation, ScopeState
from events.views.questions import QuestionsView
from events.views.sessions import SessionState, SessionsView
from events.views.tasks import TaskState, TasksView
from events.views.using import UsingView
from tui.climb import ClimbView
from tui.live import Live

T = TypeVar("T")


def apart(value: T) -> T:
    """A copy that can be moved alone: of dicts, lists and structs that are not frozen; all else moves for nobody."""
    match value:
        case dict():
            return cast("T", {key: apart(each) for key, each in cast("dict[Any, Any]", value).items()})
        case list():
            return cast("T", [apart(each) for each in cast("list[Any]", value)])
        case msgspec.Struct() if not value.__struct_config__.frozen:
            fields = {name: apart(getattr(value, name)) for name in value.__struct_fields__}
            return cast("T", type(value)(**fields))
        case _:
            return value


class _Tasks(TasksView):
    """Tasks of one session, those that rest shared with kept points."""

    _own: dict[str, None] = msgspec.field(default_factory=dict[str, None])  # those that move here

    def apply(self, entry: Entry) -> None:
        if entry.task not in self._own:
            self._own[entry.task] = None
            states = self.of(entry.session)
            if entry.task in states:
                states[entry.task] = apart(states[entry.task])
        TasksView.apply(self, entry)

    def moved(self, session: int) -> dict[str, TaskState]:
        """Those that moved since this was asked last; they move no more."""
        states, own = self.of(session), self._own
        self._own = {}
        return {name: states[name] for name in own if name in states}

    def take_calls(self, reserved: dict[int, Any], unknown: dict[int, Any]) -> None:
        self._reserved.update(reserved)
        self._unknown.update(unknown)

    def open_calls(self) -> tuple[dict[int, Any], dict[int, Any]]:
        return dict(self._reserved), dict(self._unknown)


class _Money(MoneyView):
    """Money of one session and of what it shares, the scopes that rest shared with kept points."""

    _own: dict[str, None] = msgspec.field(default_factory=dict[str, None])

    def scope(self, name: str) -> ScopeState:
        if name not in self._own:
            self._own[name] = None
            if name in self.scopes:
                self.scopes[name] = apart(self.scopes[name])
        return MoneyView.scope(self, name)

    def moved(self) -> dict[str, ScopeState]:
        own = self._own
        self._own = {}
        return {name: self.scopes[name] for name in own if name in self.scopes}


class Point(NamedTuple):
    """A kept point. Its tasks and scopes are those that moved since the point before it."""

    position: int
    at: int
    tasks: dict[str, TaskState]
    scopes: dict[str, ScopeState]
    calls: tuple[dict[int, Any], dict[int, Any]]
    reservations: tuple[dict[int, Reservation], dict[int, Reservation]]
    small: tuple[SessionsView, UsingView, ApprovalsView, QuestionsView, ClimbView]  # copied whole

    def joined(self, before: Point) -> Point:
        """This point where the one before it is not kept any more."""
        tasks, scopes = {**before.tasks, **self.tasks}, {**before.scopes, **self.scopes}
        return self._replace(tasks=tasks, scopes=scopes)


class Past(Live):
    """The view model at a point. Of other sessions it knows what they spent in the scopes that all share, and no more."""

    def __init__(self, session: int, money: MoneyView | None = None, position: int = 0) -> None:
        """`money` is what the log carries on of what an archive took, up to `position`."""
        super().__init__(session, ring=0)
        begun = money or MoneyView()
        own = dict.fromkeys(begun.scopes)
        self.tasks: _Tasks = _Tasks()
        self.money: _Money = _Money(scopes=begun.scopes, open=begun.open, unknown=begun.unknown, _own=own)
        self.money.only(session)
        self.position = position

    def apply(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self.money.apply(entry)
            self.climb.apply(entry, self.money)
            if entry.session == self.session:
                self.sessions.apply(entry)
                self.tasks.apply(entry)
                self.using.apply(entry)
                self.approvals.apply(entry)
                self.questions.apply(entry)
        self.touch([entry for entry in entries if entry.session == self.session])
        if entries:
            self.position, self.at = entries[-1].position, entries[-1].at

    def kept(self) -> Point:
        """This point. What it holds is not moved any more."""
        return Point(
            self.position,
            self.at,
            self.tasks.moved(self.session),
            self.money.moved(),
            self.tasks.open_calls(),
            (dict(self.money.open), dict(self.money.unknown)),
            (
                *(apart(self.sessions), apart(self.using), apart(self.approvals)),
                *(apart(self.questions), apart(self.climb)),
            ),
        )


def past_of(session: int, points: Sequence[Point]) -> Past:
    """The state at the last of the points, which are all from the first on; what it shares with them it does not move."""
    last, past = points[-1], Past(session)
    tasks: dict[str, TaskState] = {}
    for point in points:
        tasks.update(point.tasks)
        past.money.scopes.update(point.scopes)
    if tasks:
        past.tasks.tasks[session] = tasks
    past.tasks.take_calls(*last.calls)
    past.money.open.update(last.reservations[0])
    past.money.unknown.update(last.reservations[1])
    sessions, using, approvals, questions, climb = last.small
    past.sessions, past.using = apart(sessions), apart(using)
    past.approvals, past.questions, past.climb = apart(approvals), apart(questions), apart(climb)
    past.position, past.at = last.position, last.at
    return past


def ended_then(session: SessionState) -> str:
    """How a session had ended at a point of its record; "" where it had not."""
    if session.claim is not None or not session.closed_at:
        return ""
    return "finished" if session.finished else "interrupted"
