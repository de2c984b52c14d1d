"""The work copies of a session: one a task, made when it is first needed, and brought to the state that an attempt begins with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from events.log import EventLog
from events.types.base import TextRef
from events.types.tree import FileChange, FileState
from events.views.tasks import Place, TaskState
from swarm.errors import SwarmError, UsageError

if TYPE_CHECKING:
    from swarm.tools.tree import Change, Held, Tree
    from swarm.tools.workcopy import WorkCopy


class ProjectChanged(SwarmError):
    """The project is no longer what a work copy was made of, whose state is recorded."""

    def __init__(self) -> None:
        super().__init__(
            "the project is no longer as it was when its work copy was made, so that what tools changed there cannot be "
            "taken up again"
        )


class AttemptLost(SwarmError):
    """An attempt cannot go on from what is recorded of it; another one begins its step anew."""

    def __init__(self, why: SwarmError) -> None:
        super().__init__(f"{why}; the work on it begins anew")


class TaskCopy:
    """The work copy of one task, and what differs in it from the project."""

    def __init__(self, copy: WorkCopy, line: str) -> None:
        self.copy = copy
        self.line = line  # the state of the project of which it was made, see `tree_of`
        self.tree: Tree | None = None  # None: nobody asked yet what differs
        self.is_left = False  # somebody changed it since it was looked at; no attempt begins in it


class Copies:
    """Makes and removes them. `redact` takes secrets out of a text, `key` makes digests of contents that hold some."""

    def __init__(
        self,
        root: Path,
        log: EventLog,
        tasks: Callable[[], Mapping[str, TaskState]],
        redact: Callable[[str], str],
        key: Callable[[], bytes],
    ) -> None:
        self._root, self._log, self._tasks, self._redact, self._key = root, log, tasks, redact, key
        self._copies: dict[str, tuple[TaskCopy, AsyncExitStack]] = {}
        self._copying = anyio.Lock()

    def line(self, task: str) -> str:
        """The state of the project of which the task's copy was made; "" where it has none."""
        found = self._copies.get(task)
        return found[0].line if found else ""

    async def state(self, task: str) -> str | None:
        """The state of the project by now, and of the task's copy where it has one; None where there is too much to look at."""
        from swarm.tools.workcopy import tree_of

        found = self._copies.get(task)
        try:
            line = await tree_of(self._root, without=own_files(self._root, self._log, self._tasks()))
            return f"{line}\n{await tree_of(found[0].copy.path) if found is not None else ''}"
        except UsageError:
            return None

    async def of(self, task: str) -> TaskCopy:
        """The task's copy, in whatever state it is."""
        async with self._copying:
            return await self._made(task)

    async def at(self, task: str, changes: Sequence[Change], *, line: str = "") -> TaskCopy:
        """The task's copy, with just these changes in it.

        `line` is the state of the project of which the copy was made that they were recorded in; "" = of this session.
        Raises ProjectChanged where that is another by now, NotRestored where a content is neither kept nor there.
        """
        from swarm.tools.tree import digest_of

        async with self._copying, AsyncExitStack() as stack:
            found = await self._made(task)
            old: TaskCopy | None = None
            if found.is_left or (found.tree is not None and found.tree.digest != digest_of(changes)):
                old, closing = self._copies.pop(task)
                stack.push_async_callback(_closed, closing)
                found = await self._made(task)
            if line and found.line != line:
                raise ProjectChanged
            if found.tree is None:
                found.is_left = True  # until all of it is in its place
                found.tree = await self._placed(found, changes, old)
                found.is_left = False
            return found

    async def _placed(self, found: TaskCopy, changes: Sequence[Change], old: TaskCopy | None) -> Tree:
        """Bring a new copy to a state. What the log does not keep of it may still stand in the copy before."""
        from swarm.tools.tree import Tree

        tree = Tree(self._root, found.copy.path, redact=self._redact, key=self._key())
        await tree.begin()
        await tree.place(changes, beside=None if old is None else old.copy.path)
        return tree

    def folders(self) -> list[Path]:
        """The copies that there are now."""
        return [found.copy.path for found, _ in self._copies.values()]

    def content(self, task: str, change: Change) -> bytes | None:
        """A content that is not kept, from the task's copy; None where that has another, or there is none."""
        found = self._copies.get(task)
        return found[0].tree.content(change) if found is not None and found[0].tree is not None else None

    async def _made(self, task: str) -> TaskCopy:
        from swarm.tools.workcopy import open_work_copy, tree_of

        if task not in self._copies:
            stack = AsyncExitStack()
            line = await tree_of(self._root, without=own_files(self._root, self._log, self._tasks()))
            copy = await stack.enter_async_context(open_work_copy(self._root, without=log_files(self._root, self._log)))
            self._copies[task] = TaskCopy(copy, line), stack
        return self._copies[task][0]

    async def drop(self, task: str) -> None:
        """Remove a task's work copy; one that needs it again makes a new one."""
        _, stack = self._copies.pop(task, (None, None))
        if stack is not None:
            await _closed(stack)

    async def close(self) -> None:
        for task in list(self._copies):
            await self.drop(task)


async def _closed(stack: AsyncExitStack) -> None:
    with anyio.CancelScope(shield=True):
        await stack.aclose()


def own_files(
    root: Path, log: EventLog, tasks: Mapping[str, TaskState], *, then: Mapping[str, TaskState] | None = None
) -> frozenset[str]:
    """What a session itself writes below the project's folder: outputs, changes of tools, and the log where it lies there.

    `then` are its tasks at an earlier moment, of whose changes only those count that were taken over by then.
    """
    written = {output.path for task in tasks.values() for output in task.outputs}
    of = tasks if then is None else then
    written |= {change.path for task in of.values() if task.applied for change in task.files}
    return frozenset(written | log_files(root, log))


def log_files(root: Path, log: EventLog) -> set[str]:
    """The paths of the log below the project's folder, where it lies there."""
    place = Path(log.url)
    if not place.is_relative_to(root):
        return set()
    return {file.relative_to(root).as_posix() for file in place.parent.glob(f"{place.name}*")}


def recorded(changes: Sequence[Change], put: Callable[[str], TextRef]) -> tuple[FileChange, ...]:
    """The changes as an event holds them; `put` keeps their contents with it."""
    return tuple(FileChange(each.path, _state(each.before, put), _state(each.after, put)) for each in changes)


def _state(held: Held, put: Callable[[str], TextRef]) -> FileState:
    return FileState(held.kind, held.digest, held.form, None if held.text is None else put(held.text))


async def loaded(log: EventLog, changes: Sequence[FileChange], *, at: int) -> list[Change]:
    """The changes with their contents, from an event at a position."""
    from swarm.tools.tree import Change

    return [Change(each.path, await _held(log, each.before, at), await _held(log, each.after, at)) for each in changes]


async def _held(log: EventLog, state: FileState, at: int) -> Held:
    from swarm.tools.tree import Held

    text = None if state.content is None else await log.text(state.content, at=at)
    return Held(state.kind, state.digest, state.form, text)


def lasting_change(change: FileChange, at: int) -> FileChange:
    """A change of the event at a position, as an event of a later append holds it."""

    def state(held: FileState) -> FileState:
        content = Place(held.content, at).lasting if held.content is not None else None
        return FileState(held.kind, held.digest, held.form, content)

    return FileChange(change.path, state(change.before), state(change.after))
