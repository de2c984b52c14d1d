"""By how much shares differ, and between what that lies."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm.insight.difference import Count, Stratum, difference

COUNTS = st.builds(Count, st.integers(0, 40), st.integers(0, 40))
STRATA = st.lists(st.builds(Stratum, COUNTS, COUNTS), max_size=4)


@settings(max_examples=30)
@given(STRATA)
def test_it_lies_within_its_interval_and_the_other_way_round_is_the_same_turned_over(strata: list[Stratum]) -> None:
    found, turned = difference(strata), difference(Stratum(each.other, each.one) for each in strata)
    if found is None or turned is None:
        assert found is turned is None
        return
    assert -1 <= found.low <= found.mean <= found.high <= 1
    assert (turned.mean, turned.low, turned.high) == pytest.approx((-found.mean, -found.high, -found.low))


@settings(max_examples=40)
@given(COUNTS, COUNTS)
def test_ten_times_the_evidence_says_the_same_more_closely(one: Count, other: Count) -> None:
    few = difference([Stratum(one, other)])
    many = difference([Stratum(_times(one, 10), _times(other, 10))])
    if few is not None and many is not None:
        assert many.mean == pytest.approx(few.mean)
        assert many.high - many.low < few.high - few.low


def _times(count: Count, factor: int) -> Count:
    return Count(count.passed * factor, count.failed * factor)


def test_a_published_case_is_met() -> None:
    # Newcombe (1998), table II, (a): 56/70 - 48/80 lies between 0.0524 and 0.3339 by method 10, with Wilson's intervals
    found = difference([Stratum(Count(56, 14), Count(48, 32))])
    assert found is not None
    assert (found.mean, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=0.005)


def test_only_like_work_is_compared() -> None:
    easy, hard = Count(90, 10), Count(10, 90)
    assert difference([Stratum(easy, Count()), Stratum(Count(), hard)]) is None  # which would be .8 of nothing but luck
    found = difference([Stratum(easy, easy), Stratum(hard, hard)])
    assert found is not None and found.mean == 0
