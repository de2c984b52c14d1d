"""Of which schedule a session was a run: the log says it once, where the session begins."""

from __future__ import annotations

from events.bus import read_all
from events.log import EventLog
from events.types.session import SessionOpened
from swarm.owner import SESSIONS


async def schedules_of(log: EventLog) -> dict[int, str]:
    """The names of the schedules by the number of the session; a session of none is not in it. Raises LogError."""
    found: dict[int, str] = {}
    async for entries in read_all(log, topic=SESSIONS):
        for entry in entries:
            if isinstance(entry.event, SessionOpened) and entry.event.schedule:
                found[entry.session] = entry.event.schedule
    return found
