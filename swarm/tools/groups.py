"""Control groups of Linux, where we may make some: the system itself then bounds processes and memory of a command.

They are made for root alone. For everybody else the system counts processes by user namespace, which costs nothing; root
it does not count at all.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import anyio
import msgspec

from swarm.tools.limits import Limits

_ROOT = Path("/sys/fs/cgroup")
_JOIN = 'n=$1; shift; while [ "$n" -gt 0 ]; do echo 0 >"$1" || exit 125; shift; n=$((n - 1)); done; exec "$@"'
_LAST_S, _LOOKS = 5.0, 250
_numbers = itertools.count(1)


class Parent(msgspec.Struct, frozen=True):
    """A group below which we can make one, and the files there that take limits."""

    place: str
    files: Mapping[str, str]  # by what they limit: "processes", "memory"


def find_parents() -> tuple[Parent, ...]:
    """Where groups can be made that limit processes, by really making one; () where there is no such place, or no need."""
    if os.geteuid() != 0 or not _ROOT.is_dir():
        return ()
    with suppress(OSError, ValueError):
        parents = tuple(parent for parent in _candidates(Path("/proc/self/cgroup").read_text()) if _works(parent))
        if any("processes" in parent.files for parent in parents):
            return parents
    return ()


def _candidates(told: str) -> Iterator[Parent]:
    """The groups that a process's own are, from /proc/self/cgroup; of a unified hierarchy the one above, which is empty."""
    for line in told.splitlines():
        _, controllers, path = line.split(":", 2)
        own = path.strip("/")
        if controllers == "pids":  # the older hierarchies, one a controller
            yield Parent(os.fspath(_ROOT / "pids" / own), {"processes": "pids.max"})
        elif controllers == "memory":
            yield Parent(os.fspath(_ROOT / "memory" / own), {"memory": "memory.limit_in_bytes"})
        elif not controllers:
            above = (_ROOT / own).parent if own else _ROOT
            with suppress(OSError):
                given = (above / "cgroup.subtree_control").read_text().split()
                files = {"processes": "pids.max", "memory": "memory.max"}
                kept = {what: file for what, file in files.items() if file.partition(".")[0] in given}
                if kept:
                    yield Parent(os.fspath(above), kept)


def _works(parent: Parent) -> bool:
    """Try it, and remove what processes that were killed left there."""
    for old in Path(parent.place).glob("swarm-*-*"):
        with suppress(OSError):
            if not Path("/proc", old.name.split("-")[1]).exists():
                old.rmdir()
    trial = Path(parent.place) / f"swarm-{os.getpid()}-{next(_numbers)}"
    try:
        trial.mkdir()
    except OSError:
        return False
    try:
        return all(os.access(trial / file, os.W_OK) for file in parent.files.values())
    finally:
        trial.rmdir()


class Groups:
    """The groups of one command."""

    def __init__(self, places: Sequence[Path]) -> None:
        self._places = places

    @property
    def words(self) -> tuple[str, ...]:
        """What is put before the command, so that it is in the groups before its first instruction."""
        if not self._places:
            return ()
        files = [os.fspath(place / "cgroup.procs") for place in self._places]
        return ("/bin/sh", "-c", _JOIN, "sh", str(len(files)), *files)

    def refused(self) -> bool:
        """Whether the system had to refuse the command a process: a bomb may be over before anybody counts."""
        for place in self._places:
            with suppress(OSError):
                told = (place / "pids.events").read_text().split()
                if "max" in told and int(told[told.index("max") + 1]):
                    return True
        return False

    async def end(self) -> None:
        """End what is still in the groups, wherever it went, wait for that, and remove them."""
        for _ in range(_LOOKS):
            for pid in {pid for place in self._places for pid in _members(place)}:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            if all(_removed(place) for place in self._places):
                return
            await anyio.sleep(_LAST_S / _LOOKS)


@contextmanager
def open_groups(parents: Sequence[Parent], limits: Limits) -> Generator[Groups]:
    """Make groups for one command, with its limits twice over: the watch, which can say why, ends it first."""
    places: list[Path] = []
    most = {"processes": limits.processes * 2, "memory": limits.memory_bytes * 2}
    try:
        with suppress(OSError):  # then the watch alone bounds it
            number = next(_numbers)
            for parent in parents:
                place = Path(parent.place) / f"swarm-{os.getpid()}-{number}"
                place.mkdir()
                places.append(place)
                for what, file in parent.files.items():
                    (place / file).write_text(str(most[what]))
        yield Groups(places)
    finally:
        for place in places:
            _removed(place)  # as where the command never started


def _removed(place: Path) -> bool:
    """Try to remove a group, which goes only when the last of its processes has gone, and say whether it is away."""
    with suppress(OSError):
        place.rmdir()
    return not place.exists()


def _members(place: Path) -> list[int]:
    try:
        return [
            int(pid) for pid in (place / "cgroup.procs").read_text().split() if pid != "0"
        ]  # 0: not of our namespace
    except OSError:
        return []
