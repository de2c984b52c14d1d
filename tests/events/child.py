"""A process of its own that works on a log: `python -m tests.events.child append|hold|open PATH ...`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from events.sqlite.log import open_sqlite
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


async def open_once(path: Path) -> None:
    async with open_sqlite(path) as log:
        say(str((await log.head()).position))


async def main(what: str, path: Path, *rest: str) -> None:
    match what:
        case "append":
            await append(path, rest[0], int(rest[1]))
        case "hold":
            await hold(path)
        case _:
            await open_once(path)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]))
