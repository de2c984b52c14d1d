"""How a session ended: its tasks with what was accepted, what it cost, and the exit code."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from events.lineage import fold_session
from events.log import EventLog, Head, session_name
from events.views.sessions import SessionState
from events.views.tasks import TaskState, TasksView, own_changes
from swarm.cycle import TAKEN_UP
from swarm.owner import Owner

EXIT_CODES = {"budget": 3, "no model": 4, "confirmation": 5}
"""By the cause of a task's end; any other that is not accepted is 1. The first of 130, 3, 4, 5, 1 counts."""

_INTERRUPTED = "interrupted"


class TaskResult(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    title: str
    status: str  # "accepted", "failed", "halted", "cancelled", "skipped" or "open" (interrupted)
    text: str | None = None  # what was accepted
    unjudged: bool = False
    reason: str = ""
    cause: str = ""
    outputs: tuple[str, ...] = ()
    tokens: int = 0
    cost_nanos: int = 0
    maybe_paid: int = 0
    changed: tuple[str, ...] = ()  # what tools changed of the project beside the outputs
    kept: bool = False  # that waits for `swarm apply`


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How a session ended. `head` is the log's end, to be kept and given to `swarm verify`."""

    session: str
    exit_code: int
    tasks: tuple[TaskResult, ...]
    tokens: int
    cost_nanos: int
    head: Head
    interrupted: bool = False


async def close_session(owner: Owner, states: Sequence[TaskState], *, stopped: bool) -> Result:
    """Let a session go and say how it ended; `stopped` where the caller had it stopped."""
    open_ended = any(task.status == "open" or task.cause in TAKEN_UP for task in states)
    codes = [EXIT_CODES.get(task.cause, 1) for task in states if task.status not in ("accepted", "open", "skipped")]
    interrupted = stopped and any(task.status == "open" for task in states)
    code = 130 if interrupted else next((code for code in (3, 4, 5, 1) if code in codes), 0)
    await owner.close(finished=not open_ended, exit_code=code, reason=_INTERRUPTED if interrupted else "")
    return await _result(owner.log, owner.name, states, code=code, interrupted=interrupted)


async def read_result(log: EventLog, state: SessionState) -> Result:
    """Return how a session ended that was let go, as `close_session` returned it: for who did not run it. Raises LogError."""
    tasks = (await fold_session(log, TasksView(), state.number)).of(state.number)
    return await _result(
        log,
        session_name(state.number),
        list(tasks.values()),
        code=state.exit_code or 0,
        interrupted=state.reason == _INTERRUPTED,
    )


async def _result(log: EventLog, session: str, states: Sequence[TaskState], *, code: int, interrupted: bool) -> Result:
    return Result(
        session=session,
        exit_code=code,
        tasks=tuple([await _task_result(log, task) for task in states]),
        tokens=sum(task.tokens for task in states),
        cost_nanos=sum(task.cost_nanos for task in states),
        head=await log.head(),
        interrupted=interrupted,
    )


async def _task_result(log: EventLog, task: TaskState) -> TaskResult:
    text = await log.text(task.result.ref, at=task.result.at) if task.result else None
    return TaskResult(
        name=task.name,
        title=task.title,
        status=task.status,
        text=text,
        unjudged=task.unjudged,
        reason=task.reason,
        cause=task.cause,
        outputs=tuple(output.path for output in task.outputs) if task.status == "accepted" else (),
        tokens=task.tokens,
        cost_nanos=task.cost_nanos,
        maybe_paid=task.maybe_paid,
        changed=tuple(change.path for change in own_changes(task)) if task.status == "accepted" else (),
        kept=task.kept and not task.applied,
    )
