"""What the machine brings: Python, SQLite, room on the disk, the terminal, git."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from swarm.cli.checkup.finding import Finding

MEBIBYTE = 1 << 20
ROOM_FAIL, ROOM_WARN = 64 * MEBIBYTE, 1024 * MEBIBYTE
NARROWEST, LOWEST = 60, 16  # columns and lines that the live view is drawn for
_PATIENCE_S = 10
_STRICT_TABLES = (3, 37, 0)  # https://sqlite.org/stricttables.html
_RESET_BUG = (3, 7, 0), (3, 51, 2)  # https://sqlite.org/changes.html : mended in 3.51.3


def look_at_machine(folder: Path, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what is found on this machine; `folder` is where the log stands or will stand."""
    yield Finding(name="python", said=f"{platform.python_version()} at {sys.executable}")
    yield sqlite_finding(sqlite3.sqlite_version_info)
    yield _room(folder)
    yield terminal_finding(_size_of_terminal(), sys.stdout.encoding, environ)
    yield git_finding(_said_by(["git", "--version"]))


def sqlite_finding(version: Sequence[int]) -> Finding:
    """What a version of SQLite means for the log."""
    shown = ".".join(map(str, version))
    first, last = _RESET_BUG
    if tuple(version) < _STRICT_TABLES:
        said = f"{shown} is too old: the log needs 3.37 or newer"
        return Finding(name="sqlite", state="fail", said=said, remedy="use a Python that is built with a newer SQLite")
    if first <= tuple(version) <= last:
        said = (
            f"{shown} can damage a file when one connection resets the write-ahead log while another writes; swarm never "
            "lets that come together: one thread writes and checkpoints, under a lock, and readers only read"
        )
        remedy = "nothing has to be done; a Python with SQLite 3.51.3 or newer has it mended"
        return Finding(name="sqlite", state="warn", said=said, remedy=remedy)
    return Finding(name="sqlite", said=shown)


def _room(folder: Path) -> Finding:
    there = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        free = shutil.disk_usage(there).free
    except OSError as error:
        return Finding(name="disk", state="warn", said=f"the room at {there} is not known ({error.strerror})")
    return disk_finding(free, there)


def disk_finding(free: int, folder: Path) -> Finding:
    """What `free` bytes mean for a log in `folder`."""
    said = f"{free // MEBIBYTE:,} MiB free at {folder}"
    if free >= ROOM_WARN:
        return Finding(name="disk", said=said)
    remedy = "make room, drop old texts with `swarm log prune`, or use a log elsewhere (`log` in the settings)"
    return Finding(name="disk", state="fail" if free < ROOM_FAIL else "warn", said=said, remedy=remedy)


def terminal_finding(size: os.terminal_size | None, encoding: str | None, environ: Mapping[str, str]) -> Finding:
    """What the terminal can show; `size` is None where stdout is none."""
    if size is None:
        return Finding(name="terminal", said="stdout is none; results are written as plain lines")
    name = "terminal"
    kind = environ.get("TERM", "")
    colour = "no colour (NO_COLOR)" if environ.get("NO_COLOR") else "colour"
    said = f"{size.columns}x{size.lines}, {colour}, {encoding or 'no encoding'}, TERM={kind or 'not set'}"
    if kind in ("", "dumb"):
        return Finding(name=name, state="warn", said=f"{said}: nothing is painted", remedy="export TERM=xterm-256color")
    if (encoding or "").replace("-", "").lower() != "utf8":
        return Finding(
            name=name, state="warn", said=f"{said}: signs are written as escapes", remedy="export LC_ALL=C.UTF-8"
        )
    if size.columns < NARROWEST or size.lines < LOWEST:
        remedy = f"make the window {NARROWEST}x{LOWEST} or larger for `swarm watch`"
        return Finding(name=name, state="warn", said=f"{said}: small for the live view", remedy=remedy)
    return Finding(name=name, said=said)


def _size_of_terminal() -> os.terminal_size | None:
    try:
        return os.get_terminal_size(sys.stdout.fileno()) if sys.stdout.isatty() else None
    except (OSError, ValueError):
        return None


def git_finding(said: str | None) -> Finding:
    """What git's own words about its version mean; None where there is no git."""
    if said is None:
        missing = "is not here; commands of task files then run in a copy of the whole folder"
        return Finding(name="git", state="warn", said=missing, remedy="install git")
    return Finding(name="git", said=said.removeprefix("git version ").strip())


def _said_by(words: list[str], run: Callable[..., subprocess.CompletedProcess[str]] = subprocess.run) -> str | None:
    try:
        done = run(words, capture_output=True, text=True, timeout=_PATIENCE_S, stdin=subprocess.DEVNULL, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None
