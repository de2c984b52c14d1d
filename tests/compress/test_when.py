"""When a conversation is compacted: for which reasons, and that it costs no more than it saves."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.compress.when import (
    BULK,
    CACHE_S,
    EVEN,
    LEAST_REMOVED,
    MOST_TOKENS,
    MOST_TURNS,
    RISK,
    Rates,
    State,
    due,
    further_requests,
    pays,
)

CACHING = Rates(cached=0.1, written=1.25)
DEAR = State(tokens=8_000, removed=2_000, rewritten=600, turns=4, further=1, rates=CACHING)
"""What is read from a cache at a tenth would have to be written to it anew, for two requests that are expected."""


def test_where_nothing_is_read_more_cheaply_old_results_go_as_soon_as_there_is_enough_of_them() -> None:
    free = DEAR._replace(rates=Rates())
    assert due(free) == "pays"
    assert due(free._replace(removed=LEAST_REMOVED - 1)) == ""
    assert due(free._replace(removed=free.tokens // BULK - 1)) == ""


def test_with_a_cache_it_waits_until_the_requests_that_are_expected_are_worth_it() -> None:
    assert due(DEAR) == ""
    assert due(DEAR._replace(further=3)) == "pays"
    assert due(DEAR._replace(rewritten=300)) == "pays"


def test_what_would_be_lost_if_the_next_request_were_the_last_is_little_beside_what_it_cost() -> None:
    much = DEAR._replace(rewritten=6_000, further=80)
    assert pays(much) and due(much) == ""
    assert due(much._replace(turns=MOST_TURNS)) == "" and due(DEAR._replace(turns=MOST_TURNS)) == "turns"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"window": 8_800}, "window"),
        ({"reserved": 30_000, "left": 29_999}, "cap"),
        ({"reserved": 30_000, "left": 50_000}, "half of the cap"),
        ({"tokens": MOST_TOKENS + 1, "removed": 13_000}, "size"),
        ({"turns": MOST_TURNS}, "turns"),
        ({"idle_s": CACHE_S + 1.0}, "cold cache"),
    ],
)
def test_a_limit_that_is_near_is_a_reason_whatever_it_costs(change: dict[str, Any], reason: str) -> None:
    assert due(DEAR._replace(**change)) == reason
    assert due(DEAR._replace(**{**change, "removed": 0})) == "", "there is nothing to be had"


def test_where_the_request_would_not_fit_little_is_enough() -> None:
    little = DEAR._replace(removed=LEAST_REMOVED)
    assert due(little._replace(window=8_800)) == "window"
    assert due(little._replace(reserved=30_000, left=29_000)) == "cap"
    assert due(little._replace(reserved=30_000, left=50_000)) == ""


def test_as_many_requests_are_expected_as_there_were_and_no_more_than_are_allowed() -> None:
    assert [further_requests(answered, 12) for answered in (1, 2, 6, 10, 11, 12)] == [0, 1, 5, 1, 0, 0]


@given(
    st.integers(LEAST_REMOVED, 50_000),
    st.integers(0, 50_000),
    st.integers(1, 100_000),
    st.integers(0, 50),
    st.floats(0.01, 1),
    st.floats(1, 2),
)
def test_what_pays_costs_a_few_percent_more_at_most_whether_the_requests_come_or_not(
    removed: int, rewritten: int, more: int, further: int, cached: float, written: float
) -> None:
    state = State(removed + rewritten + more, removed, rewritten, 5, further, Rates(cached, written))
    if due(state) != "pays":
        return
    cost = rewritten * (written - cached)
    spent = state.tokens * (written + cached * state.turns / 2)
    for requests, before, bound in ((1 + further, 0, EVEN), (1, spent, RISK)):
        as_it_is = before + requests * state.tokens * cached
        compacted = as_it_is - requests * removed * cached + cost
        assert compacted <= as_it_is * (1 + bound) * (1 + 1e-9)
