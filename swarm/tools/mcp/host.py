"""The servers of a run: started when one is needed, asked, started again when one breaks, and ended with the run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import TaskGroup

from swarm.settings.mcpserver import McpServer
from swarm.tools.base import Said, Tool
from swarm.tools.mcp.listing import Listing, Use, offered
from swarm.tools.mcp.slot import Slot

MISSING = (
    "servers of tools need the package mcp, which is not installed: `pip install 'pheroswarm[mcp]'`, in a clone "
    "`pip install -c constraints.txt -e '.[mcp]'`"
)

_END_S = 4.0


class McpHost:
    """The servers of a run. Any task may ask it; each server runs in a task of its own."""

    def __init__(
        self,
        servers: Sequence[McpServer],
        *,
        tasks: TaskGroup,
        environ: Mapping[str, str],
        directory: Path,
        roots: Callable[[], Sequence[Path]],
        redact: Callable[[str], str],
        warn: Callable[[str], None],
        kept: Path | None,
    ) -> None:
        self._slots: dict[str, Slot] = {}
        self._told: set[str] = set()
        self._warn = warn
        for server in servers:
            slot = Slot(server, tasks=tasks, directory=directory, roots=roots, redact=redact)
            if self._slots.setdefault(server.name, slot) is slot:
                slot.prepare(environ, kept)
        if servers and find_spec("mcp") is None:
            self._tell(MISSING)
            for slot in self._slots.values():
                slot.out = "the package mcp is not installed"

    async def tools(self) -> tuple[Tool, ...]:
        """All tools that may be offered, in the order of the configuration; the same as before unless a server changed its own.

        A server whose tools are known from before is not started for that. One that cannot be started, and what else is odd,
        is told as a warning, once.
        """
        async with anyio.create_task_group() as group:
            for slot in self._slots.values():
                group.start_soon(slot.learn)
        found = offered(self._known(), self._use_of, lambda name: self._slots[name].identity())
        for said in (*self._failures(), *found.oddities):
            self._tell(said)
        return found.tools

    def instructions(self) -> tuple[tuple[str, str], ...]:
        """What servers say of how their tools are used, by server. Text from outside: never for the system message."""
        known = self._known()
        return tuple((server.name, listing.instructions) for server, listing in known if listing.instructions)

    async def start(self, name: str) -> Listing:
        """Start a server, if it does not run, and return what it says of itself. Raises ToolRefused with the reason."""
        slot = self._slots[name]
        await slot.connection()
        assert slot.listing is not None, "a server that runs has been asked what it offers"
        return slot.listing

    async def call(self, name: str, tool: str, arguments: Mapping[str, Any]) -> Said:
        """Use a tool of a server, by the server's own name for it. Raises ToolRefused where nothing was done."""
        return await self._slots[name].use(tool, arguments)

    def words_of(self, name: str) -> tuple[str, ...]:
        """The last lines that a server wrote beside its messages, secrets taken out."""
        return self._slots[name].words()

    def _known(self) -> list[tuple[McpServer, Listing]]:
        return [
            (each.server, each.listing) for each in self._slots.values() if each.listing is not None and not each.out
        ]

    def _use_of(self, name: str) -> Use:
        return partial(self.call, name)

    def _failures(self) -> list[str]:
        return [
            f"MCP server {slot.server.name!r} is left out: {slot.failure}"
            for slot in self._slots.values()
            if slot.failure
        ]

    def _tell(self, said: str) -> None:
        if said not in self._told:
            self._told.add(said)
            self._warn(said)

    async def end(self) -> None:
        """End all servers, side by side, and wait for it; not for long."""
        with anyio.move_on_after(_END_S, shield=True):
            for slot in self._slots.values():
                slot.end()
            for slot in self._slots.values():
                await slot.ended()


@asynccontextmanager
async def open_mcp(
    servers: Sequence[McpServer],
    *,
    environ: Mapping[str, str],
    directory: Path,
    roots: Callable[[], Sequence[Path]],
    redact: Callable[[str], str],
    warn: Callable[[str], None],
    kept: Path | None = None,
) -> AsyncGenerator[McpHost]:
    """Give the host of some servers, none of which is started before it is needed; at the end all are ended.

    `environ` is what variables are filled in from; a server gets of it what its configuration names and little more.
    `directory` is where servers start that name no folder, `roots` is asked for the folders that they may work in, `redact`
    takes secrets out, `warn` is told of servers that are left out, and in the folder `kept` stands what they offered the last
    time (None: nothing is kept).
    """
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        host = McpHost(
            servers,
            tasks=tasks,
            environ=environ,
            directory=directory,
            roots=roots,
            redact=redact,
            warn=warn,
            kept=kept,
        )
        try:
            yield host
        except Exception as error:  # raised again outside of the group, which would wrap it
            failure = error
        finally:
            await host.end()
            tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure
