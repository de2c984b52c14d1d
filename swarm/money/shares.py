"""How near a call is to the caps above it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from events.views.money import MoneyView
from swarm.money.caps import Cap


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What of a cap is spent; what is only reserved does not count, as with the marks.

    `cap` is what of it a call may have: not what is held back for a hand-over.
    """

    scope: str
    unit: str  # "tokens" or "nanos"
    used: int
    cap: int

    @property
    def percent(self) -> int:
        return self.used * 100 // self.cap

    @property
    def left(self) -> int:
        return max(0, self.cap - self.used)


def greatest_share(caps: Sequence[Cap], money: MoneyView, *units: str) -> Share | None:
    """The cap of these units of which the greatest share is spent, the narrowest scope of several; None without a cap.

    A cap of 0 allows what is free and is never spent.
    """
    found: Share | None = None
    for cap in caps:
        state = money.scopes.get(cap.scope)
        for unit in units:
            most = cap.nanos if unit == "nanos" else cap.tokens
            if not most:
                continue
            used = getattr(state.spent, unit) if state else 0
            share = Share(scope=cap.scope, unit=unit, used=used, cap=most - cap.held(unit))
            if found is None or share.used * found.cap >= found.used * share.cap:
                found = share
    return found
