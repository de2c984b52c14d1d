"""What is read and decided of a task file before anything is opened or called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from events.types.task import OutputFile
from swarm.choice.complexity import Complexity
from swarm.context.inputs import read_inputs
from swarm.engine.teams import with_team
from swarm.errors import UsageError
from swarm.items import items_of
from swarm.plan import Plan, allowed_arms, classified, context_room, default_tokens
from swarm.roles.checks import require
from swarm.roles.schemas import with_schemas
from swarm.task import ROLES, Task, TaskFile, words_of
from swarm.tools.deliver import fingerprint


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A task with what was read of it before anything was called."""

    task: Task
    complexity: Complexity
    input_bytes: int
    before: tuple[OutputFile, ...]
    team: tuple[str, ...] = ()  # who fills a role other than its plain agent, and why


def prepare(file: TaskFile, root: Path, redact: Callable[[str], str], plan: Plan) -> tuple[list[Prepared], Plan]:
    """Read the inputs, classify the tasks, give the plan the cap that nobody named. Raises UsageError; nothing was called.

    Refused is also what nobody could judge: a task with `accept` and no model that may.
    """
    prepared: list[Prepared] = []
    for task in file.tasks:
        if len(file.tasks) == 1 and task.budget == file.budget:
            task = msgspec.structs.replace(task, budget=None)  # the run's cap says it; a resume can raise that one
        prepared.append(_teamed(prepare_task(task, root, redact, plan), file))
    plan = _capped(plan, file, prepared)
    for each in prepared:
        _refuse_without_context(each.task, plan)
    return prepared, plan


def _teamed(prepared: Prepared, file: TaskFile) -> Prepared:
    team = with_team(prepared.task, prepared.complexity.type, file)
    return msgspec.structs.replace(prepared, task=team.task, team=team.why)


def _capped(plan: Plan, file: TaskFile, prepared: Sequence[Prepared]) -> Plan:
    """The plan with the cap of the file; where it names none, that of the session's type or what its tasks can need."""
    budget = file.budget
    if budget is None:
        tokens = plan.session_tokens
        if tokens is None:
            tokens = default_tokens([(each.task, each.complexity, each.input_bytes) for each in prepared])
        return msgspec.structs.replace(plan, session_tokens=tokens)
    caps = {"session_tokens": budget.tokens, "session_nanos": budget.usd_nanos}
    return msgspec.structs.replace(plan, **caps, split=budget.split, on_exceed=budget.on_exceed)


def _refuse_without_context(task: Task, plan: Plan) -> None:
    for role in ROLES:
        room = context_room(plan, task, role)
        if room is not None and room < 0:
            raise UsageError(
                f"the context share of task {task.id!r} is {-room:,} tokens too small for the words with which a {role} is "
                "told what it is; give `context` more of the split, or leave it out"
            )


def prepare_each(tasks: Sequence[Task], *, root: Path, redact: Callable[[str], str], plan: Plan) -> list[Prepared]:
    """Read and classify the tasks that do items. Raises UsageError."""
    return [prepare_task(task, root, redact, plan) for task in tasks]


def prepare_task(task: Task, root: Path, redact: Callable[[str], str], plan: Plan) -> Prepared:
    """Read and classify one task. Of one that is done for each of some items, what does not depend on them is looked at.

    Raises UsageError.
    """
    _refuse_unjudgeable(task, plan)
    if task.each is not None and task.each.from_task is None:
        items_of(task.each, {}, root, task=task.id)
    known = [source for source in task.inputs if source.from_task is None and not _has_lookups(task, *source.files)]
    loaded = read_inputs(known, root, redact, {}, sought=words_of(task))
    size = sum(len(each.text.encode("utf-8", "replace")) for each in loaded)
    complexity = classified(task, plan, input_size=size, inputs=len(loaded))
    require([check for check in task.checks if not _has_lookups(task, check.schema)], root)
    if task.each is not None:
        return Prepared(task=task, complexity=complexity, input_bytes=size, before=())
    task = with_schemas(task, root)
    before = tuple(
        OutputFile(path, digest or "") for path, digest in fingerprint(root, (one.path for one in task.written)).items()
    )
    return Prepared(task=task, complexity=complexity, input_bytes=size, before=before)


def _has_lookups(task: Task, *paths: object) -> bool:
    """Whether one of the paths depends on an item of the task."""
    return task.each is not None and any(isinstance(path, str) and "{{" in path for path in paths)


def _refuse_unjudgeable(task: Task, plan: Plan) -> None:
    arms, excluded = allowed_arms(plan, task, "validator")
    if (task.accept or task.rubrics) and arms and all(arm.model in excluded for arm in arms):
        raise UsageError(
            f"task {task.id!r} says in words when it is accepted, and no model here may judge that "
            f"({'; '.join(sorted(set(excluded.values())))}); say it so that a program can, for example `check: {{contains: ...}}`"
        )
