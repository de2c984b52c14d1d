"""A log that lives in memory, for tests, demos and measurements: the same promises but durability."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import islice

from events.blobs import Text
from events.bus import RING_ENTRIES, Ring
from events.chain import GENESIS, batch_hash
from events.log import Ack, AppendRefused, Clock, Conflict, Entry, Head, NewEvent, Snapshot, TextMissing
from events.rows import ONE_ID_EACH, Row, encode_append, entry_of, new_row, spent_by
from events.turn import own_turn
from events.types.base import TextRef


class MemoryLog:
    """See `EventLog`. Everything happens in the caller's turn of the event loop."""

    def __init__(self, *, clock: Clock, ring: int = RING_ENTRIES) -> None:
        self.url = "memory:"
        self._clock = clock
        self._entries: list[Entry] = []
        self._topics: dict[str, int] = {}
        self._ids: dict[bytes, int] = {}
        self._texts: dict[str, str] = {}
        self._hash = GENESIS
        self._snapshots: dict[str, Snapshot] = {}
        self._ring = Ring(capacity=ring)
        self._turn = asyncio.Lock()

    async def append(
        self,
        events: Sequence[NewEvent],
        *,
        expect: Mapping[str, int] | None = None,
        durable: bool = False,
        cause: int = 0,
        texts: Sequence[Text] = (),
    ) -> Ack:
        bodies = encode_append(events, texts, url=self.url)
        known = [self._ids.get(new.id) for new in events]
        repeated = tuple(position for position in known if position is not None)
        if events and len(repeated) == len(events):
            return Ack(positions=repeated, place=repeated[0], durability="memory", duplicate=True)
        if repeated:
            raise AppendRefused(url=self.url, reason="some of its ids stand in the log already", remedy=ONE_ID_EACH)
        for topic, position in (expect or {}).items():
            if self._topics.get(topic, 0) != position:
                raise Conflict(topic=topic, expected=position, found=self._topics.get(topic, 0))
        return self._store(events, bodies, cause, texts)

    def _store(self, events: Sequence[NewEvent], bodies: Sequence[str], cause: int, texts: Sequence[Text]) -> Ack:
        before, now = len(self._entries), self._clock()
        rows: list[Row] = []
        for position, (new, body) in enumerate(zip(events, bodies, strict=True), before + 1):
            previous, spent = self._topics.get(new.topic, 0), spent_by(new.event)
            row = new_row(new, body, position=position, at=now, previous=previous, cause=cause, spent=spent)
            rows.append(row)
            self._topics[new.topic] = self._ids[new.id] = position
            self._entries.append(entry_of(row, new.event))
        self._texts.update((text.digest, text.text) for text in texts)
        if rows:
            self._hash = batch_hash(self._hash, rows, ())
        self._ring.publish(before, self._entries[before:])
        return Ack(positions=tuple(range(before + 1, len(self._entries) + 1)), place=before + 1, durability="memory")

    async def read(
        self, *, after: int = 0, limit: int = 500, topic: str | None = None, session: int | None = None
    ) -> list[Entry]:
        found = (
            entry
            for entry in map(self._entries.__getitem__, range(after, len(self._entries)))
            if (topic is None or entry.topic == topic) and (session is None or entry.session == session)
        )
        return list(islice(found, limit))

    async def last(self, topic: str) -> Entry | None:
        position = self._topics.get(topic, 0)
        return self._entries[position - 1] if position else None

    async def archived(self) -> Entry | None:
        return None

    async def text(self, ref: TextRef, *, at: int) -> str:
        try:
            return self._texts[ref.digest]
        except KeyError:
            raise TextMissing(digest=ref.digest, at=at) from None

    async def head(self) -> Head:
        return Head(position=len(self._entries), hash=self._hash.hex())

    async def snapshot(self, view: str, form: int) -> Snapshot | None:
        kept = self._snapshots.get(view)
        return kept if kept is not None and kept.form == form else None

    async def keep(self, snapshot: Snapshot) -> None:
        self._snapshots[snapshot.view] = snapshot

    def since(self, after: int) -> list[Entry] | None:
        return self._ring.since(after)

    async def wait(self, after: int, *, timeout: float) -> bool:
        return await self._ring.wait(after, timeout)

    @asynccontextmanager
    async def turn(self, *, timeout: float) -> AsyncGenerator[None]:
        async with own_turn(self._turn, timeout, self.url):
            yield
