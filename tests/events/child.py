"""A process of its own that works on a log: `python -m tests.events.child append|hold|read|archive|overflow|open PATH ...`."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import signal
import sys
from pathlib import Path

from events import upkeep
from events.log import LogError
from events.sqlite.log import open_sqlite
from events.testing.builders import a_text
from events.testing.contract import an_event

PRODUCERS = 20


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


async def append(path: Path, name: str, count: int) -> None:
    """Append `count` events, and say the reason of each as it is acknowledged."""
    numbers = iter(range(count))

    async def produce() -> None:
        for number in numbers:
            reason = f"{name}/{number}"
            await log.append([an_event(reason, topic=name)], durable=number % 50 == 0)
            say(reason)

    async with open_sqlite(path) as log, asyncio.TaskGroup() as tasks:
        for _ in range(PRODUCERS):
            tasks.create_task(produce())


async def hold(path: Path) -> None:
    """Take the log's turn, say so, and keep it until a line is read."""
    async with open_sqlite(path) as log, log.turn(timeout=20):
        say("held")
        await asyncio.to_thread(sys.stdin.readline)
    say("let go")


async def read(path: Path) -> None:
    """Open it for reading, say so, and stay until a line is read."""
    async with open_sqlite(path, read_only=True):
        say("reading")
        await asyncio.to_thread(sys.stdin.readline)


async def open_once(path: Path) -> None:
    async with open_sqlite(path) as log:
        say(str((await log.head()).position))


def archive(path: Path, before: int, step: str) -> None:
    """Archive, and die without a word when a step begins."""

    def die_at(begun: str) -> None:
        if begun == step:
            os.kill(os.getpid(), signal.SIGKILL)

    upkeep.archive(path, before=before, tell=die_at)


async def overflow(path: Path, limit: int) -> None:
    """Append large texts under a limit of the size of a file, and say what came of each, until one is refused."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    async with open_sqlite(path) as log:
        for number in range(1000):
            try:
                await log.append([an_event(f"{number}")], texts=[a_text(random.randbytes(20_000).hex())])
            except LogError as error:
                say(f"{type(error).__name__}: {error}")
                return
            say(f"{number}")


async def main(what: str, path: Path, *rest: str) -> None:
    match what:
        case "append":
            await append(path, rest[0], int(rest[1]))
        case "hold":
            await hold(path)
        case "read":
            await read(path)
        case "overflow":
            await overflow(path, int(rest[0]))
        case "archive":
            archive(path, int(rest[0]), rest[1])
        case _:
            await open_once(path)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]))
