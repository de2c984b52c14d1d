"""The tools of a session: our own, those of MCP servers, the skills, and the sandbox in which commands run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import msgspec
from anyio.abc import TaskGroup, TaskStatus

from events.types.tool import SandboxProbed
from swarm.confirmed import trusted_digests
from swarm.engine.disclosure import more_of
from swarm.engine.hands import USE_TOOL
from swarm.engine.history import READ_OUTPUT
from swarm.engine.world import Surroundings
from swarm.messages import ToolSpec
from swarm.owner import Owner
from swarm.plan import Plan
from swarm.settings.load import Loaded, load_settings
from swarm.settings.mcpfound import find_mcp_servers, kept_folder
from swarm.settings.toolrules import ToolSettings
from swarm.stages import Shorter, Stages
from swarm.task import Task, agents_of, words_of
from swarm.toolnames import means
from swarm.tools.base import Tool

if TYPE_CHECKING:
    from swarm.settings.mcpserver import McpServer
    from swarm.tools.mcp.host import McpHost
    from swarm.tools.sandbox.box import Sandbox
    from swarm.tools.select import Past, Selection, Selector
    from swarm.tools.shell import Bounds
    from swarm.tools.workcopy import WorkCopy

COMMANDS = ("run", "python")
"""The tools that run what a model wrote."""

SKILLS = ("find_skill", "read_skill")
"""Tools that who has any has, too: they only look, and at nothing but skills."""

_USE = ToolSpec(
    USE_TOOL,
    "Use a tool that find_tool gave.",
    {
        "type": "object",
        "properties": {"name": {"type": "string"}, "arguments": {"type": "object"}},
        "required": ["name", "arguments"],
    },
)


class Toolchest:
    """What tools a session has. Each part of it is opened when the first task needs it."""

    def __init__(
        self,
        owner: Owner,
        plan: Plan,
        surroundings: Surroundings,
        *,
        tasks: TaskGroup,
        environ: Mapping[str, str],
        say: Callable[[str], None],
    ) -> None:
        self.plan, self.root, self.guides = plan, surroundings.root, surroundings.guides
        self.redact, self.result, self.is_shortened = (
            surroundings.redact,
            surroundings.result,
            surroundings.is_shortened,
        )
        self._owner, self._copies, self._tasks = owner, surroundings.copies, tasks
        self._environ, self._say = environ, say
        self._past: Past | None = None
        self._sandbox: Sandbox | None = None
        self._host: McpHost | None = None
        self._looked_for_servers = False
        self._opening = anyio.Lock()
        self.closing = anyio.Event()

    @cached_property
    def _selector(self) -> Selector:
        from swarm.text.embed import installed_embedder
        from swarm.tools.select import Selector

        return Selector(installed_embedder())

    async def servers(self) -> McpHost | None:
        """The servers of tools that take part, none of which is started yet; None where there is none."""
        async with self._opening:
            if not self._looked_for_servers:
                self._looked_for_servers = True
                found = find_mcp_servers(loaded_here(self.root, self._environ), self.root, self._environ)
                trusted = await trusted_digests(self._owner.log) if found.servers else ()
                for said in (*found.problems, *found.warnings, found.told(trusted)):
                    if said:
                        self._say(said)
                if servers := found.taking_part(trusted):
                    self._host = await self._tasks.start(self._serve, servers)
            return self._host

    async def _serve(self, servers: Sequence[McpServer], *, task_status: TaskStatus[McpHost]) -> None:
        """Keep the host open until the session ends, in a task of its own: it is closed where it was opened."""
        from swarm.tools.mcp.host import open_mcp

        async with open_mcp(
            servers,
            environ=self._environ,
            directory=self.root,
            roots=self._copies.folders,
            redact=self.redact,
            warn=self._say,
            kept=kept_folder(self._environ),
        ) as host:
            task_status.started(host)
            await self.closing.wait()

    async def sandbox(self) -> Sandbox:
        """What holds commands, found once a session by a preflight that is recorded.

        Raises SandboxMissing where the one that settings name is not there.
        """
        from swarm.tools.sandbox.probe import probe

        async with self._opening:
            if self._sandbox is None:
                found = await probe(self.plan.tools.sandbox, hidden=self._hidden())
                probed = SandboxProbed(
                    backend=found.backend, reason=found.reason, missing=found.missing, version=found.version
                )
                await self._owner.append([self._owner.new(probed)])
                self._sandbox = found
            return self._sandbox

    async def select(self, tools: Sequence[Tool], task: Task) -> Selection:
        """Choose which of the tools a step of the task is offered."""
        most = self.plan.tools.most_offered
        named = {tool.name for tool in tools if tool.name in task.tools}
        past = await self.past() if len(tools) > most else None
        return self._selector.select(tools, words_of(task), past, most=most, named=named)

    def find(self, tools: Sequence[Tool], query: str, but: Collection[str]) -> Sequence[Tool]:
        return self._selector.find(tools, query, self._past, but=but)

    async def past(self) -> Past:
        """By tool what steps were told in which it was used, as the log has it when that is first asked."""
        from events.views.toolpast import texts_of, tool_past

        if self._past is None:
            log = self._owner.log
            self._past = await texts_of(log, (await tool_past(log)).view)
        return self._past

    async def backend(self) -> str:
        return (await self.sandbox()).backend

    def box(
        self,
        task: Task,
        text_of: Callable[[str], Awaitable[str]],
        own: Sequence[Tool],
        words: Sequence[str] | None,
        *,
        left_out: Mapping[str, str],
        stages: Stages,
        refetches: bool = False,
    ) -> Box:
        return Box(self, task, text_of, own, words, left_out=left_out, stages=stages, refetches=refetches)

    def _hidden(self) -> list[Path]:
        """What no command may see: the log, and all that lies beside it where that is no folder of the project's."""
        place = Path(self._owner.log.url)
        files = [place.with_name(place.name + end) for end in ("", "-wal", "-shm", ".lock", ".key")]
        shared = self.root.is_relative_to(place.parent) or place.parent.is_relative_to(self.root)
        return [*files, *(() if shared else (place.parent,))] if place.is_absolute() else []


