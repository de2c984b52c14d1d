"""When a cron expression is due, found the long way: minute by minute on the wall clock of a zone. Nothing of the program is in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

_NAMES = {
    3: dict(
        zip(
            ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
            range(1, 13),
            strict=True,
        )
    ),
    4: dict(zip(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], range(7), strict=True)),
}
_DAY = 1_440  # minutes
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))

Array = np.ndarray[Any, np.dtype[Any]]


def due(cron: str, zone: str, begin: datetime, end: datetime) -> list[int]:
    """The slots from `begin` to `end` (whole hours in UTC, the second not included), as microseconds since 1970."""
    fields = cron.upper().split()
    sets = [_values(field, number) for number, field in enumerate(fields)]
    minutes = np.arange(int(begin.timestamp()) // 60, int(end.timestamp()) // 60, dtype=np.int32)
    local = minutes + offsets(minutes, zone)
    first = int(local.min()) // _DAY * _DAY - _DAY
    matches = _matches(first // _DAY, int(local.max()) // _DAY + 1, sets, fields)  # by local minute
    if fields[0].startswith("*") or fields[1].startswith("*"):
        hits = matches[local - first]  # as time goes by: each minute that matches, also one that comes twice
    else:
        # a minute of the wall clock counts when the clock first shows it or jumps over it
        shown = np.maximum.accumulate(local)
        before = np.concatenate([[local[0] - 1], shown[:-1]])
        sums = np.cumsum(matches)
        hits = sums[shown - first] > sums[before - first]
    return [int(minute) * 60_000_000 for minute in minutes[hits]]


def offsets(minutes: Array, zone: str) -> Array:
    """Minutes between UTC and a zone, for each of these minutes, which follow each other."""
    days = [datetime.fromtimestamp(int(minute) * 60, UTC) for minute in minutes[::_DAY]]
    known = [offset(day, zone) for day in (*days, days[-1] + timedelta(days=1))]
    found = np.repeat(np.array(known[:-1], dtype=np.int32), _DAY)
    for at, day in enumerate(days):
        if known[at] != known[at + 1]:  # no clock is changed twice in a day
            each = [offset(day + timedelta(minutes=minute), zone) for minute in range(_DAY)]
            found[at * _DAY : at * _DAY + _DAY] = each
    return found[: len(minutes)]


def offset(moment: datetime, zone: str) -> int:
    """Minutes between UTC and a zone at a moment."""
    return int((moment.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()).total_seconds()) // 60


def _matches(first: int, last: int, sets: list[set[int]], fields: list[str]) -> Array:
    """Of each minute of the local days from the first to the last (days since 1970) whether it is named."""
    days = np.arange(first, last + 1).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    of_month = np.isin((days - months).astype(int) + 1, list(sets[2]))
    of_week = np.isin((days.astype(int) + 4) % 7, [each % 7 for each in sets[4]])  # 1970 began on a Thursday
    both = fields[2].startswith("*") or fields[4].startswith("*")
    day = of_month & of_week if both else of_month | of_week
    day &= np.isin(months.astype(int) % 12 + 1, list(sets[3]))
    minute = np.array([at % 60 in sets[0] and at // 60 in sets[1] for at in range(_DAY)])
    return np.asarray(day[:, None] & minute[None, :]).ravel()


def _values(field: str, number: int) -> set[int]:
    low, high = _BOUNDS[number]
    found: set[int] = set()
    for term in field.split(","):
        span, _, step = term.partition("/")
        one, _, other = span.partition("-")
        first = low if one == "*" else _value(one, number)
        last = high if one == "*" or (step and not other) else _value(other or one, number)
        found |= set(range(first, last + 1, int(step or 1)))
    return found


def _value(word: str, number: int) -> int:
    names = _NAMES.get(number, {})
    return names[word] if word in names else int(word)
