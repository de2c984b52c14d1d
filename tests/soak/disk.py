"""A disk that can lose power: SQLite writes to it as to any other, and what was never synced may be gone afterwards.

The files are real ones, so that the program that writes reads what it wrote. Beside them `Disk` keeps what would be on the
platter: each file as it was at its last sync, and the writes since then. `found` says what had come down when the power went.
Not modelled: a disk that lies about syncs, and names of files (a new file keeps its name, a deleted one stays deleted).
"""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Literal, cast

import apsw
import pytest

SECTOR = 512
Luck = Literal["none", "prefix", "random"]
"""Which of the writes since the last sync came down: none, those before some moment, or any half of their sectors."""

Sync = Literal["as asked", "never in full", "never"]
"""Whether the disk is synced where the writer asks for it, as with synchronous=NORMAL all the time, or as with OFF."""

_names = count(1)
_LEVELS: dict[Sync, dict[str, str]] = {
    "as asked": {},
    "never in full": {"PRAGMA synchronous=FULL": "PRAGMA synchronous=NORMAL"},
    "never": {
        "PRAGMA synchronous=FULL": "PRAGMA synchronous=OFF",
        "PRAGMA synchronous=NORMAL": "PRAGMA synchronous=OFF",
    },
}


class PowerCut(OSError):
    """The power was cut, and nothing is written or synced any more."""


class _File:
    """One file as it is on the platter, and what is on its way there: bytes at an offset, or a new length."""

    def __init__(self, path: Path) -> None:
        self.synced = path.read_bytes() if path.exists() else b""
        self.pending: list[tuple[int, bytes] | int] = []

    def settled(self, pending: Sequence[tuple[int, bytes] | int], keep: Random | None = None) -> bytes:
        """The file after these writes; with `keep` each of their sectors comes down with a chance of one half."""
        image = bytearray(self.synced)
        for each in pending:
            if isinstance(each, int):
                if keep is None or keep.random() < 0.5:
                    del image[each:]
                continue
            offset, data = each
            for start, piece in _sectors(offset, data):
                if keep is None or keep.random() < 0.5:
                    image.extend(bytes(max(0, start - len(image))))
                    image[start : start + len(piece)] = piece
        return bytes(image)


