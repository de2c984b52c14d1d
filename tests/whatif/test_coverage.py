"""Intervals against simulations with a known truth; the long form stands in tests/soak."""

from __future__ import annotations

import pytest

from tests.whatif.coverage import CASES, least_held, require_coverage


@pytest.mark.parametrize("case", CASES)
def test_95_percent_intervals_hold_the_truth_at_their_rate(case: str) -> None:
    require_coverage(case, range(200))


def test_the_bound_of_the_count_would_find_intervals_that_hold_less() -> None:
    assert least_held(200) == 177
    assert least_held(4000) > 0.93 * 4000
