"""SqliteLog: the writer thread, the reader and the ring put together."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from events.blobs import Text
from events.bus import RING_ENTRIES, Ring
from events.log import Ack, Clock, Entry, Head, LogError, LogUnusable, NewEvent, Snapshot, system_clock
from events.rows import encode_append
from events.sqlite import schema
from events.sqlite.reader import Reader
from events.sqlite.writer import LOCK_TIMEOUT_S, Append, Committed, Turn, Writer
from events.turn import own_turn
from events.types.base import TextRef

RECENT_BYTES = 4 << 20  # of texts that this process stored lately: the next role reads what the last one wrote
QUEUE_EVENTS = 10_000  # appends wait for room behind this many events


class SqliteLog:
    """The embedded log. See `EventLog` for what its methods promise."""

    def __init__(self, path: Path, *, read_only: bool, clock: Clock, lock_timeout_s: float, ring: int) -> None:
        self.url = str(path)
        self._loop = asyncio.get_running_loop()
        self._ring = Ring(capacity=ring)
        self._reader = Reader(path)
        self._writer: Writer | None = None
        if not read_only:
            self._writer = Writer(path, clock=clock, publish=self._publish, lock_timeout_s=lock_timeout_s)
        self._handed_in: list[Append] = []
        self._closing = False
        self._recent: OrderedDict[str, str] = OrderedDict()
        self._recent_bytes = 0
        self._queued = 0
        self._crowd = 1  # appends of the last batch
        self._room = asyncio.Event()
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
        while self._queued and self._queued + len(events) > QUEUE_EVENTS:
            self._room.clear()
            await self._room.wait()
        size = sum(map(len, bodies)) + (sum(len(text.text) for text in texts) if texts else 0)
        append = Append(
            events=events,
            bodies=bodies,
            expect=expect or {},
            durable=durable,
            cause=cause,
            texts=texts,
            size=size,
            future=self._loop.create_future(),
        )
        self._hand_in(append)
        self._queued += len(events)
        ack: Ack = await append.future
        return ack

    async def read(
        self, *, after: int = 0, limit: int = 500, topic: str | None = None, session: int | None = None
    ) -> list[Entry]:
        return await self._reader.entries(after=after, limit=limit, topic=topic, session=session)

    async def last(self, topic: str) -> Entry | None:
        return await self._reader.last(topic)

    async def archived(self) -> Entry | None:
        return await self._reader.archived()

    async def text(self, ref: TextRef, *, at: int) -> str:
        recent = self._recent.get(ref.digest)
        return recent if recent is not None else await self._reader.text(ref, at)

    async def head(self) -> Head:
        return await self._reader.head()

    async def snapshot(self, view: str, form: int) -> Snapshot | None:
        return await self._reader.snapshot(view, form)

    async def keep(self, snapshot: Snapshot) -> None:
        if self._writer is not None and not self._closing:
            self._hand_over()
            self._writer.put(snapshot)

    def since(self, after: int) -> list[Entry] | None:
        return self._ring.since(after)

    async def wait(self, after: int, *, timeout: float) -> bool:
        if await self._ring.wait(after, timeout):
            return True
        head = await self._reader.position()
        if head > self._ring.last:
            self._ring.forget()  # another process wrote: the ring is no unbroken stretch any more
        return head > after

    @asynccontextmanager
    async def turn(self, *, timeout: float) -> AsyncGenerator[None]:
        async with own_turn(self._turn, timeout, self.url) as left:
            begin = Turn(begin=True, timeout=left, future=self._loop.create_future())
            writer = self._writable()
            self._hand_over()
            writer.put(begin)
            try:
                await begin.future
                yield
            finally:  # behind the beginning in the queue: what a cancelled caller still takes is let go at once
                self._hand_over()
                writer.put(Turn(begin=False, timeout=0, future=self._loop.create_future()))

    async def start(self) -> None:
        if self._writer is not None:
            self._writer.start()
        await self._reader.open()

    async def close(self) -> None:
        self._closing = True
        self._hand_over()
        await self._reader.close()
        if self._writer is not None and self._writer.ident is not None:
            self._writer.put(None)
            await asyncio.to_thread(self._writer.join)

    def _writable(self) -> Writer:
        if self._writer is None:
            raise LogUnusable(url=self.url, reason="it was opened for reading only", remedy="open it for writing")
        if self._closing or self._writer.ended:
            raise LogUnusable(url=self.url, reason="it was closed", remedy="open it again")
        return self._writer

    def _hand_in(self, append: Append) -> None:
        """One that comes alone goes to the thread at once; those of one turn of the loop together: each hand-over wakes it.

        Whether one comes alone is told by the last batch: of many that waited for it, many may append again.
        """
        self._writable()
        self._handed_in.append(append)
        if not self._queued and self._crowd <= 1:
            self._hand_over()
        elif len(self._handed_in) == 1:
            self._loop.call_soon(self._hand_over)

    def _hand_over(self) -> None:
        if self._handed_in and self._writer is not None:
            self._writer.put(self._handed_in)
            self._handed_in = []

    def _publish(self, done: Committed | Turn) -> None:
        """Called in the writer's thread: one hop back to the loop, whatever the size of the batch."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._tell, done)

    def _tell(self, done: Committed | Turn) -> None:
        if isinstance(done, Turn):
            _resolve(done.future, done.outcome)
            return
        self._ring.publish(done.previous, done.entries)
        self._crowd = len(done.appends)
        for append in done.appends:
            self._queued -= len(append.events)
            if isinstance(append.outcome, Ack):
                self._remember(append.texts)
            _resolve(append.future, append.outcome)
        self._room.set()

    def _remember(self, texts: Sequence[Text]) -> None:
        for text in texts:
            if text.digest not in self._recent:
                self._recent[text.digest] = text.text
                self._recent_bytes += len(text.text)
        while self._recent_bytes > RECENT_BYTES:
            self._recent_bytes -= len(self._recent.popitem(last=False)[1])


def _resolve(future: asyncio.Future[Any], outcome: Ack | LogError | None) -> None:
    if future.done():  # its caller was cancelled
        return
    if isinstance(outcome, LogError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


@asynccontextmanager
async def open_sqlite(
    path: Path,
    *,
    read_only: bool = False,
    clock: Clock = system_clock,
    lock_timeout_s: float = LOCK_TIMEOUT_S,
    ring: int = RING_ENTRIES,
) -> AsyncGenerator[SqliteLog]:
    """Open the file; see `events.log.open_log`. A write waits `lock_timeout_s` for other processes; `ring` entries stay in memory."""
    path = schema.prepare_file(path, read_only=read_only)
    log = SqliteLog(path, read_only=read_only, clock=clock, lock_timeout_s=lock_timeout_s, ring=ring)
    try:
        await log.start()
        yield log
    finally:
        with anyio.CancelScope(shield=True):
            await log.close()
