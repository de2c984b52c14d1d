"""How a session begins: its opening, its tasks, and the first step of those that can start, as one append."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from events.blobs import Pack
from events.log import Entry, NewEvent
from events.types.base import TextRef
from events.types.session import Estimated, SessionOpened
from events.types.task import OutputFile, TaskSkipped, TaskSubmitted
from events.views.tasks import TasksView
from swarm.conditions import ruled_by
from swarm.cycle import DECISIONS, consequences
from swarm.engine.prepare import Prepared
from swarm.owner import SESSIONS, new_event
from swarm.plan import Plan, answer_tokens, explores
from swarm.redact import Secrets
from swarm.task import Task, TaskFile
from swarm.version import VERSION


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """With what of an earlier session a new one begins."""

    parent: int = 0  # its number; 0: nothing but hand-overs is taken
    until: int = 0  # what it recorded up to here
    before: Sequence[Entry] = ()  # that
    replaces: Sequence[OutputFile] = ()  # files that it wrote, which may be written over
    submissions: Mapping[str, TaskSubmitted]  # what is submitted: all that is not taken over as it is
    left_out: Mapping[str, TaskSkipped] = {}


def opening_of(
    file: TaskFile,
    prepared: Sequence[Prepared],
    plan: Plan,
    *,
    pack: Pack,
    root: Path,
    source: str,
    type_: str,
    secrets: Secrets,
    estimate: Estimated | None = None,
    take: Callable[[Mapping[str, TaskSubmitted]], Taken] | None = None,
) -> Callable[[int], Sequence[NewEvent]]:
    """The events with which a session of the file begins, by the number that it gets; their texts go into `pack`.

    `take` says what becomes of its tasks where it goes on from an earlier session.
    """
    submissions = {each.task.id: submitted(each, pack.put, secrets.redact) for each in prepared}
    taken = take(submissions) if take is not None else Taken(submissions=submissions)
    opened = SessionOpened(
        type=type_,
        title=secrets.redact(file.name),
        directory=str(root),
        version=VERSION,
        settings=pack.put(msgspec.json.encode(plan).decode()),
        source=pack.put(secrets.redact(source)) if source else None,
        path=secrets.redact(file.path),
        schedule=plan.schedule,
        firing=plan.firing,
        estimate=estimate,
        parent=taken.parent,
        parent_position=taken.until,
        replaces=tuple(taken.replaces),
    )

    def opening(number: int) -> Sequence[NewEvent]:
        first = new_event(opened, number, root.name, topic=SESSIONS)
        tasks = [new_event(event, number, root.name, task=name) for name, event in taken.submissions.items()]
        left_out = [new_event(event, number, root.name, task=name) for name, event in taken.left_out.items()]
        before = as_of(taken.before, number)
        return [first, *tasks, *left_out, *first_steps(tasks, number, root.name, before=before)]

    return opening


def submitted(each: Prepared, put: Callable[[str], TextRef], redact: Callable[[str], str]) -> TaskSubmitted:
    """The task as an event; its texts are put where the append takes them from."""
    task = each.task
    return TaskSubmitted(
        spec=put(redact(msgspec.json.encode(task).decode())),
        title=redact(_title(task)),
        decisions=DECISIONS,
        type=each.complexity.type,
        complexity=each.complexity.level,
        factors=each.complexity.factors,
        explore=explores(task, each.complexity),
        needs=task.needs,
        attempts=task.limits.attempts,
        outputs=each.before,
        gated=task.when is not None or task.each is not None,
        answer_tokens=answer_tokens(task, each.complexity),
        team=each.team,
        ruled=tuple(sorted(ruled_by(task.when))) if task.when is not None else (),
    )


def first_steps(
    tasks: Sequence[NewEvent], number: int, project: str, *, before: Sequence[Entry] = ()
) -> list[NewEvent]:
    """What the cycle says of submitted tasks that need no plan and no other task, after what stands `before` them."""
    view = TasksView()
    for entry in (*before, *map(_unplaced, tasks)):
        view.apply(entry)
    states = view.of(number)
    return [
        new_event(each.event, number, project, task=new.task, step=each.step, attempt=each.attempt)
        for new in tasks
        for each in consequences(states[new.task], states, ())
    ]


def as_of(entries: Sequence[Entry], number: int) -> list[Entry]:
    """The entries as if they were those of a session."""
    return [msgspec.structs.replace(entry, session=number) for entry in entries]


def _unplaced(new: NewEvent) -> Entry:
    return Entry(
        position=0,
        id=new.id,
        at=0,
        topic=new.topic,
        project=new.project,
        session=new.session,
        task=new.task,
        step=new.step,
        attempt=new.attempt,
        cause=0,
        event=new.event,
    )


def _title(task: Task) -> str:
    """What it is called on screen. A title that speaks of an item is that of the tasks which do the items."""
    return task.id if task.each is not None and "{{" in task.title else task.title or task.id
