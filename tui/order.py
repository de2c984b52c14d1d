"""Which tasks are shown, and in which order: made anew only for those that moved."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from events.views.tasks import TaskState
from tui.filter import EVERYTHING, Filter, Kind, Value
from tui.live import Live
from tui.words import attempt_of, status_of

Sort = Literal["state", "age", "cost", "tokens", "name"]
SORTS: tuple[Sort, ...] = ("state", "age", "cost", "tokens", "name")
"""Those at work first, then those that wait, then those that ended; what takes longest, costs most, uses most first."""

TASK_FIELDS: dict[str, Kind] = {
    "task": "word",
    "title": "word",
    "state": "word",
    "role": "word",
    "tier": "word",
    "model": "word",
    "type": "word",
    "cost": "dollars",
    "tokens": "number",
    "try": "number",
    "age": "time",
}
"""What a filter of tasks can speak of. A state is its word, and `open` or `done`."""

_STATES = {"running": 0, "retrying": 0, "waiting": 1, "paused": 1}
_DIGITS = re.compile(r"([0-9]{1,18})")


def age_us(task: TaskState, now: int) -> int:
    """How long a task has been there, or was until it ended."""
    return (task.ended_at or now) - task.submitted_at


def value_of(task: TaskState, now: int) -> Callable[[str], Value]:
    """What a filter looks at in a task."""

    def value(field: str) -> Value:
        match field:
            case "state":
                return f"{status_of(task).word} {'open' if task.status == 'open' else 'done'}"
            case "cost":
                return task.cost_nanos / 1e9
            case "try":
                return attempt_of(task)
            case "age":
                return age_us(task, now) / 1e6
            case _:
                found: Value = getattr(task, "name" if field == "task" else field)
                return found

    return value


def _row_of(task: TaskState) -> Callable[[], str]:
    return lambda: f"{status_of(task).word} {task.name} {task.role} {task.model} {task.tier} {task.title}"


class Order:
    """The tasks of a session that pass a filter, in an order. Those that are alike stay as they were submitted."""

    def __init__(self) -> None:
        self.sort: Sort = "state"
        self.filter = EVERYTHING
        self.shown: list[TaskState] = []
        self._live: Live | None = None
        self._seen = -1
        self._asked: tuple[Sort, Filter, int] | None = None
        self._keys: dict[str, Any] = {}  # of those that pass
        self._numbers: dict[str, int] = {}  # in which order they were submitted

    def take(self, live: Live, now: int) -> bool:
        """Bring `shown` up to date; say whether another task stands in it somewhere than did before."""
        asked = (self.sort, self.filter, now // 1_000_000 if self._moves_by_itself else 0)
        tasks = live.tasks.of(live.session)
        if live is not self._live or asked != self._asked:
            self._keys, names, is_other = {}, list(tasks), True
        elif live.moved.count == self._seen:
            return False
        else:
            names, is_other = live.moved.since(self._seen), False
        self._live, self._asked, self._seen = live, asked, live.moved.count
        for name in tasks:
            if len(self._numbers) == len(tasks):
                break
            self._numbers.setdefault(name, len(self._numbers))
        for name in names:
            if name in tasks:
                is_other |= self._place(tasks[name], now)
        if is_other:
            self.shown = [tasks[name] for name in sorted(self._keys, key=self._keys.__getitem__)]
        return is_other

    @property
    def _moves_by_itself(self) -> bool:
        return self.sort == "age" or any(term.field == "age" for term in self.filter.terms)

    def _place(self, task: TaskState, now: int) -> bool:
        """Note where a task stands; say whether that is elsewhere than before."""
        before = self._keys.get(task.name)
        if not self.filter.passes(value_of(task, now), _row_of(task)):
            return self._keys.pop(task.name, None) is not None
        key = self._keys[task.name] = (_KEYS[self.sort](task, now), self._numbers[task.name])
        return key != before


_KEYS: Mapping[Sort, Callable[[TaskState, int], Any]] = {
    "state": lambda task, now: _STATES.get(status_of(task).word, 2),
    "age": lambda task, now: -age_us(task, now),
    "cost": lambda task, now: -task.cost_nanos,
    "tokens": lambda task, now: -task.tokens,
    "name": lambda task, now: [int(part) if at % 2 else part for at, part in enumerate(_DIGITS.split(task.name))],
}
