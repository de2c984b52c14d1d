"""Estimates of what caches and free tiers have saved, with their baselines."""

from __future__ import annotations

from events.views.cost import Cost
from swarm.insight.saved import ByCache, ByFree, saved_by_cache, saved_by_free
from swarm.messages import FREE, MILLION, Price

ROW = Price(row="r", input_nanos=1_000, output_nanos=4_000, cached_nanos=100, cache_write_nanos=1_250)
PLAIN = Price(row="p", input_nanos=2_000, output_nanos=3_000)


def test_a_cache_saves_the_difference_to_the_uncached_price_and_costs_what_writing_is_dearer() -> None:
    cost = Cost(input_tokens=5 * MILLION, cached_tokens=2 * MILLION, cache_write_tokens=MILLION, nanos=1)
    assert saved_by_cache([("r", cost)], {"r": ROW}) == ByCache(2 * 900 - 250, 2 * MILLION, 0)
    written = Cost(cache_write_tokens=MILLION, nanos=1)
    assert saved_by_cache([("r", written)], {"r": ROW}).nanos == -250
    assert saved_by_cache([("p", cost)], {"p": PLAIN}) == ByCache(0, 2 * MILLION, 0)


def test_rows_whose_numbers_are_not_known_are_left_out_and_counted() -> None:
    paid, free = Cost(cached_tokens=7, nanos=1), Cost(cached_tokens=9)
    assert saved_by_cache([("gone", paid), ("gone", free), ("free", free)], {"free": FREE}) == ByCache(0, 0, 7)


def test_free_tokens_are_reckoned_at_the_cheapest_priced_model_or_the_only_one() -> None:
    free = Cost(input_tokens=MILLION, cached_tokens=MILLION, output_tokens=1)
    models = {"dear": PLAIN, "cheap": ROW, "free": FREE}
    assert saved_by_free(free, models) == ByFree(1_001, MILLION + 1, "cheap", "r")
    assert saved_by_free(free, {"dear": PLAIN}) == ByFree(2_001, MILLION + 1, "dear", "p")
    assert saved_by_free(free, {"free": FREE}) is None