class Box:
    """The tools that one attempt may use.

    `text_of` gives what an earlier use of the attempt said, by its handle; `own` are tools that no other attempt has. `words`
    narrow what the task may use, as in a task file; None: they do not. Who `refetches` has the tool that gives outputs in any case,
    unless the task says that it is to be left out: it gives nothing but what the attempt's own tools said.
    `left_out` are modules of the prompts, by their titles, `stages` those that what is told of tools passes.
    """

    def __init__(
        self,
        chest: Toolchest,
        task: Task,
        text_of: Callable[[str], Awaitable[str]],
        own: Sequence[Tool],
        words: Sequence[str] | None,
        *,
        left_out: Mapping[str, str],
        stages: Stages,
        refetches: bool = False,
    ) -> None:
        self._chest, self._task, self._text_of = chest, task, text_of
        self._own, self._words, self._refetches = own, words, refetches
        self._left_out, self._stages = left_out, stages
        self._known: Mapping[str, Tool] | None = None
        self._lists: Sequence[Sequence[str]] = ()  # what the skills allow whose texts the model is told

    async def allowed_by(self, skills: Sequence[str]) -> Sequence[Sequence[str]]:
        from skills.allowed import lists_of

        library = await self._chest.guides.library()
        return lists_of(skill for skill in library.skills if skill.name in skills)

    def narrow(self, lists: Sequence[Sequence[str]]) -> None:
        self._lists = lists

    async def known(self) -> Mapping[str, Tool]:
        if self._known is None:
            self._known = await self._all(self._chest.root, self._chest.root)
        return self._known

    async def working(self, copy: WorkCopy) -> Mapping[str, Tool]:
        return await self._all(copy.path, copy.temp, copy.readable)

    async def offered(self) -> Sequence[ToolSpec]:
        """The tools that fit the task best, in short; where there are more, the two through which those are found and used.

        `more` is one of them where something was left out of what the task was given, or of its prompts.
        """
        from swarm.tools.describe import in_brief
        from swarm.tools.more import MORE
        from swarm.tools.select import FIND_TOOL

        known = await self.known()
        tools = [tool for name, tool in known.items() if name not in (FIND_TOOL, MORE)]
        selection = await self._chest.select(tools, self._task)
        specs = [in_brief(tool.spec) for tool in selection.tools]
        beside = [MORE] if self._left_out or self._chest.is_shortened(self._task.id) else []
        beside += [READ_OUTPUT] if self._refetches else []
        there = {spec.name for spec in specs}
        specs += [in_brief(known[name].spec) for name in beside if name in known and name not in there]
        if selection.others:
            specs += [known[FIND_TOOL].spec, _USE]
        said = self._stages.passed("tools", msgspec.json.encode(specs).decode(), _in_least_words, on="tools")
        return msgspec.json.decode(said, type=list[ToolSpec])

    async def _all(self, root: Path, temp: Path, readable: Sequence[Path] = ()) -> Mapping[str, Tool]:
        tools = self._allowed(
            [tool for tool in await self._present(root, temp, readable) if self._may(tool.name, tool.source)]
        )
        if self._refetches and READ_OUTPUT not in {tool.name for tool in tools}:
            tools += [self._outputs()] if means((READ_OUTPUT, *self._task.tools), READ_OUTPUT) else []
        tools += await self._skills()
        more = more_of(self._task, root, self._chest.result, self._chest.redact, self._left_out)
        return {tool.name: tool for tool in (*tools, *((more,) if more else ()), await self._finding(tools))}

    def _allowed(self, tools: Sequence[Tool]) -> list[Tool]:
        """Those that all skills at hand allow which say what they allow: a skill can take tools away, and give none."""
        from skills.allowed import narrowed
        from swarm.library import allows

        left = set(narrowed([tool.name for tool in tools], self._lists, allows))
        return [tool for tool in tools if tool.name in left]

    async def _present(self, root: Path, temp: Path, readable: Sequence[Path]) -> Sequence[Tool]:
        from swarm.models.transport import default_tls
        from swarm.tools.files import file_tools
        from swarm.tools.web import fetch_tool

        tools: list[Tool] = [*file_tools(root, redact=self._chest.redact), self._outputs(), *self._own]
        tools.append(fetch_tool(allow=self._chest.plan.tools.fetch_hosts, tls=default_tls))
        if any(self._may(name) for name in COMMANDS):
            tools += await self._commands(root, temp, readable)
        host = await self._chest.servers() if self._wants_servers() else None
        if host is not None:
            tools += await host.tools()
        return tools

    def _outputs(self) -> Tool:
        from swarm.tools.shorten import output_tool

        return output_tool(self._text_of)

    async def _commands(self, root: Path, temp: Path, readable: Sequence[Path]) -> Sequence[Tool]:
        from swarm.tools.shell import shell_tools

        settings = self._chest.plan.tools
        return shell_tools(
            await self._chest.sandbox(),
            root,
            temp,
            readable=readable,
            network=self._task.network or settings.network,
            bounds=bounds_of(settings),
        )

    async def _skills(self) -> Sequence[Tool]:
        from swarm.library import ranked
        from swarm.tools.skills import skill_tools

        if self._task.skills == ():
            return ()
        return skill_tools(await self._chest.guides.library(), ranked)

    async def _finding(self, tools: Sequence[Tool]) -> Tool:
        """The tool that finds those which are not offered; they are then used through another, so that what is sent stays."""
        from swarm.tools.select import find_tool

        selection = await self._chest.select(tools, self._task)
        return find_tool(tools, selection, lambda query, but: self._chest.find(tools, query, but), lambda _: None)

    def _wants_servers(self) -> bool:
        """Whether a word of the task may mean a tool of a server."""
        words = [word for word in self._task.tools if not word.startswith("-")]
        return any(word in ("mcp", "all") or "__" in word or "*" in word for word in words)

    def _may(self, name: str, server: str = "") -> bool:
        if self._words is not None and not means(self._words, name, server=server):
            return False
        return may_use(self._task, name, server=server)


