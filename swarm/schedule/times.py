"""When a rule is due: the slots of cron expressions and of intervals, whatever a clock does twice a year.

A slot is a moment in microseconds since 1970. An expression that names minutes and hours (`30 2 * * *`) is due once for each
minute of the wall clock that it names: where the clock jumps over that minute, at the first one behind the gap, and where the clock shows
it twice, the first time. One whose minute or hour begins with `*` is due at each minute that matches, as time goes by. So does
Debian's cron. An interval is elapsed time and knows no clock on a wall.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from events.types.schedule import Rule

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from cronsim import CronSim

SECOND = 1_000_000
"""Microseconds."""

ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

_DAY = timedelta(days=1)
_ONE = timedelta(seconds=1)
_LAST = datetime(9990, 1, 1, tzinfo=UTC)  # a datetime ends in 9999, and who looks for a match looks 8 years far


def expression_of(cron: str) -> str:
    """The five fields of an expression. Raises ValueError with the sentence to show."""
    words = cron.split()
    if len(words) == 1 and words[0].startswith("@"):
        if fields := ALIASES.get(words[0].lower()):
            return fields
        known = ", ".join(ALIASES)
        raise ValueError(f"{cron.strip()[:40]!r} is no word for a time; known here: {known}")
    if len(words) != 5:
        raise ValueError(
            f"{' '.join(words)[:60]!r} has {len(words)} fields, and a cron expression has five: minute, hour, day of the month, "
            "month, day of the week, such as `30 6 * * 1-5`"
        )
    return " ".join(words)


def require_cron(cron: str) -> None:
    """Raises ValueError, with the sentence to show, for an expression that cannot be read or is never due."""
    from cronsim import CronSim, CronSimError

    expression = expression_of(cron)
    try:
        next(CronSim(expression, datetime(2024, 1, 1)))
    except CronSimError as error:
        wrong = str(error).removeprefix("Bad ").replace("-", " ")
        raise ValueError(
            f"{expression!r}: the field {wrong} cannot be read; write it such as 5, 1-5, */15 or MON,FRI"
        ) from error
    except StopIteration:
        raise ValueError(f"{expression!r} is never due: no month has such a day") from None


def due_after(rule: Rule, after: int) -> Iterator[int]:
    """The slots behind a moment, in their order, each once. It may have no end."""
    after = max(after, rule.start - 1)
    slots = _interval(rule, after) if rule.every_s else _cron(rule, after)
    for slot in slots:
        if rule.end and slot >= rule.end:
            return
        yield slot


@lru_cache(maxsize=4_096)
def first_after(rule: Rule, after: int) -> int | None:
    """The first slot behind a moment; None where there is none. Who looks again and again asks for the same one."""
    return next(due_after(rule, after), None)


def next_times(rule: Rule, after: int, count: int) -> list[int]:
    """The next slots behind a moment, at most so many."""
    return list(islice(due_after(rule, after), count))


def delay_of(name: str, rule: Rule, slot: int) -> int:
    """How long the firing of a slot waits, in microseconds: by the jitter of its rule, for a name and a slot always the same."""
    if not rule.jitter_s:
        return 0
    digest = hashlib.sha256(f"{name}\n{slot}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % (rule.jitter_s + 1) * SECOND


def _interval(rule: Rule, after: int) -> Iterator[int]:
    step = rule.every_s * SECOND
    slot = rule.anchor + max(1, (after - rule.anchor) // step + 1) * step
    while slot < _moment(_LAST):
        yield slot
        slot += step


def _cron(rule: Rule, after: int) -> Iterator[int]:
    from zoneinfo import ZoneInfo  # a run reads task files, and most of them have no schedule

    zone = ZoneInfo(rule.zone)
    expression = expression_of(rule.cron)
    minute, hour, *_ = expression.split()
    begin = datetime.fromtimestamp(after // SECOND, UTC)
    of_the_clock = not (minute.startswith("*") or hour.startswith("*"))
    for found in (_by_clock if of_the_clock else _by_time)(expression, begin, zone):
        if found >= _LAST:
            return
        if (slot := _moment(found)) > after:
            yield slot


def _by_clock(expression: str, begin: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    from cronsim import CronSim

    for found in CronSim(expression, begin.astimezone(zone)):
        yield found.astimezone(UTC)


def _by_time(expression: str, begin: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """The minutes that match as time goes by.

    Between two changes of the clock local time is UTC and a constant, and a search in it crosses no gap. (Searched with the zone,
    cronsim 2.8 finds minutes in a gap at midnight, and leaves some out where a clock is changed by half an hour.)
    """
    offset = _offset(begin, zone)
    search = _search(expression, begin + offset)
    done = begin
    while (local := next(search, None)) is not None:
        found = local - offset
        if found >= _LAST:
            return
        change = _change(done, found, zone)
        if change is None:
            yield found
            done = found
        else:
            done, offset = change, _offset(change, zone)
            search = _search(expression, change + offset - _ONE)


def _search(expression: str, behind: datetime) -> CronSim:
    from cronsim import CronSim

    return CronSim(expression, behind)


def _change(begin: datetime, end: datetime, zone: ZoneInfo) -> datetime | None:
    """The first second behind `begin`, up to `end`, at which the offset of the zone is another than the second before."""
    offset = _offset(begin, zone)
    while begin < end:
        step = min(begin + _DAY, end)
        if _offset(step, zone) != offset:
            return _first_with_another(begin, step, offset, zone)
        begin = step
    return None


def _first_with_another(low: datetime, high: datetime, offset: timedelta, zone: ZoneInfo) -> datetime:
    while high - low > _ONE:
        middle = low + timedelta(seconds=(high - low) // _ONE // 2)
        if _offset(middle, zone) == offset:
            low = middle
        else:
            high = middle
    return high


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _moment(found: datetime) -> int:
    return int(found.timestamp()) * SECOND
