"""Calendar periods, what stands before them, and the moments at which their days begin."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.insight.periods import Name, Period, days_of_month_left, moment, period_of

BERLIN = ZoneInfo("Europe/Berlin")
days = st.dates(date(1990, 1, 1), date(2100, 1, 1))


def days_in(period: Period | None) -> tuple[str, str, str, str]:
    assert period is not None
    return str(period.first), str(period.last), str(period.before_first), str(period.before_last)


def test_a_day_a_week_and_a_month_hold_today_and_stand_beside_as_many_days_before() -> None:
    today = date(2026, 11, 21)  # a Saturday
    assert days_in(period_of("day", today)) == ("2026-11-21", "2026-11-21", "2026-11-20", "2026-11-20")
    assert days_in(period_of("week", today)) == ("2026-11-16", "2026-11-21", "2026-11-09", "2026-11-14")
    assert days_in(period_of("month", today)) == ("2026-11-01", "2026-11-21", "2026-10-01", "2026-10-21")
    assert period_of("all", today) is None


@pytest.mark.parametrize(
    ("name", "today", "label"),
    [("day", "2026-11-21", "2026-11-21"), ("week", "2027-01-01", "2026-W53"), ("month", "2026-02-01", "2026-02")],
)
def test_a_week_has_the_number_of_the_iso_calendar(name: Name, today: str, label: str) -> None:
    period = period_of(name, date.fromisoformat(today))
    assert period is not None and period.label == label


def test_before_the_end_of_a_long_month_stands_all_of_a_shorter_one() -> None:
    assert days_in(period_of("month", date(2027, 3, 31)))[2:] == ("2027-02-01", "2027-02-28")


@given(days, st.sampled_from(("day", "week", "month")))
def test_a_period_ends_today_and_the_one_before_ends_before_it_begins(today: date, name: Name) -> None:
    period = period_of(name, today)
    assert period is not None
    assert period.first <= period.last == today
    assert period.before_first <= period.before_last < period.first
    assert period.before_last - period.before_first <= period.last - period.first
    assert days_of_month_left(today) == ((today.replace(day=28) + timedelta(4)).replace(day=1) - today).days - 1


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-21", 24)])
def test_a_day_on_which_the_clock_changes_is_an_hour_shorter_or_longer(day: str, hours: int) -> None:
    first = date.fromisoformat(day)
    begins, ends = moment(first, BERLIN), moment(first + timedelta(days=1), BERLIN)
    assert ends - begins == hours * 3_600_000_000
    assert datetime.fromtimestamp(begins / 1e6, BERLIN).time() == time()


def test_a_time_of_day_is_that_of_the_wall_clock() -> None:
    assert moment(date(2026, 11, 21), UTC, time(10, 0, 0, 7)) == 1_795_255_200_000_007
    assert moment(date(2026, 7, 1), BERLIN, time(12)) == moment(date(2026, 7, 1), UTC, time(10))
