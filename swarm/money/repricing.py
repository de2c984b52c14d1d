"""What recorded calls cost at other prices: amounts follow from usage and row alone, so repricing twice is repricing once."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from events.log import Entry
from events.types.call import CallReserved, CallSettled
from events.views.cost import CostView
from swarm.messages import Price, Usage
from swarm.money.prices import cost_nanos, most_nanos

PriceOf = Callable[[str], Price | None]
"""The price of a model by its name in settings; None where it is not known."""


def usage_of(settled: CallSettled) -> Usage:
    """The tokens of a settled call, by class."""
    return Usage(
        input_tokens=settled.input_tokens,
        output_tokens=settled.output_tokens,
        cached_tokens=settled.cached_tokens,
        cache_write_tokens=settled.cache_write_tokens,
        reasoning_tokens=settled.reasoning_tokens,
    )


def repriced(settled: CallSettled, price: Price) -> int:
    """What a settled call costs at a price, in nano-dollars; at the price that it was made at, what was recorded.

    One whose usage the provider did not tell costs the most that it could, as it did then. An amount that does not follow
    from usage, such as that of an invoice, stays as it is.
    """
    match settled.basis:
        case "provider":
            return cost_nanos(price, usage_of(settled))
        case "reservation":
            return most_nanos(price, settled.input_tokens, settled.output_tokens)
        case _:
            return settled.cost_nanos


def reserved_at(call: CallReserved, price: Price) -> int:
    """What a price would have had reserved for a call, in nano-dollars."""
    return most_nanos(price, call.tokens - call.max_output_tokens, call.max_output_tokens)


class Kept(msgspec.Struct, frozen=True, order=True):
    """A model, and the price row of calls of it that keep what was recorded, for want of another price."""

    model: str
    row: str


class RepricedView(msgspec.Struct):
    """The costs at other prices. A model without one keeps its recorded amounts, and is named in `kept`.

    So do calls that were reserved before the fold began: what an archive took is known by its amounts alone.
    """

    price_of: PriceOf
    costs: CostView = msgspec.field(default_factory=CostView)
    kept: dict[Kept, int] = {}  # and how many calls there are of each
    _models: dict[int, str] = {}  # by the position of the reservation

    def apply(self, entry: Entry) -> None:
        self.costs.apply(self.at_its_price(entry))

    def at_its_price(self, entry: Entry) -> Entry:
        """The entry as it would have been."""
        match entry.event:
            case CallReserved() as call:
                self._models[entry.position] = call.model
                price = self.price_of(call.model)
                if price is None:
                    kept = Kept(call.model, call.price)
                    self.kept[kept] = self.kept.get(kept, 0) + 1
                    return entry
                return _with(entry, msgspec.structs.replace(call, cost_nanos=reserved_at(call, price), price=price.row))
            case CallSettled() as settled:
                model = self._models.pop(settled.reservation, None)
                price = None if model is None else self.price_of(model)
                if price is None:
                    return entry
                return _with(
                    entry, msgspec.structs.replace(settled, cost_nanos=repriced(settled, price), price=price.row)
                )
            case _:
                return entry


def _with(entry: Entry, event: CallReserved | CallSettled) -> Entry:
    return msgspec.structs.replace(entry, event=event)
