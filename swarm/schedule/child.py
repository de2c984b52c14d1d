"""The process of a firing: a child with its own session, so that it outlives whoever started it; what it says goes to a file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from events.types.schedule import Process
from events.views.schedules import ScheduleState
from swarm.paths import runs_folder
from swarm.schedule.book import is_there

MOST_KEPT = 20
"""Files that are kept of what the firings of a schedule said."""

_TAIL = 4_096  # bytes


def said_path(url: str, schedule: str, firing: int) -> Path:
    """The file of what a firing says."""
    return runs_folder(url) / f"{schedule}-{firing}.log"


def start_child(state: ScheduleState, firing: int, *, url: str) -> subprocess.Popen[bytes]:
    """Start the process of a firing, in the folder of its schedule. Raises OSError."""
    path = said_path(url, state.name, firing)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _forget_old(path.parent, state.name)
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(number, "wb") as said:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "swarm.cli.firing", state.name, str(firing), str(Path(url).absolute())],
            cwd=state.directory,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )


def why_not_started(state: ScheduleState, error: OSError) -> tuple[int, str]:
    """The exit code and the sentence of a firing whose process could not be started."""
    if not Path(state.directory).is_dir():
        return 2, f"there is no folder {state.directory} any more; set the schedule anew where its file is now"
    return 1, f"its process could not be started: {error.strerror}"


def end(process: Process, number: signal.Signals) -> None:
    """Send a signal to a process of this machine, SIGKILL to all that it started; nothing where it is another one by now."""
    if is_there(process):
        with suppress(ProcessLookupError, PermissionError):
            if number is signal.SIGKILL:
                os.killpg(process.pid, number)  # it leads a session of its own
            else:
                os.kill(process.pid, number)


def last_said(path: Path) -> str:
    """The last line of what a firing said; empty where it said nothing."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _forget_old(folder: Path, schedule: str) -> None:
    prefix = f"{schedule}-"
    numbers = {path: path.stem.removeprefix(prefix) for path in folder.glob(f"{prefix}*.log")}
    known = sorted(
        (path for path, number in numbers.items() if number.isdecimal()), key=lambda path: int(numbers[path])
    )
    for path in known[: -MOST_KEPT + 1]:
        path.unlink(missing_ok=True)
