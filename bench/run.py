"""A run of three-call tasks beside bare HTTP clients that make the same calls: CPU, tasks a second, memory, disk.

python -m bench.run [--quick] [--json] [--rounds N] [--folder DIR]

Each row runs in a process of its own against a provider in another one, on loopback; the rows take turns, round by round,
and what is printed are medians over the rounds of ratios within a round. The process itself is measured as a user starts
it, by `swarm run FILE`. Bars: docs/explanation/measurements.md. A whole run takes some three minutes.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapreplace
from pathlib import Path

from bench.options import parser_of, to_its_end
from bench.processes import ROOT, Process, finished, installed, provider
from bench.table import Bar, Figure, middle, show

FAR_MS = 50  # +- 50 %
MOST_A_SECOND = 1000 * 50 / (3 * FAR_MS)  # 50 at once, three calls of 50 ms each

TASKS = 200

Spent = dict[str, float]
"""What a process of `bench.loads` printed."""


@dataclass(frozen=True)
class Row:
    """A client, how far away its provider is, and how many tasks it does, how many of them at once."""

    name: str
    client: str
    delay_ms: int
    tasks: int
    at_once: int


def rows(quick: bool) -> list[Row]:
    count, few = TASKS, 10 if quick else 20
    near = [
        Row(client, client, 0, count, 50)
        for client in ("httpx", "httpx-streamed", "aiohttp", "aiohttp-streamed", "swarm-file", "swarm-memory")
    ]
    far = [Row(f"{client}, far", client, FAR_MS, count, 50) for client in ("httpx", "aiohttp-streamed", "swarm-file")]
    single = [Row(f"{client}, one", client, 0, count, 1) for client in ("httpx", "aiohttp-streamed", "swarm-file")]
    both = [Row(f"{client}, one, far", client, FAR_MS, few, 1) for client in ("httpx", "swarm-file")]
    return [*near, *far, *single, *both]


def at_best(tasks: int = TASKS, at_once: int = 50) -> float:
    """The tasks a second of a client that costs nothing: it waits for three answers each; the last have none behind."""
    wait = random.Random(1)
    free = [0.0] * at_once  # when each place is free again, the first of them first
    for _ in range(tasks):
        heapreplace(free, free[0] + sum(wait.uniform(0.5, 1.5) * FAR_MS / 1000 for _ in range(3)))
    return tasks / max(free)


def carried_out(row: Row, url: str, folder: Path) -> Spent:
    words = [sys.executable, "-m", "bench.loads", row.client, "--url", url, "--folder", str(folder)]
    words += ["--tasks", str(row.tasks), "--at-once", str(row.at_once)]
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    spent: Spent = json.loads(done.stdout)
    return spent


TASK_FILE = """\
prompt: Write a line, number 1.
explore: true
"""


def processes(url: str, folder: Path) -> dict[str, Process]:
    """One round of what a user starts. The first run of all makes the log; it is no part of a round."""
    (folder / "one.yaml").write_text(TASK_FILE)
    run = ["run", "one.yaml", "--endpoint", url, "--log", str(folder / "one.db")]
    return {
        "python": finished([sys.executable, "-I", "-c", "pass"], folder),
        "help": finished([*installed(), "--help"], folder),
        "run": finished([*installed(), *run], folder),
    }


@dataclass(frozen=True)
class Round:
    spent: dict[str, Spent]
    processes: dict[str, Process]


def measure(quick: bool, rounds: int, folder: Path) -> list[Round]:
    measured: list[Round] = []
    with provider(0) as near, provider(FAR_MS) as far:
        urls = {0: near, FAR_MS: far}
        processes(near, folder)
        for _ in range(rounds):
            spent = {row.name: carried_out(row, urls[row.delay_ms], folder) for row in rows(quick)}
            measured.append(Round(spent, processes(near, folder)))
    return measured


def ratio(rounds: Sequence[Round], what: str, of: str, to: str, bar: Bar | None = None) -> Figure:
    """CPU a task of one row against another's."""
    value = middle(rounds, lambda each: each.spent[of]["cpu_ms"] / each.spent[to]["cpu_ms"])
    mine = middle(rounds, lambda each: each.spent[of]["cpu_ms"])
    other = middle(rounds, lambda each: each.spent[to]["cpu_ms"])
    return Figure(what, value, "x", f"{mine:.2f} ms against {other:.2f} ms", bar)


def figures(rounds: Sequence[Round]) -> list[Figure]:
    """The table, from what was measured."""
    return [*_of_runs(rounds), *_of_the_log(rounds), *_of_processes(rounds)]


