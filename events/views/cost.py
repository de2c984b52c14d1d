"""What calls cost, by everything that a sum can be asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from events.log import Entry
from events.types.call import CallFailed, CallReleased, CallReserved, CallSettled, CallUnknown


class Payer(msgspec.Struct, frozen=True, kw_only=True):
    """To whom an amount belongs. `day` is the local day of its reservation, as 2026-11-21."""

    day: str
    session: int
    task: str
    role: str
    agent: str
    model: str
    tier: str
    price: str = ""  # id of the price row
    project: str = ""


NOBODY: Mapping[str, Any] = {
    "day": "",
    "session": 0,
    "task": "",
    "role": "",
    "agent": "",
    "model": "",
    "tier": "",
    "price": "",
    "project": "",
}


def narrowed(payer: Payer, fields: Sequence[str]) -> Payer:
    """The payer with its day and these fields alone, the others empty."""
    return Payer(**{**NOBODY, **{field: getattr(payer, field) for field in ("day", *fields)}})


class Cost(msgspec.Struct):
    """`nanos` includes `maybe_paid_nanos`, what was reserved for calls of which nobody knows whether they were billed."""

    calls: int = 0
    failed: int = 0
    open: int = 0
    maybe_paid: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    nanos: int = 0
    maybe_paid_nanos: int = 0
    cache_write_tokens: int = 0  # part of input_tokens, as cached_tokens is
    reasoning_tokens: int = 0  # part of output_tokens

    def add(self, other: Cost) -> None:
        for field in self.__struct_fields__:
            setattr(self, field, getattr(self, field) + getattr(other, field))


class CostView(msgspec.Struct):
    costs: dict[Payer, Cost] = {}
    _open: dict[int, tuple[Payer, int]] = {}  # by the reservation's position: who pays, and what is reserved
    _unknown: dict[int, tuple[Payer, int]] = {}

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case CallReserved() as call:
                payer = _payer(entry, call)
                cost = self.costs.setdefault(payer, Cost())
                cost.calls += 1
                cost.open += 1
                self._open[entry.position] = (payer, call.cost_nanos)
            case CallSettled() as call:
                ended = self._end(call.reservation)
                if ended is not None:
                    ended.input_tokens += call.input_tokens
                    ended.cached_tokens += call.cached_tokens
                    ended.output_tokens += call.output_tokens
                    ended.cache_write_tokens += call.cache_write_tokens
                    ended.reasoning_tokens += call.reasoning_tokens
                    ended.nanos += call.cost_nanos
            case CallFailed(reservation=position) | CallReleased(reservation=position):
                ended = self._end(position)
                if ended is not None:
                    ended.failed += 1
            case CallUnknown(reservation=position) if position in self._open:
                payer, reserved = self._unknown[position] = self._open.pop(position)
                self.costs[payer].add(Cost(open=-1, maybe_paid=1, nanos=reserved, maybe_paid_nanos=reserved))
            case _:
                pass

    def total(self) -> Cost:
        total = Cost()
        for cost in self.costs.values():
            total.add(cost)
        return total

    def awaited(self) -> set[int]:
        """The reservations that may still be ended, or corrected."""
        return {*self._open, *self._unknown}

    def _end(self, position: int) -> Cost | None:
        """End a call and return the sums it belongs to. One that nobody knew about is corrected; None: it had ended before."""
        if position in self._open:
            payer, _ = self._open.pop(position)
            self.costs[payer].open -= 1
        elif position in self._unknown:
            payer, reserved = self._unknown.pop(position)
            self.costs[payer].add(Cost(maybe_paid=-1, nanos=-reserved, maybe_paid_nanos=-reserved))
        else:
            return None
        return self.costs[payer]


def day_of(scopes: Sequence[str]) -> str:
    """The day that a reservation counts in, as 2026-11-21; empty where its scopes name none."""
    for scope in scopes:
        if scope.startswith("day:"):
            return scope[4:].partition("@")[0]
    return ""


def _payer(entry: Entry, call: CallReserved) -> Payer:
    return Payer(
        day=day_of(call.scopes),
        session=entry.session,
        task=entry.task,
        role=call.role,
        agent=call.agent,
        model=call.model,
        tier=call.tier,
        price=call.price,
        project=entry.project,
    )
