"""A plain read-only connection, for what reads a whole file at once: verify, prune, archive."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from events.log import LogError, LogUnusable
from events.sqlite import schema


def connect(path: Path) -> sqlite3.Connection:
    """Open a log for reading. Raises LogForeign, LogNewer, LogUnusable, and what SQLite says of a damaged one."""
    path = schema.prepare_file(path, read_only=True)
    with contextlib.ExitStack() as stack:
        connection = sqlite3.connect(schema.read_only_uri(path), uri=True, isolation_level=None, timeout=schema.BUSY_S)
        stack.callback(connection.close)
        for pragma in schema.READER_PRAGMAS:
            connection.execute(pragma)
        if not schema.check_form([connection.execute(query).fetchone()[0] for query in schema.FORM], str(path)):
            raise LogUnusable(
                url=str(path), reason="nothing was ever written to it", remedy="name the log with `--log`"
            )
        stack.pop_all()
        return connection


@contextmanager
def read_only(path: Path) -> Generator[sqlite3.Connection]:
    """One state of the log for the whole body. Raises LogError, also for what SQLite says in the body."""
    try:
        with contextlib.closing(connect(path)) as connection:
            connection.execute("BEGIN")
            yield connection
    except (*schema.UNREADABLE, *DAMAGE) as error:
        raise told(error, str(path)) from error


DAMAGE = (msgspec.MsgspecError, TypeError, LookupError)
"""What comes of rows that a damaged page holds: numbers that are none, names and packs that do not exist."""


def told(error: Exception, url: str) -> LogError:
    """The error of a whole file that was read, in our terms."""
    if isinstance(error, schema.UNREADABLE):
        return schema.translate(error, url)
    return LogUnusable(url=url, reason=f"it is damaged ({error})", remedy="run `swarm verify` to see where")
