"""What `cancel`, `accept`, `pause`, `retry` and the like share: a request is appended, and its answer waited for.

A session with a living owner is answered by that one; one that nobody owns is taken for a moment and answered here.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Mapping
from pathlib import Path

import anyio

from events.bus import follow
from events.log import EventLog, open_log, session_name
from events.types.control import CancelRequested, Request, RequestAnswered, RetryRequested, VerdictRequested
from events.views.base import fold
from events.views.sessions import SessionState, SessionsView
from events.views.tasks import TaskState, TasksView, own_changes
from swarm.alive import exists
from swarm.cli.hints import to_type
from swarm.cli.names import Name, find
from swarm.cli.output import Output, counted
from swarm.cli.recorded import log_errors, require_log
from swarm.cli.secrets import secrets_of
from swarm.engine.requests import ask_of
from swarm.errors import SwarmError, UsageError
from swarm.redact import Secrets
from swarm.session import Result, answer_session, recorded_plan
from swarm.settings.load import load_settings

ANSWER_S = 30.0  # how long the owner of a running session may take: it ends work that is under way first


class Unanswered(SwarmError):
    """The owner lives and did not answer in time; the request stands in the log."""

    def __init__(self, session: str) -> None:
        super().__init__(
            f"{session} has not answered within {ANSWER_S:g} s; what was asked stands in the log and is done when it does "
            f"(see `swarm watch {session}`)"
        )


class Asked:
    """A request that was carried out. `result` is None where the running session's owner did it.

    `state` is the task that was judged, as it is then.
    """

    def __init__(self, name: Name, result: Result | None) -> None:
        self.name, self.result = name, result
        self.state: TaskState | None = None

    @property
    def is_left(self) -> bool:
        """Whether something is left to do that nobody does now."""
        return self.result is not None and any(task.status in ("open", "halted") for task in self.result.tasks)


async def ask(args: argparse.Namespace, event: Request) -> Asked:
    """Ask the session that the command line names and return what came of it. Raises UsageError where it is refused."""
    loaded = load_settings(Path.cwd(), environ=os.environ, flags={"log": args.log} if args.log else {})
    require_log(loaded.settings.log)
    with log_errors():
        async with open_log(loaded.settings.log) as log:
            return await put(log, await find(log, args.name), event, secrets=secrets_of(loaded.settings))


async def put(log: EventLog, name: Name, event: Request, *, secrets: Secrets) -> Asked:
    """Ask a session something, and return what came of it. `secrets` are taken out where we answer in its owner's place.

    Raises UsageError where it is refused, Unanswered.
    """
    if isinstance(event, VerdictRequested | RetryRequested) and not name.task:
        name = await only_task(log, name)
    if name.step and not isinstance(event, VerdictRequested):
        verb = "ends" if isinstance(event, CancelRequested) else "goes on"
        raise UsageError(f"{name} is a step, which {verb} with its task; name {Name(name.session, name.task)}")
    result, refused = await _asked(log, name, event, secrets)
    if refused:
        raise UsageError(refused)
    asked = Asked(name, result)
    if isinstance(event, VerdictRequested):
        asked.state = (await _tasks(log, name))[name.task]
    return asked


async def _asked(log: EventLog, name: Name, event: Request, secrets: Secrets) -> tuple[Result | None, str]:
    """What came of it where we had to answer, and why it was refused."""
    state = await session_state(log, name.session)
    if isinstance(event, CancelRequested) and not name.task and state.finished:
        raise UsageError(f"{name} has ended already; there is nothing to cancel")
    project = Path(state.directory).name
    position = await ask_of(log, name.session, project, event, task=name.task, step=name.step)
    session = session_name(name.session)
    if state.claim is not None and exists(state.claim, time.time_ns() // 1000):
        with anyio.move_on_after(ANSWER_S):
            return None, await _answer(log, position)
        raise Unanswered(session)
    result = await answer_session(log, state, await recorded_plan(log, state), environ=os.environ, secrets=secrets)
    return result, await _answer(log, position)


async def _answer(log: EventLog, request: int) -> str:
    """Wait for the answer; return why it was refused, empty where it was not."""
    async for entries in follow(log, after=request):
        for entry in entries:
            if isinstance(entry.event, RequestAnswered) and entry.event.request == request:
                return entry.event.refused
    raise AssertionError("following a log never ends")


async def session_state(log: EventLog, session: int) -> SessionState:
    return (await fold(log, SessionsView(), session=session)).sessions[session]


async def only_task(log: EventLog, name: Name) -> Name:
    """A session that has one task is named by itself. Raises UsageError where it has several."""
    tasks = await _tasks(log, name)
    if len(tasks) != 1:
        listed = ", ".join(f"{session_name(name.session)}/{task}" for task in list(tasks)[:5])
        raise UsageError(f"{session_name(name.session)} has {len(tasks)} tasks; name one of them: {listed}")
    return Name(name.session, next(iter(tasks)))


async def _tasks(log: EventLog, name: Name) -> Mapping[str, TaskState]:
    return (await fold(log, TasksView(), session=name.session)).of(name.session)


def say_what_is_left(asked: Asked, output: Output) -> None:
    session = session_name(asked.name.session)
    for line in where_changes_are(asked.state, output.log) if asked.state is not None else ():
        output.note(line)
    if asked.is_left:
        output.note(f"what is left to do is done with: {to_type('resume', session, log=output.log)}")


def where_changes_are(task: TaskState, log: str | None) -> list[str]:
    """What tools changed stays where it is when a person judges: what is said of it where that is not what the verdict suggests."""
    name = f"{session_name(task.session)}/{task.name}"
    if task.applied and task.status != "accepted":
        undo = to_type("undo", name, log=log)
        return [f"what its tools changed is in your files; `{undo}` takes it back"]
    if not task.applied and task.status == "accepted" and (files := own_changes(task)):
        apply, them = to_type("apply", name, log=log), "it" if len(files) == 1 else "them"
        return [f"{counted(len(files), 'file')} changed, not in your files; `{apply}` takes {them} over"]
    return []
