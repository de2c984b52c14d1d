"""An earlier session from which a new run goes on: what of it is taken over, and what is told of the rest.

Taken over is what is the same work: accepted tasks as they are, unfinished ones with their plan and their accepted steps.
What is other work begins anew; where it had been begun before, its roles are told how far it had come.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, cast

import msgspec

from events.blobs import Pack
from events.lineage import Stretch, fold_session, inherited_by_fork
from events.log import Entry, EventLog, session_name
from events.types.task import OutputFile, TaskSkipped, TaskSubmitted
from events.views.base import fold
from events.views.sessions import SessionState, SessionsView
from events.views.tasks import TaskState, TasksView
from swarm.alive import exists, owner_of
from swarm.choice.complexity import Complexity, Level
from swarm.cycle import TAKEN_UP
from swarm.engine.fork import point_of, written_by_relatives
from swarm.engine.handover import handover_of
from swarm.engine.prepare import Prepared
from swarm.engine.requests import person
from swarm.engine.submission import Taken
from swarm.errors import SessionBusy, UsageError
from swarm.plan import answer_tokens
from swarm.task import NORMAL, Limits, Task

Carried = Literal["as it is", "kept", "anew"]


class NothingToTakeOver(UsageError):
    """An earlier session has nothing that a run could go on from."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"--from {name}: nothing of it is of use to this run: no task of it is the same, and none was stopped that this "
            "run has; run it without `--from`"
        )


class Earlier(msgspec.Struct, frozen=True, kw_only=True):
    """What a session had recorded when a new run was to go on from it."""

    name: str  # s4, or s4/build where only that task is taken over
    task: str
    stretch: Stretch
    before: Sequence[Entry]
    tasks: Mapping[str, TaskState]
    specs: Mapping[str, Task]
    handovers: Mapping[str, str]  # of its tasks that were begun and not accepted
    replaces: Sequence[OutputFile]


async def earlier_of(log: EventLog, session: int, task: str, *, root: Path) -> Earlier:
    """Read what a session did; `task` names the only one of its tasks that is meant, "" all.

    Raises UsageError where it ran in another folder, SessionBusy while it is being run.
    """
    state = (await fold(log, SessionsView(), session=session)).sessions[session]
    _require_ended(state, root)
    tasks = (await fold_session(log, TasksView(), session)).of(session)
    specs = {
        name: msgspec.json.decode(await log.text(each.spec.ref, at=each.spec.at), type=Task)
        for name, each in tasks.items()
    }
    stretch = await point_of(log, session, None)
    return Earlier(
        name="/".join(part for part in (session_name(session), task) if part),
        task=task,
        stretch=stretch,
        before=await inherited_by_fork(log, stretch, fork=0),
        tasks=tasks,
        specs=specs,
        handovers={name: await _handed_over(log, each) for name, each in tasks.items() if _is_begun(each)},
        replaces=await written_by_relatives(log, session, root),
    )


