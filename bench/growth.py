"""What a long log costs: the same work on logs of 10,000 events and of millions, and a resume after a kill."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import anyio

from bench.fill import filled, made
from bench.processes import Process, finished, installed, provider, started
from bench.table import Bar, Figure, middle
from events.log import EventLog, NewEvent, open_log

SMALL = 10_000
RESUMED = 100_000
PRODUCERS, EACH = 20, 100
TAIL = 5_000
BYTES_AN_EVENT = 450  # of a filled log, its WAL apart
NEVER_MS = 600_000
TASK_FILE = "prompt: Write a line, number 1.\n"

Round: TypeAlias = dict[int, dict[str, float]]
"""CPU seconds an event, by the log's size and by what was done."""


async def logs(folder: Path, sizes: Sequence[int]) -> dict[int, Path]:
    """Logs of so many events, each a copy of the one before that went on growing."""
    paths: dict[int, Path] = {}
    growing, filling = folder / "growing.db", None
    for size in sorted(sizes):
        filling = await filled(growing, size, filling)
        paths[size] = folder / f"{size}.db"
        await anyio.to_thread.run_sync(shutil.copyfile, growing, paths[size])
    growing.unlink()
    return paths


async def measure(folder: Path, sizes: Sequence[int], rounds: int) -> list[Round]:
    """One round warms up, then each counts."""
    paths = await logs(folder, sizes)
    measured = [{size: await _worked_on(path) for size, path in paths.items()} for _ in range(rounds + 1)]
    return measured[1:]


async def _worked_on(path: Path) -> dict[str, float]:
    async with open_log(path) as log:
        await _append(log, made(0, EACH))
        return {"append": await _appends(log), "tail": await _tail(log)}


async def _appends(log: EventLog) -> float:
    batches = [made(task, EACH) for task in range(PRODUCERS)]
    began = time.process_time()
    async with anyio.create_task_group() as group:
        for events in batches:
            group.start_soon(partial(_append, log, events))
    return (time.process_time() - began) / (PRODUCERS * EACH)


async def _append(log: EventLog, events: Sequence[NewEvent]) -> None:
    for event in events:
        await log.append([event])


async def _tail(log: EventLog) -> float:
    """The newest entries, read from the file in pages as a follower in another process reads them."""
    after = max(0, (await log.head()).position - TAIL)
    count, began = 0, time.process_time()
    while entries := await log.read(after=after, limit=500):
        after = entries[-1].position
        count += len(entries)
    return (time.process_time() - began) / count


def resumed(folder: Path, log: Path) -> Process:
    """Kill a run that waits for an answer, and resume it; what the second process cost."""
    (folder / "task.yaml").write_text(TASK_FILE)
    run = [*installed(), "run", "task.yaml", "--log", str(log), "--endpoint"]
    with provider(NEVER_MS) as url, started([*run, url], folder, subprocess.PIPE) as child:
        assert child.stderr is not None, "it was asked for"
        said: list[bytes] = []
        while b"worker" not in b"".join(said[-1:]):
            said.append(child.stderr.readline())
            if not said[-1]:
                raise SystemExit(f"{' '.join(run)} ended before it asked for anything\n{b''.join(said).decode()}")
        child.kill()
    with provider(0, port=urlsplit(url).port or 0):
        return finished([*installed(), "resume", "--log", str(log)], folder)


async def measure_resume(folder: Path, rounds: int) -> list[dict[str, Process]]:
    """Resumes on a long log and on a log that holds nothing else, by turns."""
    long, short = folder / "long.db", folder / "short.db"
    await filled(long, RESUMED)
    work = partial(resumed, folder)
    return [
        {
            "long": await anyio.to_thread.run_sync(work, long),
            "short": await anyio.to_thread.run_sync(work, short),
        }
        for _ in range(rounds)
    ]


def figures(rounds: Sequence[Round], resumes: Sequence[dict[str, Process]]) -> list[Figure]:
    found = [_grown(rounds, what, size) for what in ("append", "tail") for size in rounds[0] if size != SMALL]
    wall = middle(resumes, lambda each: each["long"].wall_ms)
    short = middle(resumes, lambda each: each["short"].wall_ms)
    more = middle(resumes, lambda each: each["long"].cpu_ms - each["short"].cpu_ms)
    return [
        *found,
        Figure(f"resume on {RESUMED:,} events, to its end", wall, "ms", f"on a short log {short:.0f} ms", Bar(5000)),
        Figure("the same: CPU more than on a short log", more, "ms"),
    ]


def _grown(rounds: Sequence[Round], what: str, size: int) -> Figure:
    large, small = middle(rounds, lambda each: each[size][what]), middle(rounds, lambda each: each[SMALL][what])
    value = middle(rounds, lambda each: each[size][what] / each[SMALL][what])
    said = "an append" if what == "append" else "an entry at the tail"
    beside = f"{large * 1e6:.1f} us against {small * 1e6:.1f} us"
    return Figure(f"CPU of {said} with {size:,} events, of {SMALL:,}", value, "x", beside, Bar(1.2, 1.05))
