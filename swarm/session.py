"""A session: everything that it needs is opened here, and closed here.

`run` and `resume` are what the command line calls, and what a Python program may call as well.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import cast

import anyio
import msgspec

from events.blobs import Known, Pack
from events.bus import read_all
from events.log import Clock, EventLog, Head, LogError, system_clock
from events.types.call import CallUnknown
from events.types.task import TaskReopened
from events.views.sessions import Claim, SessionState
from events.views.tasks import TaskState, TasksView
from events.views.trails import TrailsView
from swarm.connect import open_models
from swarm.dispatch import Dispatcher, Faces
from swarm.errors import OwnerLost, gravest
from swarm.journal import Journal
from swarm.money.ledger import Ledger
from swarm.owner import Owner, lives, open_session, take_session
from swarm.plan import Plan
from swarm.prepare import prepare
from swarm.redact import Secrets
from swarm.submission import opening_of
from swarm.task import TaskFile
from swarm.world import open_surroundings

EXIT_CODES = {"budget": 3, "no model": 4, "confirmation": 5}
"""By the cause of a task's end; any other that is not accepted is 1. The first of 130, 3, 4, 5, 1 counts."""

TAKEN_UP = ("budget", "no model", "confirmation", "input", "output")
"""Causes of an end that a resume takes up again: what stopped the task lies outside of it, and may have changed."""

LET_GO_S = 5.0  # how long a session that ends by an error tries to say so


