"""Which tasks may share a request: those whose first drafts are open at the same time, and that are of one shape."""

from __future__ import annotations

import msgspec

from events.views.tasks import TaskState
from swarm.cycle import Open, Work
from swarm.task import Output, Task
from swarm.together import Place, Sharing, Start, Table


def shape_of(open_: Open, state: TaskState, task: Task) -> str | None:
    """What a task has in common with those that may share a request with it; None where it shares with none.

    That is all that is said of it but what it is called, what it is asked, and how that is looked at; items of one task are of one
    shape. A task that was tried before, has several steps, tools, skills or outputs, or goes on from elsewhere is done alone.
    """
    if open_.work is not Work.DRAFT or open_.attempt != 1 or open_.without or open_.stay_on or state.total != 1:
        return None
    if task.tools or task.skills or task.outputs or state.told is not None:
        return None
    common = msgspec.structs.replace(
        task,
        id=state.parent,
        title="",
        prompt="",
        needs=(),
        inputs=(),
        checks=(),
        accept=(),
        values={},
        when=None,
        output=Output(path="", format=task.output.format) if task.output else None,
    )
    return msgspec.json.encode(common, order="deterministic").decode()


class Batches:
    """The tasks of one session that wait for one another."""

    def __init__(self, most: int, sharing: Sharing, start: Start) -> None:
        """`most` is how many share a request; with less than 2 each is done alone."""
        self._most, self._sharing, self._start = most, sharing, start
        self._tables: dict[str, Table] = {}
        self._asked: set[str] = set()
        self._places: dict[Open, Place] = {}

    def expect(self, open_: Open, state: TaskState, task: Task) -> None:
        """Give the first call of open work a place, if there are others to wait for: before the work is started."""
        shape = shape_of(open_, state, task) if self._most > 1 else None
        if shape is None or task.prompt in self._asked:  # it may wait for the other one's answer
            return
        self._asked.add(task.prompt)
        table = self._tables.setdefault(shape, Table(self._sharing, self._start, most=self._most))
        self._places[open_] = table.place()
        if table.is_full:
            self._tables.pop(shape).close()

    @property
    def are_waited_for(self) -> bool:
        """Whether there are such that still wait for others to be expected."""
        return bool(self._tables)

    def begin(self) -> None:
        """Say that nobody else is expected by those who have a place."""
        tables, self._tables = self._tables, {}
        self._asked.clear()
        for table in tables.values():
            table.close()

    def place_of(self, open_: Open) -> Place | None:
        return self._places.get(open_)

    def end(self, open_: Open) -> None:
        """The work has ended: nobody waits for it any more."""
        place = self._places.pop(open_, None)
        if place is not None:
            place.leave()
