"""Appends to the log beside what it is built on, and beside what others build: seconds an event, round by round."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

import aiosqlite
import anyio

from bench.fill import made
from bench.table import Bar, Figure, middle
from events.log import EventLog, NewEvent, open_log
from events.sqlite import schema

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

Round: TypeAlias = dict[str, float]
"""Seconds an event by row."""


async def append_each(log: EventLog, events: Sequence[NewEvent], *, durable: bool = False) -> None:
    for event in events:
        await log.append([event], durable=durable)


async def by_producers(path: Path, producers: int, each: int, *, durable: bool = False) -> float:
    async with open_log(path) as log:
        await append_each(log, made(0, 5))
        batches = [made(task, each) for task in range(producers)]
        began = time.perf_counter()
        async with anyio.create_task_group() as group:
            for events in batches:
                group.start_soon(partial(append_each, log, events, durable=durable))
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
    """The very rows that the log stores of these events: raw SQLite inserts them."""
    await by_producers(path, PRODUCERS, EACH)
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(schema.SELECT).fetchall()


def benches(rows: Sequence[Row]) -> dict[str, Bench]:
    lone = rows[:LONE]
    return {
        "raw, 100 a commit": lambda path: by_executemany(path, rows, schema.DDL, BATCH),
        "raw, 100 a commit, no index": lambda path: by_executemany(path, rows, BARE_DDL, BATCH),
        "append, 100 producers": lambda path: by_producers(path, PRODUCERS, EACH),
        "append, 10 producers": lambda path: by_producers(path, 10, EACH),
        "append, 1 producer": lambda path: by_producers(path, 1, LONE),
        "raw, 1 a commit": lambda path: by_executemany(path, lone, schema.DDL, 1),
        "aiosqlite, 1 a commit": lambda path: by_aiosqlite(path, lone),
        "durable, 100 producers": lambda path: by_producers(path, PRODUCERS, EACH, durable=True),
        "durable, 1 producer": lambda path: by_producers(path, 1, DURABLE, durable=True),
        **_of_peers(rows),
    }


def _of_peers(rows: Sequence[Row]) -> dict[str, Bench]:
    """The recorder of the `eventsourcing` package, which syncs at each commit; nothing where it is not installed."""
    try:
        from bench.peer import by_recorder
    except ImportError:
        return {}
    bodies = [row[-1].encode() for row in rows]
    return {
        "eventsourcing, 100 a commit": lambda path: by_recorder(path, bodies, BATCH),
        "eventsourcing, 1 a commit": lambda path: by_recorder(path, bodies[:DURABLE], 1),
    }


async def measure(folder: Path, rounds: int) -> list[Round]:
    """One round warms up, then each counts."""
    rows = await stored_rows(folder / "rows.db")
    measured: list[Round] = []
    for number in range(rounds + 1):
        took: Round = {}
        for place, (name, bench) in enumerate(benches(rows).items()):
            took[name] = await bench(folder / f"{number}-{place}.db")
        for name, grown in (("new", False), ("grown", True)):
            path = folder / f"{number}-{name}.db"
            took[f"durable append, {name} log"], took[f"append + fdatasync, {name} log"] = await durably(
                path, grown=grown
            )
        measured.append(took)
    return measured[1:]


COMPARED = (
    ("append, 100 producers", "raw, 100 a commit", Bar(0.35, 0.45, least=True)),
    ("append, 100 producers", "raw, 100 a commit, no index", None),
    ("append, 100 producers", "aiosqlite, 1 a commit", Bar(15, least=True)),
    ("append, 10 producers", "raw, 100 a commit", None),
    ("append, 1 producer", "raw, 1 a commit", Bar(0.55, least=True)),
    ("append, 1 producer", "aiosqlite, 1 a commit", None),
    ("durable, 100 producers", "durable, 1 producer", Bar(10, least=True)),
    ("durable, 100 producers", "eventsourcing, 100 a commit", None),
    ("durable, 1 producer", "eventsourcing, 1 a commit", None),
)
"""Of which the speed is given in that of the other."""


def figures(rounds: Sequence[Round]) -> list[Figure]:
    found = [_speed(rounds, of, to, bar) for of, to, bar in COMPARED if to in rounds[0]]
    for name, bar in (("grown", Bar(2.0, 1.5)), ("new", None)):
        of, to = f"durable append, {name} log", f"append + fdatasync, {name} log"
        found.append(Figure(f"time of a {of}, of {to}", 1 / _ratio(rounds, of, to), "x", _beside(rounds, of, to), bar))
    return found


def _ratio(rounds: Sequence[Round], of: str, to: str) -> float:
    return middle(rounds, lambda took: took[to] / took[of])


def _speed(rounds: Sequence[Round], of: str, to: str, bar: Bar | None) -> Figure:
    return Figure(f"speed of {of}, of {to}", _ratio(rounds, of, to), "x", _beside(rounds, of, to), bar)


def _beside(rounds: Sequence[Round], of: str, to: str) -> str:
    mine, other = middle(rounds, lambda took: took[of]), middle(rounds, lambda took: took[to])
    return f"{mine * 1e6:.1f} us against {other * 1e6:.1f} us an event"