class TaskResult(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    title: str
    status: str  # "accepted", "failed", "halted", "cancelled" or "open" (interrupted)
    text: str | None = None  # what was accepted
    unjudged: bool = False
    reason: str = ""
    cause: str = ""
    outputs: tuple[str, ...] = ()
    tokens: int = 0
    cost_nanos: int = 0
    maybe_paid: int = 0


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How a session ended. `head` is the log's end, to be kept and given to `swarm verify`."""

    session: str
    exit_code: int
    tasks: tuple[TaskResult, ...]
    tokens: int
    cost_nanos: int
    head: Head
    interrupted: bool = False


async def run_file(
    log: EventLog,
    file: TaskFile,
    plan: Plan,
    *,
    root: Path,
    environ: Mapping[str, str],
    faces: Faces,
    secrets: Secrets,
    source: str = "",
    type_: str = "file",
    say: Callable[[str], None] = lambda _: None,
    clock: Clock = system_clock,
) -> Result:
    """Run the tasks of a file in a new session. Raises UsageError before anything is opened, OwnerLost, LogError."""
    prepared, plan = prepare(file, root, secrets.redact, plan)
    if file.budget is None and plan.session_tokens is not None:
        say(f"budget of this run: {plan.session_tokens:,} tokens, from its inputs and levels (name one with `budget:`)")
    pack = Pack(Known())
    opening = opening_of(file, prepared, plan, pack=pack, root=root, source=source, type_=type_, secrets=secrets)
    owner = await open_session(log, opening, project=root.name, clock=clock, texts=pack.texts)
    return await _run_owned(owner, plan, root=root, environ=environ, faces=faces, secrets=secrets, clock=clock)


async def resume_session(
    log: EventLog,
    state: SessionState,
    plan: Plan,
    *,
    environ: Mapping[str, str],
    faces: Faces,
    secrets: Secrets,
    take_over: bool = False,
    clock: Clock = system_clock,
) -> Result:
    """Go on with a session from its log. Raises SessionBusy where its owner lives."""
    root = Path(state.directory)
    settings = msgspec.json.encode(plan).decode()
    owner = await take_session(log, state, settings=settings, project=root.name, clock=clock, take_over=take_over)
    return await _run_owned(owner, plan, root=root, environ=environ, faces=faces, secrets=secrets, clock=clock)


async def recorded_plan(log: EventLog, state: SessionState) -> Plan:
    """The plan that a session's last owner ran with."""
    return msgspec.json.decode(await log.text(state.settings, at=state.settings_at), type=Plan)


async def _run_owned(
    owner: Owner,
    plan: Plan,
    *,
    root: Path,
    environ: Mapping[str, str],
    faces: Faces,
    secrets: Secrets,
    clock: Clock,
) -> Result:
    journal = Journal()
    try:
        async with _open(
            owner, plan, journal, root=root, environ=environ, faces=faces, secrets=secrets, clock=clock
        ) as opened:
            await _take_up(owner, opened.tasks, journal)
            await opened.catch_up()
            await opened.run()
            await opened.catch_up()
            return await _close(owner, opened)
    except BaseException as error:
        several = isinstance(error, BaseExceptionGroup)
        cause = gravest(cast("BaseExceptionGroup[BaseException]", error)) if several else error
        await _let_go(owner, cause, secrets)
        if cause is error:
            raise
        raise cause from error


async def _let_go(owner: Owner, cause: BaseException, secrets: Secrets) -> None:
    """Close a session that an error or a cancellation ended: the process may live on, and anybody may go on with it."""
    if isinstance(cause, OwnerLost | LogError):
        return  # nothing can be written; that the process is gone will say it
    by_fault = isinstance(cause, Exception)
    reason = secrets.redact(f"{type(cause).__name__}: {cause}") if by_fault else "interrupted"
    with anyio.move_on_after(LET_GO_S, shield=True), suppress(OwnerLost, LogError):
        await owner.close(finished=False, exit_code=1 if by_fault else 130, reason=reason)


@asynccontextmanager
async def _open(
    owner: Owner,
    plan: Plan,
    journal: Journal,
    *,
    root: Path,
    environ: Mapping[str, str],
    faces: Faces,
    secrets: Secrets,
    clock: Clock,
) -> AsyncGenerator[Dispatcher]:
    """Everything with a lifetime: models, work copies. The log is read once, for money, trails and the session's own state."""
    log = owner.log
    tasks, trails = TasksView(), TrailsView()

    def lives_now(claim: Claim) -> bool:
        return claim.position == owner.position or lives(claim, clock())  # of ourselves the system need not be asked

    def tasks_now() -> Mapping[str, TaskState]:
        return tasks.of(owner.session)

    ledger = Ledger(log, lives=lives_now)
    position = 0
    async for entries in read_all(log):
        ledger.fold(entries)
        for entry in entries:
            trails.apply(entry)
            if entry.session == owner.session:
                tasks.apply(entry)
                journal.apply(entry)
        position = entries[-1].position
        faces.recall([entry for entry in entries if entry.session == owner.session])
    async with (
        open_models(plan.roster, environ) as models,
        open_surroundings(root, log, tasks_now, secrets.redact) as surroundings,
    ):
        yield Dispatcher(
            owner,
            plan,
            ledger=ledger,
            trails=trails,
            models=models,
            surroundings=surroundings,
            tasks=tasks,
            journal=journal,
            redact=secrets.redact,
            faces=faces,
            clock=clock,
            position=position,
        )


async def _take_up(owner: Owner, tasks: Mapping[str, TaskState], journal: Journal) -> None:
    """What a resume finds: calls that nobody answered for are charged, tasks that something outside stopped are reopened."""
    events = [
        owner.new(
            CallUnknown(reservation=entry.position, reason="the process ended while the answer was awaited"),
            task=entry.task,
            step=entry.step,
            attempt=entry.attempt,
        )
        for entry in journal.open.values()
    ]
    reopened = [name for name, task in tasks.items() if task.status in ("halted", "failed") and task.cause in TAKEN_UP]
    for name, task in tasks.items():  # in the order of the file, so that chains of needs are found in one pass
        if task.status == "cancelled" and any(need in reopened for need in task.needs):
            reopened.append(name)
    events += [owner.new(TaskReopened(reason="resumed"), task=name) for name in reopened]
    if events:
        await owner.append(events)


async def _close(owner: Owner, dispatcher: Dispatcher) -> Result:
    states = list(dispatcher.tasks.values())
    open_ended = any(task.status == "open" or task.cause in TAKEN_UP for task in states)
    codes = [EXIT_CODES.get(task.cause, 1) for task in states if task.status not in ("accepted", "open")]
    interrupted = dispatcher.interrupted and any(task.status == "open" for task in states)
    code = 130 if interrupted else next((code for code in (3, 4, 5, 1) if code in codes), 0)
    await owner.close(finished=not open_ended, exit_code=code, reason="interrupted" if interrupted else "")
    return Result(
        session=owner.name,
        exit_code=code,
        tasks=tuple([await _task_result(owner.log, task) for task in states]),
        tokens=sum(task.tokens for task in states),
        cost_nanos=sum(task.cost_nanos for task in states),
        head=await owner.log.head(),
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
    )
