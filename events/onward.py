"""Reading a log on for as long as somebody looks, whatever is done to its file meanwhile."""

from __future__ import annotations

from events.log import Entry, EventLog, LogError, LogLocked, LogLost
from events.types.upkeep import LogArchived


async def read_on(log: EventLog, *, after: int, newest: Entry | None, limit: int) -> list[Entry] | None:
    """The entries behind position `after`, at most `limit`; None where an archive took some that were still to be read.

    `newest` is the entry at `after` where it was read: they are read together with it, and of another log it would be another
    one. Of a page that holds a damaged entry comes what stands before that. Raises LogLost, and what `read` raises.
    """
    if newest is None:
        return await _read_sound(log, after, limit, 0)
    entries = await _read_sound(log, after - 1, limit, 1)
    if entries and (entries[0].position, entries[0].id) == (newest.position, newest.id):
        return entries[1:]
    archived = await log.archived()
    if archived is not None and isinstance(archived.event, LogArchived) and archived.event.position >= after:
        return None
    remedy = "run `swarm verify` to see what is wrong with it"
    raise LogLost(url=log.url, what=f"changed at position {after:,}", remedy=remedy)


async def _read_sound(log: EventLog, after: int, limit: int, known: int) -> list[Entry]:
    """Up to `limit` entries and the `known` ones before them."""
    while True:
        try:
            return await log.read(after=after, limit=known + limit)
        except LogLocked:
            raise
        except LogError:
            if limit == 1:
                raise
            limit //= 2
