"""The time that tasks may take: it runs from a task's first work on, and stands still while the task is paused."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from math import inf

import anyio

from swarm.task import Task


class TimeLimits:
    """The limits of one session's tasks, while this process carries it on."""

    def __init__(self, is_paused: Callable[[str], bool]) -> None:
        self._is_paused = is_paused
        self._left: dict[str, float] = {}  # seconds, as they were when `_since` was
        self._since: dict[str, float] = {}  # since when the time of a task runs; not there: it stands
        self._scopes: dict[str, list[anyio.CancelScope]] = {}  # of work that is under way

    @contextmanager
    def within(self, task: Task) -> Generator[None]:
        """Raises TimeoutError where the body is still at it when the task's time is over."""
        if task.limits.time_s is None:
            yield
            return
        if task.id not in self._left:
            self._left[task.id] = task.limits.time_s
            self.look(task.id)
        scopes = self._scopes.setdefault(task.id, [])
        with anyio.fail_after(None) as scope:
            scope.deadline = self._deadline(task.id)
            scopes.append(scope)
            try:
                yield
            finally:
                scopes.remove(scope)

    def begin_anew(self, task: str) -> None:
        """The task was opened again: all of its time is before it."""
        self._left.pop(task, None)
        self._since.pop(task, None)

    def look(self, task: str) -> None:
        """See whether the task is paused, and let its time run or stand."""
        if task not in self._left:
            return
        now = anyio.current_time()
        if self._is_paused(task):
            self._left[task] -= now - self._since.pop(task, now)
        else:
            self._since.setdefault(task, now)
        for scope in self._scopes.get(task, ()):
            scope.deadline = self._deadline(task)

    def _deadline(self, task: str) -> float:
        return self._since[task] + self._left[task] if task in self._since else inf
