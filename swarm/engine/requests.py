"""What others ask of a session: how it is asked, and what its owner answers.

A request stands on `control/<session>`. The owner answers each in one append with what it causes, so that it is done once;
one that nobody answered before the owner died is answered by the next.
"""

from __future__ import annotations

import getpass
import socket
from collections.abc import Mapping

import msgspec

from events.blobs import Pack
from events.log import Ack, Entry, EventLog, NewEvent, session_name
from events.types.control import (
    CancelRequested,
    PauseRequested,
    PinRequested,
    Request,
    RequestAnswered,
    RetryRequested,
    UnpauseRequested,
    VerdictRequested,
)
from events.types.task import StepAccepted, TaskAccepted, TaskCancelled
from events.views.tasks import StepState, TaskState, TasksView
from swarm.cycle import Placed, consequences
from swarm.engine import steering
from swarm.engine.verdicts import RequestRefused, VerdictRefused, accept, reject, step_to_judge, to_cancel
from swarm.owner import Owner


def control_topic(session: int) -> str:
    return f"control/{session_name(session)}"


def person() -> str:
    """Who asks, for people: user@host."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):  # a container without a user name for its uid
        return socket.gethostname()


async def ask_of(log: EventLog, session: int, project: str, event: Request, *, task: str, step: int = 0) -> int:
    """Append a request and return its position."""
    new = NewEvent(event=event, topic=control_topic(session), project=project, session=session, task=task, step=step)
    return (await log.append([new])).positions[0]


class Answer(msgspec.Struct, kw_only=True):
    """What a request comes to: events by task, or why nothing is done."""

    request: int
    placed: list[tuple[str, Placed]] = []
    refused: str = ""
    pack: Pack

    @property
    def tasks(self) -> list[str]:
        return list(dict.fromkeys(name for name, _ in self.placed))

    async def append(self, owner: Owner) -> Ack:
        events = [owner.placed(name, each) for name, each in self.placed]
        events.append(owner.new(RequestAnswered(request=self.request, refused=self.refused)))
        durable = any(isinstance(each.event, StepAccepted | TaskAccepted) for _, each in self.placed)
        return await owner.append(events, texts=self.pack.texts, durable=durable, cause=self.request)


def concerned(request: Entry, tasks: Mapping[str, TaskState]) -> list[str]:
    """The tasks whose work ends before the request is answered."""
    try:
        if isinstance(request.event, CancelRequested):
            return to_cancel(tasks, request.task)
        if isinstance(request.event, VerdictRequested):
            _step(request, tasks)
            return [request.task]
    except RequestRefused:
        return []  # nothing is ended for it; `answer_to` says why it is refused
    return []


def to_hold(request: Entry, tasks: Mapping[str, TaskState]) -> list[str]:
    """The tasks of which nothing may begin any more before the request is answered."""
    if not isinstance(request.event, PauseRequested):
        return []
    if not request.task:
        return list(tasks)
    return [name for name, task in tasks.items() if request.task in (name, task.parent)]


def answer_to(request: Entry, view: TasksView, owner: Owner) -> Answer:
    """Decide what the request comes to as the tasks stand now."""
    answer = Answer(request=request.position, pack=Pack(owner.known))
    try:
        answer.placed = _done(request, view, owner.session, answer.pack)
    except RequestRefused as refusal:
        answer.refused = str(refusal)
    return answer


def _done(request: Entry, view: TasksView, session: int, pack: Pack) -> list[tuple[str, Placed]]:
    tasks, task = view.of(session), request.task
    match request.event:
        case CancelRequested(by=by, reason=reason):
            end = TaskCancelled(reason=reason or f"{by} cancelled it", by=by)
            return [(name, Placed(end)) for name in to_cancel(tasks, task)]
        case PauseRequested(by=by, reason=reason):
            return steering.pause(view, session, task, by=by, reason=reason)
        case UnpauseRequested(by=by):
            return steering.unpause(view, session, task, by=by)
        case RetryRequested(by=by, reason=reason):
            return steering.retry(tasks, task, by=by, reason=reason)
        case PinRequested(by=by, tier=tier, reason=reason, confirmed=confirmed):
            return steering.pin(view, session, task, tier, by=by, reason=reason, confirmed=confirmed)
        case _:
            return _judged(request, tasks, pack)


def _judged(request: Entry, tasks: Mapping[str, TaskState], pack: Pack) -> list[tuple[str, Placed]]:
    assert isinstance(request.event, VerdictRequested), "all else that is asked was answered"
    verdict, task = request.event, tasks.get(request.task)
    step = _step(request, tasks)
    assert task is not None, "its step was found"
    if verdict.accepted:
        placed = accept(task, step, by=verdict.by, reason=verdict.reason)
    else:
        feedback = (
            f"A person rejected the draft: {verdict.reason}" if verdict.reason else "A person rejected the draft."
        )
        reason = verdict.reason or "rejected by a person"
        placed = reject(task, step, by=verdict.by, reason=reason, feedback=pack.put(feedback))
    return [(task.name, each) for each in (*placed, *consequences(task, tasks, placed))]


def _step(request: Entry, tasks: Mapping[str, TaskState]) -> StepState:
    assert isinstance(request.event, VerdictRequested), "only a verdict is about a step"
    if request.task not in tasks:
        raise VerdictRefused(f"there is no task {request.task!r} in this session")
    return step_to_judge(tasks[request.task], request.step, accepted=request.event.accepted)
