"""Where a call, or a use of a tool, waits that would begin while its task is paused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager

import anyio

from swarm.errors import SwarmError


class Stopped(SwarmError):
    """The session is coming to its end: no new call is started."""

    def __init__(self) -> None:
        super().__init__("the run was interrupted; no new call is started")


class Pauses:
    """Which tasks of a session begin nothing now. Whoever pauses one says so first, and waits until what had begun is recorded."""

    def __init__(self) -> None:
        self.is_paused: Callable[[str], bool] = lambda _: False  # by what is recorded
        self.stopping = False
        self._closing: Collection[str] = ()
        self._beginning: Counter[str] = Counter()
        self._changed = anyio.Event()

    def hold(self, task: str) -> bool:
        """Whether nothing may begin for a task."""
        return task in self._closing or self.is_paused(task)

    async def passed(self, task: str) -> None:
        """Return once something may begin for the task. Raises Stopped where the session ends before."""
        while self.hold(task):
            if self.stopping:
                raise Stopped
            await self._changed.wait()

    @contextmanager
    def beginning(self, *tasks: str) -> Generator[None]:
        """While a call of each of these tasks is on its way into the record."""
        self._beginning.update(tasks)
        try:
            yield
        finally:
            self._beginning.subtract(tasks)
            self.look()

    async def close(self, tasks: Collection[str]) -> None:
        """Let nothing begin for the tasks any more, and return when what had begun is recorded."""
        self._closing = tasks
        while any(self._beginning[task] > 0 for task in tasks):
            await self._changed.wait()

    def decided(self) -> None:
        """What was closed is paused by now, or not: the record says it."""
        self._closing = ()
        self.look()

    def look(self) -> None:
        """Have all who wait look again."""
        self._changed.set()
        self._changed = anyio.Event()
