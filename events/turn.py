"""One turn at a time inside a process, before the log's own lock keeps the other processes out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from events.log import LogBusy


@asynccontextmanager
async def own_turn(lock: asyncio.Lock, timeout: float, url: str) -> AsyncGenerator[float]:
    """Hold the lock; the value is what is left of `timeout`. Raises LogBusy after it."""
    deadline = time.monotonic() + timeout
    try:
        async with asyncio.timeout(timeout):
            await lock.acquire()
    except TimeoutError:
        raise LogBusy(url=url, holder="another turn of this process", seconds=timeout) from None
    try:
        yield max(0.0, deadline - time.monotonic())
    finally:
        lock.release()
