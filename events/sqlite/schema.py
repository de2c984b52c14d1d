"""The file's form: tables, pragmas, how a row becomes an entry; and the checks made when it is opened."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import msgspec

from events.log import Entry, LogCorrupt, LogError, LogForeign, LogLocked, LogNewer, LogUnusable
from events.rows import Row, entry_of
from events.sqlite import sqlviews
from events.sqlite.bounds import is_archive
from events.sqlite.filesystem import require_local
from events.sqlite.lock import FileLock
from events.types.any import decode_body

BUSY_S = 5.0  # how long SQLite waits for a program that does not know our lock
PAGE = 2048  # a lone commit writes the last page of each table and index: half of what SQLite's own 4096 costs
APPLICATION_ID = 0x53574152  # "SWAR"
SCHEMA = 2
WITH_CACHES = 2  # the first schema that has segments and snapshots

DDL_1 = (
    "CREATE TABLE name(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT",
    "CREATE TABLE event(position INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, at INTEGER NOT NULL, kind INTEGER NOT NULL,"
    " topic INTEGER NOT NULL, previous INTEGER NOT NULL, project INTEGER NOT NULL, session INTEGER NOT NULL, task INTEGER NOT NULL,"
    " step INTEGER NOT NULL, attempt INTEGER NOT NULL, cause INTEGER NOT NULL,"
    " role INTEGER NOT NULL, agent INTEGER NOT NULL, model INTEGER NOT NULL, tier INTEGER NOT NULL, reservation INTEGER NOT NULL,"
    " input_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cost_nanos INTEGER NOT NULL,"
    " body TEXT NOT NULL, UNIQUE(topic, previous)) STRICT",
    "CREATE INDEX event_session ON event(session)",  # every index ends with the position
    "CREATE TABLE batch(position INTEGER PRIMARY KEY, first INTEGER NOT NULL, hash BLOB NOT NULL) STRICT",
    "CREATE TABLE pack(place INTEGER PRIMARY KEY, digests TEXT NOT NULL, codec INTEGER NOT NULL, checksum INTEGER NOT NULL,"
    " data BLOB NOT NULL) STRICT",
    "CREATE TRIGGER event_is_a_fact BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END",
    "CREATE TRIGGER event_stays BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END",
)
"""The log itself, as the first schema made it."""

DDL_2 = (
    # caches: what they hold is in the events as well, and what does not agree with its checksum is made again
    "CREATE TABLE segment(first INTEGER PRIMARY KEY, last INTEGER NOT NULL, checksum INTEGER NOT NULL, data BLOB NOT NULL) STRICT",
    "CREATE TABLE snapshot(view TEXT PRIMARY KEY, form INTEGER NOT NULL, position INTEGER NOT NULL, hash BLOB NOT NULL,"
    " checksum INTEGER NOT NULL, state BLOB NOT NULL) STRICT",
    # where an archive took the events before: position and hash of its last batch, from which the chain goes on
    "CREATE TABLE start(position INTEGER PRIMARY KEY, hash BLOB NOT NULL) STRICT",
)
"""What the second schema added."""

DDL = DDL_1 + DDL_2

NAMED = ("kind", "topic", "project", "task", "role", "agent", "model", "tier")
"""Columns that hold the number of a name; name 0 is the empty text and has no row."""

COLUMNS = tuple(Row.__struct_fields__)
_NAMED_AT = tuple(COLUMNS.index(column) for column in NAMED)
INSERT = f"INSERT INTO event({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
SELECT = f"SELECT {', '.join(COLUMNS)} FROM event"

_WRITER_PRAGMAS = (
    f"PRAGMA page_size={PAGE}",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA wal_autocheckpoint=0",  # the writer checkpoints by itself, under the lock (see writer.py)
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-8000",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
)
READER_PRAGMAS = (
    "PRAGMA query_only=ON",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
    "PRAGMA cache_size=-4000",
)


def prepare_file(path: Path, *, read_only: bool) -> Path:
    """Make the folder (0700) and the file (0600) where they are missing; return the path with `~` expanded.

    Raises LogUnusable where that cannot be done, where a file to be read is missing, or where others may write to it.
    """
    path = path.expanduser()
    url = str(path)
    try:
        if not read_only:
            require_local(path)
            _make(path)
        mode = path.stat().st_mode
    except OSError as error:
        reason, remedy = error.strerror or str(error), "name another file with `--log`"
        if read_only and isinstance(error, FileNotFoundError):
            reason, remedy = "there is no such file", "run a task first, or name another file with `--log`"
        raise LogUnusable(url=url, reason=reason, remedy=remedy) from error
    if not stat.S_ISREG(mode):
        raise LogUnusable(url=url, reason="it is not a regular file", remedy="name a file with `--log`")
    if read_only and was_never_made(path):
        raise LogUnusable(
            url=url, reason="nothing was ever written to it", remedy="run a task first, or name the log with `--log`"
        )
    if not read_only and mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise LogUnusable(url=url, reason="others may write to it", remedy=f"take that from them: `chmod go-w {path}`")
    if not read_only and not os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        # SQLite would open it for reading and say so at the first append only
        raise LogUnusable(
            url=url, reason="Permission denied", remedy=f"see its permissions: `ls -l {path}`, or use `--log`"
        )
    return path


def _make(path: Path) -> None:
    """Make the file where there is none, and never open one that is there.

    To close a file takes all of the process's locks on it away (fcntl(2)), also those by which SQLite says that the log is in
    use: another process that closes it would then remove the -wal under our feet.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        # SQLite gives -wal and -shm the mode of the file, so it is made here and not by a umask, which other threads share
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def read_only_uri(path: Path) -> str:
    return f"file:{quote(os.fsencode(path))}?mode=ro"


