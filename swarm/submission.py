"""How a session begins: its opening, its tasks, and the first step of those that can start, as one append."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from events.blobs import Pack
from events.log import Entry, NewEvent
from events.types.session import SessionOpened
from events.types.task import TaskSubmitted
from events.views.tasks import TasksView
from swarm.cycle import DECISIONS, consequences
from swarm.owner import SESSIONS, new_event
from swarm.plan import Plan, explores
from swarm.prepare import Prepared
from swarm.redact import Secrets
from swarm.task import TaskFile


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
) -> Callable[[int], Sequence[NewEvent]]:
    """The events with which a session of the file begins, by the number that it gets; their texts go into `pack`."""
    opened = SessionOpened(
        type=type_,
        title=secrets.redact(file.name),
        directory=str(root),
        version=program_version(),
        settings=pack.put(msgspec.json.encode(plan).decode()),
        source=pack.put(secrets.redact(source)) if source else None,
    )
    submissions = [(each.task.id, _submitted(each, pack, secrets)) for each in prepared]

    def opening(number: int) -> Sequence[NewEvent]:
        first = new_event(opened, number, root.name, topic=SESSIONS)
        tasks = [new_event(event, number, root.name, task=name) for name, event in submissions]
        return [first, *tasks, *_first_steps(tasks, number, root.name)]

    return opening


def program_version() -> str:
    try:
        return version("pheroswarm")
    except PackageNotFoundError:
        return ""


def _submitted(each: Prepared, pack: Pack, secrets: Secrets) -> TaskSubmitted:
    task = each.task
    return TaskSubmitted(
        spec=pack.put(secrets.redact(msgspec.json.encode(task).decode())),
        title=secrets.redact(task.title or task.id),
        decisions=DECISIONS,
        type=each.complexity.type,
        complexity=each.complexity.level,
        factors=each.complexity.factors,
        explore=explores(task, each.complexity),
        needs=task.needs,
        attempts=task.limits.attempts,
        outputs=each.before,
    )


def _first_steps(tasks: Sequence[NewEvent], number: int, project: str) -> list[NewEvent]:
    """What the cycle says of tasks that need no plan and no other task."""
    view = TasksView()
    for new in tasks:
        view.apply(_unplaced(new))
    states = view.of(number)
    return [
        new_event(each.event, number, project, task=name, step=each.step, attempt=each.attempt)
        for name, state in states.items()
        for each in consequences(state, states, ())
    ]


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
