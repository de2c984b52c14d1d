"""Starts what is due, and looks after what it started until that has ended. What is done about a schedule is `decide`'s to say."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Collection

import anyio
import msgspec
from anyio.abc import TaskGroup

from events.views.schedules import Firing
from swarm.redact import Secrets
from swarm.schedule.book import Book, Started
from swarm.schedule.child import end, last_said, said_path, start_child, why_not_started
from swarm.schedule.decide import next_look
from swarm.schedule.times import SECOND

MOST_RUNS = 4
"""Runs of all schedules of a log that are started to run at once. Of two that start at the same moment each may take the last place."""

LOOK_S = 10.0
"""So long nothing is looked at, though no moment is foreseen: others write about the schedules, too."""

MOST_SAID = 500  # characters of what a process said last


class Ended(msgspec.Struct, frozen=True):
    """A firing that ended while it was looked after."""

    schedule: str
    firing: Firing


class Starter:
    """For one process. `url` is the log that it starts runs on, `tell` is handed each firing that ended."""

    def __init__(
        self,
        book: Book,
        group: TaskGroup,
        *,
        url: str,
        secrets: Secrets,
        tell: Callable[[Ended], None],
        most: int = MOST_RUNS,
    ) -> None:
        self._book, self._group, self._url, self._secrets = book, group, url, secrets
        self._tell, self._most = tell, most
        self._children: dict[int, tuple[str, subprocess.Popen[bytes]]] = {}
        self._changed = anyio.Event()
        self.stopping = False

    @property
    def names(self) -> set[str]:
        """The schedules of which something runs that was started here."""
        return {name for name, _ in self._children.values()}

    async def look(self, names: Collection[str] | None = None) -> None:
        """Do what is to be done now about these schedules, or about all. Raises LogError."""
        for name in names if names is not None else sorted((await self._book.read()).schedules):
            while not self.stopping and (started := await self._decided(name)) is not None:
                for firing in started.ends:
                    self._signal(firing, signal.SIGTERM)
                if started.firing:
                    await self._start(started)
            for late in await self._book.to_kill(name):
                self._signal(late, signal.SIGKILL)

    async def until_ended(self) -> None:
        """Look after what was started until nothing of it runs any more, and after what that was waited for with."""
        while self._children:
            with anyio.move_on_after(await self._pause()):
                await self._changed.wait()
            await self.look(self.names)

    def stop(self) -> None:
        """Start nothing more, and tell all that was started here to end."""
        self.stopping = True
        for _, child in self._children.values():
            if child.poll() is None:
                child.terminate()

    async def _decided(self, name: str) -> Started | None:
        running = (await self._book.read()).running
        return await self._book.decide(name, places=self._most - running)

    async def _start(self, started: Started) -> None:
        state, firing = started.state, started.firing
        try:
            child = start_child(state, firing, url=self._url)
        except OSError as error:
            code, why = why_not_started(state, error)
            await self._book.finish(state.name, firing, code, detail=why)
            await self._told(state.name, firing)
            return
        self._children[firing] = (state.name, child)
        self._group.start_soon(self._look_after, state.name, firing, child)

    async def _look_after(self, name: str, firing: int, child: subprocess.Popen[bytes]) -> None:
        code = await anyio.to_thread.run_sync(child.wait, abandon_on_cancel=True)
        said = self._secrets.redact(last_said(said_path(self._url, name, firing)))[:MOST_SAID]
        await self._book.ended(name, firing, code if code >= 0 else 128 - code, said)
        await self._told(name, firing)
        waiting = [each.name for each in (await self._book.read()).present if each.queued]
        await self.look({name, *waiting})  # what waited for it is started before nothing is looked after any more
        del self._children[firing]
        self._changed.set()
        self._changed = anyio.Event()

    async def _told(self, name: str, firing: int) -> None:
        recent = (await self._book.read()).schedules[name].recent
        if ended := next((each for each in reversed(recent) if each.position == firing), None):
            self._tell(Ended(name, ended))

    def _signal(self, firing: Firing, number: signal.Signals) -> None:
        if firing.process is not None:
            end(firing.process, number)
        elif child := self._children.get(firing.position):  # it has not begun
            child[1].send_signal(number)

    async def _pause(self) -> float:
        """Seconds until something may have to be done about what runs here."""
        now, view = self._book.clock(), await self._book.read()
        moments = [moment for name in self.names if (moment := next_look(view.schedules[name], now)) is not None]
        return min(LOOK_S, max(0.1, (min(moments, default=now + int(LOOK_S) * SECOND) - now) / SECOND))