def look(path: Path) -> int:
    """Return the schema of the log that the file is; 0 where it is empty. Nothing of the file is changed.

    Raises LogForeign, LogNewer, LogUnusable; the last also at an archive, to which nothing is ever appended.
    """
    if path.stat().st_size == 0 or was_never_made(path):
        return 0
    try:
        with contextlib.closing(sqlite3.connect(read_only_uri(path), uri=True, timeout=BUSY_S)) as connection:
            found = check_form([connection.execute(query).fetchone()[0] for query in FORM], str(path))
            if found and is_archive(connection):
                raise LogUnusable(
                    url=str(path),
                    reason="it is an archive, and the log that it was cut from goes on elsewhere",
                    remedy="name that one with `--log`; this one can be read, and nothing is written to it",
                )
            return found
    except UNREADABLE as error:
        raise translate(error, str(path)) from error


def was_never_made(path: Path) -> bool:
    """Whether a process died while it wrote the first page: the journal beside the file takes it back to an empty one.

    So says the journal's header, the number of pages that the database had before (https://sqlite.org/fileformat2.html, 3.).
    Who may write rolls it back; to read only, SQLite would refuse the file.
    """
    try:
        with path.with_name(f"{path.name}-journal").open("rb") as journal:
            head = journal.read(20)
    except OSError:
        return False
    return head[:8] == _JOURNAL and head[16:] == bytes(4)


_JOURNAL = bytes.fromhex("d9d505f920a163d7")

Connect = Callable[[Path], sqlite3.Connection]


def connect_plainly(path: Path) -> sqlite3.Connection:
    """The connection of a writer: it may be used by any one thread, and its transactions are begun by name."""
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_S, cached_statements=64)


def connect_writer(
    path: Path, lock: FileLock, *, ready: int, timeout: float, connect: Connect = connect_plainly
) -> sqlite3.Connection:
    """Open the file for writing; made into a log of our schema where it is not yet (`ready`, see `look`), under the lock, once.

    Raises LogBusy, LogUnusable.
    """
    with contextlib.ExitStack() as stack:
        try:
            connection = connect(path)
            stack.callback(connection.close)
            if ready == SCHEMA:
                _set_up(connection, path)
            if ready != SCHEMA or sqlviews.outdated(connection):
                with lock.held_for(timeout, str(path)):
                    _set_up(connection, path)
                    _create(connection)
        except UNREADABLE as error:
            raise translate(error, str(path)) from error
        stack.pop_all()  # it stays open
        return connection


def _set_up(connection: sqlite3.Connection, path: Path) -> None:
    for pragma in _WRITER_PRAGMAS:
        connection.execute(pragma)
    mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    if mode != "wal":
        raise LogUnusable(
            url=str(path),
            reason="its file system has no shared memory for SQLite's write-ahead log",
            remedy="name a file on a local disk with `--log`",
        )


