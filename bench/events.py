"""The log beside what it is built on: microseconds an event, interleaved round by round, on one disk.

python -m bench.events [--rounds 9] [--folder DIR]

Raw SQLite inserts the very rows that the log stored; as those, the events of an append are made beforehand. Bars: DESIGN,
section 11.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

import aiosqlite
import anyio

from events.log import EventLog, NewEvent, open_log
from events.sqlite import schema
from events.testing.builders import chosen, new, reserved

PRODUCERS = 100
EACH = 60  # events of a producer: bodies of 430 and 190 bytes by turns
BATCH = 100  # rows of one raw transaction
LONE = 300  # events of the rows in which one follows the other
DURABLE = 100
BARE_DDL = tuple(
    statement.replace(", UNIQUE(topic, previous)", "").replace(" UNIQUE", "")
    for statement in schema.DDL
    if statement.startswith("CREATE TABLE")
)

Row: TypeAlias = tuple[Any, ...]
Bench: TypeAlias = Callable[[Path], Awaitable[float]]
"""Works on a new file and returns seconds an event."""


def made(task: int, count: int) -> list[NewEvent]:
    """A choice on the session's topic and a reservation on `ledger` by turns, as a task of a session makes them."""
    choice, reservation = chosen(seed=f"{task}"), reserved(ordinal=1)
    return [
        new(choice, task=f"t{task}", step=1, attempt=number)
        if number % 2
        else new(reservation, task=f"t{task}", step=1, attempt=number, topic="ledger")
        for number in range(count)
    ]


async def append_each(log: EventLog, events: Sequence[NewEvent], *, durable: bool = False) -> None:
    for event in events:
        await log.append([event], durable=durable)


async def by_producers(path: Path, producers: int, each: int) -> float:
    async with open_log(path) as log:
        await append_each(log, made(0, 5))
        batches = [made(task, each) for task in range(producers)]
        began = time.perf_counter()
        async with anyio.create_task_group() as group:
            for events in batches:
                group.start_soon(append_each, log, events)
        return (time.perf_counter() - began) / (each * producers)


def raw(path: Path, ddl: Sequence[str]) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in (f"page_size={schema.PAGE}", "journal_mode=WAL", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}")
    for statement in ddl:
        connection.execute(statement)
    return connection


async def by_executemany(path: Path, rows: Sequence[Row], ddl: Sequence[str], batch: int) -> float:
    with closing(raw(path, ddl)) as connection:
        began = time.perf_counter()
        for first in range(0, len(rows), batch):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(schema.INSERT, rows[first : first + batch])
            connection.execute("COMMIT")
        return (time.perf_counter() - began) / len(rows)


async def by_aiosqlite(path: Path, rows: Sequence[Row]) -> float:
    raw(path, schema.DDL).close()
    async with aiosqlite.connect(path) as connection:
        await connection.execute("PRAGMA synchronous=NORMAL")
        began = time.perf_counter()
        for row in rows:
            await connection.execute(schema.INSERT, row)
            await connection.commit()
        return (time.perf_counter() - began) / len(rows)


async def durably(path: Path, *, grown: bool) -> tuple[float, float]:
    """Seconds of a durable append, and of an append of as many bytes to a plain file with fdatasync.

    They take turns, because a disk has phases. A `grown` log has a WAL that is written over, as after its first 4 MiB.
    """
    ours: list[float] = []
    plain: list[float] = []
    file = os.open(path.with_suffix(".plain"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    async with open_log(path) as log:
        if grown:
            for task in range(PRODUCERS):
                await log.append(made(task, EACH))
        for event in made(0, DURABLE):
            began = time.perf_counter()
            await log.append([event], durable=True)
            between = time.perf_counter()
            os.write(file, bytes(400))
            os.fdatasync(file)
            ours.append(between - began)
            plain.append(time.perf_counter() - between)
    os.close(file)
    return median(ours), median(plain)


async def stored_rows(path: Path) -> list[Row]:
    await by_producers(path, PRODUCERS, EACH)
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(schema.SELECT).fetchall()


async def measure(folder: Path, rounds: int) -> list[dict[str, float]]:
    """Seconds an event by row, for each round after one that warms up."""
    rows = await stored_rows(folder / "rows.db")
    benches: dict[str, Bench] = {
        "raw, 100 a commit": lambda path: by_executemany(path, rows, schema.DDL, BATCH),
        "raw, 100 a commit, no index": lambda path: by_executemany(path, rows, BARE_DDL, BATCH),
        "append, 100 producers": lambda path: by_producers(path, PRODUCERS, EACH),
        "raw, 1 a commit": lambda path: by_executemany(path, rows[:LONE], schema.DDL, 1),
        "aiosqlite, 1 a commit": lambda path: by_aiosqlite(path, rows[:LONE]),
        "append, 1 producer": lambda path: by_producers(path, 1, LONE),
    }
    measured: list[dict[str, float]] = []
    for number in range(rounds + 1):
        took: dict[str, float] = {}
        for place, (name, bench) in enumerate(benches.items()):
            took[name] = await bench(folder / f"{number}-{place}.db")
        for name, grown in (("new log", False), ("grown log", True)):
            path = folder / f"{number}-{name}.db"
            took[f"durable append, {name}"], took[f"append + fdatasync, {name}"] = await durably(path, grown=grown)
        measured.append(took)
    return measured[1:]


RATIOS = (
    ("raw, 100 a commit", "append, 100 producers", "must >= .35"),
    ("raw, 100 a commit, no index", "append, 100 producers", ""),
    ("aiosqlite, 1 a commit", "append, 100 producers", ""),
    ("raw, 1 a commit", "append, 1 producer", ""),
    ("aiosqlite, 1 a commit", "append, 1 producer", ""),
    ("durable append, new log", "append + fdatasync, new log", ""),
    ("durable append, grown log", "append + fdatasync, grown log", "must <= 2"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--folder", help="on the disk that is to be measured")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        rounds = anyio.run(measure, Path(folder), args.rounds)
    sys.stdout.write(f"microseconds an event, medians of {args.rounds} rounds\n")
    for name in rounds[0]:
        sys.stdout.write(f"{name:<60}{median(took[name] for took in rounds) * 1e6:9.1f}\n")
    sys.stdout.write("\nratios, medians over the rounds\n")
    for of, to, bar in RATIOS:
        sys.stdout.write(
            f"{of + ' / ' + to:<60}{median(took[of] / took[to] for took in rounds):9.2f}  {bar}".rstrip() + "\n"
        )


if __name__ == "__main__":
    main()
