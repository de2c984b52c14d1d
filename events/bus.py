"""The bus is the log and a wake-up: nothing is seen that is not stored first."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from events.log import Entry, EventLog

POLL_S = 0.05  # how often a follower looks for what other processes wrote (notes: idle poll 3 us, latency 25 ms)
RING_ENTRIES = 8192
PAGE_ENTRIES = 500  # read at once: what a larger page saves in hops it loses in the processor's cache


class Ring:
    """The newest committed entries of this process's log, for followers that are not far behind.

    It holds one unbroken stretch: an entry that another process wrote in between empties it, and followers read the file.
    """

    def __init__(self, *, capacity: int = RING_ENTRIES) -> None:
        self._capacity = capacity
        self._entries: deque[Entry] = deque(maxlen=capacity)
        self._base = -1  # every entry behind this position is held; -1 = nothing is known yet
        self._waiting: set[asyncio.Future[None]] = set()

    def publish(self, previous: int, entries: Sequence[Entry]) -> None:
        """Add a committed batch; `previous` is the last position before it. Wakes everyone who waits."""
        if not entries:
            return
        if self._base < 0 or self.last != previous:
            self._entries.clear()
            self._base = previous
        held = len(self._entries)
        overflow = held + len(entries) - self._capacity
        if overflow > 0:  # the last one that falls out
            self._base = (self._entries[overflow - 1] if overflow <= held else entries[overflow - held - 1]).position
        self._entries.extend(entries)
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
        self._waiting.clear()

    def forget(self) -> None:
        """Hold nothing: followers read the log until the next commit of this process."""
        self._entries.clear()
        self._base = -1

    @property
    def last(self) -> int:
        return self._entries[-1].position if self._entries else self._base

    def since(self, after: int) -> list[Entry] | None:
        """Entries behind `after`, or None where the ring does not reach back so far."""
        if self._base < 0 or after < self._base:
            return None
        if after >= self.last:
            return []
        count = len(self._entries)
        first = bisect_right(self._entries, after, key=lambda entry: entry.position)
        return [self._entries[index] for index in range(first, count)]

    async def wait(self, after: int, timeout: float) -> bool:
        """Wait for an entry behind `after` that this process commits, at most `timeout` seconds."""
        if self._base >= 0 and self.last > after:
            return True
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            async with asyncio.timeout(timeout):
                await waiter
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(waiter)
        return self.last > after


async def next_entries(log: EventLog, after: int, *, limit: int = 500, poll_s: float = POLL_S) -> list[Entry]:
    """Return the entries behind `after`, oldest first, at least one: read on, then wait to be woken.

    A slow caller falls behind alone and loses nothing: what left the ring is read from the log.
    """
    while True:
        known = log.since(after)
        if known:
            return known[:limit]
        if known is None and (entries := await log.read(after=after, limit=limit)):
            return entries
        while not await log.wait(after, timeout=poll_s):
            pass


async def follow(log: EventLog, *, after: int, poll_s: float = POLL_S) -> AsyncGenerator[list[Entry]]:
    """Yield the entries behind `after` for ever, in batches, in order, each once."""
    position = after
    while True:
        entries = await next_entries(log, position, poll_s=poll_s)
        yield entries
        position = entries[-1].position


async def read_all(
    log: EventLog,
    *,
    after: int = 0,
    until: int | None = None,
    topic: str | None = None,
    session: int | None = None,
) -> AsyncGenerator[list[Entry]]:
    """Yield what stands in the log now behind `after`, page by page, up to `until` if it is given."""
    position = after
    while entries := await log.read(after=position, limit=PAGE_ENTRIES, topic=topic, session=session):
        position = entries[-1].position
        if until is not None and position >= until:
            entries = [entry for entry in entries if entry.position <= until]
            if entries:
                yield entries
            return
        yield entries
