"""Money and tokens by scope: what is spent, what is reserved, what was maybe paid."""

from __future__ import annotations

import msgspec

from events.log import Entry
from events.types.call import CallFailed, CallOverran, CallReleased, CallReserved, CallSettled, CallUnknown


class Amount(msgspec.Struct):
    """Tokens as they count against token caps, and nano-dollars."""

    tokens: int = 0
    nanos: int = 0

    def add(self, tokens: int, nanos: int) -> None:
        self.tokens += tokens
        self.nanos += nanos


class ScopeState(msgspec.Struct):
    """One scope. `spent` includes `maybe_paid`: what nobody knows stays charged at its reservation."""

    spent: Amount = msgspec.field(default_factory=Amount)
    reserved: Amount = msgspec.field(default_factory=Amount)
    maybe_paid: Amount = msgspec.field(default_factory=Amount)
    overran: Amount = msgspec.field(default_factory=Amount)
    calls: int = 0


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """An amount that is taken in every scope of a call until the call is over."""

    position: int
    session: int
    task: str
    scopes: tuple[str, ...]
    tokens: int
    nanos: int
    at: int


class MoneyView(msgspec.Struct):
    """Scopes by name, and the reservations that are open by their position."""

    scopes: dict[str, ScopeState] = {}
    open: dict[int, Reservation] = {}
    unknown: dict[int, Reservation] = {}

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case CallReserved() as call:
                self._reserve(entry, call)
            case CallSettled(reservation=position, tokens=tokens, cost_nanos=nanos):
                for scope in self._close(position):
                    scope.spent.add(tokens, nanos)
            case CallFailed(reservation=position) | CallReleased(reservation=position):
                self._close(position)
            case CallUnknown(reservation=position) if position in self.open:
                held = self.unknown[position] = self.open[position]
                for scope in self._close(position):
                    scope.spent.add(held.tokens, held.nanos)
                    scope.maybe_paid.add(held.tokens, held.nanos)
            case CallOverran(scopes=scopes, tokens=tokens, cost_nanos=nanos):
                for name in scopes:
                    self.scope(name).overran.add(tokens, nanos)
            case _:
                pass

    def scope(self, name: str) -> ScopeState:
        """The scope's state, an empty one where nothing was ever reserved in it."""
        return self.scopes.setdefault(name, ScopeState())

    def _reserve(self, entry: Entry, call: CallReserved) -> None:
        self.open[entry.position] = Reservation(
            position=entry.position,
            session=entry.session,
            task=entry.task,
            scopes=call.scopes,
            tokens=call.tokens,
            nanos=call.cost_nanos,
            at=entry.at,
        )
        for name in call.scopes:
            scope = self.scope(name)
            scope.reserved.add(call.tokens, call.cost_nanos)
            scope.calls += 1

    def _close(self, position: int) -> list[ScopeState]:
        """End a reservation and return its scopes. A call that nobody knew about is corrected when it is settled after all."""
        held = self.open.pop(position, None)
        if held is not None:
            scopes = [self.scope(name) for name in held.scopes]
            for scope in scopes:
                scope.reserved.add(-held.tokens, -held.nanos)
            return scopes
        held = self.unknown.pop(position, None)
        if held is None:
            return []
        scopes = [self.scope(name) for name in held.scopes]
        for scope in scopes:
            scope.spent.add(-held.tokens, -held.nanos)
            scope.maybe_paid.add(-held.tokens, -held.nanos)
        return scopes
