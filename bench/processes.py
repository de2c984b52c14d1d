"""The processes that a bench starts: a provider on loopback, and the command as a user starts it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[1]


@contextmanager
def provider(delay_ms: int, *, port: int = 0) -> Generator[str]:
    """A provider in a process of its own; gives its base URL."""
    words = [sys.executable, "-m", "bench.provider", "--delay-ms", str(delay_ms), "--port", str(port)]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None, "it was asked for"
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


@dataclass(frozen=True)
class Process:
    """What one process cost, from its start to its end."""

    cpu_ms: float
    wall_ms: float
    peak_mb: float


def finished(words: Sequence[str], folder: Path) -> Process:
    """Run a command to its end; it sees nothing of this process's environment but PATH."""
    began = time.perf_counter()
    with (folder / "stderr").open("wb") as errors:
        child = started(words, folder, errors)
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        said = (folder / "stderr").read_text()
        raise SystemExit(f"{' '.join(words)} ended with {child.returncode}\n{said}")
    peak = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return Process((usage.ru_utime + usage.ru_stime) * 1000, (time.perf_counter() - began) * 1000, peak)


def started(words: Sequence[str], folder: Path, stderr: IO[bytes] | int) -> subprocess.Popen[bytes]:
    environ = {"HOME": str(folder), "PATH": os.environ.get("PATH", os.defpath)}
    nothing = subprocess.DEVNULL
    return subprocess.Popen(words, cwd=folder, env=environ, stdin=nothing, stdout=nothing, stderr=stderr)


def installed() -> list[str]:
    """The command of this interpreter's installation, else the module that it runs."""
    found = shutil.which("swarm", path=str(Path(sys.executable).parent))
    return [found] if found else [sys.executable, "-P", "-m", "swarm.cli.main"]
