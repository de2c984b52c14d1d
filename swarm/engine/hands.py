"""The hands of an attempt: what a model wants done is looked up, allowed, done in the work copy, and recorded."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from anyio import to_thread

from events.blobs import Pack
from events.types.tool import Keeping, ToolFinished, ToolStarted
from events.types.tree import FileChange, changed_on
from events.views.follows import Read
from events.views.tasks import Place, TaskState
from swarm.cycle import Open
from swarm.engine.ahead import READ, Ahead
from swarm.engine.copies import TaskCopy, lasting_change, recorded
from swarm.engine.history import EDITING, History
from swarm.engine.outputs import Outputs
from swarm.engine.results import Found, Results
from swarm.engine.working import Working
from swarm.journal import Attempt
from swarm.messages import Message, ToolCall, ToolSpec
from swarm.orders import Ask
from swarm.roles.guard import Used
from swarm.tools.arguments import ArgumentsUnfit, fitted, plainly, read_arguments
from swarm.tools.base import Said, Tool, ToolRefused, in_one_line, used_on
from swarm.tools.tree import Change

if TYPE_CHECKING:
    from swarm.tools.workcopy import WorkCopy

USE_TOOL = "use_tool"
"""The tool through which those are used that a request does not hold in full."""

ALLOWED = "allowed"
"""The name under which it is recorded what the skills allow that it is told."""

OFFERED = "tools"
"""The name under which the tools are recorded that an attempt is offered."""


class Allowed(msgspec.Struct, frozen=True):
    """Whether a tool may be used, by which rule, and what the model is told where it may not."""

    yes: bool
    rule: str = ""
    reason: str = ""


class Allow(Protocol):
    async def __call__(
        self, tool: Tool, arguments: Mapping[str, Any], call: ToolCall, ordinal: int, /, *, really: str = ""
    ) -> Allowed:
        """Decide by the policy, or ask a person. Raises ConfirmationNeeded where one is needed and nobody can be asked.

        `really` is where the path in the arguments leads, where that is another: through a symlink of the project.
        """
        ...


class Toolbox(Protocol):
    """The tools that a task may use."""

    async def known(self) -> Mapping[str, Tool]:
        """All of them by name, as a model is told of them; they are not to be used."""
        ...

    async def working(self, copy: WorkCopy) -> Mapping[str, Tool]:
        """The same, as they work in a work copy."""
        ...

    async def allowed_by(self, skills: Sequence[str]) -> Sequence[Sequence[str]]:
        """The words for the tools that each of these skills allows, of those that say it."""
        ...

    def narrow(self, lists: Sequence[Sequence[str]]) -> None:
        """Leave out what one of these lists does not allow."""
        ...

    async def offered(self) -> Sequence[ToolSpec]:
        """Those that a model is told of now."""
        ...


class Begin(msgspec.Struct, frozen=True):
    """The state of the work copy with which an attempt begins, and the position of the event that holds it."""

    files: tuple[FileChange, ...] = ()
    at: int = 0


def begin_of(state: TaskState, open_: Open) -> Begin:
    """With what an attempt at a step begins: with the draft of the same agent where it mends that, else as the step did."""
    step = state.steps[open_.step - 1]
    found = [before for before in state.steps[: open_.step - 1] if before.draft is not None]
    if open_.stay_on and step.draft is not None:
        found.append(step)
    if not found or found[-1].draft is None:
        return Begin()
    return Begin(found[-1].files, found[-1].draft.at)


Seen = Callable[[ToolCall, ToolFinished, int], Awaitable[None]]


class NotRecorded(Exception):
    """The record of an attempt does not reach so far."""


class RecordedHands:
    """The hands of an attempt whose uses are all recorded: what they did is given back, and nothing is done."""

    def __init__(self, attempt: Attempt, begin: Begin, *, seen: Seen | None = None) -> None:
        """`seen` is shown each use, with the position of its end."""
        self._attempt, self._seen, self._history = attempt, seen, History(attempt)
        self._files = tuple(lasting_change(each, begin.at) for each in begin.files)

    async def offered(self, skills: Sequence[str]) -> tuple[ToolSpec, ...]:
        return ()

    def files(self) -> tuple[FileChange, ...]:
        return self._files

    async def remembered(self, ask: Ask, *, arm: str, turns: int) -> Ask:
        return await self._history.going_on(ask, arm=arm, turns=turns)

    async def use(self, call: ToolCall, stands: Sequence[Message] = ()) -> Used:
        """What is recorded of it. Raises NotRecorded."""
        _, known = self._attempt.next_use()
        if known.finished is None:
            raise NotRecorded
        self._files = changed_on(
            self._files, [lasting_change(each, known.finished_at) for each in known.finished.files]
        )
        if self._seen is not None:
            await self._seen(call, known.finished, known.finished_at)
        return await _used(self._attempt, known.finished, known.finished_at)


class LiveHands:
    """The hands of one attempt while a process works on it."""

    def __init__(
        self,
        attempt: Attempt,
        *,
        working: Working,
        box: Toolbox,
        allow: Allow,
        outputs: Outputs,
        doubtful: Callable[[str], Awaitable[bool]],
        redact: Callable[[str], str],
        history: History | None = None,
        results: Results | None = None,
        ahead: Ahead | None = None,
    ) -> None:
        """`results` are those that may be given again; None: none may. `ahead` makes ready what is likely to be read."""
        self._attempt, self._working, self._history = attempt, working, history or History(attempt)
        self._box, self._allow, self._doubtful = box, allow, doubtful
        self._redact, self._outputs = redact, outputs
        self._tools: Mapping[str, Tool] = {}
        self._tools_in: TaskCopy | None = None
        self._results, self._ahead = results, ahead
        self._conversation: Sequence[Message] = ()  # as it stood before the use that is under way
        self.lists: Sequence[Sequence[str]] = ()  # by which the tools are narrowed

    def narrow(self, lists: Sequence[Sequence[str]]) -> None:
        """Leave out what one of these lists, of skills whose texts the model is told, does not allow."""
        self.lists = lists
        self._box.narrow(lists)

    async def offered(self, skills: Sequence[str]) -> tuple[ToolSpec, ...]:
        async def read() -> str:
            return msgspec.json.encode(await self._box.allowed_by(skills)).decode()

        if skills:  # as they were when the model was told their texts: they may be others at a resume
            self.narrow(msgspec.json.decode(await self._attempt.capture(ALLOWED, read), type=list[tuple[str, ...]]))

        async def choose() -> str:
            return msgspec.json.encode(await self._box.offered()).decode()

        return msgspec.json.decode(await self._attempt.capture(OFFERED, choose), type=tuple[ToolSpec, ...])

    def files(self) -> tuple[FileChange, ...]:
        """All that differs in the work copy from the project."""
        return self._working.files()

    async def remembered(self, ask: Ask, *, arm: str, turns: int) -> Ask:
        return await self._history.going_on(ask, arm=arm, turns=turns)

    async def use(self, call: ToolCall, stands: Sequence[Message] = ()) -> Used:
        ordinal, known = self._attempt.next_use()
        self._conversation = stands
        if known.finished is not None:
            return await self._given_back(known.finished, known.finished_at)
        if known.started is not None and not await self._repeatable(known.started):
            return await self._ended(call, ordinal, known.started.tool, Said(text=NOT_KNOWN, failed=True))
        try:
            tool, arguments = called(call, await self._box.known())
        except ArgumentsUnfit as wrong:
            return await self._ended(call, ordinal, call.name, Said(text=str(wrong), failed=True))
        if marked(tool, arguments):
            return await self._ended(call, ordinal, tool.name, Said(text=MARKED, failed=True))
        await self._attempt.flush()
        tool = await self._ready(tool)
        allowed = await self._allow(tool, arguments, call, ordinal, really=await self._led_to(tool, arguments))
        if not allowed.yes:
            said = Said(text=allowed.reason, failed=True)
            on = used_on(tool, arguments, self._redact)
            return await self._ended(call, ordinal, tool.name, said, refused=allowed.rule or "a person", on=on)
        return await self._done(call, ordinal, tool, arguments, allowed)

    async def _done(
        self, call: ToolCall, ordinal: int, tool: Tool, arguments: Mapping[str, Any], allowed: Allowed
    ) -> Used:
        on = used_on(tool, arguments, self._redact)
        known = await self._known(tool, arguments)
        if known is not None and known.is_fresh:
            said = Said(text=known.text, cut=known.cut)
            return await self._ended(call, ordinal, tool.name, said, tool=tool, on=on, given=known.source)
        if tool.effect != "none":
            await self._attempt.begin_use(partial(self._started, tool, call, ordinal, allowed, on))
        changes = tool.effect != "none" and tool.in_copy
        before = await self._working.begin_use() if changes else ()
        changed: Sequence[Change] = ()
        began = time.monotonic()
        try:
            said = await _asked(tool, arguments, known)
        except ToolRefused as refused:
            said = Said(text=str(refused), failed=True)
        duration_ms = int((time.monotonic() - began) * 1000)
        if changes:
            try:
                changed = await self._working.changed_since(before)
            except ToolRefused as refused:
                said = Said(text=str(refused), failed=True)
        keeping = await self._keeping(tool, known, said)
        given = 0
        if said.same and known is not None:
            given, said = known.source, Said(text=known.text, cut=known.cut)
        return await self._ended(
            call,
            ordinal,
            tool.name,
            said,
            tool=tool,
            changed=changed,
            duration_ms=duration_ms,
            on=on,
            keeping=keeping,
            given=given,
        )

    async def _keeping(self, tool: Tool, known: Found | None, said: Said) -> Keeping | None:
        """How long what was said may be given again: not at all where a file was changed meanwhile, which it may have seen."""
        if self._results is None or known is None:
            return None
        if tool.sees_files and await self._working.state() != known.files:
            return None
        return self._results.keeping(known, said)

    def _read_ahead(self, name: str, on: str, *, passes: bool) -> None:
        if self._ahead is not None and passes and name == READ:
            self._ahead.after(Read(name, on), self._tools, self._outputs)

    async def _known(self, tool: Tool, arguments: Mapping[str, Any]) -> Found | None:
        """What is known of a result that may be given again, if only its key; None where it may not."""
        if self._results is None or not tool.depends_on or self._redact(text := _in_one_form(arguments)) != text:
            return None
        files = await self._working.state() if tool.sees_files else ""
        return await self._results.find(tool, text, files=files) if files is not None else None

    async def _ready(self, tool: Tool) -> Tool:
        """The tool as it works in the work copy."""
        if not tool.in_copy:
            return tool
        copy = await self._working.ready()
        if copy is not self._tools_in:
            self._tools, self._tools_in = await self._box.working(copy.copy), copy
        return self._tools[tool.name]

    async def _led_to(self, tool: Tool, arguments: Mapping[str, Any]) -> str:
        """Where the path that a tool is used on leads, where that is another path; "" where it is none that can be used."""
        from swarm.tools.enclosure import Enclosure

        path, copy = arguments.get(tool.subject), self._tools_in
        if copy is None or not tool.in_copy or tool.source or tool.subject != "path" or not isinstance(path, str):
            return ""
        try:
            real = await to_thread.run_sync(Enclosure(copy.copy.path).where, path)
        except ToolRefused:
            return ""
        return real if real != path else ""

    async def _given_back(self, finished: ToolFinished, at: int) -> Used:
        """What is recorded of a use, in place of doing it again."""
        self._working.give_back(finished.files, at)
        used = await _used(self._attempt, finished, at)
        self._outputs.heard(finished.answer.digest, used.answer)
        return used

    async def _repeatable(self, use: ToolStarted) -> bool:
        """Whether a use that began, and of which nobody knows how it ended, is made again.

        What changes the work copy alone is: the copy is brought back to the state before it.
        """
        if use.effect != "world" or use.repeatable:
            return True
        return await self._doubtful(
            f"{use.tool} was being used when the process ended, and nobody knows whether it was done. Use it again?"
        )

    def _started(self, tool: Tool, call: ToolCall, ordinal: int, allowed: Allowed, on: str, pack: Pack) -> ToolStarted:
        return ToolStarted(
            tool=tool.name,
            call=call.id,
            ordinal=ordinal,
            arguments=pack.put(plainly(call.arguments)),
            effect=tool.effect,
            role=self._attempt.role,
            rule=allowed.rule,
            repeatable=tool.repeatable,
            on=on,
            branch=self._attempt.branch,
        )

    async def _ended(
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
        on: str = "",
        keeping: Keeping | None = None,
        given: int = 0,
    ) -> Used:
        """Hold the end of a use for the next append, and say it as the model is told."""
        whole = self._redact(said.text)
        arguments = plainly(call.arguments)
        passing = tool is not None and passes(tool, await self._box.known())
        shown = await self._outputs.told(ordinal, whole, name, on, shortens=passing, stands=self._conversation)
        tree = self._working.digest

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
                on=on,
                reason=in_one_line(whole) if said.failed and said.exit_code is None and not refused else "",
                skill=said.skill,
                branch=self._attempt.branch,
                keeping=keeping,
                given=given,
            )

        self._attempt.end_use(finished)
        self._read_ahead(name, on, passes=passing and not said.failed)
        told = whole if shown is None else shown
        return Used(tool=name, arguments=arguments, answer=told, failed=said.failed, tree=tree)


async def _asked(tool: Tool, arguments: Mapping[str, Any], known: Found | None) -> Said:
    """Use a tool, or have it ask whether what it said still holds."""
    if known is None or tool.ask_again is None or known.ask_by is None:
        return await tool.use(arguments)
    return await tool.ask_again(arguments, known.ask_by)


def _in_one_form(arguments: Mapping[str, Any]) -> str:
    return msgspec.json.encode(dict(arguments), order="sorted").decode()


def passes(tool: Tool, known: Collection[str]) -> bool:
    """Whether what a tool says may be told in a shorter form, beside the tools that are known.

    Not what a file holds where it can be edited, and what a skill says: there a model goes line by line.
    """
    if tool.name == "read" and not tool.source:
        return not EDITING.intersection(known)
    return bool(tool.source) or tool.name in _TOLD_SHORTER


_TOLD_SHORTER = frozenset({"run", "python", "fetch", "list", "search"})

NOT_KNOWN = (
    "Nobody knows whether this was done: the process ended while it was. See for yourself before you do it again."
)


MARKED = (
    "Nothing was written: the new text holds a mark such as [secret:NAME], which stands where a secret was taken out. Leave "
    "the lines that hold one as they are."
)

_MARK = re.compile(r"\[secret:[A-Za-z0-9_]+\]")


def marked(tool: Tool, arguments: Mapping[str, Any]) -> bool:
    """Whether a file would be written in which a mark stands for the secret that was there."""
    if tool.effect != "copy" or tool.source:
        return False
    new = [str(arguments.get(name, "")) for name in ("text", "new")]
    new += [line for line in str(arguments.get("diff", "")).splitlines() if line.startswith("+")]
    return any(_MARK.search(text) for text in new)


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


async def _used(attempt: Attempt, finished: ToolFinished, at: int) -> Used:
    return Used(
        tool=finished.tool,
        arguments=await attempt.text(Place(finished.arguments, at)),
        answer=await attempt.text(Place(finished.shown or finished.answer, at)),
        failed=finished.failed,
        tree=finished.tree,
    )
