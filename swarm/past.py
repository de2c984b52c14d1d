"""What a session did before now: its tasks, its attempts, what was asked of it. A fork begins with what its parent did."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from events.bus import read_all
from events.lineage import inherited, without_money
from events.log import Entry, EventLog
from events.views.requests import RequestsView
from events.views.tasks import TasksView
from swarm.journal import Journal


class Past(msgspec.Struct, kw_only=True):
    """The folds of one session."""

    tasks: TasksView
    requests: RequestsView
    journal: Journal

    def apply(self, entry: Entry) -> None:
        """Take in an entry of the session itself."""
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