def _in_least_words(text: str, room: int, whole: bool) -> Shorter:
    """Descriptions of tools without bounds that go without saying: nothing that a model needs, so whatever room is asked for."""
    from swarm.tools.describe import in_least

    specs = msgspec.json.decode(text, type=list[ToolSpec])
    return Shorter(msgspec.json.encode([in_least(spec) for spec in specs]).decode(), "tools", is_whole=True)


def may_use(task: Task, name: str, *, server: str = "") -> bool:
    """Whether a task may use a tool, and one of the agents that may take it."""
    return means(task.tools, name, server=server) and any(
        not agent.tools or means(agent.tools, name, server=server) for agent in agents_of(task, "worker")
    )


def bounds_of(settings: ToolSettings) -> Bounds:
    """What one command may take."""
    from swarm.tools.limits import Limits
    from swarm.tools.shell import Bounds

    limits = Limits(memory_bytes=settings.memory_mib << 20, processes=settings.processes)
    return Bounds(timeout_s=settings.timeout_s, output_bytes=settings.output_kib << 10, limits=limits)


@asynccontextmanager
async def open_toolchest(
    owner: Owner,
    plan: Plan,
    surroundings: Surroundings,
    *,
    environ: Mapping[str, str],
    say: Callable[[str], None],
) -> AsyncGenerator[Toolchest]:
    """Servers are started when one of their tools is wanted, and ended at the end. `say` is told of those that are left out."""
    async with anyio.create_task_group() as tasks:
        chest = Toolchest(owner, plan, surroundings, tasks=tasks, environ=environ, say=say)
        try:
            yield chest
        finally:
            chest.closing.set()


def loaded_here(root: Path, environ: Mapping[str, str]) -> Loaded:
    """The settings as they are now: which servers there are is no part of what a session records."""
    return load_settings(root, environ=environ, flags={})
