"""How fast money and tokens go: what was charged in each scope within the hour up to the last charge."""

from __future__ import annotations

import msgspec

from events.log import Entry
from events.scopes import path_of
from events.types.call import CallFailed, CallReleased, CallReserved, CallSettled, CallUnknown
from events.views.money import Amount

HOUR_US = 3_600_000_000
LEAST_US = 60_000_000  # what came at once is taken as that of a minute: nothing can be said of a shorter time


class Charge(msgspec.Struct, frozen=True, gc=False):
    """An amount when it was charged. It is below nothing where less was billed than had been charged while nobody knew."""

    begun: int  # when its call was reserved; all times are microseconds since 1970
    at: int
    path: tuple[str, ...]  # the scopes in which it counts
    tokens: int
    nanos: int


class Burning(msgspec.Struct, frozen=True):
    """What went between two moments: from the first call of the last hour of activity on, to the last charge in it."""

    since: int = 0
    until: int = 0  # 0: nothing was charged
    sums: dict[str, Amount] = {}

    def an_hour(self, scope: str, unit: str) -> int:
        """What goes in an hour at this speed, of "nanos" or "tokens"; never below nothing."""
        if scope not in self.sums:
            return 0
        amount: int = getattr(self.sums[scope], unit)
        return max(0, amount) * HOUR_US // max(LEAST_US, self.until - self.since)


class BurningView(msgspec.Struct):
    """Keeps the charges of the last hour, and the calls that are not over."""

    charges: list[Charge] = []
    _open: dict[int, Charge] = {}
    _unknown: dict[int, Charge] = {}

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case CallReserved() as call:
                path = path_of(call.scopes, project=entry.project, role=call.role, agent=call.agent)
                self._open[entry.position] = Charge(entry.at, entry.at, path, call.tokens, call.cost_nanos)
            case CallSettled(reservation=position, tokens=tokens, cost_nanos=nanos) as settled:
                self._end(entry, position, tokens, nanos, corrects=settled.is_reconciled)
            case CallFailed(reservation=position) | CallReleased(reservation=position):
                self._end(entry, position, 0, 0, corrects=False)
            case CallUnknown(reservation=position) if position in self._open:
                held = self._unknown[position] = self._open.pop(position)
                self._charge(entry, held, held.tokens, held.nanos)
            case _:
                pass

    def knows(self, reservation: int) -> bool:
        """Whether a call may still end here, or be corrected."""
        return reservation in self._open or reservation in self._unknown

    def burning(self) -> Burning:
        if not self.charges:
            return Burning()
        until = self.charges[-1].at
        hour = until - HOUR_US
        held = [charge for charge in self.charges if charge.at > hour]
        sums: dict[str, Amount] = {}
        for charge in held:
            for scope in charge.path:
                sums.setdefault(scope, Amount()).add(charge.tokens, charge.nanos)
        return Burning(max(hour, min(charge.begun for charge in held)), until, sums)

    def _end(self, entry: Entry, position: int, tokens: int, nanos: int, *, corrects: bool) -> None:
        """`corrects`: nobody knew of it before, also where that was not seen here."""
        held, known = self._open.pop(position, None), self._unknown.pop(position, None)
        if held is not None and not corrects:
            self._charge(entry, held, tokens, nanos)
        elif (known := known or held) is not None:
            self._charge(entry, known, tokens - known.tokens, nanos - known.nanos)

    def _charge(self, entry: Entry, held: Charge, tokens: int, nanos: int) -> None:
        if not tokens and not nanos:
            return
        self.charges.append(Charge(held.begun, entry.at, held.path, tokens, nanos))
        if self.charges[0].at < entry.at - 2 * HOUR_US:  # seldom, so that not every charge moves the whole list
            self.charges = [charge for charge in self.charges if charge.at > entry.at - HOUR_US]
