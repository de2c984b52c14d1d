"""How things stand: all that a session needs of what happened before it and is not its own."""

from __future__ import annotations

import msgspec

from events.log import Entry, EventLog
from events.scopes import SHARED
from events.views.claims import ClaimsView
from events.views.kept import Kept, Start, fold_kept
from events.views.money import MoneyView
from events.views.overruns import OverrunsView
from events.views.trails import TrailsView


class Standing(msgspec.Struct):
    """Money of the scopes that no session has to itself, the claims that are held, the trails. Small, however long the log.

    A session's own scopes are folded from its own events (see `MoneyView.own`), which are few and found by an index.
    """

    money: MoneyView = msgspec.field(default_factory=lambda: MoneyView().only(SHARED))
    claims: ClaimsView = msgspec.field(default_factory=ClaimsView)
    trails: TrailsView = msgspec.field(default_factory=TrailsView)
    overruns: OverrunsView = msgspec.field(default_factory=OverrunsView)
    ledger: int = 0  # the last position on the topic `ledger`

    @property
    def outdated(self) -> bool:
        return self.trails.outdated

    def learn_from(self, before: Standing) -> None:
        self.trails.learn_from(before.trails)

    def apply(self, entry: Entry) -> None:
        self.money.apply(entry)
        self.claims.apply(entry)
        self.trails.apply(entry)
        self.overruns.apply(entry)
        if entry.topic == "ledger":
            self.ledger = entry.position


STANDING = Kept("standing", 7, Standing, begun=lambda view: view.money.only(SHARED))


async def standing(log: EventLog, *, until: int | None = None, anew: bool = False) -> Start[Standing]:
    """What a session starts from; see `fold_kept`."""
    return await fold_kept(log, STANDING, until=until, anew=anew)
