"""A session as rows: its calls, its tasks, or itself. Amounts are whole nano-dollars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from events.log import Entry, session_name
from events.types.call import CallFailed, CallReleased, CallReserved, CallSettled, CallUnknown
from events.views.cost import Cost, CostView
from events.views.sessions import SessionsView
from events.views.tasks import TaskState, TasksView

Kind = Literal["calls", "tasks", "sessions"]
Cell = str | int | bool
Row = Mapping[str, Cell]

MOMENTS = frozenset({"began", "ended", "closed"})
"""Cells that are microseconds since 1970; 0 is none."""


class _Call(msgspec.Struct, kw_only=True):
    entry: Entry
    call: CallReserved
    state: str = "open"
    end: CallSettled | None = None
    ended_at: int = 0
    error: str = ""


class SessionRows(msgspec.Struct):
    """Folds one session."""

    sessions: SessionsView = msgspec.field(default_factory=SessionsView)
    tasks: TasksView = msgspec.field(default_factory=TasksView)
    cost: CostView = msgspec.field(default_factory=CostView)
    _calls: dict[int, _Call] = {}

    def apply(self, entry: Entry) -> None:
        self.sessions.apply(entry)
        self.tasks.apply(entry)
        self.cost.apply(entry)
        match entry.event:
            case CallReserved() as call:
                self._calls[entry.position] = _Call(entry=entry, call=call)
            case CallSettled() | CallFailed() | CallReleased() | CallUnknown() as end:
                self._end(entry, end)
            case _:
                pass

    def _end(self, entry: Entry, end: CallSettled | CallFailed | CallReleased | CallUnknown) -> None:
        found = self._calls.get(end.reservation)
        if found is None or found.state not in ("open", "unknown"):
            return
        found.ended_at = found.ended_at or entry.at
        match end:
            case CallSettled():
                found.state, found.end = "settled", end
            case CallFailed():
                found.state, found.error = "failed", str(end.status) if end.status else end.failure
            case CallReleased():
                found.state = "released"
            case CallUnknown():
                found.state = "unknown"

    def rows(self, kind: Kind, session: int) -> list[Row]:
        match kind:
            case "calls":
                return [_call_row(each) for each in self._calls.values()]
            case "tasks":
                return self._task_rows(session)
            case "sessions":
                return self._session_row(session)

    def _task_rows(self, session: int) -> list[Row]:
        costs: dict[str, Cost] = {}
        for payer, cost in self.cost.costs.items():
            costs.setdefault(payer.task, Cost()).add(cost)
        return [_task_row(state, costs.get(name, Cost())) for name, state in self.tasks.of(session).items()]

    def _session_row(self, session: int) -> list[Row]:
        state = self.sessions.sessions.get(session)
        if state is None:
            return []
        statuses = [task.status for task in self.tasks.of(session).values()]
        return [
            {
                "session": session_name(session),
                "type": state.type,
                "title": state.title,
                "directory": state.directory,
                "began": state.opened_at,
                "closed": state.closed_at,
                "finished": state.finished,
                "exit_code": "" if state.exit_code is None else state.exit_code,
                "tasks": len(statuses),
                "accepted": statuses.count("accepted"),
                **_sums(self.cost.total()),
            }
        ]


def _call_row(found: _Call) -> Row:
    entry, call, end = found.entry, found.call, found.end
    charged = end.cost_nanos if end else call.cost_nanos if found.state in ("open", "unknown") else 0
    return {
        "position": entry.position,
        "session": session_name(entry.session),
        "task": entry.task,
        "step": entry.step,
        "attempt": entry.attempt,
        "try": call.nth,
        "role": call.role,
        "agent": call.agent,
        "model": call.model,
        "tier": call.tier,
        "price": call.price,
        "state": found.state,
        "error": found.error,
        "finish": end.finish if end else "",
        "began": entry.at,
        "ended": found.ended_at,
        "input_tokens": end.input_tokens if end else 0,
        "cached_tokens": end.cached_tokens if end else 0,
        "cache_write_tokens": end.cache_write_tokens if end else 0,
        "output_tokens": end.output_tokens if end else 0,
        "reasoning_tokens": end.reasoning_tokens if end else 0,
        "basis": end.basis if end else "",
        "cost_nanos": charged,
    }


def _task_row(state: TaskState, cost: Cost) -> Row:
    return {
        "session": session_name(state.session),
        "task": state.name,
        "title": state.title,
        "type": state.type,
        "complexity": state.complexity,
        "status": state.status,
        "unjudged": state.unjudged,
        "cause": state.cause,
        "steps": len(state.steps),
        "began": state.submitted_at,
        "ended": state.ended_at,
        **_sums(cost),
    }


def _sums(cost: Cost) -> dict[str, Cell]:
    return {
        "calls": cost.calls,
        "failed_calls": cost.failed,
        "maybe_paid": cost.maybe_paid,
        "input_tokens": cost.input_tokens,
        "cached_tokens": cost.cached_tokens,
        "output_tokens": cost.output_tokens,
        "cost_nanos": cost.nanos,
    }
