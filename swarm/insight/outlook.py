"""What a day and a month will have cost at their end, as far as past days can say. Pure, and the same for the same log.

The past days (28 at the most, quiet ones included, today not) are drawn from with replacement: for today what each of them
spent behind the present time of day, for each day that is left of the month what one of them spent. The band is from the
10th to the 90th percentile of 1,000 draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from random import Random

import msgspec

LONGEST, LEAST = 28, 7  # past days that are drawn from, and how many there have to be
DRAWS = 1_000
METHOD = "bootstrap over past days"


class Band(msgspec.Struct, frozen=True):
    """Nano-dollars: the median of the draws, and between what the middle eight tenths of them lie."""

    low: int
    median: int
    high: int


class Outlook(msgspec.Struct, frozen=True):
    """The end of the day and of the month; None where `days` past days are too few to say."""

    days: int
    day: Band | None
    month: Band | None


def past_days(by_day: Mapping[str, int], today: date, since: str = "") -> list[date]:
    """The days that can be drawn from: from the first that is recorded, behind `since`; LONGEST at the most, today left out."""
    recorded = min((day for day in by_day if day > since), default=today.isoformat())
    days = [today - timedelta(days=back) for back in range(LONGEST, 0, -1)]
    return [day for day in days if day.isoformat() >= recorded]


def outlook(by_day: Mapping[str, int], later: Mapping[str, int], today: date, left: int, since: str = "") -> Outlook:
    """Foresee from what each day cost, and what of it came behind the present time of day; `left` days of the month follow.

    Days up to `since` are not drawn from.
    """
    days = past_days(by_day, today, since)
    if len(days) < LEAST:
        return Outlook(len(days), None, None)
    totals = [by_day.get(day.isoformat(), 0) for day in days]
    rests = [later.get(day.isoformat(), 0) for day in days]
    now = by_day.get(today.isoformat(), 0)
    month = sum(nanos for day, nanos in by_day.items() if day[:7] == today.isoformat()[:7] and day <= today.isoformat())
    random = Random(0)  # the same log, the same forecast
    drawn = random.choices(rests, k=DRAWS)
    ends = (
        [month + rest + sum(random.choices(totals, k=left)) for rest in drawn] if left else [month + r for r in drawn]
    )
    return Outlook(len(days), _band([now + rest for rest in drawn]), _band(ends))


def _band(values: Sequence[int]) -> Band:
    ordered = sorted(values)
    low, median, high = (ordered[len(ordered) * tenths // 10] for tenths in (1, 5, 9))
    return Band(low, median, high)
