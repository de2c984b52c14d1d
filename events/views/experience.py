"""What is foreseen is made from this: how work went, how long answers were, how estimates held. A snapshot of its own."""

from __future__ import annotations

import msgspec

from events.log import Entry, EventLog
from events.views.estimates import EstimatesView
from events.views.history import HistoryView
from events.views.inputs import InputsView
from events.views.kept import Kept, Start, both_gone_on, fold_both, fold_kept
from events.views.sizes import SizesView
from events.views.standing import STANDING, Standing


class Experience(msgspec.Struct):
    history: HistoryView = msgspec.field(default_factory=HistoryView)
    estimates: EstimatesView = msgspec.field(default_factory=EstimatesView)
    sizes: SizesView = msgspec.field(default_factory=SizesView)
    inputs: InputsView = msgspec.field(default_factory=InputsView)

    def apply(self, entry: Entry) -> None:
        self.history.apply(entry)
        self.estimates.apply(entry)
        self.sizes.apply(entry)
        self.inputs.apply(entry)


EXPERIENCE = Kept("experience", 5, Experience)


async def experience(log: EventLog) -> Start[Experience]:
    """What an estimate, and the limits of answers, start from; see `fold_kept`."""
    return await fold_kept(log, EXPERIENCE)


Before = tuple[Start[Standing], Start[Experience]]
"""What a session starts from, and what it foresees by."""


async def standing_and_experience(log: EventLog, before: Before | None = None) -> Before:
    """Both as they stand by now, of one reading of the log, from how they stood `before` on; see `fold_both`."""
    return await fold_both(log, STANDING, EXPERIENCE) if before is None else await both_gone_on(log, *before)