def _of_runs(rounds: Sequence[Round]) -> list[Figure]:
    more = middle(rounds, lambda each: each.spent["swarm-file, far"]["cpu_ms"] - each.spent["swarm-file"]["cpu_ms"])
    bare_more = middle(
        rounds, lambda each: each.spent["aiohttp-streamed, far"]["cpu_ms"] - each.spent["aiohttp-streamed"]["cpu_ms"]
    )
    speed = middle(rounds, lambda each: each.spent["swarm-file, far"]["tasks_a_second"])
    bare = middle(rounds, lambda each: each.spent["aiohttp-streamed, far"]["tasks_a_second"])
    slow = middle(rounds, lambda each: each.spent["httpx, far"]["tasks_a_second"])
    peak = middle(rounds, lambda each: each.spent["swarm-file"]["peak_mb"])
    floor = middle(rounds, lambda each: each.spent["aiohttp-streamed"]["peak_mb"])
    return [
        ratio(rounds, "CPU a task, 50 at once, against a bare httpx loop", "swarm-file", "httpx", Bar(1.0, 0.25)),
        ratio(rounds, "the same, httpx streaming as swarm does", "swarm-file", "httpx-streamed"),
        ratio(rounds, "the same against bare aiohttp", "swarm-file", "aiohttp"),
        ratio(rounds, "the same, aiohttp streaming", "swarm-file", "aiohttp-streamed"),
        ratio(rounds, "one at once, against httpx", "swarm-file, one", "httpx, one"),
        ratio(rounds, "one at once, against aiohttp streaming", "swarm-file, one", "aiohttp-streamed, one"),
        ratio(rounds, f"50 at once, {FAR_MS} ms away, against httpx", "swarm-file, far", "httpx, far"),
        ratio(rounds, "the same against aiohttp streaming", "swarm-file, far", "aiohttp-streamed, far"),
        ratio(rounds, f"one at once, {FAR_MS} ms away, against httpx", "swarm-file, one, far", "httpx, one, far"),
        Figure(
            f"CPU a task more at {FAR_MS} ms than at 0 ms", more, "ms", f"aiohttp {bare_more:.2f} ms", Bar(1.0, 0.5)
        ),
        Figure(
            f"tasks a second at {FAR_MS} ms, of {MOST_A_SECOND:.0f}",
            speed,
            "",
            f"waits alone {at_best():.0f}, aiohttp {bare:.0f}, httpx {slow:.0f}",
            Bar(250, 290, least=True),
        ),
        Figure("peak memory of such a run", peak, "MB", f"bare aiohttp {floor:.0f} MB"),
    ]


def _of_the_log(rounds: Sequence[Round]) -> list[Figure]:
    costs = middle(rounds, lambda each: each.spent["swarm-file"]["cpu_ms"] - each.spent["swarm-memory"]["cpu_ms"])
    disk = middle(rounds, lambda each: each.spent["swarm-file"]["disk_kb"])
    written = middle(rounds, lambda each: each.spent["swarm-file"]["written_kb"])
    found = [
        Figure("CPU a task of a log in a file over one in memory", costs, "ms", "", Bar(0.3, 0.15)),
        Figure("disk a task", disk, "KB", "", Bar(6, 4)),
    ]
    if written:  # a system without /proc, or a folder in memory, does not say
        found.append(Figure("written a task", written, "KB", "", Bar(20, 12)))
    return found


def _of_processes(rounds: Sequence[Round]) -> list[Figure]:
    cpu = middle(rounds, lambda each: each.processes["run"].cpu_ms)
    wall = middle(rounds, lambda each: each.processes["run"].wall_ms)
    peak = middle(rounds, lambda each: each.processes["run"].peak_mb)
    helps = middle(rounds, lambda each: each.processes["help"].wall_ms)
    python = middle(rounds, lambda each: each.processes["python"].cpu_ms)
    python_wall = middle(rounds, lambda each: each.processes["python"].wall_ms)
    return [
        Figure("swarm run, one task: CPU of the process", cpu, "ms", f"{wall:.0f} ms to its end", Bar(500, 300)),
        Figure("the same against a bare Python", cpu / python, "x", f"{python:.0f} ms"),
        Figure("swarm run, one task: peak memory", peak, "MB", "", Bar(70, 50)),
        Figure("swarm --help, to its end", helps, "ms", f"a bare Python {python_wall:.0f} ms", Bar(100, 40)),
    ]


def main() -> None:
    args = parser_of(__doc__, "2 rounds, in a minute").parse_args()
    rounds = args.rounds or (2 if args.quick else 5)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        measured = measure(args.quick, rounds, Path(folder))
    title = f"{TASKS} tasks of three calls, medians of {rounds} interleaved rounds, CPU of the whole process"
    show(title, figures(measured), as_json=args.json)


if __name__ == "__main__":
    to_its_end(main)
