"""Who fills the roles of a task: decided once, when it is prepared, and recorded with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from swarm.agents.match import Matched, known_agents, match
from swarm.agents.profile import PLAIN, Agent
from swarm.errors import UsageError
from swarm.task import AGENTS, ROLES, Role, RoleConfig, Task, TaskFile


class Team(msgspec.Struct, frozen=True):
    """The task with its agents, and of each role that another than its plain agent fills why: `worker: tester (type tests)`."""

    task: Task
    why: tuple[str, ...] = ()


def with_team(task: Task, type_: str, file: TaskFile) -> Team:
    """The task of that type with the agents of its file that match it. Raises UsageError for one that there is not."""
    if task.team:  # it does an item of another task, or was recorded
        return Team(task)
    known, split = known_agents(file.agents), _named_by_splits(task, file)
    found = {role: _matched(task, role, type_, known, split) for role in ROLES}
    team = {
        role: tuple(agent.at_work for agent in found[role].agents)
        for role in ROLES
        if found[role].agents != (PLAIN[role],)
    }
    why = tuple(
        f"{role}: {', '.join(agent.name for agent in agents)} ({found[role].why or 'its plain agent, by your own profile'})"
        for role, agents in team.items()
    )
    return Team(msgspec.structs.replace(task, team=team), why)


def _matched(task: Task, role: Role, type_: str, known: Mapping[str, Agent], split: Collection[str]) -> Matched:
    named = task.roles.get(role, RoleConfig()).agent or (task.agent if role == "worker" else ())
    if AGENTS[role] in split:
        return _of_split(task, role, known, named)
    return match(known, role=role, type_=type_, tags=task.tags, named=named, where=f"the {role} of task {task.id!r}")


def _of_split(task: Task, role: Role, known: Mapping[str, Agent], named: Collection[str]) -> Matched:
    """The plain agent of the role: a split budget names it, and the share of one is no other's."""
    plain = AGENTS[role]
    if named and set(named) != {plain}:
        raise UsageError(
            f"task {task.id!r} has {' and '.join(named)} for its {role}, and a split budget gives a share to {plain}; "
            f"name {role} in the split, whose share is that of whoever fills the role"
        )
    return Matched(agents=(known[plain],), why="named by the split of a budget")


def _named_by_splits(task: Task, file: TaskFile) -> set[str]:
    budgets = [budget for budget in (file.budget, task.budget) if budget is not None]
    return {name for budget in budgets for name in budget.split}
