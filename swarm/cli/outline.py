"""What a task file comes to before anything runs: its tasks level by level, with sizes, roles and models. Calls nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from swarm.choice.complexity import Complexity
from swarm.context.inputs import read_inputs
from swarm.engine.teams import Team, with_team
from swarm.engine.toolchest import may_use
from swarm.errors import UsageError
from swarm.estimate.estimate import is_judged
from swarm.globs import InputUnusable
from swarm.messages import Arm
from swarm.plan import Plan, allowed_arms, classified, explores
from swarm.task import ROLES, Changes, Input, Role, Task, TaskFile, words_of
from swarm.toolnames import OWN, SERVER_MARK


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One input of a task as it stands now. `trouble` is why it cannot be read."""

    name: str
    load: str
    files: int = 0
    size: int | None = None  # bytes that a model is given; None = not known before the run
    max_tokens: int | None = None
    trouble: str = ""


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A task with what is known of it before the run."""

    task: Task
    level: int  # 1 = it needs nothing; else one more than the highest that it needs
    sources: tuple[Source, ...]
    complexity: Complexity
    roles: tuple[Role, ...]
    team: tuple[str, ...]  # who fills a role other than its plain agent, and why
    judged: bool  # a judge looks at the result, where there is one
    tools: tuple[str, ...]  # our own that it may use, then the words that mean some of MCP servers
    changes: Changes  # what becomes of what they change
    arms: Mapping[Role, tuple[Arm, ...]]  # by role those that may take part; empty where no model is set up


def outline(file: TaskFile, root: Path, plan: Plan) -> tuple[Planned, ...]:
    """Return the tasks in the order of the file. Files are looked at, nothing is called and nothing is written."""
    levels = levels_of(file.tasks)
    return tuple(_planned(task, levels[task.id], file, root, plan) for task in file.tasks)


def levels_of(tasks: Sequence[Task]) -> dict[str, int]:
    """Return each task's level: the length of the longest chain of needs that ends with it."""
    needs = {task.id: task.needs for task in tasks}
    levels: dict[str, int] = {}
    while len(levels) < len(needs):
        ready = [
            name for name, needed in needs.items() if name not in levels and all(need in levels for need in needed)
        ]
        assert ready, "a task file whose needs go in a circle is not read"
        for name in ready:
            levels[name] = 1 + max((levels[need] for need in needs[name]), default=0)
    return levels


def _planned(task: Task, level: int, file: TaskFile, root: Path, plan: Plan) -> Planned:
    sources = (*_results(task), *(_source(source, root, task) for source in task.inputs))
    complexity = classified(
        task,
        plan,
        input_size=sum(source.size or 0 for source in sources),
        inputs=sum(source.files or 1 for source in sources if source.size is not None),
    )
    team = _teamed(task, complexity.type, file)
    task, explored = team.task, explores(task, complexity)
    roles = roles_of(explored)
    return Planned(
        task=task,
        level=level,
        sources=sources,
        complexity=complexity,
        roles=roles,
        team=team.why,
        judged=is_judged(task),
        tools=_tools(task),
        changes=task.changes or plan.tools.changes,
        arms={role: _allowed(plan, task, role) for role in roles} if plan.roster.models else {},
    )


def _teamed(task: Task, type_: str, file: TaskFile) -> Team:
    """The task with its agents; as it is where that cannot be, which the preparing of the run tells."""
    try:
        return with_team(task, type_, file)
    except UsageError:
        return Team(task)


def _tools(task: Task) -> tuple[str, ...]:
    """What is known of a task's tools before a server is asked which it has, and a step which of them fit it."""
    foreign = (word for word in task.tools if word == "mcp" or SERVER_MARK in word)
    return (*(name for name in OWN if may_use(task, name)), *(word for word in foreign if not word.startswith("-")))


def roles_of(explored: bool) -> tuple[Role, ...]:
    """The roles that take part, in their order."""
    return ROLES if explored else ROLES[1:]


def _allowed(plan: Plan, task: Task, role: Role) -> tuple[Arm, ...]:
    arms, excluded = allowed_arms(plan, task, role)
    return tuple(arm for arm in arms if arm.model not in excluded)


def _results(task: Task) -> list[Source]:
    """What it is given without being asked for: the result of each task that it needs, where no input names that."""
    named = {source.from_task for source in task.inputs}
    return [Source(name=f"the result of {need}", load="full") for need in task.needs if need not in named]


def _source(source: Input, root: Path, task: Task) -> Source:
    named = Source(name=_name(source), load=source.load, max_tokens=source.max_tokens)
    if source.from_task is not None or task.each is not None:
        return named  # what it will be is known when it is there, or with each item
    try:
        loaded = read_inputs((source,), root, lambda text: text, {}, sought=words_of(task))
    except InputUnusable as error:
        which = "" if error.name == named.name else f"{error.name!r} "
        return msgspec.structs.replace(named, trouble=f"{which}{error.why}")
    except UsageError as error:
        return msgspec.structs.replace(named, trouble=str(error))
    size = sum(len(each.text.encode("utf-8", "surrogatepass")) for each in loaded)
    return msgspec.structs.replace(named, files=len(loaded) if source.files else 0, size=size)


def _name(source: Input) -> str:
    if source.from_task is not None:
        return f"the result of {source.from_task}"
    return ", ".join(source.files) if source.files else "a text in the file"
