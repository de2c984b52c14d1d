"""The events of a session that the screen no longer holds, read from the log again."""

from __future__ import annotations

from events.log import Entry, EventLog
from tui.feed import EventsOf


def events_of(log: EventLog) -> EventsOf:
    async def look_up(session: int, after: int, many: int) -> list[Entry]:
        return await log.read(after=after, limit=many, session=session)

    return look_up
