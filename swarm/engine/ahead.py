"""What is likely to be read next is made ready while the model thinks: read and divided, so that its stage finds it in memory.

It saves about 10 ms of a read (`python -m bench.answers`), which is little beside a call, and no token: nothing of it is told to
anybody. So it is done where a stage looks at what was read, one at a time, and not where guesses were mostly wrong before.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup

from events.log import EventLog, LogError
from events.views.follows import FollowsView, Read, follows
from events.views.kept import Followed
from swarm.cache.prefetch import is_worth_it, likely_next
from swarm.engine.outputs import Outputs
from swarm.errors import SwarmError
from swarm.tools.base import Tool

READ = "read"
"""The tool whose texts are made ready. Of a skill there is nothing to divide, and its text is read in no time."""


class Ahead:
    """Reads ahead for the attempts of one session."""

    def __init__(self, log: EventLog, project: str, tasks: TaskGroup) -> None:
        self._log, self._project, self._tasks = log, project, tasks
        self._followed: Followed[FollowsView] | None = None
        self._is_reading = False

    def after(self, read: Read, tools: Mapping[str, Tool], outputs: Outputs) -> None:
        """Begin to make ready what is likely to follow, unless that is under way. `outputs` knows what the attempt is after."""
        if not self._is_reading:
            self._is_reading = True
            self._tasks.start_soon(self._make_ready, read, tools, outputs)

    async def _make_ready(self, read: Read, tools: Mapping[str, Tool], outputs: Outputs) -> None:
        try:
            if self._followed is None:
                self._followed = Followed(self._log, await follows(self._log))
            view = await self._followed.catch_up()
            if not is_worth_it(view):
                return
            for likely in likely_next(view, self._project, read):
                name = likely.what.name
                if likely.what.tool == READ and (tool := tools.get(READ)) is not None:
                    said = await tool.use({tool.subject: name})
                    await outputs.make_ready(said.text, READ, name)
        except (SwarmError, LogError, OSError):
            return  # it is gone, or not to be read: who asks for it is told, and a guess ends no run
        finally:
            self._is_reading = False


@asynccontextmanager
async def open_ahead(log: EventLog, *, project: str) -> AsyncGenerator[Ahead]:
    """What is under way at the end is given up."""
    async with anyio.create_task_group() as tasks:
        try:
            yield Ahead(log, project, tasks)
        finally:
            tasks.cancel_scope.cancel()
