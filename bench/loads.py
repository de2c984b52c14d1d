"""One row of `bench.run`, in a process of its own: the same calls by one client or another, and what they cost.

python -m bench.loads ROW --url URL [--tasks 200] [--at-once 50] [--folder DIR]

A task is three calls, one after the other: explorer, worker, validator. Ten tasks warm up; then `--tasks` of them are
measured, `--at-once` at a time. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio
import msgspec

from bench.options import at_least, to_its_end

if TYPE_CHECKING:
    from events.log import EventLog
    from swarm.task import TaskFile

WARM_UP = 10
EXPLORER, WORKER, VALIDATOR = "You are the explorer of a team.", "You do the task.", "You are the validator of a team."

Ask: TypeAlias = Callable[[str, str], Awaitable[str]]
"""Asks with a system message and a prompt, and returns the text of the answer."""

Load: TypeAlias = Callable[[int], Awaitable[None]]
"""Carries so many tasks out."""


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What a row cost from its first call to its last answer; disk and written of the log, peak of the whole process."""

    cpu_ms: float  # a task
    tasks_a_second: float
    peak_mb: float
    disk_kb: float = 0.0  # a task
    written_kb: float = 0.0  # a task; what the kernel was given for the disk, 0 where it does not say


def body_of(system: str, prompt: str, *, stream: bool) -> dict[str, Any]:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": prompt}]
    return {"model": "m", "messages": messages, "stream": stream, "max_tokens": 1000}


def said_in(line: str) -> str:
    """The text that one line of a stream brings."""
    if not line.startswith("data: {"):
        return ""
    choices: list[Any] = json.loads(line[6:])["choices"]
    return choices[0]["delta"].get("content") or "" if choices else ""


def text_of(document: dict[str, Any]) -> str:
    return str(document["choices"][0]["message"]["content"])


@asynccontextmanager
async def by_httpx(url: str, at_once: int, *, stream: bool) -> AsyncGenerator[Load]:
    """A bare httpx loop, one client for all, each connection kept."""
    import httpx

    address = f"{url}/chat/completions"
    limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:

        async def ask(system: str, prompt: str) -> str:
            body = body_of(system, prompt, stream=stream)
            if not stream:
                return text_of((await client.post(address, json=body)).json())
            async with client.stream("POST", address, json=body) as response:
                return "".join([said_in(line) async for line in response.aiter_lines()])

        yield bare(ask, at_once)


@asynccontextmanager
async def by_aiohttp(url: str, at_once: int, *, stream: bool) -> AsyncGenerator[Load]:
    """The same on bare aiohttp."""
    import aiohttp

    address = f"{url}/chat/completions"
    compact = partial(json.dumps, separators=(",", ":"))  # as httpx does
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=at_once), json_serialize=compact) as client:

        async def ask(system: str, prompt: str) -> str:
            async with client.post(address, json=body_of(system, prompt, stream=stream)) as response:
                if not stream:
                    return text_of(await response.json())
                return "".join([said_in(line.decode()) async for line in response.content])

        yield bare(ask, at_once)


def bare(ask: Ask, at_once: int) -> Load:
    async def task(number: int, slots: anyio.Semaphore) -> None:
        async with slots:
            plan = await ask(EXPLORER, f"Write a line, number {number}.")
            draft = await ask(WORKER, plan)
            assert "pass" in await ask(VALIDATOR, draft), "each task is answered with a verdict"

    async def load(count: int) -> None:
        slots = anyio.Semaphore(at_once)
        async with anyio.create_task_group() as group:
            for number in range(count):
                group.start_soon(task, number, slots)

    return load


@asynccontextmanager
async def by_swarm(url: str, at_once: int, *, log: EventLog) -> AsyncGenerator[Load]:
    """A session of swarm: plan, choice, limits, ledger, log, verdict."""
    from swarm.connect import Roster, endpoint
    from swarm.engine.faces import Faces
    from swarm.plan import Plan
    from swarm.redact import Secrets
    from swarm.session import run_file

    model, provider = await endpoint(url, model="m", price=None, environ={}, transport="aiohttp")
    provider = msgspec.structs.replace(provider, concurrency=at_once)
    plan = Plan(roster=Roster(models=(model,), providers=(provider,)), day_nanos=0, paid_confirmed=True)
    secrets = Secrets([])

    async def confirm(_: str) -> bool:
        return True

    async def load(count: int) -> None:
        faces = Faces(observe=lambda _: None, confirm=confirm, stop=anyio.Event(), abort=anyio.Event())
        result = await run_file(log, tasks(count), plan, root=Path.cwd(), environ={}, faces=faces, secrets=secrets)
        assert result.exit_code == 0, result

    yield load


def tasks(count: int) -> TaskFile:
    from swarm.task import Task, TaskFile

    made = tuple(
        Task(id=f"t{number}", prompt=f"Write a line, number {number}.", explore=True) for number in range(count)
    )
    return TaskFile(path="bench.yaml", name="bench", tasks=made)


def written_bytes() -> int:
    """What this process gave the kernel for a disk, pages counted once while they wait. 0 on a system that does not say."""
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return 0
    return int(next(line.split()[1] for line in lines if line.startswith("write_bytes")))


def peak_mb() -> float:
    """The most memory that this process held."""
    status = Path("/proc/self/status")
    if status.exists():  # a process's rusage also knows its parent's peak, by the fork
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


async def measured(load: Load, count: int) -> Spent:
    await load(WARM_UP)
    wrote, cpu, began = written_bytes(), time.process_time(), time.perf_counter()
    await load(count)
    wall, cpu, wrote = time.perf_counter() - began, time.process_time() - cpu, written_bytes() - wrote
    return Spent(
        cpu_ms=cpu * 1000 / count,
        tasks_a_second=count / wall,
        peak_mb=peak_mb(),
        written_kb=wrote / count / 1024,
    )


async def measure(row: str, url: str, count: int, at_once: int, folder: Path) -> Spent:
    """Carry one row out. Its name is a client, or the kind of swarm's log."""
    from events.log import open_log

    if row not in ("swarm-file", "swarm-memory"):
        opened = by_httpx if row.startswith("httpx") else by_aiohttp
        async with opened(url, at_once, stream=row.endswith("streamed")) as load:
            return await measured(load, count)
    path = folder / f"{os.getpid()}.db"
    async with (
        open_log(path if row == "swarm-file" else "memory:") as log,
        by_swarm(url, at_once, log=log) as load,
    ):
        spent = await measured(load, count)
    size = path.stat().st_size if row == "swarm-file" else 0  # closed, so all of the WAL is in the file
    return msgspec.structs.replace(spent, disk_kb=size / (WARM_UP + count) / 1024)


ROWS = ("httpx", "httpx-streamed", "aiohttp", "aiohttp-streamed", "swarm-file", "swarm-memory")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("row", choices=ROWS)
    parser.add_argument("--url", required=True)
    parser.add_argument("--tasks", type=at_least(1), default=200)
    parser.add_argument("--at-once", type=at_least(1), default=50)
    parser.add_argument("--folder", type=Path, default=Path())
    args = parser.parse_args()
    spent = anyio.run(measure, args.row, args.url, args.tasks, args.at_once, args.folder)
    sys.stdout.buffer.write(msgspec.json.encode(spent) + b"\n")


if __name__ == "__main__":
    to_its_end(main)
