"""The live view from outside: how soon it shows something, what it costs at rest and under load, and whether it keeps up."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio

from bench.processes import ROOT, installed
from bench.screens import Screen, screen
from events.log import open_log

COLUMNS, ROWS = 140, 40
RATE = 10_000  # events a second under load
_SETTLE_S = 1.5  # from the first frame to a screen at rest
_FOOTER = "1 Swarm"
_EVENTS = r"Events ([\d,]+) "


@dataclass(frozen=True)
class Load:
    """What a view came to while events were poured into its log, and at rest afterwards."""

    cpu: float  # of a core, as a share
    kb_s: float
    rate: float  # events a second that were written
    lost: int  # events of the log that the view did not count
    late_s: float  # from the last event to a view that shows it
    fell_behind: bool  # whether the header said so in the meantime
    idle_cpu: float
    idle_kb_s: float


def has_option(option: str, command: str = "watch") -> bool:
    done = subprocess.run([*installed(), command, "--help"], capture_output=True, text=True, check=True)
    return option in done.stdout


def first_frame(log: Path, folder: Path) -> tuple[float, float]:
    """Seconds from the start of the command to the last line of its first screen, and those of a processor."""
    began = time.perf_counter()
    with screen(["watch", "--log", str(log)], folder, columns=COLUMNS, rows=ROWS) as shown:
        shown.wait_for(_FOOTER)
        return time.perf_counter() - began, shown.cpu_s


def under_load(folder: Path, *, seconds: float, options: Sequence[str] = ()) -> Load:
    """Pour events into a new log that is watched. What the writer costs is its own process's, and not counted."""
    log = folder / f"load{len(list(folder.glob('load*.db')))}.db"
    anyio.run(_make, log)
    with screen(["watch", "--log", str(log), *options], folder, columns=COLUMNS, rows=ROWS) as shown:
        shown.wait_for(_FOOTER)
        shown.read(_SETTLE_S)
        words = [sys.executable, "-m", "bench.pour", str(log), "--rate", str(RATE), "--seconds", str(seconds)]
        with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
            shown.wait_for(r"Events [1-9]")  # the writer's own start is no load
            spent = _Spent(shown)
            while writer.poll() is None:
                shown.read(0.05)
            cpu, kb_s, took = spent.rates()
            ended = time.perf_counter()
            assert writer.stdout is not None, "it was asked for"
            last = int(writer.stdout.read())
        behind = "behind" in shown.text
        seen = _counted(shown, last)
        late = time.perf_counter() - ended
        shown.resize(COLUMNS, ROWS)
        shown.read(_SETTLE_S)
        rest = _Spent(shown)
        shown.read(max(3.0, seconds / 2))
        idle_cpu, idle_kb_s, _ = rest.rates()
        return Load(cpu, kb_s, last / took, last - seen, late, behind, idle_cpu, idle_kb_s)


class _Spent:
    """What a command has used since."""

    def __init__(self, shown: Screen) -> None:
        self._shown, self._from = shown, (shown.cpu_s, shown.bytes, time.perf_counter())

    def rates(self) -> tuple[float, float, float]:
        """The share of a core, kilobytes a second, and the seconds."""
        cpu, written, began = self._from
        took = time.perf_counter() - began
        return (self._shown.cpu_s - cpu) / took, (self._shown.bytes - written) / took / 1000, took


def _counted(shown: Screen, last: int) -> int:
    """How many events the view says that there are, once it says `last` or has had ten seconds for it."""
    end = time.perf_counter() + 10
    seen, columns = 0, COLUMNS
    while seen != last and time.perf_counter() < end:
        shown.forget()
        columns = COLUMNS - 1 if columns == COLUMNS else COLUMNS
        shown.resize(columns, ROWS)  # of a screen that stays as it is only what changes is written
        shown.read(0.2)
        found = re.findall(_EVENTS, shown.text)
        seen = int(found[-1].replace(",", "")) if found else seen
    return seen


async def _make(path: Path) -> None:
    async with open_log(path):
        pass
