"""Reading a log back: every body decoded, its columns alone, and what calls cost; beside the `eventsourcing` package."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from statistics import median
from typing import TypeAlias

from anyio import to_thread

from bench.fill import CALLS_A_SESSION, Filling, filled
from bench.table import Bar, Figure, middle
from events.bus import read_all
from events.columns import values_of
from events.log import open_log
from events.spending import spending
from events.sqlite import segments
from events.views.base import fold
from events.views.cost import CostView
from events.views.spending import Asked
from tui.record import read_record
from tui.timeline import Timeline

PEER_EVENTS = (
    200_000  # read from a log of ours and from one of the peer's: of a shorter one the processor's cache holds all
)
SEEK_EVENTS = 100_000
SEEKS = 200
COLUMNS = (
    *("at", "kind", "session", "task", "role", "agent", "model", "tier"),
    *("reservation", "input_tokens", "output_tokens", "cost_nanos"),
)

Round: TypeAlias = dict[str, float]
"""CPU seconds an event by row; of the cost views seconds for all `events`."""


async def decoded(path: Path) -> float:
    """CPU seconds an event to have the first `PEER_EVENTS` as entries."""
    count = 0
    async with open_log(path, read_only=True) as log:
        began = time.process_time()
        async for entries in read_all(log, until=PEER_EVENTS):
            count += len(entries)
        return (time.process_time() - began) / count


def columns(path: Path) -> float:
    """CPU seconds an event to have the columns of all of them: what a sum needs, from where the log keeps it."""
    count = last = 0
    with closing(sqlite3.connect(path)) as connection:
        began = time.process_time()
        for stretch in segments.stored(connection):
            assert stretch.segment is not None, stretch.wrong
            found, last = dict(zip(segments.COLUMNS, stretch.segment.columns, strict=True)), stretch.last
            held = [values_of(stretch.segment.data, found[name], stretch.segment.length) for name in COLUMNS]
            for _ in zip(*held, strict=True):
                count += 1
        query = f"SELECT {', '.join(COLUMNS)} FROM event WHERE position > ? ORDER BY position"
        for _ in connection.execute(query, (last,)):  # what no segment holds yet
            count += 1
        return (time.process_time() - began) / count


async def costs(path: Path) -> tuple[float, int]:
    """Seconds to sum all costs by model, and the sum in tokens; warm, from what the log keeps for it."""
    began = time.perf_counter()
    found = await to_thread.run_sync(spending, path, ("model", "tier", "price"), Asked())  # as `swarm cost` asks
    return time.perf_counter() - began, sum(cost.input_tokens for cost in found.costs.values())


async def folded_costs(path: Path) -> tuple[float, int]:
    """The same by folding every entry."""
    began = time.perf_counter()
    async with open_log(path, read_only=True) as log:
        total = (await fold(log, CostView())).total()
    return time.perf_counter() - began, total.input_tokens


async def seeks(folder: Path, kind: str) -> Round:
    """CPU seconds to have the state of a session at an event, from the points kept on the way, and by a fold from the beginning.

    Of a log in which sessions follow each other it is the last one; else the log is one session.
    """
    path = folder / f"{kind}.db"
    if not path.exists():
        await filled(path, SEEK_EVENTS, Filling(a_session=CALLS_A_SESSION if kind == "sessions" else SEEK_EVENTS))
    async with open_log(path, read_only=True) as log:
        last = await log.last("sessions")
        assert last is not None, "it was filled"
        record, _ = await read_record(log, last.session)
        timeline, anew = Timeline(log, record), Timeline(log, record)
        await timeline.build()
        random = Random(1)
        took: list[float] = []
        for _ in range(SEEKS):
            index = random.randrange(len(record))
            began = time.process_time()
            await timeline.state_at(index)
            took.append(time.process_time() - began)
        began = time.process_time()
        await anew.build()
        return {
            f"{kind} seek": median(took),
            f"{kind} p95": sorted(took)[int(0.95 * SEEKS)],
            f"{kind} fold": time.process_time() - began,
        }


async def measure(folder: Path, rounds: int, count: int) -> list[Round]:
    path = folder / "replay.db"
    filling = await filled(path, count)
    await costs(path)  # warms up: the first one imports numpy
    measured: list[Round] = []
    for _ in range(rounds):
        (from_columns, sum_of_columns), (by_fold, sum_of_fold) = await costs(path), await folded_costs(path)
        assert sum_of_columns == sum_of_fold, "both ways give the same"
        measured.append(
            {
                "full decode": await decoded(path),
                "columns": columns(path),
                "cost view": from_columns,
                "cost fold": by_fold,
                "events": filling.events,
                **_of_peer(path),
                **await seeks(folder, "sessions"),
                **await seeks(folder, "session"),
            }
        )
    return measured


def _of_peer(path: Path) -> Round:
    """Nothing where the package is not installed."""
    try:
        from bench.peer import copy, replay
    except ImportError:
        return {}
    theirs = path.with_name("peer.db")
    if not theirs.exists():
        copy(path, theirs, PEER_EVENTS)
    return {"eventsourcing": replay(theirs)[1]}


def figures(rounds: Sequence[Round]) -> list[Figure]:
    events = rounds[0]["events"]
    view, by_fold = middle(rounds, lambda took: took["cost view"]), middle(rounds, lambda took: took["cost fold"])
    faster = middle(rounds, lambda took: took["cost fold"] / took["cost view"])
    found = [
        Figure(
            f"cost view of {events:,.0f} events", view * 1000, "ms", f"folded {by_fold * 1000:.0f} ms", Bar(100, 25)
        ),
        Figure("speed of the cost view, of the fold of all entries", faster, "x"),
    ]
    found += [
        _seek(rounds, f"replay: any seek in {SEEK_EVENTS:,} events, of many sessions", "sessions"),
        _seek(rounds, f"replay: any seek in {SEEK_EVENTS:,} events, of one session", "session"),
    ]
    if "eventsourcing" in rounds[0]:
        found += [
            _against_peer(rounds, "full decode", Bar(4, 5, least=True)),
            _against_peer(rounds, "columns", Bar(7, least=True)),
        ]
    return found


def _seek(rounds: Sequence[Round], what: str, kind: str) -> Figure:
    p95 = middle(rounds, lambda took: took[f"{kind} p95"])
    half, whole = middle(rounds, lambda took: took[f"{kind} seek"]), middle(rounds, lambda took: took[f"{kind} fold"])
    beside = f"p95 of CPU; median {half * 1000:.1f} ms, folded from the beginning {whole * 1000:,.0f} ms"
    return Figure(what, p95 * 1000, "ms", beside, Bar(100))


def _against_peer(rounds: Sequence[Round], what: str, bar: Bar) -> Figure:
    mine, other = middle(rounds, lambda took: took[what]), middle(rounds, lambda took: took["eventsourcing"])
    value = middle(rounds, lambda took: took["eventsourcing"] / took[what])
    beside = f"{mine * 1e6:.2f} us against {other * 1e6:.2f} us an event"
    return Figure(f"replay: speed of {what}, of eventsourcing", value, "x", beside, bar)
