"""Moments as people write them: a while ago, a day, a time of a day; and where in the log they fall."""

from __future__ import annotations

import re
from datetime import datetime, time, tzinfo

from events.log import EventLog
from swarm.errors import UsageError
from swarm.units import parse_seconds

_POSITION = re.compile(r"[0-9]{1,18}")


def moment_of(text: str, option: str, *, now: int, zone: tzinfo | None, ends: bool = False) -> int:
    """Microseconds since 1970 of `2h`, `2026-11-20` or `2026-11-20T14:30`; where it `ends` something, a day to its last.

    Raises UsageError.
    """
    if (ago := _ago(text, now)) is not None:
        return ago
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{option} {text!r}: write a time such as 2h or 1d (so long ago), a day such as 2026-11-20, or "
            "2026-11-20T14:30"
        ) from error
    if re.fullmatch(r"[0-9-]+", text) and ends:
        found = datetime.combine(found.date(), time.max)
    if found.tzinfo is None:
        found = found.replace(tzinfo=zone) if zone is not None else found.astimezone()
    return round(found.timestamp() * 1e6)


async def position_after(log: EventLog, since: str, *, now: int) -> int:
    """The position behind which `since` begins: a while ago, or a position. Raises UsageError."""
    require_since(since)
    if _POSITION.fullmatch(since):
        return max(0, int(since) - 1)
    moment = _ago(since, now)
    return await last_before(log, moment) if moment is not None else 0


def require_since(since: str) -> None:
    """Raises UsageError where it is neither a while nor a position."""
    if not _POSITION.fullmatch(since) and _ago(since, 0) is None:
        raise UsageError(f"--since {since!r}: write a time such as 2h, 30m or 1d, or a position such as 4711")


def _ago(text: str, now: int) -> int | None:
    """The moment that lies a time such as 2h behind; None where the text is no time."""
    try:
        return now - round(parse_seconds(text) * 1e6)
    except ValueError:
        return None


async def last_before(log: EventLog, moment: int) -> int:
    """The position of the last entry that is older than a moment; 0 where there is none."""
    low, high = 0, (await log.head()).position  # the first entry at or after the moment lies behind low, up to high + 1
    while low < high:
        middle = (low + high) // 2
        entry = await log.read(after=middle, limit=1)
        if entry and entry[0].at < moment:
            low = entry[0].position
        else:
            high = middle
    return low
