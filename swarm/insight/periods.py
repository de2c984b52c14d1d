"""Calendar periods by local days, the same days of the period before, and the moments at which days begin. Pure."""

from __future__ import annotations

import calendar
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Literal

import msgspec

Name = Literal["day", "week", "month", "all"]


class Period(msgspec.Struct, frozen=True):
    """The days of a calendar period up to today, and as many of the one before."""

    name: Name
    first: date
    last: date
    before_first: date
    before_last: date

    @property
    def label(self) -> str:
        """The period in one word: a day, an ISO week such as 2026-W47, a month such as 2026-11."""
        if self.name == "week":
            year, week, _ = self.first.isocalendar()
            return f"{year}-W{week:02}"
        return self.first.isoformat()[:7] if self.name == "month" else self.first.isoformat()


def period_of(name: Name, today: date) -> Period | None:
    """The period that holds today; None for everything. A week is an ISO week, from Monday on.

    Before a day stands yesterday as a whole, before a week the same days of the last one, before a month the last one up to
    the same day, or to its end where it is shorter.
    """
    match name:
        case "day":
            yesterday = today - timedelta(days=1)
            return Period(name, today, today, yesterday, yesterday)
        case "week":
            first, week = today - timedelta(days=today.weekday()), timedelta(days=7)
            return Period(name, first, today, first - week, today - week)
        case "month":
            first = today.replace(day=1)
            before = (first - timedelta(days=1)).replace(day=1)
            last = before.replace(day=min(today.day, calendar.monthrange(before.year, before.month)[1]))
            return Period(name, first, today, before, last)
        case "all":
            return None


def moment(day: date, zone: tzinfo | None, at: time = time()) -> int:
    """A time on the wall clock of a day, in microseconds since 1970; None is the machine's zone.

    A time that the clock passes over in spring is as long after midnight as it says, one that it shows twice the first.
    """
    return round(datetime.combine(day, at, zone).timestamp()) * 1_000_000 + at.microsecond


def days_of_month_left(today: date) -> int:
    """How many days of the month follow."""
    return calendar.monthrange(today.year, today.month)[1] - today.day
