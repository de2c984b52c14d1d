"""The tools of a session: our own, those of MCP servers, and the sandbox in which commands run. Opened when a task needs them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from events.types.tool import SandboxProbed
from swarm.engine.hands import Allow, Allowed
from swarm.journal import Attempt
from swarm.messages import ToolCall, ToolSpec
from swarm.owner import Owner
from swarm.settings.toolrules import ToolSettings
from swarm.task import Task, agents_of
from swarm.toolnames import means
from swarm.tools.base import Tool

if TYPE_CHECKING:
    from swarm.tools.sandbox.box import Sandbox
    from swarm.tools.workcopy import WorkCopy

COMMANDS = ("run", "python")
"""The tools that run what a model wrote."""


class Toolchest:
    """What tools a session has. `text_of` of a box gives what an earlier use of its attempt said, by its handle."""

    def __init__(self, owner: Owner, settings: ToolSettings, root: Path, *, hidden: Sequence[Path] = ()) -> None:
        self.settings = settings
        self._owner, self._root, self._hidden = owner, root, hidden
        self._sandbox: Sandbox | None = None
        self._probing = anyio.Lock()

    async def sandbox(self) -> Sandbox:
        """What holds commands, found once a session by a preflight that is recorded. Raises UsageError where the one that settings name is not there."""
        from swarm.tools.sandbox.probe import probe

        async with self._probing:
            if self._sandbox is None:
                found = await probe(self.settings.sandbox, hidden=self._hidden)
                probed = SandboxProbed(
                    backend=found.backend, reason=found.reason, missing=found.missing, version=found.version
                )
                await self._owner.append([self._owner.new(probed)])
                self._sandbox = found
            return self._sandbox

    def of(self, task: Task, attempt: Attempt) -> Allow:
        async def allow(tool: Tool, arguments: Mapping[str, Any], call: ToolCall, ordinal: int, /) -> Allowed:
            return Allowed(yes=tool.effect != "world", rule="built in", reason="nobody allowed it")

        return allow

    def box(self, task: Task, attempt: Attempt, text_of: Callable[[str], Awaitable[str]]) -> Box:
        return Box(self, task, text_of, self._root)


class Box:
    """The tools that one attempt may use."""

    def __init__(self, chest: Toolchest, task: Task, text_of: Callable[[str], Awaitable[str]], root: Path) -> None:
        self._chest, self._task, self._text_of, self._root = chest, task, text_of, root
        self._known: Mapping[str, Tool] | None = None

    async def known(self) -> Mapping[str, Tool]:
        if self._known is None:
            self._known = await self._all(self._root, self._root)
        return self._known

    async def working(self, copy: WorkCopy) -> Mapping[str, Tool]:
        return await self._all(copy.path, copy.temp)

    async def offered(self) -> Sequence[ToolSpec]:
        return [tool.spec for tool in (await self.known()).values()]

    async def _all(self, root: Path, temp: Path) -> Mapping[str, Tool]:
        from swarm.tools.files import file_tools
        from swarm.tools.shorten import output_tool

        tools: list[Tool] = [*file_tools(root), output_tool(self._text_of)]
        if any(self._may(name) for name in COMMANDS):
            tools += await self._commands(root, temp)
        return {tool.name: tool for tool in tools if self._may(tool.name, tool.source)}

    async def _commands(self, root: Path, temp: Path) -> Sequence[Tool]:
        from swarm.tools.shell import shell_tools

        return shell_tools(await self._chest.sandbox(), root, temp)

    def _may(self, name: str, server: str = "") -> bool:
        """Whether the task may use the tool, and one of the agents that may take it."""
        agents = agents_of(self._task, "worker")
        return means(self._task.tools, name, server=server) and any(
            not agent.tools or means(agent.tools, name, server=server) for agent in agents
        )


@asynccontextmanager
async def open_toolchest(
    owner: Owner, settings: ToolSettings, root: Path, *, hidden: Sequence[Path] = ()
) -> AsyncGenerator[Toolchest]:
    """The servers that it starts are ended at the end."""
    yield Toolchest(owner, settings, root, hidden=hidden)
