"""A writer without a thread, for what is done to the log as a whole, under its lock and in one transaction."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

from events.blobs import Text
from events.log import Ack, Clock, LogError, NewEvent
from events.rows import encode_append
from events.sqlite import schema
from events.sqlite.readonly import DAMAGE, told
from events.sqlite.writer import LOCK_TIMEOUT_S, Also, Append, Committed, Turn, Writer

T = TypeVar("T")


class LoneWriter(Writer):
    """Used by the thread that made it. Raises nothing but LogError."""

    def held(self) -> AbstractContextManager[None]:
        """No other process writes during the body."""
        return self._lock.held_for(self._lock_timeout_s, self._url)

    def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """What a function reads from the file."""
        try:
            return question(self._connection)
        except (*schema.UNREADABLE, *DAMAGE) as error:
            raise told(error, self._url) from error

    def append(self, events: Sequence[NewEvent], *, texts: Sequence[Text] = (), also: Also) -> Ack:
        """Append durably, and in the same transaction do to the file what `also` does: both happen, or none."""
        append = Append(
            events=events,
            bodies=encode_append(events, texts, url=self._url),
            expect={},
            durable=True,
            cause=0,
            texts=texts,
            size=0,
            future=None,
        )
        try:
            self._commit([append], careful=True, also=also)
        except Exception as error:
            raise self._translated(error) from error
        assert append.outcome is not None, "a commit gives each append its outcome"
        if isinstance(append.outcome, LogError):
            raise append.outcome
        return append.outcome

    def shrink(self) -> bool:
        """Give free pages back to the disk where no other process has the file open; say whether it was done.

        The last thing that is done with the writer. Where the disk has no room for it, free pages are used again.
        """
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._connection.close()
            if not self._is_ours_alone():
                return False
            with contextlib.closing(schema.connect_plainly(Path(self._url))) as connection:
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error:
            return False
        return True

    def _is_ours_alone(self) -> bool:
        with contextlib.closing(sqlite3.connect(self._url, isolation_level=None, timeout=0)) as connection:
            try:
                # the first access in this mode wants the whole file, and every other connection keeps a part of it
                connection.execute("PRAGMA locking_mode=EXCLUSIVE")
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("COMMIT")
            except sqlite3.OperationalError:
                return False
        return True

    def close(self) -> None:
        self._finish()


@contextmanager
def alone(path: Path, clock: Clock) -> Generator[LoneWriter]:
    """Open the log for writing with its lock held: no other process writes meanwhile. Raises LogError."""
    path = schema.prepare_file(path, read_only=False)
    writer = LoneWriter(path, clock=clock, publish=_to_nobody, lock_timeout_s=LOCK_TIMEOUT_S)
    with contextlib.closing(writer), writer.held():
        yield writer


def _to_nobody(_: Committed | Turn) -> None:
    pass
