"""What a day and a month will have cost, by what past days did."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from swarm.insight.outlook import LEAST, LONGEST, Band, outlook, past_days

TODAY = date(2026, 11, 21)


def history(totals: list[int]) -> dict[str, int]:
    """Days up to yesterday that cost so much."""
    return {(TODAY - timedelta(days=len(totals) - place)).isoformat(): nanos for place, nanos in enumerate(totals)}


def test_days_that_are_all_alike_leave_no_doubt() -> None:
    past = history([100] * 10)
    later = dict.fromkeys(past, 40)
    found = outlook({**past, TODAY.isoformat(): 55}, later, TODAY, left=9)
    assert found.day == Band(95, 95, 95)
    assert found.month == Band(*[10 * 100 + 55 + 40 + 9 * 100] * 3)


def test_fewer_than_seven_past_days_are_too_little_to_say() -> None:
    found = outlook(history([100] * (LEAST - 1)), {}, TODAY, left=9)
    assert (found.days, found.day, found.month) == (LEAST - 1, None, None)
    assert outlook({}, {}, TODAY, left=9).days == outlook({TODAY.isoformat(): 5}, {}, TODAY, left=9).days == 0
    assert outlook(history([100] * LEAST), {}, TODAY, left=9).month is not None


def test_quiet_days_count_and_what_is_long_past_does_not() -> None:
    by_day = history([7, *[0] * 5, 9])
    assert len(past_days(by_day, TODAY)) == 7
    found = outlook({**by_day, "2026-01-01": 10**12}, {}, TODAY, left=0)
    assert found.days == LONGEST
    assert found.day == Band(0, 0, 0) and found.month == Band(16, 16, 16)


def test_days_of_which_the_log_has_no_more_than_the_sum_are_not_drawn_from() -> None:
    past = history([900] * 10 + [100] * 8)
    found = outlook(past, dict.fromkeys(past, 40), TODAY, left=1, since="2026-11-12")
    assert found.days == 8 and found.day == Band(40, 40, 40)
    assert outlook(past, {}, TODAY, left=1, since="2026-11-14").day is None


@given(st.lists(st.integers(0, 10**12), min_size=LEAST, max_size=60), st.integers(0, 10**12), st.integers(0, 30))
def test_a_forecast_is_no_less_than_what_is_spent_and_no_more_than_the_worst_days(
    totals: list[int], now: int, left: int
) -> None:
    past = history(totals)
    by_day, later = {**past, TODAY.isoformat(): now}, {day: nanos // 3 for day, nanos in past.items()}
    found = outlook(by_day, later, TODAY, left=left)
    assert found == outlook(by_day, later, TODAY, left=left)
    spent = sum(nanos for day, nanos in by_day.items() if day.startswith("2026-11"))
    worst = max(past[day.isoformat()] for day in past_days(by_day, TODAY))
    assert found.day is not None and found.month is not None
    assert now <= found.day.low <= found.day.median <= found.day.high <= now + worst // 3
    assert spent <= found.month.low <= found.month.median <= found.month.high <= spent + worst // 3 + left * worst
