"""A log to look at for as long as somebody looks: where another program keeps it locked it is asked again, and says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from events.blobs import Text
from events.bus import POLL_S
from events.log import Ack, Entry, EventLog, Head, LogLocked, NewEvent, Snapshot
from events.types.base import TextRef

WAITS = "waits for the log: another program holds it locked, or its disk is slow"
_SLOW_S = 1.0  # that one look at the log takes before `waits` says so

T = TypeVar("T")


class PatientLog:
    """The same log; reading it never raises LogLocked. `waits` says whether it is being waited for."""

    def __init__(self, log: EventLog) -> None:
        self.url, self._log = log.url, log
        self.waits = False

    async def read(
        self, *, after: int = 0, limit: int = 500, topic: str | None = None, session: int | None = None
    ) -> list[Entry]:
        return await self._asked(lambda: self._log.read(after=after, limit=limit, topic=topic, session=session))

    async def last(self, topic: str) -> Entry | None:
        return await self._asked(lambda: self._log.last(topic))

    async def archived(self) -> Entry | None:
        return await self._asked(self._log.archived)

    async def text(self, ref: TextRef, *, at: int) -> str:
        return await self._asked(lambda: self._log.text(ref, at=at))

    async def head(self) -> Head:
        return await self._asked(self._log.head)

    async def snapshot(self, view: str, form: int) -> Snapshot | None:
        return await self._asked(lambda: self._log.snapshot(view, form))

    async def wait(self, after: int, *, timeout: float) -> bool:
        return await self._asked(lambda: self._log.wait(after, timeout=timeout))

    def since(self, after: int) -> list[Entry] | None:
        return self._log.since(after)

    async def append(
        self,
        events: Sequence[NewEvent],
        *,
        expect: Mapping[str, int] | None = None,
        durable: bool = False,
        cause: int = 0,
        texts: Sequence[Text] = (),
    ) -> Ack:
        return await self._log.append(events, expect=expect, durable=durable, cause=cause, texts=texts)

    async def keep(self, snapshot: Snapshot) -> None:
        await self._log.keep(snapshot)

    def turn(self, *, timeout: float) -> AbstractAsyncContextManager[None]:
        return self._log.turn(timeout=timeout)

    async def _asked(self, ask: Callable[[], Awaitable[T]]) -> T:
        timer = asyncio.get_running_loop().call_later(_SLOW_S, self._tell)
        try:
            while True:
                try:
                    return await ask()
                except LogLocked:
                    self._tell()
                    await asyncio.sleep(POLL_S)
        finally:
            timer.cancel()
            self.waits = False

    def _tell(self) -> None:
        self.waits = True
