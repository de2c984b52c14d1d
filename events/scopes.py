"""The path of scopes above a call: those that its reservation names, and those that follow from the event itself.

A reservation names the day of its call, its schedule, its session and its task, and under a split run its role in all tasks:
nothing else says them. What follows is never stored, so a scope that is capped today counts what was spent before.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

LOG = "log"

SHARED = 0
"""In place of a session's number: of a scope that no session has to itself."""

_DAY, _MONTH, _SCHEDULE = "day:", "month:", "schedule:"


def session_of(scope: str) -> int:
    """The number of the session that has the scope to itself (`s412`, `s412/build`), SHARED for any other."""
    name = scope.partition("/")[0]
    return int(name[1:]) if name[:1] == "s" and name[1:].isdecimal() and name.isascii() else SHARED


def path_of(named: Sequence[str], *, project: str, role: str, agent: str) -> tuple[str, ...]:
    """Every scope in which a call counts, the widest first: log, month, day, project, schedule, session, task, role, agent.

    >>> path_of(("day:2026-11-21@UTC", "s4", "s4/build"), project="swarm", role="worker", agent="maker")
    ('log', 'month:2026-11@UTC', 'day:2026-11-21@UTC', 'project:swarm', 's4', 's4/build', 's4/build/worker', \
's4/build/worker/maker')
    """
    return _path_of(tuple(named), project, role, agent)


@lru_cache(4096)  # the calls of one task in one role have one path, and a long log has many calls
def _path_of(named: tuple[str, ...], project: str, role: str, agent: str) -> tuple[str, ...]:
    shared = [scope for scope in named if session_of(scope) == SHARED and not scope.startswith(_SCHEDULE)]
    schedules = [scope for scope in named if scope.startswith(_SCHEDULE)]
    own = [scope for scope in named if session_of(scope) != SHARED]
    months = [month_of(scope) for scope in shared if scope.startswith(_DAY)]
    projects = [project_scope(project)] if project else []
    under = [role_scope(own[-1], role), agent_scope(own[-1], role, agent)] if own and "/" in own[-1] else []
    return tuple(dict.fromkeys((LOG, *months, *shared, *projects, *schedules, *own, *under)))


def day_and_zone(scope: str) -> tuple[str, str] | None:
    """The date and the time zone that the scope of a day names, None for another scope.

    >>> day_and_zone("day:2026-11-21@Europe/Berlin")
    ('2026-11-21', 'Europe/Berlin')
    """
    date, _, zone = scope.removeprefix(_DAY).partition("@")
    return (date, zone) if scope.startswith(_DAY) and zone else None


def month_of(day: str) -> str:
    """The month in which a day lies, of the same time zone.

    >>> month_of("day:2026-11-21@Europe/Berlin")
    'month:2026-11@Europe/Berlin'
    """
    date, _, zone = day.removeprefix(_DAY).partition("@")
    return f"{_MONTH}{date.rpartition('-')[0]}@{zone}"


def project_scope(project: str) -> str:
    return f"project:{project}"


def is_period(scope: str) -> bool:
    """Whether the scope is that of a day or a month, which ends by itself."""
    return scope.startswith((_DAY, _MONTH))


def schedule_scope(schedule: str) -> str:
    return f"{_SCHEDULE}{schedule}"


def role_scope(task: str, role: str) -> str:
    """The scope of a role in the scope of a task."""
    return f"{task}/{role}"


def agent_scope(task: str, role: str, agent: str) -> str:
    """The scope of an agent in the scope of a role."""
    return f"{role_scope(task, role)}/{agent}"


def branch_scope(task: str, step: int, attempt: int, branch: str) -> str:
    """The scope of a branch of an attempt, such as a sub-agent's, in the scope of a task. Its reservations name it.

    >>> branch_scope("s4/build", 1, 2, "task:3")
    's4/build/1/2/task:3'
    """
    return f"{task}/{step}/{attempt}/{branch}"
