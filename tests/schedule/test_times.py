"""When a rule is due: against a search through all minutes, at both changes of clocks, whatever was asked before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise, takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.types.schedule import Rule
from swarm.schedule.times import delay_of, due_after, expression_of, next_times, require_cron
from tests.schedule import oracle

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",  # whose clock jumps at midnight
    "Australia/Lord_Howe",  # by half an hour
    "Africa/Casablanca",  # with the moon
    "Asia/Kathmandu",  # never, and 45 minutes off
)
BEGIN, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2034, 1, 1, tzinfo=UTC)
S = 1_000_000


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * S


def slots(cron: str, zone: str, begin: datetime, end: datetime) -> list[int]:
    rule = Rule(cron=cron, zone=zone)
    until = int(end.timestamp()) * S
    return list(takewhile(lambda slot: slot < until, due_after(rule, int(begin.timestamp()) * S - 1)))


@pytest.mark.parametrize("zone", ZONES)
def test_ten_years_of_slots_are_those_that_a_search_through_all_minutes_finds(zone: str) -> None:
    cron = "*/20 0-3 * * SUN"  # tests/schedule/test_ten_years.py has one that names its hour
    found = slots(cron, zone, BEGIN, END)
    assert found == oracle.due(cron, zone, BEGIN, END)
    assert len(found) > 3_600


@cache
def changes(zone: str) -> list[datetime]:
    """The hours of two years in which the clock of a zone is changed; the last of February where it never is."""
    hours = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(2 * 365 * 24)]
    found = [hour for hour, after in pairwise(hours) if oracle.offset(hour, zone) != oracle.offset(after, zone)]
    return found or [datetime(2024, 2, 29, tzinfo=UTC)]


def fields() -> st.SearchStrategy[str]:
    """Expressions whose times lie where clocks are changed."""
    minutes = st.sampled_from(["*", "*/7", "*/30", "0", "30", "0,30", "15-45/15", "59", "1,2,3"])
    hours = st.sampled_from(["*", "*/2", "*/3", "0", "1", "2", "3", "1-3", "0,2", "23", "2,3", "0-5/2"])
    days, months = st.sampled_from(["*", "*", "1-7", "29", "31", "*/2"]), st.sampled_from(["*", "*", "3,4,9-11"])
    weekdays = st.sampled_from(["*", "*", "SUN", "0", "7", "SAT,SUN", "1-5", "SUN-TUE"])
    return st.tuples(minutes, hours, days, months, weekdays).map(" ".join)


@given(fields(), st.sampled_from(ZONES), st.data())
def test_where_clocks_are_changed_each_slot_is_found_and_no_other(cron: str, zone: str, data: st.DataObject) -> None:
    change = data.draw(st.sampled_from(changes(zone)))
    begin, end = change - timedelta(hours=30), change + timedelta(hours=40)
    expected = oracle.due(cron, zone, begin, end)
    # the first one that a day later begins to count from is no slot of the two
    after = begin + timedelta(minutes=data.draw(st.integers(0, 60 * 60)))
    assert slots(cron, zone, begin, end) == expected
    until = int(end.timestamp()) * S
    behind = takewhile(lambda slot: slot < until, due_after(Rule(cron=cron, zone=zone), int(after.timestamp()) * S))
    assert list(behind) == [slot for slot in expected if slot > int(after.timestamp()) * S]


@settings(max_examples=20, deadline=None)
@given(fields(), st.sampled_from(ZONES))
def test_asked_slot_by_slot_the_same_are_found_as_at_once(cron: str, zone: str) -> None:
    rule = Rule(cron=cron, zone=zone)
    at_once = next_times(rule, moment("2025-03-25T00:00+00:00"), 12)
    one_by_one: list[int] = []
    for _ in range(len(at_once)):
        one_by_one += next_times(rule, (one_by_one or [moment("2025-03-25T00:00+00:00")])[-1], 1)
    assert one_by_one == at_once


def test_a_leap_day_comes_once_in_four_years() -> None:
    found = slots("0 12 29 2 *", "Europe/Berlin", BEGIN, END)
    assert [datetime.fromtimestamp(slot / S, UTC).year for slot in found] == [2024, 2028, 2032]


def test_half_past_two_is_at_three_where_the_clock_jumps_and_once_where_it_is_shown_twice() -> None:
    rule = Rule(cron="30 2 * * *", zone="Europe/Berlin")
    assert next_times(rule, moment("2026-03-29T00:00+01:00"), 1) == [moment("2026-03-29T03:00+02:00")]
    assert next_times(rule, moment("2026-10-25T00:00+02:00"), 2) == [
        moment("2026-10-25T02:30+02:00"),
        moment("2026-10-26T02:30+01:00"),
    ]


def test_an_interval_is_elapsed_time_from_its_anchor() -> None:
    anchor = moment("2026-03-29T00:10+01:00")
    rule = Rule(every_s=5_400, anchor=anchor, zone="Europe/Berlin")
    assert next_times(rule, anchor, 2) == [moment("2026-03-29T01:40+01:00"), moment("2026-03-29T04:10+02:00")]
    assert next_times(rule, anchor - 10**15, 1) == [anchor + 5_400 * S]


@given(st.integers(60, 86_400), st.integers(0, 10**9), st.integers(0, 10**9))
def test_every_slot_of_an_interval_lies_behind_the_one_before(every: int, anchor: int, after: int) -> None:
    rule = Rule(every_s=every, anchor=anchor * S)
    found = next_times(rule, after * S, 3)
    assert found[0] > after * S and (found[0] - anchor * S) % (every * S) == 0
    assert found[0] - after * S <= every * S or after < anchor
    assert [second - first for first, second in pairwise(found)] == [every * S] * 2


def test_nothing_is_due_before_the_start_and_from_the_end_on() -> None:
    start, end = moment("2026-01-02T00:00+00:00"), moment("2026-01-04T00:00+00:00")
    rule = Rule(cron="@daily", start=start, end=end)
    assert next_times(rule, 0, 5) == [start, moment("2026-01-03T00:00+00:00")]


@given(st.integers(0, 3_600), st.integers(0, 10**7))
def test_a_jitter_is_bounded_and_always_the_same(jitter: int, minute: int) -> None:
    rule, slot = Rule(cron="* * * * *", jitter_s=jitter), minute * 60 * S
    assert 0 <= delay_of("nightly", rule, slot) <= jitter * S
    assert delay_of("nightly", rule, slot) == delay_of("nightly", rule, slot)


def test_the_jitter_of_a_hundred_schedules_spreads_them() -> None:
    rule = Rule(cron="@daily", jitter_s=600)
    assert len({delay_of(f"job-{number}", rule, 0) for number in range(100)}) > 80


def test_words_stand_for_expressions_and_names_for_numbers() -> None:
    assert expression_of(" @Daily ") == "0 0 * * *"
    assert next_times(Rule(cron="0 9 * JAN mon"), 0, 3) == next_times(Rule(cron="0 9 * 1 1"), 0, 3)


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("@reboot", "is no word for a time; known here: @hourly"),
        ("* * * *", "has 4 fields, and a cron expression has five"),
        ("0 0 * * * *", "has 6 fields"),
        ("61 * * * *", "the field minute cannot be read"),
        ("0 0 * * FOO", "the field day of week cannot be read"),
        ("0 0 31 2 *", "the field day of month cannot be read"),
    ],
)
def test_an_expression_that_cannot_be_read_is_told_with_its_field(cron: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        require_cron(cron)
    assert said in str(caught.value)
