"""The intervals of a what-if against simulations with a known truth: over a hundred logs each, in the long form over thousands."""

from __future__ import annotations

import pytest

from tests.conftest import is_long
from tests.whatif.coverage import CASES, least_held, require_coverage

pytestmark = pytest.mark.soak

LOGS, LONG_LOGS = 100, 2_000


@pytest.mark.cases(1, 5)
@pytest.mark.parametrize("case", CASES)
def test_95_percent_intervals_hold_the_truth_at_their_rate(
    case: str, seed: int, request: pytest.FixtureRequest
) -> None:
    logs = LONG_LOGS if is_long(request.config) else LOGS
    require_coverage(case, range(seed * logs, (seed + 1) * logs))


def test_the_bound_of_the_count_would_find_intervals_that_hold_the_truth_less_often() -> None:
    assert least_held(LOGS) == 85
    assert least_held(LONG_LOGS) > 0.93 * LONG_LOGS
