"""The hands of an attempt: what a model wants done is looked up, allowed, done in the work copy, and recorded."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import msgspec

from events.blobs import Pack
from events.types.tool import ToolFinished, ToolStarted
from events.types.tree import FileChange, FileState, changed_on
from events.views.tasks import Place
from swarm.engine.copies import Copies, TaskCopy, loaded, recorded
from swarm.errors import SwarmError
from swarm.journal import TREE, Attempt
from swarm.messages import ToolCall, ToolSpec
from swarm.roles.guard import Used
from swarm.tools.arguments import ArgumentsUnfit, fitted, plainly, read_arguments
from swarm.tools.base import Said, Tool, ToolRefused
from swarm.tools.tree import Change, NameUnwritable, TooManyChanged

USE_TOOL = "use_tool"
"""The tool through which those are used that a request does not hold in full."""

OFFERED = "tools"
"""The name under which the tools are recorded that an attempt is offered."""


class Allowed(msgspec.Struct, frozen=True):
    """Whether a tool may be used, by which rule, and what the model is told where it may not."""

    yes: bool
    rule: str = ""
    reason: str = ""


class Allow(Protocol):
    async def __call__(self, tool: Tool, arguments: Mapping[str, Any], call: ToolCall, ordinal: int, /) -> Allowed:
        """Decide by the policy, or ask a person. Raises ConfirmationNeeded where one is needed and nobody can be asked."""
        ...


class Toolbox(Protocol):
    """The tools that a task may use."""

    def tools(self, root: Path, temp: Path) -> Mapping[str, Tool]:
        """All of them by name, as they work in the work copy at `root`."""
        ...

    async def offered(self, tools: Mapping[str, Tool]) -> Sequence[ToolSpec]:
        """Those that a model is told of."""
        ...


class Begin(msgspec.Struct, frozen=True):
    """The state of the work copy with which an attempt begins, and the position of the event that holds it."""

    files: tuple[FileChange, ...] = ()
    at: int = 0


class LiveHands:
    """The hands of one attempt while a process works on it. `shown` says what of a long output a model is told."""

    def __init__(
        self,
        attempt: Attempt,
        task: str,
        *,
        copies: Copies,
        root: Path,
        begin: Begin,
        box: Toolbox,
        allow: Allow,
        doubtful: Callable[[str], Awaitable[bool]],
        redact: Callable[[str], str],
        shown: Callable[[str, str], str | None],
    ) -> None:
        self._attempt, self._task, self._copies, self._root = attempt, task, copies, root
        self._box, self._allow, self._doubtful = box, allow, doubtful
        self._redact, self._shown = redact, shown
        self._state: list[tuple[tuple[FileChange, ...], int]] = [(begin.files, begin.at)]  # each on top of those before
        self._copy: TaskCopy | None = None
        self._tools: Mapping[str, Tool] = {}
        self._changes: Sequence[Change] | None = None  # None: the copy is not looked at yet

    async def offered(self) -> tuple[ToolSpec, ...]:
        async def choose() -> str:
            specs = await self._box.offered(self._box.tools(self._root, self._root))
            return msgspec.json.encode(specs).decode()

        return msgspec.json.decode(await self._attempt.capture(OFFERED, choose), type=tuple[ToolSpec, ...])

    def files(self) -> tuple[FileChange, ...]:
        """All that differs in the work copy from the project."""
        if self._changes is not None:
            return recorded(self._changes, self._attempt.put)
        found: tuple[FileChange, ...] = ()
        for files, at in self._state:
            found = changed_on(found, [_lasting(each, at) for each in files])
        return found

    async def use(self, call: ToolCall) -> Used:
        ordinal, known = self._attempt.next_use()
        if known.finished is not None:
            return await self._given_back(call, known.finished, known.finished_at)
        tools = self._box.tools(self._root, self._root)
        try:
            tool, arguments = called(call, tools)
        except ArgumentsUnfit as wrong:
            return self._ended(call, ordinal, call.name, Said(text=str(wrong), failed=True))
        if known.started is not None and not await self._repeatable(tool):
            return self._ended(call, ordinal, tool.name, Said(text=NOT_KNOWN, failed=True))
        allowed = await self._allow(tool, arguments, call, ordinal)
        if not allowed.yes:
            said = Said(text=allowed.reason, failed=True)
            return self._ended(call, ordinal, tool.name, said, refused=allowed.rule or "a person")
        return await self._done(call, ordinal, tool, arguments, allowed)

    async def _done(
        self, call: ToolCall, ordinal: int, tool: Tool, arguments: Mapping[str, Any], allowed: Allowed
    ) -> Used:
        copy = await self._ready()
        tool = self._tools.get(tool.name, tool)
        await self._attempt.flush()
        if tool.effect != "none":
            await self._attempt.begin_use(partial(self._started, tool, call, ordinal, allowed))
        began = time.monotonic()
        try:
            said = await tool.use(arguments)
        except ToolRefused as refused:
            said = Said(text=str(refused), failed=True)
        duration_ms = int((time.monotonic() - began) * 1000)
        changed: Sequence[Change] = ()
        if tool.effect != "none" and copy.tree is not None:
            try:
                changed = await copy.tree.look()
            except (TooManyChanged, NameUnwritable) as wrong:
                raise SwarmError(f"{tool.name}: {wrong}") from wrong
            self._changes = copy.tree.changes
        return self._ended(call, ordinal, tool.name, said, tool=tool, changed=changed, duration_ms=duration_ms)

    async def _ready(self) -> TaskCopy:
        """The work copy in the state that all recorded uses left, and the tools that work in it."""
        if self._copy is None:
            known = self._attempt.recorded.captures.get(TREE)
            line = await self._attempt.text(known) if known is not None else ""
            self._copy = await self._copies.at(self._task, await self._recorded_changes(), line=line)
            if known is None:
                self._attempt.note(TREE, self._copy.line)
            self._tools = self._box.tools(self._copy.copy.path, self._copy.copy.temp)
        return self._copy

    async def _recorded_changes(self) -> list[Change]:
        found: dict[str, Change] = {}
        for files, at in self._state:
            found |= {change.path: change for change in await loaded(self._attempt.log, files, at=at)}
        return [found[path] for path in sorted(found) if found[path].before != found[path].after]

    async def _given_back(self, call: ToolCall, finished: ToolFinished, at: int) -> Used:
        """What is recorded of a use, in place of doing it again."""
        if finished.files:
            self._state.append((finished.files, at))
        text = await self._attempt.text(Place(finished.shown or finished.answer, at))
        arguments = await self._attempt.text(Place(finished.arguments, at))
        return Used(tool=finished.tool, arguments=arguments, answer=text, failed=finished.failed, tree=finished.tree)

    async def _repeatable(self, tool: Tool) -> bool:
        """Whether a use that began, and of which nobody knows how it ended, is made again.

        What changes the work copy alone is: the copy is brought back to the state before it.
        """
        if tool.effect != "world" or tool.repeatable:
            return True
        return await self._doubtful(
            f"{tool.name} was being used when the process ended, and nobody knows whether it was done. Use it again?"
        )

    def _started(self, tool: Tool, call: ToolCall, ordinal: int, allowed: Allowed, pack: Pack) -> ToolStarted:
        return ToolStarted(
            tool=tool.name,
            call=call.id,
            ordinal=ordinal,
            arguments=pack.put(plainly(call.arguments)),
            effect=tool.effect,
            role=self._attempt.role,
            rule=allowed.rule,
            repeatable=tool.repeatable,
        )

    def _ended(
        self,
        call: ToolCall,
        ordinal: int,
        name: str,
        said: Said,
        *,
        tool: Tool | None = None,
        refused: str = "",
        changed: Sequence[Change] = (),
        duration_ms: int = 0,
    ) -> Used:
        """Hold the end of a use for the next append, and say it as the model is told."""
        whole = self._redact(said.text)
        arguments = plainly(call.arguments)
        shown = self._shown(whole, f"{self._attempt.step}.{self._attempt.number}.{ordinal}")
        tree = self._copy.tree.digest if self._copy is not None and self._copy.tree is not None else ""

        def finished(pack: Pack) -> ToolFinished:
            return ToolFinished(
                tool=name,
                call=call.id,
                ordinal=ordinal,
                arguments=pack.put(arguments),
                answer=pack.put(whole),
                shown=None if shown is None else pack.put(shown),
                failed=said.failed,
                refused=refused,
                tree=tree,
                files=recorded(changed, pack.put),
                role=self._attempt.role,
                source=tool.source if tool is not None else "",
                exit_code=said.exit_code,
                cut=said.cut,
                duration_ms=duration_ms,
            )

        self._attempt.end_use(finished)
        told = whole if shown is None else shown
        return Used(tool=name, arguments=arguments, answer=told, failed=said.failed, tree=tree)


NOT_KNOWN = (
    "Nobody knows whether this was done: the process ended while it was. See for yourself before you do it again."
)


def called(call: ToolCall, tools: Mapping[str, Tool]) -> tuple[Tool, Mapping[str, Any]]:
    """The tool that is meant, and arguments that fit it. Raises ArgumentsUnfit with what the model is told."""
    name, arguments = call.name, read_arguments(call.arguments)
    if name == USE_TOOL:
        name, inner = str(arguments.get("name", "")), arguments.get("arguments", {})
        arguments = read_arguments(inner if isinstance(inner, str) else msgspec.json.encode(inner).decode())
    tool = tools.get(name)
    if tool is None:
        raise ArgumentsUnfit.no_tool(name, tools)
    return tool, fitted(arguments, tool.spec)


def _lasting(change: FileChange, at: int) -> FileChange:
    """The change as an event of a later append holds it."""

    def state(held: FileState) -> FileState:
        content = Place(held.content, at).lasting if held.content is not None else None
        return FileState(held.kind, held.digest, held.form, content)

    return FileChange(change.path, state(change.before), state(change.after))
