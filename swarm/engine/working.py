"""The work copy of an attempt and its sub-agents, and what is recorded of how it differs from the project."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from events.types.tree import FileChange, changed_on
from swarm.engine.copies import AttemptLost, Copies, ProjectChanged, TaskCopy, lasting_change, loaded, recorded
from swarm.journal import TREE, Attempt
from swarm.tools.base import ToolRefused
from swarm.tools.tree import Change, NameUnwritable, NotRestored, TooManyChanged


class Working:
    """It is made when it is first needed, in the state that all recorded uses left."""

    def __init__(self, attempt: Attempt, task: str, copies: Copies, files: tuple[FileChange, ...], at: int) -> None:
        """`files` is what an event at that position says that differs at first."""
        self._attempt, self._task, self._copies = attempt, task, copies
        self._state: list[tuple[tuple[FileChange, ...], int]] = [(files, at)]  # each on top of those before
        self._copy: TaskCopy | None = None  # None: it is to be made, or brought to the state that is recorded
        self._changes: Sequence[Change] | None = None  # None: the copy is not looked at yet

    @property
    def digest(self) -> str:
        """Of all that differs; "" where nobody asked yet."""
        return self._copy.tree.digest if self._copy is not None and self._copy.tree is not None else ""

    @property
    def changes(self) -> tuple[Change, ...]:
        """All that differs in the copy as it was last looked at."""
        return self._copy.tree.changes if self._copy is not None and self._copy.tree is not None else ()

    def files(self) -> tuple[FileChange, ...]:
        """All that differs in the work copy from the project, as an event holds it."""
        if self._changes is not None:
            return recorded(self._changes, self._attempt.put)
        found: tuple[FileChange, ...] = ()
        for files, at in self._state:
            found = changed_on(found, [lasting_change(each, at) for each in files])
        return found

    async def ready(self) -> TaskCopy:
        """Raises AttemptLost where it cannot be brought to the state that uses left of which a record is."""
        if self._copy is None:
            known = self._attempt.recorded.captures.get(TREE)
            line = await self._attempt.text(known) if known is not None else ""
            try:
                self._copy = await self._copies.at(self._task, await self._recorded(), line=line)
            except (ProjectChanged, NotRestored) as error:
                if known is None:
                    raise  # this is how the attempt begins: another one would begin so, too
                raise AttemptLost(error) from error
            if known is None:
                self._attempt.note(TREE, self._copy.line)
        return self._copy

    async def state(self) -> str | None:
        """The state of all files that a tool can see by now, the project's and the work copy's; None where it is not to be had."""
        if self._copy is None and any(files for files, _ in self._state):
            await self.ready()
        return await self._copies.state(self._task)

    async def begin_use(self) -> Sequence[Change]:
        """Say how the copy differs before a tool changes it. Who does not look at it afterwards leaves it to nobody."""
        copy = await self.ready()
        copy.is_left = True
        return self.changes

    async def changed_since(self, before: Sequence[Change]) -> Sequence[Change]:
        """Look at the copy, and say what a tool changed of it since it differed in this way.

        Raises ToolRefused, with the copy as it was before, where that cannot be recorded.
        """
        copy = await self.ready()
        assert copy.tree is not None, "a copy that is ready is looked at"
        try:
            await copy.tree.look()
        except (TooManyChanged, NameUnwritable) as wrong:
            self._copy = await self._copies.at(self._task, before)
            raise ToolRefused(f"{wrong}. All files are as they were before this use") from wrong
        copy.is_left = False
        self._changes = copy.tree.changes
        return _between(before, self._changes)

    def give_back(self, files: tuple[FileChange, ...], at: int) -> None:
        """Take what the event at a position says of a use for done: the copy is brought to that state before it is used."""
        if files:
            self._state.append((files, at))
            self._copy = self._changes = None

    async def _recorded(self) -> list[Change]:
        found: dict[str, Change] = {}
        for files, at in self._state:
            found |= {change.path: change for change in await loaded(self._attempt.log, files, at=at)}
        return [found[path] for path in sorted(found) if found[path].before != found[path].after]


def _between(before: Iterable[Change], after: Iterable[Change]) -> list[Change]:
    """What is another now, by path; what is as in the project again is among it."""
    was, now = {change.path: change for change in before}, {change.path: change for change in after}
    fresh = [change for path, change in now.items() if path not in was or was[path].after != change.after]
    returned = [Change(path, was[path].before, was[path].before) for path in was if path not in now]
    return sorted([*fresh, *returned], key=lambda change: change.path)
