"""A run of three-call tasks beside a bare httpx loop that makes the same calls: CPU a task, in one process, round by round.

python -m bench.run [--tasks 200] [--rounds 5] [--delay-ms 0]

The provider stands in a process of its own. Bars: DESIGN section 11; here are the first rows of them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

import anyio
import httpx
import msgspec

from events.log import open_log
from swarm.connect import Roster, endpoint
from swarm.dispatch import Faces
from swarm.plan import Plan
from swarm.redact import Secrets
from swarm.session import run_file
from swarm.task import Task, TaskFile

AT_ONCE = 50
PROVIDER = """
import asyncio, sys
from dataclasses import replace
from tests.provider import Provider
from tests.team import play

async def main(delay_s: float) -> None:
    async with Provider(lambda body: replace(play(body), before_head=delay_s, stream=body["stream"])) as provider:
        print(provider.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main(float(sys.argv[1])))
"""


def tasks(count: int) -> TaskFile:
    """Tasks of three calls each: an explorer, a worker, a judge."""
    made = tuple(
        Task(id=f"t{number}", prompt=f"Write a line, number {number}.", explore=True) for number in range(count)
    )
    return TaskFile(path="bench.yaml", name="bench", tasks=made)


async def ours(url: str, log_url: str, count: int) -> float:
    """CPU seconds of one session of `count` tasks, from the open log to its close."""
    model, provider = await endpoint(url, model="m", price=None, environ={}, transport="aiohttp")
    provider = msgspec.structs.replace(provider, concurrency=AT_ONCE)
    plan = Plan(roster=Roster(models=(model,), providers=(provider,)), day_nanos=0, paid_confirmed=True)

    async def confirm(_: str) -> bool:
        return True

    faces = Faces(observe=lambda _: None, confirm=confirm, stop=anyio.Event(), abort=anyio.Event())
    async with open_log(log_url) as log:
        root = Path(tempfile.gettempdir())
        began = time.process_time()
        result = await run_file(log, tasks(count), plan, root=root, environ={}, faces=faces, secrets=Secrets([]))
        spent = time.process_time() - began
    assert result.exit_code == 0, result
    return spent


async def bare(url: str, count: int, *, stream: bool) -> float:
    """CPU seconds of the same calls in a bare httpx loop, one after the other a task: one document, or streamed as ours are."""
    slots = anyio.Semaphore(AT_ONCE)
    limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:

        async def ask(system: str, prompt: str) -> str:
            messages = [{"role": "system", "content": system}, {"role": "user", "content": prompt}]
            body = {"model": "m", "messages": messages, "stream": stream, "max_tokens": 1000}
            if not stream:
                answer = (await client.post(f"{url}/chat/completions", json=body)).json()
                return str(answer["choices"][0]["message"]["content"])
            text = ""
            async with client.stream("POST", f"{url}/chat/completions", json=body) as response:
                async for line in response.aiter_lines():
                    if line.startswith("data: {"):
                        choices: list[Any] = json.loads(line[6:])["choices"]
                        text += choices[0]["delta"].get("content") or "" if choices else ""
            return text

        async def task(number: int) -> None:
            async with slots:
                plan = await ask("You are the explorer of a team.", f"Write a line, number {number}.")
                draft = await ask("You do the task.", plan)
                assert "pass" in await ask("You are the validator of a team.", draft)

        began = time.process_time()
        async with anyio.create_task_group() as group:
            for number in range(count):
                group.start_soon(task, number)
        return time.process_time() - began


async def measure(url: str, count: int, rounds: int) -> dict[str, list[float]]:
    """CPU milliseconds a task of each row, round by round, after a warm-up of ten tasks."""
    with tempfile.TemporaryDirectory() as folder:
        rows: dict[str, Callable[[int], Awaitable[float]]] = {
            "bare httpx loop": lambda number: bare(url, number, stream=False),
            "bare httpx, streamed": lambda number: bare(url, number, stream=True),
            "swarm, log in a file": lambda number: ours(url, f"{folder}/{time.monotonic_ns()}.db", number),
            "swarm, log in memory": lambda number: ours(url, "memory:", number),
        }
        spent: dict[str, list[float]] = {name: [] for name in rows}
        for row in rows.values():
            await row(10)
        for _ in range(rounds):
            for name, row in rows.items():
                spent[name].append(await row(count) * 1000 / count)
    return spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    args = parser.parse_args()
    words = [sys.executable, "-c", PROVIDER, str(args.delay_ms / 1000)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as provider:
        assert provider.stdout is not None
        url = provider.stdout.readline().strip()
        spent = anyio.run(measure, url, args.tasks, args.rounds)
        provider.kill()
    floor = median(spent["bare httpx loop"])
    sys.stdout.write(
        f"CPU a task of 3 calls, {args.tasks} tasks, {AT_ONCE} at once, {args.delay_ms:g} ms, medians of {args.rounds}\n"
    )
    for name, values in spent.items():
        sys.stdout.write(f"{name:<24}{median(values):8.2f} ms{median(values) / floor:8.2f} x\n")


if __name__ == "__main__":
    main()
