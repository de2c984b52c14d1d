"""How prices weigh in a session's choices, so that its budgets last for the tasks that are left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from events.views.money import MoneyView
from events.views.tasks import TaskState
from swarm.choice.planner import paced
from swarm.money.caps import Cap


class Pace:
    """The pressure of a session: 1 where its budgets last, higher after tasks that took more than their part of one."""

    def __init__(self, tasks: Mapping[str, TaskState]) -> None:
        self.pressure = max((task.pressure for task in tasks.values()), default=1.0)

    def ended(self, task: TaskState, tasks: Mapping[str, TaskState], caps: Sequence[Cap], money: MoneyView) -> None:
        """Take in what a task has cost, against an equal part of the tightest cap above it for each task that is left."""
        left = sum(other.status == "open" for other in tasks.values())
        rooms = [_room(cap, money) for cap in caps if cap.nanos]
        if left and rooms:
            self.pressure = paced(self.pressure, task.cost_nanos, (min(rooms) + task.cost_nanos) / (left + 1))


def shared_among_tasks(caps: Sequence[Cap], task: str) -> list[Cap]:
    """The caps from which the tasks that are left take, too: neither that of the scope `task` nor one inside of it."""
    return [cap for cap in caps if cap.scope != task and not cap.scope.startswith(f"{task}/")]


def _room(cap: Cap, money: MoneyView) -> int:
    state = money.scopes.get(cap.scope)
    return max(0, (cap.nanos or 0) - (state.spent.nanos if state else 0))
