"""Where in a record a person wants to be: an event, a time, a task, or what sticks out, as it is typed."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, tzinfo
from difflib import get_close_matches

from tui.record import KINDS, Record
from tui.words import cut

FORMS = "#48213 (an event), 14:03 or 14:03:22 (a time), +10m or -2m, a task's name, start, end, or fail, retry, budget or person"

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_EVENT = re.compile(r"#?([0-9]{1,18})")
_SPAN = re.compile(r"([+-])([0-9]{1,9}(?:\.[0-9]{1,3})?)([smhd])")
_TIME = re.compile(r"(?:([0-9]{4}-[0-9]{2}-[0-9]{2})[T ])?([0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)")


class NotThere(Exception):
    """What was typed leads nowhere in the record; the message is for people, and says what does."""


def sought(text: str, record: Record, *, zone: tzinfo | None, cursor: int | None = None) -> int:
    """The number of the event that is meant, from 0. What is counted or looked for on from somewhere begins at the cursor;
    without one at the start, a time back at the end. Raises NotThere."""
    text = text.strip()
    if text in ("start", "end"):
        return 0 if text == "start" else len(record) - 1
    if text.lower() in KINDS:
        return _next([mark.index for mark in record.marks if mark.kind == text.lower()], cursor, text)
    if text in record.tasks and not _SPAN.fullmatch(text):
        return _next(list(record.tasks[text]), cursor, text)
    if found := _EVENT.fullmatch(text):
        return _at_position(int(found[1]), record)
    if found := _SPAN.fullmatch(text):
        return _at_span(found, record, cursor)
    if found := _TIME.fullmatch(text):
        return _at_time(found[1], found[2], record, zone, cursor)
    raise NotThere(_nothing(text, record))


def _next(numbers: list[int], cursor: int | None, what: str) -> int:
    """The first number behind the cursor; from the start again where there is none behind it."""
    if not numbers:
        raise NotThere(f"nothing that would be found as {what} is recorded in this session")
    return next((number for number in numbers if cursor is None or number > cursor), numbers[0])


def _at_position(position: int, record: Record) -> int:
    first, last = record.positions[0], record.positions[-1]
    if not first <= position <= last:
        raise NotThere(f"#{position:,} is no event of this session; its events are #{first:,} to #{last:,}")
    return record.until_position(position)


def _at_span(found: re.Match[str], record: Record, cursor: int | None) -> int:
    sign, number, unit = found.groups()
    span = round(float(number) * _UNITS[unit] * 1e6)
    if cursor is None:
        cursor = 0 if sign == "+" else len(record) - 1
    at = record.times[cursor] + (span if sign == "+" else -span)
    return min(max(record.until_time(at), 0), len(record) - 1)


def _at_time(day: str | None, clock: str, record: Record, zone: tzinfo | None, cursor: int | None) -> int:
    """The last event up to a time of day, on the cursor's day or else on the first day on which the record has it."""
    grain_us = 60_000_000 if clock.count(":") == 1 else 1_000_000  # a record that begins at 14:03:22.181 has 14:03
    try:
        wanted = time.fromisoformat(clock if clock.index(":") == 2 else f"0{clock}")
        days = [date.fromisoformat(day)] if day else _days(record, zone, cursor)
        moments = [_moment(datetime.combine(each, wanted), zone) for each in days]
    except (ValueError, OverflowError) as error:
        raise NotThere(f"{clock if day is None else f'{day} {clock}'} is no time; write 14:03 or 14:03:22") from error
    for at in moments:
        if record.times[0] < at + grain_us and at <= record.times[-1]:
            return max(record.until_time(at), 0)
    first, last = (datetime.fromtimestamp(record.times[index] // 1_000_000, zone) for index in (0, -1))
    form = "%H:%M:%S" if first.date() == last.date() else "%Y-%m-%d %H:%M:%S"
    raise NotThere(f"nothing is recorded at {clock}; the session's events are from {first:{form}} to {last:{form}}")


def _moment(wall: datetime, zone: tzinfo | None) -> int:
    return round((wall.replace(tzinfo=zone) if zone else wall.astimezone()).timestamp() * 1e6)


def _days(record: Record, zone: tzinfo | None, cursor: int | None) -> list[date]:
    at = [record.times[cursor or 0], record.times[0], record.times[-1]]
    own, first, last = (datetime.fromtimestamp(each / 1e6, zone).date() for each in at)
    return [own, *(first + timedelta(days=number) for number in range((last - first).days + 1))]


def _nothing(text: str, record: Record) -> str:
    near = get_close_matches(text, list(record.tasks), n=1)
    guess = f"; did you mean {near[0]}?" if near else f"; write {FORMS}"
    return f"{cut(repr(text), 40)} is no event, time or task of this session{guess}"
