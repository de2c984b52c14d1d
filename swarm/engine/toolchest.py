"""The tools of a session: our own, those of MCP servers, the skills, and the sandbox in which commands run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from events.types.tool import SandboxProbed
from swarm.journal import Attempt
from swarm.messages import ToolSpec
from swarm.owner import Owner
from swarm.plan import Plan
from swarm.redact import Secrets
from swarm.task import Task, agents_of
from swarm.toolnames import means
from swarm.tools.base import Tool

if TYPE_CHECKING:
    from skills.library import Library
    from swarm.tools.mcp.host import McpHost
    from swarm.tools.sandbox.box import Sandbox
    from swarm.tools.workcopy import WorkCopy

COMMANDS = ("run", "python")
"""The tools that run what a model wrote."""


class Toolchest:
    """What tools a session has. Each part of it is opened when the first task needs it."""

    def __init__(
        self, owner: Owner, plan: Plan, root: Path, *, environ: Mapping[str, str], secrets: Secrets, mcp: McpHost | None
    ) -> None:
        self.plan, self.root, self.environ, self.mcp = plan, root, environ, mcp
        self._owner, self._secrets = owner, secrets
        self._sandbox: Sandbox | None = None
        self._probing = anyio.Lock()
        self._roots: set[Path] = set()

    @cached_property
    def library(self) -> Library:
        """The skills of the user, the project and the program, as they were when the first task asked for them."""
        from swarm.library import library_here

        return library_here(self.root, self.environ)

    async def sandbox(self) -> Sandbox:
        """What holds commands, found once a session by a preflight that is recorded.

        Raises SandboxMissing where the one that settings name is not there.
        """
        from swarm.tools.sandbox.probe import probe

        async with self._probing:
            if self._sandbox is None:
                found = await probe(self.plan.tools.sandbox, hidden=self._hidden())
                probed = SandboxProbed(
                    backend=found.backend, reason=found.reason, missing=found.missing, version=found.version
                )
                await self._owner.append([self._owner.new(probed)])
                self._sandbox = found
            return self._sandbox

    def box(self, task: Task, attempt: Attempt, text_of: Callable[[str], Awaitable[str]]) -> Box:
        return Box(self, task, text_of)

    def _hidden(self) -> list[Path]:
        """What no command may see: the log and all that lies beside it."""
        place = Path(self._owner.log.url)
        return [place.parent] if place.is_absolute() else []


class Box:
    """The tools that one attempt may use. `text_of` gives what an earlier use of the attempt said, by its handle."""

    def __init__(self, chest: Toolchest, task: Task, text_of: Callable[[str], Awaitable[str]]) -> None:
        self._chest, self._task, self._text_of = chest, task, text_of
        self._known: Mapping[str, Tool] | None = None

    async def known(self) -> Mapping[str, Tool]:
        if self._known is None:
            self._known = await self._all(self._chest.root, self._chest.root)
        return self._known

    async def working(self, copy: WorkCopy) -> Mapping[str, Tool]:
        return await self._all(copy.path, copy.temp)

    async def offered(self) -> Sequence[ToolSpec]:
        return [tool.spec for tool in (await self.known()).values()]

    async def _all(self, root: Path, temp: Path) -> Mapping[str, Tool]:
        from swarm.tools.files import file_tools
        from swarm.tools.shorten import output_tool

        tools: list[Tool] = [*file_tools(root), output_tool(self._text_of)]
        if self._may("fetch"):
            tools.append(self._fetch())
        if any(self._may(name) for name in COMMANDS):
            tools += await self._commands(root, temp)
        if self._chest.mcp is not None and self._wants_servers():
            tools += await self._chest.mcp.tools()
        return {tool.name: tool for tool in tools if self._may(tool.name, tool.source)}

    def _fetch(self) -> Tool:
        from swarm.tools.web import fetch_tool

        return fetch_tool(allow=self._chest.plan.tools.fetch_hosts)

    async def _commands(self, root: Path, temp: Path) -> Sequence[Tool]:
        from swarm.tools.shell import shell_tools

        return shell_tools(await self._chest.sandbox(), copy=root, temp=temp)

    def _wants_servers(self) -> bool:
        return any(
            not word.startswith("-") and (word in ("mcp", "all") or "_" in word or "*" in word)
            for word in self._task.tools
        )

    def _may(self, name: str, server: str = "") -> bool:
        """Whether the task may use the tool, and one of the agents that may take it."""
        return means(self._task.tools, name, server=server) and any(
            not agent.tools or means(agent.tools, name, server=server) for agent in agents_of(self._task, "worker")
        )


@asynccontextmanager
async def open_toolchest(
    owner: Owner,
    plan: Plan,
    root: Path,
    *,
    environ: Mapping[str, str],
    secrets: Secrets,
    say: Callable[[str], None],
) -> AsyncGenerator[Toolchest]:
    """The servers that are started for it are ended at the end."""
    async with AsyncExitStack():
        yield Toolchest(owner, plan, root, environ=environ, secrets=secrets, mcp=None)
