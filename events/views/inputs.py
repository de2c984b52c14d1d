"""How many tokens providers counted for inputs, by model, beside our own quick count of the same: how each counts is learned from it."""

from __future__ import annotations

import msgspec

from events.log import Entry
from events.types.call import CallFailed, CallReleased, CallReserved, CallSettled, CallUnknown

DECAY = 0.9
"""What a call weighs beside the next one: after 7 it weighs half."""

NO_COUNT = frozenset({"too-much-input", "too-little-input"})
"""Doubts about a count of input: one that was a lie would stand in every estimate."""


class Inputs(msgspec.Struct):
    """Sums in which the last calls weigh most."""

    counted: float = 0.0  # by the provider
    quick: float = 0.0  # by us, for the same requests
    calls: int = 0

    def add(self, counted: int, quick: int) -> None:
        self.counted = self.counted * DECAY + counted
        self.quick = self.quick * DECAY + quick
        self.calls += 1


class _Call(msgspec.Struct, frozen=True, gc=False):
    model: str
    quick: int


class InputsView(msgspec.Struct):
    """By model. Calls without a count of either side, or whose provider's is doubtful, are left out."""

    models: dict[str, Inputs] = {}
    _calls: dict[int, _Call] = {}  # those that are not over, by their reservation

    def of(self, model: str) -> Inputs:
        return self.models.get(model) or Inputs()

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case CallReserved(model=model, quick_tokens=quick) if quick:
                self._calls[entry.position] = _Call(model, quick)
            case CallSettled() as settled:
                self._settle(settled)
            case CallFailed(reservation=position) | CallReleased(reservation=position):
                self._calls.pop(position, None)
            case CallUnknown(reservation=position):
                self._calls.pop(position, None)
            case _:
                pass

    def _settle(self, settled: CallSettled) -> None:
        call = self._calls.pop(settled.reservation, None)
        if call is None or settled.basis != "provider" or not settled.input_tokens:
            return
        if NO_COUNT.isdisjoint(settled.doubts):
            self.models.setdefault(call.model, Inputs()).add(settled.input_tokens, call.quick)
