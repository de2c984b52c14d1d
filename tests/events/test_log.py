"""Both logs keep the contract of a log."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from events.log import EventLog, system_clock
from events.memory import MemoryLog
from events.sqlite.log import open_sqlite
from events.testing.contract import LogContract, SharedLogContract

RING = 16


class TestMemoryLog(LogContract):
    @asynccontextmanager
    async def open(self) -> AsyncGenerator[EventLog]:
        yield MemoryLog(clock=system_clock, ring=RING)


class TestSqliteLog(SharedLogContract):
    @pytest.fixture(autouse=True)
    def _path(self, tmp_path: Path) -> None:
        self.path = tmp_path / "folder" / "log.db"

    def open(self) -> AbstractAsyncContextManager[EventLog]:
        return open_sqlite(self.path, ring=RING)
