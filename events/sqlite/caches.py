"""The file's caches as the doctor sees them: segments compared with their events, and what is wrong made anew."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Generator
from pathlib import Path

from events.log import LogCorrupt
from events.sqlite import schema, segments, snapshots
from events.sqlite.lock import FileLock
from events.sqlite.segments import Stretch

LOCK_TIMEOUT_S = 30.0


def compared(path: Path) -> list[Stretch]:
    """The segments of the file and the stretches that miss one; nothing where its schema has none. Raises LogError."""
    try:
        uri = schema.read_only_uri(path)
        with contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
            for pragma in schema.READER_PRAGMAS:
                connection.execute(pragma)
            return list(segments.compare(connection)) if schema.has_caches(connection) else []
    except schema.UNREADABLE as error:
        raise schema.translate(error, str(path)) from error


def rebuilt(path: Path) -> None:
    """Make segments anew where they are wrong or missing, and drop snapshots that are wrong. Raises LogError."""
    path = schema.prepare_file(path, read_only=False)
    with contextlib.closing(FileLock(path.with_name(path.name + ".lock"))) as lock:
        connection = schema.connect_writer(path, lock, ready=schema.look(path), timeout=LOCK_TIMEOUT_S)
        with contextlib.closing(connection):

            @contextlib.contextmanager
            def committing() -> Generator[None]:
                with lock.held_for(LOCK_TIMEOUT_S, str(path)):
                    connection.execute("BEGIN IMMEDIATE")
                    try:
                        yield
                        connection.execute("COMMIT")
                    except BaseException:
                        connection.execute("ROLLBACK")
                        raise

            try:
                with committing():
                    snapshots.drop_wrong(connection)
                segments.rebuild(connection, committing)
            except ValueError as error:
                position = segments.end(connection) + 1
                raise LogCorrupt(url=str(path), position=position, reason=str(error)) from error
            except schema.UNREADABLE as error:
                raise schema.translate(error, str(path)) from error
