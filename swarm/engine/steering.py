"""What a pause, a retry and a pin make of a session: pure, like the cycle."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from events.log import session_name
from events.types.control import TierPinned, TierUnpinned, WorkPaused, WorkUnpaused
from events.types.task import TaskReopened
from events.views.steering import Pin, Steered
from events.views.tasks import StepState, TaskState, TasksView
from swarm.cycle import Placed
from swarm.engine.verdicts import RequestRefused, goes_on
from swarm.messages import TIERS

OVER = ("accepted", "skipped")
"""How a task has ended of which nothing is to be tried any more."""

Done = list[tuple[str, Placed]]
"""Events by task; "" is the session."""


def pause(view: TasksView, session: int, task: str, *, by: str, reason: str) -> Done:
    """Raises RequestRefused where nothing is left to begin, or that is paused already."""
    name, held = _name(session, task), _said_of(view, session, task)
    if held.paused is not None:
        raise RequestRefused(f"{name} is paused already, by {held.paused.by}; `swarm unpause {name}` goes on with it")
    _require_work_left(view, session, task)
    return [(task, Placed(WorkPaused(by=by, reason=reason)))]


def unpause(view: TasksView, session: int, task: str, *, by: str) -> Done:
    """Raises RequestRefused where that is not paused."""
    name = _name(session, task)
    if _said_of(view, session, task).paused is not None:
        return [(task, Placed(WorkUnpaused(by=by)))]
    state = view.of(session).get(task)
    if state is not None and view.pause_of(state) is not None:
        of = _name(session, "" if view.whole(session).paused is not None else state.parent)
        raise RequestRefused(f"{name} is paused with {of}; `swarm unpause {of}` goes on with it")
    raise RequestRefused(f"{name} is not paused")


def pin(view: TasksView, session: int, task: str, tier: str, *, by: str, reason: str, confirmed: bool) -> Done:
    """Pin first tries to a tier; "" takes a pin back. Raises RequestRefused."""
    name, held = _name(session, task), _said_of(view, session, task)
    if not tier:
        if held.pin is None:
            raise RequestRefused(f"{name} is not pinned to a tier")
        return [(task, Placed(TierUnpinned(by=by)))]
    if tier not in TIERS:
        raise RequestRefused(f"there is no tier {tier!r}; there are {', '.join(TIERS)}")
    if held.pin is not None and held.pin.tier == tier:
        raise RequestRefused(f"{name} is pinned to {tier} already, by {held.pin.by}")
    if task and view.of(session)[task].status in OVER:
        raise RequestRefused(f"{name} has ended: it is {view.of(session)[task].status}")
    return [(task, Placed(TierPinned(tier=tier, by=by, reason=reason, confirmed=confirmed)))]


def retry(tasks: Mapping[str, TaskState], name: str, *, by: str, reason: str) -> Done:
    """Open a task again that ended without a result, with one draft more, and what ended for want of it.

    Raises RequestRefused where it has its result, is under way, or would only end again as it did.
    """
    if name not in tasks:
        raise RequestRefused(f"there is no task {name!r} in this session")
    task = tasks[name]
    _require_retriable(task, tasks)
    items = [each for each in task.children or () if each in tasks and tasks[each].status in ("failed", "cancelled")]
    meant = [*items, name]
    word = f"{by} has it tried again" + (f": {reason}" if reason else "")
    again = Placed(TaskReopened(reason=word, by=by, attempts=1))
    with_it = Placed(TaskReopened(reason=f"{name} is tried again"))
    return [(each, again if each in meant else with_it) for each in reopened_with(tasks, meant)]


def _require_retriable(task: TaskState, tasks: Mapping[str, TaskState]) -> None:
    name = _name(task.session, task.name)
    match task.status:
        case "open":
            raise RequestRefused(f"{name} is under way; there is nothing to try again")
        case "accepted":
            raise RequestRefused(f"{name} is accepted; `swarm reject {name} WHY` has it done again")
        case "skipped":
            raise RequestRefused(f"{name} was skipped ({task.reason}); there is nothing to try again")
        case _:
            pass
    parent = tasks.get(task.parent)
    if parent is not None and parent.status != "open" and parent.cause != "items":
        whole = _name(task.session, parent.name)
        raise RequestRefused(
            f"{name} is an item of {parent.name}, which is {parent.status}; begin with `swarm retry {whole}`"
        )
    if task.total or task.children is not None:
        return
    for need in task.needs:  # what it needs was not done: it would be cancelled again
        other = tasks.get(need)
        if other is not None and other.status in ("failed", "cancelled") and need not in task.ruled:
            first = _name(task.session, need)
            word = "failed" if other.status == "failed" else "was cancelled"
            raise RequestRefused(f"{name} needs {need}, which {word}; begin with `swarm retry {first}`")


def reopened_with(tasks: Mapping[str, TaskState], names: Collection[str]) -> list[str]:
    """These tasks and all that ended for want of one of them, in their order: cancelled or skipped with it, or failed by its items."""
    found = set(names)
    while more := {
        name
        for name, task in tasks.items()
        if name not in found and _ended_for_want(task) and found & {*task.needs, *(task.children or ())}
    }:
        found |= more
    return [name for name in tasks if name in found]


def _ended_for_want(task: TaskState) -> bool:
    return (task.status in ("cancelled", "skipped") and not task.cause) or (
        task.status == "failed" and task.cause == "items"
    )


def is_asked_for(task: TaskState, step: StepState | None) -> bool:
    """Whether a person had the next try of a step made: the task was opened for it, and nothing was handed in since."""
    return task.retried > _handed_in(step)


def holds(pin: Pin | None, task: TaskState, step: StepState | None) -> bool:
    """Whether the next try of a step is one that goes to the tier of a pin.

    It is the first one, the first since a person pinned it, or the first since a person had the task tried again.
    """
    return pin is not None and max(pin.at, task.retried) > _handed_in(step)


def _handed_in(step: StepState | None) -> int:
    """The position of a step's last draft."""
    return step.draft.at if step is not None and step.draft is not None else 0


def _require_work_left(view: TasksView, session: int, task: str) -> None:
    tasks = view.of(session)
    if not any(goes_on(each) for each in ([tasks[task]] if task else tasks.values())):
        how = f": it is {tasks[task].status}" if task else ""
        raise RequestRefused(f"{_name(session, task)} has ended{how}; there is nothing to pause")


def _said_of(view: TasksView, session: int, task: str) -> Steered:
    """What was said of just that. Raises RequestRefused where there is no such task."""
    if not task:
        return view.whole(session)
    if task not in view.of(session):
        raise RequestRefused(f"there is no task {task!r} in this session")
    return view.of(session)[task].own


def _name(session: int, task: str) -> str:
    return f"{session_name(session)}/{task}" if task else session_name(session)