def _require_ended(state: SessionState, root: Path) -> None:
    name = session_name(state.number)
    if state.claim is not None and exists(state.claim, time.time_ns() // 1000):
        raise SessionBusy(session=name, owner=owner_of(state.claim))
    if Path(state.directory) != root:
        raise UsageError(f"--from {name}: it ran in {state.directory}, and this is {root}; change to that folder")


def _is_begun(task: TaskState) -> bool:
    """Whether there is something to hand over."""
    return task.status not in ("accepted", "skipped") and task.children is None and bool(task.calls or task.summary)


async def _handed_over(log: EventLog, task: TaskState) -> str:
    """The hand-over that was written when it was halted; of a task that ended otherwise it is folded now."""
    if task.status == "halted" and task.summary is not None:
        return await log.text(task.summary.ref, at=task.summary.at)
    stopped = task.reason or "its session ended before it did"
    return await handover_of(log, task, stopped=stopped)


def carried(task: TaskState | None, *, same: bool) -> Carried:
    """What becomes of a task of the new run that the earlier session had, or had not.

    What had failed for a reason of its own is tried anew; what something outside had stopped goes on.
    """
    if task is None or not same:
        return "anew"
    if task.status == "accepted":
        return "as it is"
    if task.status in ("open", "halted") or (task.status == "failed" and task.cause in TAKEN_UP):
        return "kept"
    return "anew"


def is_same_work(one: Task, other: Task) -> bool:
    """Whether two tasks ask for the same, whatever bounds them, whoever they match, and who of them begins when.

    Budgets, limits, profiles, the priority and `start` may differ.
    """
    return _unbounded(one) == _unbounded(other)


def _unbounded(task: Task) -> Task:
    roles = {role: msgspec.structs.replace(config, budget=None) for role, config in task.roles.items()}
    return msgspec.structs.replace(task, budget=None, limits=Limits(), roles=roles, team={}, priority=NORMAL, start="")


def fates(earlier: Earlier, tasks: Sequence[Task]) -> dict[str, Carried]:
    """What becomes of each task of the new run; one that needs a task that begins anew does so, too."""
    meant = _with_needs(earlier.task, {task.id: task for task in tasks}) if earlier.task else None
    found: dict[str, Carried] = {}
    for task in tasks:
        old = earlier.tasks.get(task.id) if meant is None or task.id in meant else None
        found[task.id] = carried(old, same=old is not None and is_same_work(earlier.specs[task.id], task))
    changed = True
    while changed:
        changed = False
        for task in tasks:
            if found[task.id] != "anew" and any(found[need] == "anew" for need in task.needs):
                found[task.id], changed = "anew", True
    return found


def _with_needs(task: str, tasks: Mapping[str, Task]) -> set[str]:
    needs = tasks[task].needs if task in tasks else ()
    return {task}.union(*(_with_needs(need, tasks) for need in needs))


def taken_over(
    made: Mapping[str, TaskSubmitted],
    *,
    earlier: Earlier,
    prepared: Sequence[Prepared],
    redact: Callable[[str], str],
    pack: Pack,
) -> Taken:
    """With what the new session begins; `made` are its tasks as they are submitted where nothing is taken over."""
    tasks = as_recorded(prepared, redact)
    fate = fates(earlier, tasks)
    submissions: dict[str, TaskSubmitted] = {}
    for task in tasks:
        if fate[task.id] == "kept":
            submissions[task.id] = msgspec.structs.replace(made[task.id], keeps=True)
            submissions |= _children(earlier, task, pack)
        elif fate[task.id] == "anew":
            handover = earlier.handovers.get(_source(earlier, tasks, task))
            told = pack.put(handover) if handover else None
            submissions[task.id] = msgspec.structs.replace(made[task.id], handover=told)
    if "kept" not in fate.values() and "as it is" not in fate.values():
        return Taken(submissions=submissions)
    skipped = TaskSkipped(reason=f"it is no part of the run that goes on from {earlier.name}", by=person())
    own = {name: state.parent or name for name, state in earlier.tasks.items()}
    left_out = {
        name: skipped for name, parent in own.items() if fate.get(parent, "anew") == "anew" and name not in fate
    }
    return Taken(
        parent=earlier.stretch.session,
        until=earlier.stretch.until,
        before=earlier.before,
        replaces=earlier.replaces,
        submissions=submissions,
        left_out=left_out,
    )


def as_recorded(prepared: Sequence[Prepared], redact: Callable[[str], str]) -> list[Task]:
    """The tasks of a run in the form in which a session records them: what the earlier one's are compared with."""
    return [msgspec.json.decode(redact(msgspec.json.encode(each.task).decode()), type=Task) for each in prepared]


def told_of(earlier: Earlier, tasks: Sequence[Task]) -> str:
    """What a person is told of going on, before anything is opened.

    Raises UsageError where the task that is named is none of the new run, which has several; and where nothing of the earlier
    session is of any use.
    """
    _require_task(earlier, tasks)
    fate = fates(earlier, tasks)
    begun = [name for name, each in fate.items() if each == "anew"]
    handed = [task for task in tasks if task.id in begun and _source(earlier, tasks, task) in earlier.handovers]
    counts = (
        (list(fate.values()).count("as it is"), "accepted there and taken over"),
        (list(fate.values()).count("kept"), "taken up with the steps that were accepted"),
        (len(handed), "begun anew with the hand-over"),
        (len(begun) - len(handed), "begun anew"),
    )
    if len(begun) - len(handed) == len(tasks):
        raise NothingToTakeOver(earlier.name)
    return f"goes on from {earlier.name}: " + ", ".join(f"{count} {said}" for count, said in counts if count)


def _require_task(earlier: Earlier, tasks: Sequence[Task]) -> None:
    if earlier.task and len(tasks) > 1 and all(task.id != earlier.task for task in tasks):
        listed = ", ".join(task.id for task in tasks[:5])
        raise UsageError(
            f"--from {earlier.name}: this run has several tasks and none of them is {earlier.task} ({listed}); "
            f"name the session alone, or run the one task that is to go on from it with `--only`"
        )


def _source(earlier: Earlier, tasks: Sequence[Task], task: Task) -> str:
    """The task of the earlier session whose hand-over a task is told that begins anew: its own, or the one that was named."""
    if earlier.task:
        return earlier.task if task.id == earlier.task or len(tasks) == 1 else ""
    return task.id


def _children(earlier: Earlier, task: Task, pack: Pack) -> dict[str, TaskSubmitted]:
    """The items of a task that are not done yet, under the bounds of now and by whoever it matches now."""
    found: dict[str, TaskSubmitted] = {}
    last = {entry.task: entry for entry in earlier.before if isinstance(entry.event, TaskSubmitted)}
    for name in earlier.tasks[task.id].children or ():
        entry = last.get(name)
        if entry is None or not isinstance(entry.event, TaskSubmitted) or earlier.tasks[name].status == "accepted":
            continue
        spec = msgspec.structs.replace(
            earlier.specs[name],
            budget=task.budget,
            limits=task.limits,
            team=task.team,
            priority=task.priority,
            start=task.start,
        )
        taken_for = Complexity(entry.event.type, cast("Level", entry.event.complexity), entry.event.factors)
        found[name] = msgspec.structs.replace(
            entry.event,
            spec=pack.put(msgspec.json.encode(spec).decode()),
            attempts=task.limits.attempts,
            answer_tokens=answer_tokens(spec, taken_for),
            keeps=True,
        )
    return found
