"""What can be known of a process on this machine: whether it lives, whether it is stopped, since when it runs."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

_PROC = Path("/proc")


def started(pid: int) -> int:
    """The start time of a process in the system's own unit, 0 where there is no such process.

    A pid is used again; together with its start time and the machine's boot it names one process.
    """
    try:
        return int(_stat_fields(pid)[19])  # field 22 of proc(5): starttime in clock ticks since boot
    except (OSError, ValueError, IndexError):
        return 0 if _PROC.is_dir() else _started_by_ps(pid)


def is_stopped(pid: int) -> bool:
    """Whether the process is suspended (SIGSTOP, Ctrl-Z)."""
    try:
        return _stat_fields(pid)[0] in ("T", "t")
    except (OSError, IndexError):
        return False


def is_dead(pid: int) -> bool:
    """Whether the process is gone or only waits to be reaped."""
    try:
        return _stat_fields(pid)[0] in ("Z", "X")
    except (OSError, IndexError):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


def describe(pid: int) -> str:
    """A process in the words of an error: its pid, and what to do where it is stopped."""
    if pid <= 0:
        return "another process"
    if is_dead(pid):
        return f"a process that has just ended (pid {pid})"
    if is_stopped(pid):
        return f"process {pid}, which is stopped (wake it with `kill -CONT {pid}` or end it with `kill -9 {pid}`)"
    return f"process {pid}"


def boot_id() -> str:
    """An id of this boot of this machine: a pid means nothing after the next one."""
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        import uuid

        return f"{uuid.getnode():012x}"  # macOS has no such file; the start time tells two boots apart there


def _stat_fields(pid: int) -> list[str]:
    """Fields 3 and on of /proc/PID/stat; the command before them may hold spaces and brackets."""
    text = (_PROC / str(pid) / "stat").read_text()
    return text[text.rindex(")") + 2 :].split()


def _started_by_ps(pid: int) -> int:
    import subprocess

    done = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return zlib.crc32(done.stdout.strip().encode())