def _sectors(offset: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    """The pieces of a write that a sector holds: power is lost between two sectors, never within one."""
    start = 0
    while start < len(data):
        end = min(len(data), start + SECTOR - (offset + start) % SECTOR)
        yield offset + start, data[start:end]
        start = end


class Disk:
    """Loses power at a step: the writes, truncations and syncs of all its files are counted from 1."""

    def __init__(self, *, power_until: int) -> None:
        self.steps = 0
        self._power_until = power_until
        self._files: dict[str, _File] = {}
        self._turn = threading.Lock()

    @property
    def is_off(self) -> bool:
        return self.steps >= self._power_until

    def file(self, path: str) -> None:
        """Take a file of whose content nothing is on its way yet."""
        with self._turn:
            if path not in self._files:
                self._files[path] = _File(Path(path))

    def remove(self, path: str) -> None:
        with self._turn:
            self._files.pop(path, None)

    def write(self, path: str, offset: int, data: bytes) -> None:
        with self._step():
            self._files[path].pending.append((offset, data))

    def truncate(self, path: str, length: int) -> None:
        with self._step():
            self._files[path].pending.append(length)

    def sync(self, path: str) -> None:
        with self._step():
            file = self._files[path]
            file.synced, file.pending = file.settled(file.pending), []

    @contextmanager
    def _step(self) -> Generator[None]:
        with self._turn:
            if self.is_off:
                raise PowerCut
            self.steps += 1
            yield

    def cut(self) -> None:
        """Lose power now."""
        self._power_until = 0

    def found(self, folder: Path, luck: Luck, random: Random) -> None:
        """Write to `folder` what is there when the power is back."""
        self.cut()
        folder.mkdir()
        for path, file in self._files.items():
            match luck:
                case "none":
                    image = file.synced
                case "prefix":
                    kept = random.randint(0, len(file.pending))
                    torn = file.pending[kept : kept + 1]
                    image = file.settled([*file.pending[:kept], *_torn(torn, random)])
                case "random":
                    image = file.settled(file.pending, random)
            found = folder / Path(path).name
            found.write_bytes(image)
            found.chmod(0o600)


def _torn(writes: Sequence[tuple[int, bytes] | int], random: Random) -> list[tuple[int, bytes] | int]:
    """The write under way when the power went: the first of its sectors."""
    torn: list[tuple[int, bytes] | int] = []
    for each in writes:
        if not isinstance(each, int):
            pieces = list(_sectors(*each))
            torn += pieces[: random.randint(0, len(pieces))]
    return torn


class _DiskFile(apsw.VFSFile):
    """A real file, whose writes a disk is told of. Raises PowerCut through SQLite as an I/O error."""

    def __init__(self, disk: Disk, name: apsw.URIFilename | str | None, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._disk = disk
        self._path = name if isinstance(name, str) else name.filename() if name is not None else ""
        disk.file(self._path)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802  # as apsw calls it
        self._disk.write(self._path, offset, bytes(data))
        super().xWrite(data, offset)  # pyright: ignore[reportUnknownMemberType]  # apsw speaks of Python 3.12's Buffer

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._disk.truncate(self._path, newsize)
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.sync(self._path)


class _DiskVFS(apsw.VFS):
    def __init__(self, disk: Disk) -> None:
        self.name = f"disk{next(_names)}"
        self._disk = disk
        super().__init__(self.name, base="")

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _DiskFile(self._disk, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        super().xDelete(filename, syncdir)
        self._disk.remove(filename)


class _Rows:
    """What a statement gave, with the errors of the standard library's module."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def fetchone(self) -> Any:
        with _as_sqlite3():
            return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        with _as_sqlite3():
            return list(self._cursor.fetchall())

    def __iter__(self) -> Iterator[Any]:
        with _as_sqlite3():
            yield from self._cursor


class _Connection:
    """As much of `sqlite3.Connection` as the writer of the log uses, on a disk."""

    def __init__(self, path: Path, disk: Disk, sync: Sync) -> None:
        self._vfs = _DiskVFS(disk)  # it goes with the connection
        self._levels = _LEVELS[sync]
        with _as_sqlite3():
            self._connection: Any = apsw.Connection(str(path), vfs=self._vfs.name)

    @property
    def in_transaction(self) -> bool:
        return bool(self._connection.in_transaction)

    def execute(self, statement: str, values: Sequence[Any] = ()) -> _Rows:
        with _as_sqlite3():
            return _Rows(self._connection.execute(self._levels.get(statement, statement), tuple(values)))

    def executemany(self, statement: str, values: Sequence[Sequence[Any]]) -> _Rows:
        with _as_sqlite3():
            return _Rows(self._connection.executemany(statement, [tuple(each) for each in values]))

    def close(self) -> None:
        with suppress(apsw.Error, PowerCut):  # the standard library's says nothing of a last checkpoint that fails
            self._connection.close()


@contextmanager
def _as_sqlite3() -> Generator[None]:
    try:
        yield
    except apsw.Error as error:
        kind = sqlite3.IntegrityError if isinstance(error, apsw.ConstraintError) else sqlite3.OperationalError
        told = kind(str(error))
        told.sqlite_errorcode = getattr(error, "extendedresult", 0)
        raise told from error
    except PowerCut as error:
        told = sqlite3.OperationalError("disk I/O error")
        told.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise told from error


def connect(path: Path, *, disk: Disk, sync: Sync) -> sqlite3.Connection:
    """A connection for `Writer` that writes to the disk."""
    return cast(sqlite3.Connection, _Connection(path, disk, sync))


@contextmanager
def plugged_in(disk: Disk, path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Let the disk see the syncs of the WAL that the writer asks of the system by itself.

    A failed write that SQLite passes over is for Python an exception that nobody took; here it is none.
    """
    fsync, unraisable = os.fsync, sys.unraisablehook

    def seen(file: int) -> None:
        wal = path.with_name(path.name + "-wal")
        if wal.exists() and os.path.samestat(os.fstat(file), wal.stat()):
            disk.sync(str(wal))
        fsync(file)

    def taken(told: sys.UnraisableHookArgs) -> None:
        if not isinstance(told.exc_value, PowerCut):
            unraisable(told)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", seen)
        patch.setattr(sys, "unraisablehook", taken)
        yield
