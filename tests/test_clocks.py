"""Days and months by a clock that jumps: none reopens, none has a cent twice, in whatever time zone and over whatever change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.log import EventLog, open_log
from events.scopes import month_of
from events.testing.builders import SetClock
from events.types.call import CallReserved
from swarm.messages import FREE
from swarm.money.caps import Cap, Need, day_scope
from swarm.money.days import MOST_BACK_D, Days
from tests.ledger_agents import entries_of
from tests.running import DEAR, Cast, model, money_of, run, serving

HOUR_S = 3600
WALK_H = (-25, -2, -0.01, 0.01, -0.5, 0.4, 1.1, -1, 1.5, 23, -1, 25, 24, 49, 26)
"""Hours from a change of the clock at which something is paid, in this order: on, back over it, and over midnights."""


def instant(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1e6)


def in_words(now: int, zone: str) -> date:
    """The local day, by the system's own arithmetic."""
    return datetime.fromtimestamp(now / 1e6, ZoneInfo(zone)).date()


async def days_of(log: EventLog) -> list[str]:
    """The day of each reservation, in their order."""
    calls = [entry.event for entry in await entries_of(log) if isinstance(entry.event, CallReserved)]
    return [scope for call in calls for scope in call.scopes if scope.startswith("day:")]


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("Europe/Berlin", "2026-03-29T01:00Z"),
        ("Europe/Berlin", "2026-10-25T01:00Z"),
        ("America/Santiago", "2026-04-05T03:00Z"),  # the hour before midnight comes twice
        ("America/Santiago", "2026-09-06T04:00Z"),  # there is no midnight
        ("Asia/Beirut", "2026-03-28T22:00Z"),
        ("Asia/Beirut", "2026-10-24T21:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T15:00Z"),  # half an hour
        ("Pacific/Apia", "2011-12-30T10:00Z"),  # a whole day is left out
        ("Europe/Berlin", "2026-12-31T23:00Z"),
        ("UTC", "2028-03-01T00:00Z"),
    ],
)
async def test_no_day_reopens_and_days_add_up_to_months_and_months_to_all(
    zone: str, change: str, tmp_path: Path
) -> None:
    middle, clock, costs = instant(change), SetClock(), list[int]()
    expected: list[str] = []
    paid = model("m1", "paid", price=DEAR)
    async with open_log(tmp_path / "log.db", clock=clock) as log:
        async with serving(Cast(), paid, time_zone=zone) as (_, plan):
            for hours in WALK_H:
                clock.now = middle + round(hours * HOUR_S * 1e6)
                result = await run(log, "prompt: Write.\ncheck: {contains: result}\n", plan, tmp_path, clock=clock)
                assert result.exit_code == 0, result
                costs.append(result.cost_nanos)
                expected.append(
                    f"day:{max(in_words(clock.now, zone).isoformat(), *(day[4:14] for day in expected), '')}@{zone}"
                )
        days, money = await days_of(log), await money_of(log)
    assert days == expected == sorted(expected), "one call each, never in a day before"
    for day in set(days):
        assert money.scope(day).spent.nanos == sum(cost for cost, each in zip(costs, days, strict=True) if each == day)
    for month in set(map(month_of, days)):
        inside = [day for day in set(days) if month_of(day) == month]
        assert money.scope(month).spent == _sum_of(money, inside)
    assert money.scope("log").spent.nanos == sum(costs) > 0


def _sum_of(money: object, scopes: Sequence[str]) -> object:
    from events.views.money import Amount, MoneyView

    assert isinstance(money, MoneyView)
    total = Amount()
    for scope in scopes:
        spent = money.scope(scope).spent
        total.add(spent.tokens, spent.nanos)
    return total


async def test_going_back_over_midnight_gives_no_second_allowance(tmp_path: Path) -> None:
    """What the day before had left is gone with it, and what the new one has spent stays spent."""
    clock = SetClock(instant("2026-11-21T23:59:59+01:00"))
    async with open_log(tmp_path / "log.db", clock=clock) as log:
        async with serving(Cast(), model("m1", "paid", price=DEAR), time_zone="Europe/Berlin", day_nanos=2_600_000) as (
            server,
            plan,
        ):
            asked: list[int] = []
            for seconds in (0, 2, -2, -2, 5, 86_400):
                clock.move(seconds)
                while (
                    await run(log, "prompt: Write.\nlimits: {answer: 1024}\nbudget: 1M\n", plan, tmp_path, clock=clock)
                ).exit_code == 0:
                    pass
                asked.append(len(server.requests))
        days = await days_of(log)
    first, second, third = (f"day:2026-11-2{number}@Europe/Berlin" for number in (1, 2, 3))
    assert list(dict.fromkeys(days)) == [first, second, third]
    assert asked[1] > asked[0] and asked[1:5] == [asked[1]] * 4 and asked[5] > asked[4]


async def test_a_clock_that_was_a_year_ahead_closes_no_day_until_then(tmp_path: Path) -> None:
    clock = SetClock(instant("2027-11-21T12:00Z"))
    async with open_log(tmp_path / "log.db", clock=clock) as log, serving(Cast()) as (_, plan):
        for days in (0, -365, 1, -1):
            clock.move(days * 24 * HOUR_S)
            await run(log, "prompt: Write.\ncheck: {contains: result}\n", plan, tmp_path, clock=clock)
        assert await days_of(log) == [
            f"day:{day}@UTC" for day in ("2027-11-21", "2026-11-21", "2026-11-22", "2026-11-22")
        ]


@given(st.lists(st.tuples(st.dates(date(2026, 1, 1), date(2026, 3, 5)), st.sampled_from(["UTC", "local"]))))
def test_each_need_counts_in_the_last_day_of_its_zone_and_in_the_month_of_that_day(
    named: list[tuple[date, str]],
) -> None:
    days, counted = Days(), dict[str, list[str]]()
    for day, zone in named:
        scope = f"day:{day.isoformat()}@{zone}"
        path = ("log", month_of(scope), scope, "s1")
        need = Need(
            scopes=path,
            named=(scope, "s1"),
            caps=tuple(Cap(scope=each, tokens=5) for each in path),
            price=FREE,
            input_tokens=1,
            output_tokens=1,
            least_output_tokens=1,
        )
        moved = days.in_the_last(need)
        assert days.in_the_last(moved) == moved, "it is there already"
        mine = moved.named[0]
        assert moved.scopes == ("log", month_of(mine), mine, "s1") == tuple(cap.scope for cap in moved.caps)
        assert mine >= scope
        counted.setdefault(zone, []).append(mine)
        days.see(moved.scopes)
    for each in counted.values():
        numbers = [date.fromisoformat(day[4:14]).toordinal() for day in each]
        for at, number in enumerate(numbers):
            assert not {number + more for more in range(1, MOST_BACK_D + 1)} & set(numbers[:at]), "it had ended"


def test_the_machines_own_zone_has_days_too() -> None:
    days = Days()
    days.see([day_scope(instant("2026-11-21T12:00Z"), ""), "log", "day", "project:day:x"])
    assert list(days.begun) == ["local"]
