"""What a session did before now: its tasks, its attempts, what was asked of it. A fork begins with what its parent did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from events.bus import read_all
from events.lineage import inherited, without_money
from events.log import Entry, EventLog
from events.types.call import CallUnknown
from events.types.control import TierPinned
from events.types.session import SessionOpened
from events.types.task import OutputFile, TaskAccepted, TaskReopened
from events.views.requests import RequestsView
from events.views.tasks import TaskState, TasksView
from swarm.cycle import TAKEN_UP
from swarm.engine.steering import reopened_with
from swarm.journal import Journal
from swarm.owner import Owner

if TYPE_CHECKING:
    from swarm.repeats import Repeats


class Past(msgspec.Struct, kw_only=True):
    """The folds of one session."""

    tasks: TasksView
    requests: RequestsView
    journal: Journal
    repeats: Repeats | None = None  # what any session did that may be given again; None: nothing is
    paid: bool = False  # a person said yes to paid calls of the session when they pinned it to a tier
    written: dict[str, OutputFile] = {}  # by path, what the session delivered last, or found of its relatives

    def before(self, task: TaskState) -> Sequence[OutputFile]:
        """What may be written over at the task's outputs: what stood there when its work began, or is the session's own."""
        return tuple(self.written.get(output.path, output) for output in task.outputs)

    def apply(self, entry: Entry) -> None:
        """Take in an entry of the session itself."""
        self._take_files(entry)
        self.paid |= isinstance(entry.event, TierPinned) and entry.event.confirmed
        self.tasks.apply(entry)
        self.requests.apply(entry)
        self.journal.apply(entry)

    def inherit(self, entries: Sequence[Entry]) -> None:
        """Take in what the session was forked from. Its answers are given back; what it left open was never asked."""
        for entry in entries:
            self.journal.apply(entry)
        for entry in without_money(entries):
            self.tasks.apply(entry)
        self.journal.forget_open()

    async def recall(
        self, log: EventLog, session: int, *, until: int, observe: Callable[[Sequence[Entry]], None]
    ) -> None:
        """Fold what the log holds of the session up to a position, and show it as what is known already."""
        if before := await inherited(log, session):
            self.inherit(before)
            observe(before)
        async for entries in read_all(log, until=until, session=session):
            for entry in entries:
                self.apply(entry)
            observe(entries)

    def _take_files(self, entry: Entry) -> None:
        match entry.event:
            case SessionOpened(replaces=files) | TaskAccepted(outputs=files):
                self.written |= {file.path: file for file in files}
            case _:
                pass


async def take_up(owner: Owner, tasks: Mapping[str, TaskState], journal: Journal) -> None:
    """What a resume finds: calls that nobody answered for are charged, tasks that something outside stopped are reopened."""
    events = [
        owner.new(
            CallUnknown(reservation=entry.position, reason="the process ended while the answer was awaited"),
            task=entry.task,
            step=entry.step,
            attempt=entry.attempt,
        )
        for entry in journal.open.values()
    ]
    stopped = [name for name, task in tasks.items() if task.status in ("halted", "failed") and task.cause in TAKEN_UP]
    events += [owner.new(TaskReopened(reason="resumed"), task=name) for name in reopened_with(tasks, stopped)]
    if events:
        await owner.append(events)
