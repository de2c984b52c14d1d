"""What a person's verdict and a cancellation make of a task: pure, like the cycle.

A verdict is an event like any other: the step is accepted or rejected, and the cycle goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from events.types.base import TextRef
from events.types.task import (
    Overruled,
    StepAccepted,
    StepRejected,
    TaskReopened,
)
from events.views.tasks import StepState, TaskState
from swarm.choice.question import context_of
from swarm.cycle import TAKEN_UP, Placed
from swarm.errors import UsageError


class RequestRefused(UsageError):
    """What a person asks of a session cannot be done as it stands; nothing was changed."""


class VerdictRefused(RequestRefused):
    """A person's verdict has nothing to stand on."""


def step_to_judge(task: TaskState, number: int, *, accepted: bool) -> StepState:
    """The step that a person's verdict is about: the one that is named, else the last that has a draft.

    Raises VerdictRefused where there is none, where it is judged so already, or where later work stands on it.
    """
    verb = "accept" if accepted else "reject"
    if task.children is not None:
        raise VerdictRefused(
            f"{task.name} is done once for each of its items; {verb} one of those: {_some(task.children)}"
        )
    drafted = [step for step in task.steps if step.draft is not None]
    if not drafted:
        raise VerdictRefused(f"{task.name} has no draft to {verb}" + (f": {task.reason}" if task.reason else ""))
    step = drafted[-1]
    if number and number != step.number:
        if all(number != each.number for each in drafted):
            raise VerdictRefused(f"step {number} of {task.name} has no draft to {verb}")
        raise VerdictRefused(
            f"step {step.number} of {task.name} stands on step {number}; {verb} that one, or fork before it"
        )
    if accepted and step.stage == "accepted":
        raise VerdictRefused(f"{task.name} is accepted already")
    if not accepted and step.stage == "rejected":
        raise VerdictRefused(f"the last draft of {task.name} is rejected already")
    return step


def accept(task: TaskState, step: StepState, *, by: str, reason: str) -> list[Placed]:
    """The events that accept the step's last draft, whether it was rejected before or not yet judged."""
    assert step.draft is not None, "a step is judged by its draft"
    was_rejected = step.stage == "rejected"
    event = StepAccepted(
        draft=step.draft.lasting, by=by, reason=reason, overrules=_choice(task, step) if was_rejected else None
    )
    return [*_reopened(task, "accepted by a person"), Placed(event, step.number, step.drafted)]


def reject(task: TaskState, step: StepState, *, by: str, reason: str, feedback: TextRef) -> list[Placed]:
    """The events that reject the step's last draft, whether it was accepted before or not yet judged."""
    event = StepRejected(
        reason=reason, feedback=feedback, by=by, overrules=_choice(task, step) if step.stage == "accepted" else None
    )
    return [*_reopened(task, "rejected by a person"), Placed(event, step.number, step.attempt)]


def to_cancel(tasks: Mapping[str, TaskState], name: str) -> list[str]:
    """The tasks that a cancellation ends: the one that is named with those of its items, or all that could still go on.

    Raises VerdictRefused where there is none.
    """
    if name and name not in tasks:
        raise VerdictRefused(f"there is no task {name!r} in this session")
    named = [name, *(tasks[name].children or ())] if name else list(tasks)
    ending = [each for each in named if each in tasks and goes_on(tasks[each])]
    if name and not ending:
        raise VerdictRefused(f"{name} has ended already: it is {tasks[name].status}")
    return ending


def goes_on(task: TaskState) -> bool:
    """Whether it is open, or a resume opens it again."""
    return task.status in ("open", "halted") or (task.status == "failed" and task.cause in TAKEN_UP)


def _choice(task: TaskState, step: StepState) -> Overruled:
    return Overruled(
        context=context_of("worker", task.type),
        agent=step.agent,
        model=step.model,
        judged_at=step.judged_at,
        judge=step.judge,
    )


def _reopened(task: TaskState, reason: str) -> list[Placed]:
    return [] if task.status == "open" else [Placed(TaskReopened(reason=reason))]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