def _create(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    for statement in _MISSING[found]:
        connection.execute(statement)
    sqlviews.renew(connection)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={SCHEMA}")
    connection.execute("COMMIT")


_MISSING: Mapping[int, Sequence[str]] = {0: DDL, 1: DDL_2, SCHEMA: ()}
"""By the schema that a file has: what makes it ours."""


FORM = ("SELECT count(*) FROM sqlite_schema", "PRAGMA application_id", "PRAGMA user_version")
"""Tables first: they are made together with the rest, so that whoever saw them sees that they are ours, also while it is made."""


def check_form(form: Sequence[int], url: str) -> int:
    """Return from the answers to `FORM` the schema of the log that the file is; 0: an empty one.

    Raises LogForeign, LogNewer.
    """
    tables, application, schema = form
    if application != APPLICATION_ID and (tables or application):
        raise LogForeign(url=url, found="an SQLite file of another program")
    if schema > SCHEMA:
        raise LogNewer(url=url, schema=schema, known=SCHEMA)
    return schema


def has_caches(connection: sqlite3.Connection) -> bool:
    """Whether the schema has tables of caches: the first one had none."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version >= WITH_CACHES


UNREADABLE = (sqlite3.Error, UnicodeDecodeError, MemoryError)
"""What SQLite raises at a damaged file.

Bytes of a page can reach even the text of an error, which Python then refuses, and a length in it can ask for any memory.
"""


def primary_code(error: BaseException) -> int:
    """SQLite's result code without its extension, 0 where the error has none."""
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else 0


def translate(error: sqlite3.Error | UnicodeDecodeError | MemoryError, url: str) -> LogError:
    """Say in our terms what SQLite refused."""
    if isinstance(error, UnicodeDecodeError):
        return _damaged(url, "a text in it is no text")
    if isinstance(error, MemoryError):
        return _damaged(url, "it names a length for which there is no memory")
    match primary_code(error):
        case sqlite3.SQLITE_NOTADB:
            return LogForeign(url=url, found="not an SQLite file")
        case sqlite3.SQLITE_CORRUPT:
            return _damaged(url, "its pages are damaged")
        case (
            sqlite3.SQLITE_ERROR | sqlite3.SQLITE_OK
        ):  # our own queries are right: the file is not; OK: Python's own words
            return _damaged(url, str(error))
        case sqlite3.SQLITE_FULL:
            return LogUnusable(
                url=url, reason="the disk is full", remedy="make room; nothing that was acknowledged is lost"
            )
        case sqlite3.SQLITE_IOERR:
            remedy = "see that it works, and no quota or limit (`ulimit -f`) is reached; nothing that was acknowledged is lost"
            return LogUnusable(url=url, reason=f"the disk refused it ({error})", remedy=remedy)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return LogUnusable(
                url=url,
                reason=f"it cannot be opened ({error})",
                remedy="see the permissions of the file and its folder, or name another file with `--log`",
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED | sqlite3.SQLITE_PROTOCOL:  # the last: tried for ten seconds
            return LogLocked(url=url)
        case _:
            return LogUnusable(url=url, reason=str(error), remedy="try again, or name another file with `--log`")


def _damaged(url: str, reason: str) -> LogUnusable:
    return LogUnusable(url=url, reason=reason, remedy="run `swarm verify`, and go on with another file (`--log`)")


def row_of(values: tuple[object, ...], names: Mapping[object, str]) -> Row:
    """The row with its names in full. Raises KeyError at a name that does not exist, ValidationError at a wrong type."""
    resolved = list(values)
    for index in _NAMED_AT:
        resolved[index] = names[resolved[index]]
    return msgspec.convert(resolved, Row)


class NameNumbers(dict[str, int]):
    """Numbers of names. One that has none gets the next, and is in `fresh` until it is stored."""

    def __init__(self) -> None:
        super().__init__({"": 0})
        self.last = 0
        self.fresh: list[tuple[int, str]] = []

    def learn(self, number: int, name: str) -> None:
        self[name] = self.last = number

    def __missing__(self, name: str) -> int:
        self.learn(self.last + 1, name)
        self.fresh.append((self.last, name))
        return self.last


def values_of(row: Row, numbers: NameNumbers) -> tuple[object, ...]:
    """What is inserted for a row, in the order of COLUMNS."""
    return (
        row.position,
        row.id,
        row.at,
        numbers[row.kind],
        numbers[row.topic],
        row.previous,
        numbers[row.project],
        row.session,
        numbers[row.task],
        row.step,
        row.attempt,
        row.cause,
        numbers[row.role],
        numbers[row.agent],
        numbers[row.model],
        numbers[row.tier],
        row.reservation,
        row.input_tokens,
        row.cached_tokens,
        row.output_tokens,
        row.cost_nanos,
        row.body,
    )


def entry(row: Row, url: str) -> Entry:
    """The entry that a stored row is. Raises LogCorrupt where its body does not decode."""
    try:
        return entry_of(row, decode_body(row.kind, row.body))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LogCorrupt(url=url, position=row.position, reason=str(error)) from error
