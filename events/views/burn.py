"""When money and tokens went: each amount at the moment at which it was charged, and the marks of caps that were passed."""

from __future__ import annotations

import msgspec

from events.log import Entry
from events.types.call import BudgetMarked, CallFailed, CallReleased, CallReserved, CallSettled, CallUnknown
from events.views.cost import day_of


class Burnt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An amount. It is below nothing where less was billed than had been charged while nobody knew."""

    at: int  # microseconds since 1970
    day: str  # the local day in which its call counts, as 2026-11-21
    tier: str
    tokens: int  # as they count against token caps
    nanos: int


class Mark(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A share of a cap that was passed for the first time."""

    at: int
    position: int
    scope: str
    unit: str  # "tokens" or "nanos"
    percent: int
    used: int
    cap: int


class _Held(msgspec.Struct, frozen=True, gc=False):
    day: str
    tier: str
    tokens: int
    nanos: int


class BurnView(msgspec.Struct):
    """Amounts and marks in their order. Keeps every call, so it is for a session or for who reads it once."""

    burnt: list[Burnt] = []
    marks: list[Mark] = []
    _open: dict[int, _Held] = {}
    _unknown: dict[int, _Held] = {}

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case CallReserved() as call:
                held = _Held(day_of(call.scopes), call.tier, call.tokens, call.cost_nanos)
                self._open[entry.position] = held
            case CallSettled(reservation=position, tokens=tokens, cost_nanos=nanos):
                self._end(entry, position, tokens, nanos)
            case CallFailed(reservation=position) | CallReleased(reservation=position):
                self._end(entry, position, 0, 0)
            case CallUnknown(reservation=position) if position in self._open:
                held = self._unknown[position] = self._open.pop(position)
                self._burn(entry, held, held.tokens, held.nanos)
            case BudgetMarked(scope=scope, unit=unit, percent=percent, used=used, cap=cap):
                self.marks.append(
                    Mark(
                        at=entry.at,
                        position=entry.position,
                        scope=scope,
                        unit=unit,
                        percent=percent,
                        used=used,
                        cap=cap,
                    )
                )
            case _:
                pass

    def _end(self, entry: Entry, position: int, tokens: int, nanos: int) -> None:
        if (held := self._open.pop(position, None)) is not None:
            self._burn(entry, held, tokens, nanos)
        elif (held := self._unknown.pop(position, None)) is not None:
            self._burn(entry, held, tokens - held.tokens, nanos - held.nanos)

    def _burn(self, entry: Entry, held: _Held, tokens: int, nanos: int) -> None:
        if tokens or nanos:
            self.burnt.append(Burnt(at=entry.at, day=held.day, tier=held.tier, tokens=tokens, nanos=nanos))
