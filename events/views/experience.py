"""What an estimate of a run is made from: how work went, and how estimates held. Kept as a snapshot of its own."""

from __future__ import annotations

import msgspec

from events.log import Entry, EventLog
from events.views.estimates import EstimatesView
from events.views.history import HistoryView
from events.views.kept import Kept, Start, fold_kept


class Experience(msgspec.Struct):
    history: HistoryView = msgspec.field(default_factory=HistoryView)
    estimates: EstimatesView = msgspec.field(default_factory=EstimatesView)

    def apply(self, entry: Entry) -> None:
        self.history.apply(entry)
        self.estimates.apply(entry)


EXPERIENCE = Kept("experience", 2, Experience)


async def experience(log: EventLog) -> Start[Experience]:
    """What an estimate starts from; see `fold_kept`."""
    return await fold_kept(log, EXPERIENCE)
