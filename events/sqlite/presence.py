"""The file that was opened against the one that stands at its path now: moved, replaced, overwritten or cut short?

Nothing here may open the file but SQLite: to close it by hand would take this process's locks on it away (`schema._make`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import stat
from pathlib import Path
from typing import NamedTuple

from events.log import LogLost
from events.sqlite import schema
from events.sqlite.bounds import beginning

_MOVED = "find it and name it with `--log`"
_IN_PLACE = "bring the log back, or name it with `--log`"
_ANOTHER = "`swarm ps` lists what is in that one; name the log that you mean with `--log`"
_CUT = "`swarm verify` says what is left of it; bring a copy back"

_First = tuple[int, bytes]
"""A position and the id of the event that stands there: no two logs have the same."""


class _File(NamedTuple):
    """What can be told of a file without opening it."""

    place: tuple[int, int]
    size: int
    changed: int


class _Marks(NamedTuple):
    """By what a log is known again. None of an empty one."""

    first: _First | None
    newest: _First | None


class Presence:
    """Remembers the log as it stands at the path now. Raises nothing but LogLost: what cannot be seen is not told."""

    def __init__(self, path: Path) -> None:
        self._path, self._url = path, str(path)
        self._file: _File | None = None
        self._marks = _Marks(None, None)
        with contextlib.suppress(OSError):
            self._file = _file_of(path.stat())
        with contextlib.suppress(*schema.UNREADABLE), contextlib.closing(_connected(path)) as log:
            self._marks = _marks_of(log)

    async def require(self) -> None:
        now = self._now()
        if now is None or now == self._file:
            return
        if self._file is None or now.place != self._file.place:
            raise self._lost(*await asyncio.to_thread(self._replaced))
        await asyncio.to_thread(self._look, now, self._file.size)
        self._file = now

    def _now(self) -> _File | None:
        """The file at the path; None where it cannot be seen, which says nothing of the one that is open."""
        try:
            found = self._path.stat()
        except PermissionError:
            return None
        except OSError as error:
            raise self._lost("was moved or deleted", _MOVED) from error
        if not stat.S_ISREG(found.st_mode):
            what = "a folder" if stat.S_ISDIR(found.st_mode) else "what is no regular file"
            raise self._lost(f"was replaced by {what}", _IN_PLACE)
        return _file_of(found)

    def _replaced(self) -> tuple[str, str]:
        """What stands in the place of the file, in words, and what to do."""
        try:
            foreign = not schema.look(self._path)
        except Exception:
            foreign = True
        if foreign:
            return "was replaced by a file that is no log of swarm", _IN_PLACE
        return "was replaced by another log", _ANOTHER

    def _look(self, now: _File, before: int) -> None:
        """Look into the file as somebody who opens it now: our own connection remembers pages of what was there."""
        if (
            not now.size
        ):  # not even to be opened: SQLite would take the write-ahead log away with which it can be mended
            raise self._lost(f"was cut from {before:,} bytes to 0", _CUT)
        try:
            self._require_same_file()
            found = self._require_same_log()
            is_cut = now.size < before and _whole_size(self._path) > now.size
        except schema.UNREADABLE as error:
            if now.size < before:
                is_cut, found = True, self._marks
            elif schema.primary_code(error) in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
                raise self._lost("was overwritten by a file that is no log of swarm", _IN_PLACE) from error
            else:
                return  # locked, damaged, or not to be opened any more: reading says so itself
        if is_cut:
            raise self._lost(f"was cut from {before:,} bytes to {now.size:,}", _CUT)
        self._marks = found

    def _require_same_file(self) -> None:
        """Whether the file without its write-ahead log is one of ours: that log may still hold pages of what was there."""
        with contextlib.closing(sqlite3.connect(f"{schema.read_only_uri(self._path)}&immutable=1", uri=True)) as file:
            file.execute("PRAGMA schema_version").fetchone()
            for mark in filter(None, self._marks):
                with contextlib.suppress(
                    sqlite3.DatabaseError
                ):  # what is written meanwhile is no whole, and has no table yet
                    self._compare(file, mark)

    def _require_same_log(self) -> _Marks:
        with contextlib.closing(_connected(self._path)) as log:
            newest = self._marks.newest
            if newest is not None and not self._compare(log, newest) and beginning(log)[0] < newest[0]:
                raise self._lost("was overwritten by another log", _ANOTHER)
            return _marks_of(log)

    def _compare(self, log: sqlite3.Connection, mark: _First) -> bool:
        """Whether an event stands in the log. Raises LogLost where another one stands at its place."""
        found = log.execute("SELECT id FROM event WHERE position = ?", mark[:1]).fetchone()
        if found is not None and found[0] != mark[1]:
            raise self._lost("was overwritten by another log", _ANOTHER)
        return found is not None

    def _lost(self, what: str, remedy: str) -> LogLost:
        return LogLost(url=self._url, what=what, remedy=remedy)


def _file_of(found: os.stat_result) -> _File:
    return _File((found.st_dev, found.st_ino), found.st_size, found.st_mtime_ns)


def _connected(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(schema.read_only_uri(path), uri=True, isolation_level=None, timeout=schema.BUSY_S)


def _marks_of(log: sqlite3.Connection) -> _Marks:
    ends = [
        log.execute(f"SELECT position, id FROM event ORDER BY position{order} LIMIT 1").fetchone()
        for order in ("", " DESC")
    ]
    return _Marks(*ends)


def _whole_size(path: Path) -> int:
    """Bytes that the file has once its write-ahead log is moved into it."""
    with contextlib.closing(_connected(path)) as log:
        pages, page = (log.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    size: int = pages * page
    return size
