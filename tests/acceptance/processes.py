"""Commands as processes that a test starts, stops and ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio

from events.bus import next_entries
from events.log import open_log
from tests.provider import Answer
from tests.team import play


def environment(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """What cron gives: a home, the system's PATH, and where the code is."""
    return {"HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[2]), **(more or {})}


@contextmanager
def running(*words: str, home: Path, env: Mapping[str, str] | None = None) -> Generator[subprocess.Popen[str]]:
    """A `swarm` command in the background, ended with the block."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "swarm.cli.main", *words],
        cwd=home,
        env=environment(home, env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGCONT)
            process.kill()
        process.communicate()


class Held:
    """A behaviour that keeps its first answers back until `release`; `arrived` is set when the first request has come."""

    def __init__(self, count: int = 1) -> None:
        self._count = count
        self.arrived, self._released = threading.Event(), threading.Event()

    def __call__(self, body: dict[str, Any]) -> Answer:
        answer = play(body)
        if self._count <= 0:
            return answer
        self._count -= 1
        self.arrived.set()
        return Answer(answer.text, before_head=lambda: asyncio.to_thread(self._released.wait, 30))

    def release(self) -> None:
        self._released.set()


def until_recorded(home: Path, kind: str, *, times: int = 1) -> None:
    """Wait until events of this kind stand in the log of a home so often."""

    async def wait() -> None:
        async with open_log(home / ".local/share/swarm/log.db", read_only=True) as log:
            position, found = 0, 0
            while found < times:
                for entry in await next_entries(log, position):
                    position, found = entry.position, found + (entry.kind == kind)

    anyio.run(wait)
