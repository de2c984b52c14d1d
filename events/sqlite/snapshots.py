"""Snapshots: states of views, kept with the position and the chain's hash at which they stand. Caches, each with a checksum."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from zlib import crc32

import msgspec

from events.log import Snapshot
from events.verify import Problem

SELECT = (
    "SELECT view, form, position, hash, checksum, state,"
    " (SELECT hash FROM batch WHERE batch.position = snapshot.position) FROM snapshot"
)


def found(row: tuple[object, ...]) -> Snapshot:
    """The snapshot that a row of `SELECT` is. What is wrong with it, it says itself."""
    view, form, position, chain, checksum, state, there = row
    wrong = ""
    if not isinstance(state, bytes) or checksum != _checksum(view, form, position, chain, state):
        wrong = "its checksum is not that of its bytes"
    elif there is None:
        wrong = f"no batch of the log ends at its position, {position}"
    elif chain != there:
        wrong = f"the log at its position, {position}, is another one"
    return Snapshot(
        view if isinstance(view, str) else "",
        form if isinstance(form, int) else 0,
        position if isinstance(position, int) else 0,
        state if isinstance(state, bytes) else b"",
        wrong,
    )


def _checksum(*values: object) -> int:
    return crc32(msgspec.msgpack.encode(values))


def stored(connection: sqlite3.Connection) -> Iterator[Snapshot]:
    """All that are stored."""
    return map(found, connection.execute(f"{SELECT} ORDER BY view").fetchall())


def check(connection: sqlite3.Connection) -> list[Problem]:
    """What is wrong with the stored snapshots by their own checksums. Raises sqlite3.Error where they cannot be read."""
    return [
        Problem(where=f"snapshot {snapshot.view}", what=snapshot.wrong)
        for snapshot in stored(connection)
        if snapshot.wrong
    ]


def drop_wrong(connection: sqlite3.Connection) -> None:
    """Drop those that are wrong by their own checksums, in a transaction that the caller has begun."""
    for snapshot in stored(connection):
        if snapshot.wrong:
            connection.execute("DELETE FROM snapshot WHERE view = ?", (snapshot.view,))


def store(connection: sqlite3.Connection, snapshot: Snapshot) -> None:
    """Store it in a transaction that the caller has begun, unless no batch ends where it stands, or a later one is stored."""
    there = connection.execute("SELECT hash FROM batch WHERE position = ?", (snapshot.position,)).fetchone()
    if there is None:
        return
    values = (snapshot.view, snapshot.form, snapshot.position, there[0])
    later = [
        other
        for other in stored(connection)
        if other.view == snapshot.view and other.form == snapshot.form and other.position > snapshot.position
    ]
    if all(other.wrong for other in later):
        checksum = _checksum(*values, snapshot.state)
        connection.execute(
            "INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?, ?, ?, ?)", (*values, checksum, snapshot.state)
        )
