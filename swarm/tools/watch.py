"""Looking at what a running command uses: its processes, their memory, and the room that it takes on the disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import anyio
import msgspec
from anyio import to_thread

from swarm.tools.limits import MEBIBYTE, Limits

_LOOK_S = 0.1
_SELDOM = 5  # looks
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Use(msgspec.Struct):
    """What processes use at one moment."""

    pids: list[int]
    processes: int = 0  # threads too
    memory_bytes: int = 0


def use_of(pids: Iterable[int], *, most: int) -> Use:
    """What processes and their descendants use, the count given up behind `most`; nothing on a system without /proc.

    Memory is what belongs to each alone or by copy on write, so that it may be said too high, never too low.
    """
    use, todo, seen = Use([]), [*pids], set[int]()
    while todo and use.processes <= most:
        if (one := todo.pop()) in seen:
            continue
        seen.add(one)
        place = f"/proc/{one}"
        with suppress(OSError, ValueError):  # it ended meanwhile
            with open(f"{place}/statm", "rb") as file:  # noqa: PTH123 - a Path for each would cost more than the look
                _, resident, shared, *_ = file.read().split()
            use.memory_bytes += (int(resident) - int(shared)) * _PAGE
            use.pids.append(one)
            for thread in os.listdir(f"{place}/task"):  # noqa: PTH208
                use.processes += 1
                with open(f"{place}/task/{thread}/children", "rb") as file:  # noqa: PTH123
                    todo += map(int, file.read().split())
    return use


def session_of(pid: int) -> Iterator[int]:
    """Yield the processes of the session that a process opened: those, too, that its descendants left behind."""
    for name in filter(str.isdecimal, os.listdir("/proc") if os.path.isdir("/proc") else ()):  # noqa: PTH112, PTH208
        with suppress(OSError):
            if os.getsid(int(name)) == pid:
                yield int(name)


def shared_out(pids: Sequence[int]) -> int:
    """The memory of processes in bytes, what several share counted once. Slower than a first look."""
    total = 0
    for pid in pids:
        with suppress(OSError, ValueError), Path(f"/proc/{pid}/smaps_rollup").open("rb") as file:
            total += sum(int(line.split()[1]) * 1024 for line in file if line.startswith(b"Pss:"))
    return total


def size_of(folders: Sequence[Path]) -> int:
    """How many bytes of the disk are taken by what stands in the folders; symlinks are not followed."""
    return sum(entry.stat(follow_symlinks=False).st_blocks * 512 for entry in _entries([os.fspath(f) for f in folders]))


def _entries(todo: list[str]) -> Iterator[os.DirEntry[str]]:
    while todo:
        with suppress(OSError), os.scandir(todo.pop()) as found:
            for entry in found:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    todo.append(entry.path)


def unlinked_of(pids: Sequence[int]) -> int:
    """How many bytes of the disk are held by files that processes have open and that no folder names any more."""
    found: dict[tuple[int, int], int] = {}
    for pid in pids:
        with suppress(OSError):
            for name in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208
                with suppress(OSError):
                    told = os.stat(f"/proc/{pid}/fd/{name}")  # noqa: PTH116
                    if stat.S_ISREG(told.st_mode) and not told.st_nlink:
                        found[told.st_dev, told.st_ino] = told.st_blocks * 512
    return sum(found.values())


class Watch:
    """Looks at one command until it is found to have gone past its limits."""

    def __init__(
        self,
        limits: Limits,
        folders: Sequence[Path],
        *,
        lost: bool = False,
        refused: Callable[[], bool] = lambda: False,
    ) -> None:
        """`lost`: processes that a descendant leaves behind are nobody's descendants, since there is no namespace.

        `refused` says whether the system refused the command a process because it had too many.
        """
        self._limits, self._folders, self._lost, self._refused = limits, folders, lost, refused
        self._looks = 0
        self._free = _free(folders)
        self._most_disk = min(limits.disk_bytes, self._free // 2)  # nobody's disk is filled to the last byte
        self._doubted = self._free - self._most_disk // 2  # with less room than this it is counted who took it
        self._before: int | None = None  # the size of the folders before the command, at the least

    async def until_broken(self, pid: int) -> str:
        """Return what limit the process and its descendants went past, in words, once they did."""
        while True:
            use = use_of(self._roots(pid), most=self._limits.processes)
            if said := self._too_much(use) or await self._too_full(use):
                return said
            await anyio.sleep(_LOOK_S)

    def _roots(self, pid: int) -> list[int]:
        """Where to look from; those that were lost are sought seldom, among all processes of the machine."""
        self._looks += 1
        return [pid, *(session_of(pid) if self._lost and self._looks % _SELDOM == 0 else ())]

    def _too_much(self, use: Use) -> str:
        limits = self._limits
        if use.processes > limits.processes or self._refused():
            return f"had more than {limits.processes:,} processes"
        if use.memory_bytes > limits.memory_bytes and shared_out(use.pids) > limits.memory_bytes:
            return f"used more than {limits.memory_bytes // MEBIBYTE:,} MiB of memory"
        return ""

    async def _too_full(self, use: Use) -> str:
        """The free room is asked at each look, which costs nothing; who took it is counted once much of it has gone."""
        free = _free(self._folders)
        if free >= self._doubted:
            return ""
        self._doubted = free - self._most_disk // 8
        size = unlinked_of(use.pids) + await to_thread.run_sync(size_of, self._folders, abandon_on_cancel=True)
        if self._before is None:
            self._before = max(0, size - (self._free - free))
        if size - self._before > self._most_disk:
            return f"wrote more than {self._most_disk // MEBIBYTE:,} MiB"
        return ""


def _free(folders: Sequence[Path]) -> int:
    """The room that is left where the folders are; the least of them."""
    found: list[int] = []
    for folder in folders:
        with suppress(OSError):
            told = os.statvfs(folder)
            found.append(told.f_bavail * told.f_frsize)
    return min(found, default=0)
