"""What a what-if needs of a log: by session its choices, its calls with their usage, and how its tasks ended."""

from __future__ import annotations

from typing import Literal

import msgspec

from events.log import Entry
from events.types.base import TextRef
from events.types.call import CallFailed, CallReleased, CallReserved, CallSettled, CallUnknown
from events.types.choice import ChoiceMade, ChoiceStopped
from events.types.session import SessionClaimed, SessionClosed, SessionOpened
from events.types.task import TaskSubmitted
from events.views.tasks import TaskState, TasksView
from swarm.messages import Usage

State = Literal["open", "settled", "failed", "unknown"]


class CallRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One try of a call. `position` is that of its reservation."""

    position: int
    task: str
    role: str
    arm: str  # agent@model
    model: str
    tier: str
    price: str  # id of the price row
    tokens: int  # reserved: the most input + the most output
    max_output_tokens: int
    foreseen: bool = False  # that is what was foreseen, and no less is of use
    held_nanos: int  # reserved
    state: State = "open"
    usage: Usage | None = None  # where the provider said it
    charged_nanos: int = 0  # settled; what nobody knows, or what is open, stays charged at its reservation

    @property
    def most_input_tokens(self) -> int:
        return self.tokens - self.max_output_tokens


class Drawn(msgspec.Struct, frozen=True):
    """A choice, and where in the log it stands."""

    position: int
    choice: ChoiceMade


class SessionRecord(msgspec.Struct, kw_only=True):
    number: int
    parent: int = 0  # the session that it was forked from; 0 = none
    finished: bool = False
    plans: dict[int, TextRef] = {}  # with what its owners ran, by the position that says so
    choices: dict[str, list[Drawn]] = {}  # by task
    stops: dict[str, list[ChoiceStopped]] = {}  # by task, where one more try was not worth its cost
    calls: dict[int, CallRecord] = {}  # by position, in their order
    tasks: dict[str, TaskState] = {}

    def before(self, task: str) -> set[str]:
        """The task and all those on whose choices its outcome rests: what it needs, the items that it was done for."""
        found: set[str] = set()
        open_ = [task]
        while open_:
            name = open_.pop()
            if name in found or name not in self.tasks:
                continue
            found.add(name)
            state = self.tasks[name]
            open_ += [*state.needs, *(state.children or ())]
            if state.parent in self.tasks:
                open_ += self.tasks[state.parent].needs
        return found


class RecordView(msgspec.Struct):
    """The sessions of a log by their number."""

    sessions: dict[int, SessionRecord] = {}
    _tasks: TasksView = msgspec.field(default_factory=TasksView)

    def apply(self, entry: Entry) -> None:
        self._tasks.apply(entry)
        if isinstance(entry.event, SessionOpened):
            opened = SessionRecord(number=entry.session, parent=entry.event.parent)
            opened.plans[entry.position] = entry.event.settings
            self.sessions[entry.session] = opened
            return
        session = self.sessions.get(entry.session)
        if session is None:
            return
        match entry.event:
            case SessionClaimed(settings=settings):
                session.finished = False
                if settings is not None:
                    session.plans[entry.position] = settings
            case SessionClosed(finished=finished):
                session.finished = finished
            case TaskSubmitted():
                session.tasks = self._tasks.of(entry.session)
            case ChoiceMade() as choice:
                session.choices.setdefault(entry.task, []).append(Drawn(entry.position, choice))
            case ChoiceStopped() as stop:
                session.stops.setdefault(entry.task, []).append(stop)
            case _:
                _count(session.calls, entry)


def _count(calls: dict[int, CallRecord], entry: Entry) -> None:
    match entry.event:
        case CallReserved() as call:
            calls[entry.position] = _reserved(entry, call)
        case CallSettled(reservation=position) as settled if position in calls:
            calls[position] = msgspec.structs.replace(
                calls[position],
                state="settled",
                usage=_usage(settled) if settled.basis == "provider" else None,
                charged_nanos=settled.cost_nanos,
            )
        case CallFailed(reservation=position) | CallReleased(reservation=position) if position in calls:
            calls[position] = msgspec.structs.replace(calls[position], state="failed", charged_nanos=0)
        case CallUnknown(reservation=position) if position in calls and calls[position].state == "open":
            calls[position] = msgspec.structs.replace(calls[position], state="unknown")
        case _:
            pass


def _reserved(entry: Entry, call: CallReserved) -> CallRecord:
    return CallRecord(
        position=entry.position,
        task=entry.task,
        role=call.role,
        arm=f"{call.agent}@{call.model}",
        model=call.model,
        tier=call.tier,
        price=call.price,
        tokens=call.tokens,
        max_output_tokens=call.max_output_tokens,
        foreseen=call.foreseen is not None,
        held_nanos=call.cost_nanos,
        charged_nanos=call.cost_nanos,
    )


def _usage(settled: CallSettled) -> Usage:
    return Usage(
        input_tokens=settled.input_tokens,
        output_tokens=settled.output_tokens,
        cached_tokens=settled.cached_tokens,
        cache_write_tokens=settled.cache_write_tokens,
        reasoning_tokens=settled.reasoning_tokens,
    )
