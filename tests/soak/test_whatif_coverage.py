"""The intervals of a what-if over thousands of simulated logs."""

from __future__ import annotations

import pytest

from tests.whatif.coverage import CASES, require_coverage

pytestmark = pytest.mark.soak

LOGS = 2_000


@pytest.mark.cases(0, 4)
@pytest.mark.parametrize("case", CASES)
def test_95_percent_intervals_hold_the_truth_at_their_rate_over_thousands_of_logs(case: str, seed: int) -> None:
    require_coverage(case, range(1_000_000 + seed * LOGS, 1_000_000 + (seed + 1) * LOGS))
