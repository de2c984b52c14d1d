"""The whole explorer -> worker -> validator cycle is decided here, by pure functions of the folded task.

    needs met -> (gate) -> (explore) -> step.planned -> draft -> judge -> step.accepted -> ... -> (deliver) -> task.accepted
                   |                                      ^         |
                   +-- task.skipped                       +-- step.rejected, while attempts are left
                   +-- task.expanded -> a task for each item -> gather -> task.accepted

The dispatcher folds each committed event and asks `next_step`; after a restart it asks the same function about the folded
state, so there is no second code path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from events.log import Entry
from events.types.any import AnyEvent
from events.types.task import StepPlanned, TaskAccepted, TaskCancelled, TaskFailed, TaskSkipped
from events.views.tasks import StepState, TaskState, advance

DECISIONS = 2
"""Version of the rules below and of the choice. A log that was decided by other rules is folded, not decided again."""

SHARED = 0
"""In place of the version where a log was shared: nothing can be decided again without its texts."""

EXPLORATIONS = 2  # attempts to get a plan; then the task is done as one step
TAKEN_UP = ("budget", "no model", "confirmation", "input", "output")
"""Causes of an end that a resume takes up again: what stopped the task lies outside of it, and may have changed."""

RETRIES_ON_ARM = 1  # rejected drafts after which the same agent@model may try once more with feedback


class Work(StrEnum):
    """What can be open for a task."""

    GATE = "gate"  # see whether its condition holds, and for which items it is done
    EXPLORE = "explore"
    DRAFT = "draft"
    JUDGE = "judge"
    DELIVER = "deliver"
    GATHER = "gather"  # the results of its items as one
    AUDIT = "audit"  # look again at what was accepted, once the task is


class Open(msgspec.Struct, frozen=True, kw_only=True):
    """Work that is now to be done, once. Two that are equal are the same work."""

    work: Work
    task: str
    step: int
    attempt: int
    stay_on: str = ""  # agent@model that gets another try with feedback
    without: tuple[str, ...] = ()  # agent@model whose drafts of this step were rejected twice


class Placed(msgspec.Struct, frozen=True):
    """An event and where in the task it belongs; `task` where it is not the one that is spoken of."""

    event: AnyEvent
    step: int = 0
    attempt: int = 0
    task: str = ""


class Next(msgspec.Struct, frozen=True, kw_only=True):
    """What follows from a state: events to append, or work to start, or nothing."""

    events: tuple[Placed, ...] = ()
    open: Open | None = None


_NOTHING = Next()


def next_step(task: TaskState, others: Mapping[str, TaskState]) -> Next:
    """Say what follows for a task; `others` are the tasks of its session, by name."""
    if task.status == "accepted":
        return _audit(task)
    if task.status != "open":
        return _NOTHING
    if task.children is not None:
        return _of_items(task, task.children, others)
    if not task.total:
        return _before_plan(task, others)
    if task.abandoned:
        return _fail(task.abandoned, "no verdict" if task.abandoned_role == "validator" else "no draft")
    step = task.step
    if step is not None:
        return _open_step(task, step)
    if len(task.steps) < task.total:
        return _NOTHING  # the rest of the plan is in the same append
    return _all_accepted(task)


def consequences(task: TaskState, others: Mapping[str, TaskState], outcome: Sequence[Placed]) -> tuple[Placed, ...]:
    """What follows from an outcome that is about to be appended: it goes into the same append.

    `task` is not changed.
    """
    future = _copy(task)
    for placed in outcome:
        advance(future, _hypothetical(placed, task))
    following: list[Placed] = []
    while events := next_step(future, others).events:
        for placed in events:
            advance(future, _hypothetical(placed, task))
        following += events
    return tuple(following)


def _before_plan(task: TaskState, others: Mapping[str, TaskState]) -> Next:
    for need in task.needs:
        found = others.get(need)
        if found is None or found.status in ("open", "halted"):
            return _NOTHING
        if found.status == "accepted" or need in task.ruled:
            continue
        if found.status == "skipped":
            return Next(events=(Placed(TaskSkipped(reason=f"it needs {need}, which was skipped")),))
        return Next(events=(Placed(TaskCancelled(reason=f"it needs {need}, which {_ended(found)}")),))
    if task.gated:
        return Next(open=Open(work=Work.GATE, task=task.name, step=0, attempt=1))
    if task.explore and task.explorations < EXPLORATIONS:
        attempt = task.explorations + 1
        return Next(open=Open(work=Work.EXPLORE, task=task.name, step=0, attempt=attempt))
    return Next(events=(Placed(StepPlanned(title=task.title, total=1), step=1),))


def _of_items(task: TaskState, children: Sequence[str], others: Mapping[str, TaskState]) -> Next:
    """A task that is done once for each item ends when all of them have."""
    ended = [others[name].status for name in children if name in others]
    if len(ended) < len(children) or any(status in ("open", "halted") for status in ended):
        return _NOTHING
    bad = sum(status in ("failed", "cancelled") for status in ended)
    if bad:
        return _fail(f"{bad} of its {len(children)} items {'was' if bad == 1 else 'were'} not done", "items")
    return Next(open=Open(work=Work.GATHER, task=task.name, step=0, attempt=1))


def _open_step(task: TaskState, step: StepState) -> Next:
    if step.stage == "drafted":
        return Next(open=Open(work=Work.JUDGE, task=task.name, step=step.number, attempt=step.attempt))
    if step.tried > task.attempts:
        drafts = f"{task.attempts} draft{'s' if task.attempts > 1 else ''}"
        where = f" of step {step.number}" if task.total > 1 else ""
        return _fail(f"{drafts}{where} {'were' if task.attempts > 1 else 'was'} rejected", "rejected")
    arm = f"{step.agent}@{step.model}" if step.agent else ""
    again = bool(arm) and step.fails.get(arm, 0) <= RETRIES_ON_ARM
    return Next(
        open=Open(
            work=Work.DRAFT,
            task=task.name,
            step=step.number,
            attempt=step.attempt,
            stay_on=arm if again else "",
            without=tuple(sorted(name for name, fails in step.fails.items() if fails > RETRIES_ON_ARM)),
        )
    )


def _all_accepted(task: TaskState) -> Next:
    last = task.steps[-1]
    if task.outputs or task.files:
        return Next(open=Open(work=Work.DELIVER, task=task.name, step=last.number, attempt=last.attempt))
    return Next(events=(Placed(accepted(task)),))


def _audit(task: TaskState) -> Next:
    """What is left to do for a task that has its result: nothing waits for it but the end of the session."""
    for step in task.steps:
        if step.audit:
            return Next(open=Open(work=Work.AUDIT, task=task.name, step=step.number, attempt=step.attempt))
    return _NOTHING


def accepted(task: TaskState) -> TaskAccepted:
    """The end of a task whose steps are all accepted: its result is the last step's draft."""
    last = task.steps[-1]
    assert last.draft is not None, "an accepted step has a draft"
    return TaskAccepted(result=last.draft.lasting, unjudged=last.unjudged)


def _fail(reason: str, cause: str) -> Next:
    return Next(events=(Placed(TaskFailed(reason=reason, cause=cause)),))


def _ended(task: TaskState) -> str:
    return "failed" if task.status == "failed" else "was cancelled"


def _copy(task: TaskState) -> TaskState:
    steps = [msgspec.structs.replace(step, fails=dict(step.fails)) for step in task.steps]
    return msgspec.structs.replace(task, steps=steps)


def _hypothetical(placed: Placed, task: TaskState) -> Entry:
    return Entry(
        position=0,  # not known yet; nothing that follows refers to it
        id=b"",
        at=0,
        topic="",
        project="",
        session=task.session,
        task=task.name,
        step=placed.step,
        attempt=placed.attempt,
        cause=0,
        event=placed.event,
    )


def why_folded(decisions: int) -> str:
    """Why what a log with that version of the rules decided is not decided again; "" where it is."""
    if decisions == SHARED:
        return "the log was shared, and its texts stayed at home"
    return (
        ""
        if decisions == DECISIONS
        else f"the log was decided by version {decisions} of the rules, this is {DECISIONS}"
    )
