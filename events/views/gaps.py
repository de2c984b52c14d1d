"""What was done without any skill, and why drafts were rejected: from this it is seen where a skill would help. For reports only."""

from __future__ import annotations

import msgspec

from events.log import Entry
from events.types.base import TextRef
from events.types.call import CallReserved
from events.types.task import (
    StepRejected,
    TaskAccepted,
    TaskCancelled,
    TaskFailed,
    TaskHalted,
    TaskReopened,
    TaskSubmitted,
)
from events.types.tool import ToolFinished


class Done(msgspec.Struct):
    """A task as far as skills go."""

    session: int
    name: str  # of the task that its items are of, where it does one of them
    spec: TextRef  # the Task as JSON
    at: int  # position of the event that refers to it
    began: int  # microseconds since 1970
    type: str
    worked: bool = False  # a worker was asked
    tools: bool = False
    skills: bool = False  # one was told, or read
    ended: str = ""  # "accepted", "failed", "halted" or "cancelled"; empty: not yet
    rejected: int = 0  # drafts


class Refused(msgspec.Struct, frozen=True):
    """A draft that was rejected."""

    session: int
    task: str
    reason: str
    feedback: TextRef
    at: int
    on: int  # microseconds since 1970


_ENDS = {TaskAccepted: "accepted", TaskFailed: "failed", TaskHalted: "halted", TaskCancelled: "cancelled"}


class GapsView(msgspec.Struct):
    """Every task and every rejected draft: it grows with the log, and is folded when somebody asks."""

    tasks: dict[tuple[int, str], Done] = {}
    refused: list[Refused] = []

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case TaskSubmitted() as event:
                self._submit(entry, event)
            case CallReserved(role="worker") as call if (done := self._of(entry)) is not None:
                done.worked = True
                done.tools = done.tools or call.tools is not None
                done.skills = done.skills or bool(call.skills)
            case ToolFinished(skill=skill) if skill and (done := self._of(entry)) is not None:
                done.skills = True
            case StepRejected() as event if (done := self._of(entry)) is not None:
                done.rejected += 1
                self.refused.append(_refused(entry, done, event))
            case TaskAccepted() | TaskFailed() | TaskHalted() | TaskCancelled() if (
                done := self._of(entry)
            ) is not None:
                done.ended = _ENDS[type(entry.event)]
            case TaskReopened() if (done := self._of(entry)) is not None:
                done.ended = ""
            case _:
                pass

    def _of(self, entry: Entry) -> Done | None:
        return self.tasks.get((entry.session, entry.task))

    def _submit(self, entry: Entry, event: TaskSubmitted) -> None:
        self.tasks[entry.session, entry.task] = Done(
            session=entry.session,
            name=event.parent or entry.task,
            spec=event.spec,
            at=entry.position,
            began=entry.at,
            type=event.type,
        )


def _refused(entry: Entry, done: Done, event: StepRejected) -> Refused:
    return Refused(
        session=entry.session,
        task=done.name,
        reason=event.reason,
        feedback=event.feedback,
        at=entry.position,
        on=entry.at,
    )
