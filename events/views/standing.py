"""How things stand: all that a session needs of what happened before it and is not its own."""

from __future__ import annotations

import msgspec

from events.bus import read_all
from events.log import Entry, EventLog, Snapshot
from events.scopes import SHARED
from events.views.base import begin, decode_state, encode_state
from events.views.claims import ClaimsView
from events.views.money import MoneyView
from events.views.trails import TrailsView

NAME = "standing"
FORM = 3  # goes up when a struct in here, or what its fold means, changes: a snapshot of another form is not read
EVERY = 10_000  # events behind the last snapshot from which on a new one is worth its room


class Standing(msgspec.Struct):
    """Money of the scopes that no session has to itself, the claims that are held, the trails. Small, however long the log.

    A session's own scopes are folded from its own events (see `MoneyView.own`), which are few and found by an index.
    """

    money: MoneyView = msgspec.field(default_factory=lambda: MoneyView().only(SHARED))
    claims: ClaimsView = msgspec.field(default_factory=ClaimsView)
    trails: TrailsView = msgspec.field(default_factory=TrailsView)
    ledger: int = 0  # the last position on the topic `ledger`

    def apply(self, entry: Entry) -> None:
        self.money.apply(entry)
        self.claims.apply(entry)
        self.trails.apply(entry)
        if entry.topic == "ledger":
            self.ledger = entry.position


class Start(msgspec.Struct, frozen=True):
    """What a session starts from."""

    standing: Standing
    position: int  # everything up to here is folded
    kept: int  # up to where a snapshot holds it, 0 = none
    wrong: str  # what is wrong with the stored snapshot, which was not used; empty: nothing


async def standing(log: EventLog, *, until: int | None = None, anew: bool = False) -> Start:
    """Fold how things stand, from the last snapshot on, and keep a snapshot of it where the last one is long past.

    Up to a position, or `anew` from the events alone, nothing is kept. Raises LogError where the log cannot be read.
    """
    while True:
        archived = await log.archived()
        snapshot = None if anew else await log.snapshot(NAME, FORM)
        start = await _fold(log, snapshot, until)
        if archived == await log.archived():
            break  # else what was still to be read was cut off meanwhile
    if start.position - start.kept < EVERY or until is not None or anew:
        return start
    await log.keep(snapshot_of(start))
    return msgspec.structs.replace(start, kept=start.position)


def snapshot_of(start: Start) -> Snapshot:
    return Snapshot(NAME, FORM, start.position, encode_state(start.standing))


async def _fold(log: EventLog, snapshot: Snapshot | None, until: int | None) -> Start:
    wrong = snapshot.wrong if snapshot else ""
    kept: Standing | None = None
    if snapshot is not None and not wrong:
        try:
            kept = decode_state(Standing, snapshot.state)
        except ValueError as error:
            wrong = str(error)
    if snapshot is not None and kept is not None and (until is None or snapshot.position <= until):
        return await _go_on(log, Start(kept, snapshot.position, snapshot.position, ""), until)
    view, position = await begin(log, Standing())
    view.money.only(SHARED)  # what is carried on does not say so
    return await _go_on(log, Start(view, position, 0, wrong), until)


async def _go_on(log: EventLog, start: Start, until: int | None) -> Start:
    position = start.position
    async for entries in read_all(log, after=position, until=until):
        for entry in entries:
            start.standing.apply(entry)
        position = entries[-1].position
    return msgspec.structs.replace(start, position=position)
