"""What caches and free tiers have saved: estimates, each against a baseline that is named with it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from events.views.cost import Cost
from swarm.messages import MILLION, Price


class ByCache(msgspec.Struct, frozen=True):
    """Against the uncached price of each recorded row. `unpriced` cached tokens are of rows whose numbers are not known here."""

    nanos: int  # what writing to caches cost more is taken off, so it can be below nothing
    tokens: int
    unpriced: int


class ByFree(msgspec.Struct, frozen=True):
    """Against the price row of one model, at which the same tokens would have cost so much."""

    nanos: int
    tokens: int
    model: str
    row: str


def saved_by_cache(costs: Iterable[tuple[str, Cost]], prices: Mapping[str, Price]) -> ByCache:
    """What was cheaper for being read from a provider's cache, by sums of the same price row."""
    millionths = tokens = unpriced = 0
    for row, cost in costs:
        price = prices.get(row)
        if price is None:
            unpriced += cost.cached_tokens if cost.nanos else 0
            continue
        cached = price.input_nanos if price.cached_nanos is None else price.cached_nanos
        written = price.input_nanos if price.cache_write_nanos is None else price.cache_write_nanos
        millionths += (price.input_nanos - cached) * cost.cached_tokens
        millionths -= (written - price.input_nanos) * cost.cache_write_tokens
        tokens += 0 if price.is_free else cost.cached_tokens
    return ByCache(millionths // MILLION, tokens, unpriced)


def saved_by_free(free: Cost, models: Mapping[str, Price]) -> ByFree | None:
    """What the tokens of free calls would have cost: with the cheapest of these models. None: there is none with a price."""
    priced = [(_at(price, free), name, price.row) for name, price in models.items() if not price.is_free]
    if not priced:
        return None
    nanos, name, row = min(priced)
    return ByFree(nanos, free.input_tokens + free.output_tokens, name, row)


def _at(price: Price, cost: Cost) -> int:
    """The tokens at the row's prices, all input as uncached: nothing is known of what another provider's cache would hold."""
    return -(-(price.input_nanos * cost.input_tokens + price.output_nanos * cost.output_tokens) // MILLION)
