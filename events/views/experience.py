"""What an estimate of a run is made from: how work went, and how estimates held. Kept as a snapshot of its own."""

from __future__ import annotations

import msgspec

from events.bus import read_all
from events.log import Entry, EventLog, Snapshot
from events.views.base import begin, decode_state, encode_state
from events.views.estimates import EstimatesView
from events.views.history import HistoryView

NAME = "experience"
FORM = 1  # goes up when a struct in here, or what its fold means, changes: a snapshot of another form is not read
EVERY = 10_000  # events behind the last snapshot from which on a new one is worth its room


class Experience(msgspec.Struct):
    history: HistoryView = msgspec.field(default_factory=HistoryView)
    estimates: EstimatesView = msgspec.field(default_factory=EstimatesView)

    def apply(self, entry: Entry) -> None:
        self.history.apply(entry)
        self.estimates.apply(entry)


async def experience(log: EventLog) -> Experience:
    """Fold what stands in the log, from the last snapshot on, and keep a new one where that is long past.

    A snapshot that is wrong is not used. Raises LogError where the log cannot be read.
    """
    while True:
        archived = await log.archived()
        view, kept = await _begun(log)
        position = kept
        async for entries in read_all(log, after=position):
            for entry in entries:
                view.apply(entry)
            position = entries[-1].position
        if archived == await log.archived():
            break  # else what was still to be read was cut off meanwhile
    if position - kept >= EVERY:
        await log.keep(Snapshot(NAME, FORM, position, encode_state(view)))
    return view


async def _begun(log: EventLog) -> tuple[Experience, int]:
    snapshot = await log.snapshot(NAME, FORM)
    if snapshot is not None and not snapshot.wrong:
        try:
            return decode_state(Experience, snapshot.state), snapshot.position
        except ValueError:
            pass  # of another build of this form: the fold says the same
    return await begin(log, Experience())
