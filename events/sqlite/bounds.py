"""Where a file begins and whether it is over: the table `start` holds the ends of what was cut off.

A log whose beginning was archived has one row, which stands before all of its batches: the position and the hash behind which
it goes on. An archive has its own beginning in the same way, and one row more at its end: the log goes on from there, elsewhere.
"""

from __future__ import annotations

import sqlite3

from events.chain import GENESIS

IS_ARCHIVE = "SELECT EXISTS(SELECT 1 FROM start WHERE position >= (SELECT max(position) FROM batch))"


def has_bounds(connection: sqlite3.Connection) -> bool:
    """Whether the schema has such rows at all: the first one had none."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version > 1


def beginning(connection: sqlite3.Connection) -> tuple[int, object]:
    """The position and the hash behind which the file begins; 0 and that of nothing where it holds everything.

    A hash that is no hash is what a damaged file holds.
    """
    query = (
        "SELECT position, hash FROM start WHERE position < coalesce((SELECT min(position) FROM batch), 0)"
        " ORDER BY position DESC LIMIT 1"
    )
    found = connection.execute(query).fetchone() if has_bounds(connection) else None
    return (found[0], found[1]) if found else (0, GENESIS)


def is_archive(connection: sqlite3.Connection) -> bool:
    """Whether the log from which the file was cut goes on elsewhere, so that nothing is ever appended to it."""
    return has_bounds(connection) and bool(connection.execute(IS_ARCHIVE).fetchone()[0])


def ends(connection: sqlite3.Connection) -> list[tuple[int, object]]:
    """All that the table holds."""
    return connection.execute("SELECT position, hash FROM start").fetchall() if has_bounds(connection) else []
