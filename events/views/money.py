"""Money and tokens by scope: what is spent, what is reserved, what was maybe paid."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from events.log import Entry
from events.scopes import SHARED, path_of, session_of
from events.types.call import (
    BudgetMarked,
    BudgetSet,
    CallFailed,
    CallOverran,
    CallReleased,
    CallReserved,
    CallSettled,
    CallUnknown,
)


class Amount(msgspec.Struct):
    """Tokens as they count against token caps, and nano-dollars."""

    tokens: int = 0
    nanos: int = 0

    def add(self, tokens: int, nanos: int) -> None:
        self.tokens += tokens
        self.nanos += nanos


class SetCap(msgspec.Struct, frozen=True, kw_only=True):
    """A cap as a person recorded it."""

    most: int
    by: str
    at: int
    position: int


class ScopeState(msgspec.Struct):
    """One scope. `spent` includes `maybe_paid`: what nobody knows stays charged at its reservation."""

    spent: Amount = msgspec.field(default_factory=Amount)
    reserved: Amount = msgspec.field(default_factory=Amount)
    maybe_paid: Amount = msgspec.field(default_factory=Amount)
    overran: Amount = msgspec.field(default_factory=Amount)
    overran_by: int = 0  # the last call that overran its reservation, 0 = none did
    calls: int = 0
    marked: dict[str, int] = {}  # by unit the highest share of its cap, in percent, that was told
    caps: dict[str, SetCap] = {}  # by unit the cap that a person recorded last; it stands in place of any other


class Reservation(msgspec.Struct, frozen=True, kw_only=True):
    """An amount that is taken in every scope of a call until the call is over."""

    position: int
    session: int
    task: str
    scopes: tuple[str, ...]  # as it named them
    tokens: int
    nanos: int
    at: int
    path: tuple[str, ...] = ()  # all in which it counts


EVERY = -1
"""In place of a session's number: a view of money is of all scopes, and not of one session's and the shared ones alone."""


class MoneyView(msgspec.Struct):
    """Scopes by name, and the reservations that are open by their position.

    Where it is not of every scope (see `only`), it is of the shared ones and those of one session.
    """

    scopes: dict[str, ScopeState] = {}
    open: dict[int, Reservation] = {}
    unknown: dict[int, Reservation] = {}
    _of: int = EVERY

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
            case BudgetMarked(scope=name, unit=unit, percent=percent):
                for counted in self._counted((name,)):
                    marked = self.scope(counted).marked
                    marked[unit] = max(percent, marked.get(unit, 0))
            case BudgetSet() as cap:
                self._set_cap(entry, cap)
            case CallOverran(reservation=position, scopes=scopes, tokens=tokens, cost_nanos=nanos):
                for name in self._counted(scopes):
                    scope = self.scope(name)
                    scope.overran.add(tokens, nanos)
                    scope.overran_by = position
            case _:
                pass

    def scope(self, name: str) -> ScopeState:
        """The scope's state, an empty one where nothing was ever reserved in it."""
        state = self.scopes.get(name)
        if state is None:  # a new state is ten times as dear as a look
            state = self.scopes[name] = ScopeState()
        return state

    def only(self, session: int) -> MoneyView:
        """Be of the shared scopes and those of one session from here on (SHARED: of none), and return itself."""
        self._of = session
        return self

    def own(self, session: int, entries: MoneyView) -> None:
        """Be of the scopes of a session, too. They are taken from a view over its own entries, up to where this one is."""
        self._of = session
        self.scopes.update((name, state) for name, state in entries.scopes.items() if session_of(name) == session)
        for mine, theirs in ((self.open, entries.open), (self.unknown, entries.unknown)):
            mine.update((at, theirs[at]) for at, held in mine.items() if held.session == session and at in theirs)

    def _counted(self, names: Sequence[str]) -> tuple[str, ...]:
        """Those of the scopes that this view is of."""
        if self._of == EVERY:
            return tuple(names)
        return tuple(name for name in names if session_of(name) in (SHARED, self._of))

    def _reserve(self, entry: Entry, call: CallReserved) -> None:
        path = self._counted(path_of(call.scopes, project=entry.project, role=call.role, agent=call.agent))
        self.open[entry.position] = Reservation(
            position=entry.position,
            session=entry.session,
            task=entry.task,
            scopes=self._counted(call.scopes),
            tokens=call.tokens,
            nanos=call.cost_nanos,
            at=entry.at,
            path=path,
        )
        for name in path:
            scope = self.scope(name)
            scope.reserved.add(call.tokens, call.cost_nanos)
            scope.calls += 1

    def _set_cap(self, entry: Entry, cap: BudgetSet) -> None:
        """Keep the cap. What share of it is spent is told anew: it was told of another cap."""
        for name in self._counted((cap.scope,)):
            state = self.scope(name)
            for unit, most in (("tokens", cap.tokens), ("nanos", cap.nanos)):
                if most is not None:
                    state.caps[unit] = SetCap(most=most, by=cap.by, at=entry.at, position=entry.position)
                    state.marked.pop(unit, None)

    def _close(self, position: int) -> list[ScopeState]:
        """End a reservation and return its scopes. A call that nobody knew about is corrected when it is settled after all."""
        held = self.open.pop(position, None)
        if held is not None:
            scopes = [self.scope(name) for name in held.path]
            for scope in scopes:
                scope.reserved.add(-held.tokens, -held.nanos)
            return scopes
        held = self.unknown.pop(position, None)
        if held is None:
            return []
        scopes = [self.scope(name) for name in held.path]
        for scope in scopes:
            scope.spent.add(-held.tokens, -held.nanos)
            scope.maybe_paid.add(-held.tokens, -held.nanos)
        return scopes
