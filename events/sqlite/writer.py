"""The one thread that writes: it gathers what waits, and commits it as one batch.

The thread owns a plain `sqlite3` connection and one hop leads there and back; an `aiosqlite` call for each statement costs
nine times the statement (notes/events.md, section 1). A commit with nothing durable in it lingers a little for as many
appends as came together the last time, and never when one comes alone.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from events.blobs import Text, encode_pack
from events.chain import GENESIS, batch_hash
from events.log import (
    Ack,
    AppendRefused,
    Clock,
    Conflict,
    Durability,
    Entry,
    LogCorrupt,
    LogError,
    LogUnusable,
    NewEvent,
    Snapshot,
)
from events.rows import ONE_ID_EACH, PackRow, Row, Spent, entry_of, new_row, spent_by
from events.sqlite import schema, segments, snapshots
from events.sqlite.ballast import Ballast
from events.sqlite.filesystem import Opened
from events.sqlite.lock import FileLock
from events.types.call import CallReserved

BATCH_EVENTS = 1000
BATCH_BYTES = 1 << 20
LINGER_S = 0.002
LOCK_TIMEOUT_S = 30.0
CACHES_LOCK_S = 0.5  # nobody waits for segments and snapshots, but what is appended meanwhile does
COMMIT_PAGES = 6  # what a commit writes at least: the last page of each table and index
CHECKPOINT_PAGES = (4 << 20) // schema.PAGE  # 4 MiB of WAL


class Append(msgspec.Struct, kw_only=True, gc=False):
    """One append on its way: what it holds, and where its outcome goes."""

    events: Sequence[NewEvent]
    bodies: Sequence[str]
    expect: Mapping[str, int]
    durable: bool
    cause: int
    texts: Sequence[Text]
    size: int
    future: Any
    outcome: Ack | LogError | None = None


class Turn(msgspec.Struct, kw_only=True, gc=False):
    """Take the lock and keep it (`begin`), or let it go."""

    begin: bool
    timeout: float
    future: Any
    outcome: LogError | None = None


class Committed(msgspec.Struct, kw_only=True, gc=False):
    """What the loop is told of after a batch: outcomes for those who wait, entries for those who follow."""

    previous: int
    entries: Sequence[Entry]
    appends: Sequence[Append]


Publish = Callable[[Committed | Turn], None]
Also = Callable[[sqlite3.Connection], None]
Item: TypeAlias = list[Append] | Turn | Snapshot | None
"""What the thread is handed: the appends of one turn of the event loop, or a turn to take, a snapshot to keep, or the end."""


class Writer(threading.Thread):
    """Commits batches until it is closed. `publish` is called from the thread, once a batch."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        publish: Publish,
        lock_timeout_s: float,
        connect: schema.Connect = schema.connect_plainly,
    ) -> None:
        super().__init__(name=f"log {path.name}", daemon=True)
        self._url, self._clock, self._publish, self._lock_timeout_s = str(path), clock, publish, lock_timeout_s
        self._queue: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self._behind: list[Item] = []  # what ended the last gathering
        ready = schema.look(path)  # before anything is made beside a file of somebody else
        self._opened = Opened(path)
        self._lock = FileLock(path.with_name(path.name + ".lock"))
        try:
            self._connection = schema.connect_writer(
                path, self._lock, ready=ready, timeout=lock_timeout_s, connect=connect
            )
        except BaseException:
            self._lock.close()
            raise
        self._ballast = Ballast(path)
        self._ballast.lay()
        self.ended = False  # to ask the thread itself costs more than to encode an event
        self._turns = 0
        self._wal_pages = 0
        self._synchronous = "NORMAL"
        self._crowd = 1  # appends in the last batch: as many are waited for, a little
        self._head, self._hash = -1, GENESIS  # -1: nothing is known of the file yet
        self._topics: dict[str, int] = {}
        self._names = schema.NameNumbers()
        self._reservations: dict[int, Spent] = {}  # made here and not settled yet
        self._packer = segments.Packer()

    def put(self, item: Item) -> None:
        self._queue.put(item)

    def run(self) -> None:
        try:
            while (item := self._behind.pop() if self._behind else self._queue.get()) is not None:
                if isinstance(item, Turn):
                    self._take_turn(item)
                elif isinstance(item, Snapshot):
                    self._keep_caches(item)
                else:
                    self._write(self._gather(item))
                    self._keep_caches()
        finally:
            self.ended = True
            self._finish()

    def _gather(self, first: list[Append]) -> list[Append]:
        """Collect what waits behind `first`, up to the next turn or the end."""
        if len(first) >= self._crowd and self._queue.empty():  # all that are expected came together
            self._crowd = len(first)
            return first
        batch = list(first)
        linger_until = time.monotonic() + LINGER_S
        while _has_room(batch):
            patience = linger_until - time.monotonic()
            if len(batch) >= self._crowd or any(append.durable for append in batch):
                patience = 0
            try:
                item = self._queue.get(timeout=patience) if patience > 0 else self._queue.get_nowait()
            except queue.Empty:
                break
            if not isinstance(item, list):
                self._behind.append(item)
                break
            batch += item
        self._crowd = len(batch)
        return batch

    def _write(self, batch: list[Append], *, careful: bool = False) -> None:
        """Commit the batch and tell of it; what only one append is to blame for fails that append alone.

        `careful` looks for repeated ids before it inserts: nearly no append has any, so that is done at the second try only.
        """
        try:
            self._publish(self._commit(batch, careful))
        except Exception as error:
            if isinstance(error, sqlite3.IntegrityError) and not careful:
                self._write(batch, careful=True)
            elif len(batch) == 1 or isinstance(error, _FOR_ALL) or type(error) is sqlite3.DatabaseError:
                for append in batch:
                    append.outcome = self._translated(error)
                self._publish(Committed(previous=self._head, entries=(), appends=batch))
            else:
                for append in batch:
                    self._write([append], careful=careful)

    def _translated(self, error: Exception) -> LogError:
        match error:
            case LogError():
                return error
            case sqlite3.Error() | UnicodeDecodeError() | MemoryError():
                return schema.translate(error, self._url)
            case OSError():
                reason = error.strerror or str(error)
                return LogUnusable(url=self._url, reason=reason, remedy="see its disk and its folder")
            case _:  # a number that the file has no room for, or a clock that fails: the thread goes on for the others
                return AppendRefused(url=self._url, reason=repr(error), remedy="see what the append holds")

    def _repeated(
        self, append: Append, fresh: Mapping[bytes, int], durability: Durability
    ) -> Ack | AppendRefused | None:
        """The acknowledgement that the same ids got before, in the file or earlier in this batch; None: they are new."""
        query = "SELECT position FROM event WHERE id=?"
        found: list[int] = []
        for event in append.events:
            row = self._connection.execute(query, (event.id,)).fetchone()
            position = row[0] if row else fresh.get(event.id)
            if position is not None:
                found.append(position)
        if not found:
            return None
        if len(found) < len(append.events):
            return AppendRefused(url=self._url, reason="some of its ids stand in the log already", remedy=ONE_ID_EACH)
        return Ack(positions=tuple(found), place=found[0], durability=durability, duplicate=True)

    def _commit(self, batch: list[Append], careful: bool, also: Also | None = None) -> Committed:
        with self._lock.held_for(self._lock_timeout_s, self._url):
            self._opened.require()
            try:
                done = self._transaction(batch, careful, also)
            except sqlite3.OperationalError as error:
                if schema.primary_code(error) != sqlite3.SQLITE_FULL or not self._ballast.drop():
                    raise
                try:
                    done = self._transaction(batch, careful, also)  # once more, in the room that was kept for it
                finally:
                    self._ballast.needed = True
            self._checkpoint_when_long(2 * sum(append.size for append in batch))
        return done

    def _transaction(self, batch: list[Append], careful: bool, also: Also | None) -> Committed:
        try:
            return self._attempt(batch, careful, also)
        except BaseException:
            self._forget()
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _attempt(self, batch: list[Append], careful: bool, also: Also | None) -> Committed:
        durable = any(append.durable for append in batch)
        self._set_synchronous("FULL" if durable else "NORMAL")
        self._connection.execute("BEGIN IMMEDIATE")
        self._refresh()
        previous = self._head
        rows, packs, entries = self._build(batch, careful, "disk" if durable else "process")
        values: list[segments.Values] = []
        if rows:
            values = self._insert(rows, packs)
            if also is not None:
                also(self._connection)
        self._connection.execute("COMMIT")
        self._packer.note(previous, values, entries)
        if durable and not rows:
            self._sync()  # what a repeat speaks of may have been committed without
        return Committed(previous=previous, entries=entries, appends=batch)

    def _sync(self) -> None:
        """Bring the WAL to the disk as a commit with synchronous=FULL does."""
        with contextlib.suppress(FileNotFoundError):  # no WAL: all of it is in the file, synced
            file = os.open(self._url + "-wal", os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(file)
            finally:
                os.close(file)

    def _set_synchronous(self, level: str) -> None:
        if level != self._synchronous:
            self._connection.execute(f"PRAGMA synchronous={level}")
            self._synchronous = level

    def _refresh(self) -> None:
        """Read again what another process may have moved on: head, names, topics."""
        found = self._connection.execute("SELECT position, hash FROM batch ORDER BY position DESC LIMIT 1").fetchone()
        head: int = found[0] if found else 0
        chain: object = found[1] if found else GENESIS
        if not isinstance(chain, bytes):
            raise LogCorrupt(url=self._url, position=head, reason="its hash is no hash")
        if head == self._head and chain == self._hash:
            return
        self._head, self._hash = head, chain
        self._topics.clear()
        for number, text in self._connection.execute(
            "SELECT id, text FROM name WHERE id > ? ORDER BY id", (self._names.last,)
        ):
            self._names.learn(number, text)

    def _forget(self) -> None:
        """After a rollback nothing in memory may speak of what was not committed."""
        self._head, self._hash = -1, GENESIS
        self._topics.clear()
        self._names = schema.NameNumbers()
        self._reservations.clear()

    def _topic_head(self, topic: str) -> int:
        known = self._topics.get(topic)
        if known is not None:
            return known
        number = self._names.get(topic)
        found = None
        if number is not None:
            query = "SELECT position FROM event WHERE topic=? ORDER BY previous DESC LIMIT 1"
            found = self._connection.execute(query, (number,)).fetchone()
        head: int = found[0] if found else 0
        self._topics[topic] = head
        return head

    def _build(
        self, batch: list[Append], careful: bool, durability: Durability
    ) -> tuple[list[Row], list[tuple[PackRow, Sequence[Text]]], list[Entry]]:
        rows: list[Row] = []
        packs: list[tuple[PackRow, Sequence[Text]]] = []
        entries: list[Entry] = []
        fresh: dict[bytes, int] = {}
        now = self._clock()
        for append in batch:
            refusal: Ack | LogError | None = self._conflict(append.expect) or self._scarce(append)
            if refusal is not None or careful:  # a repeat is one also where its first time moved the topic on
                refusal = self._repeated(append, fresh, durability) or refusal
            if refusal is not None:
                append.outcome = refusal
                continue
            place = self._head + 1
            for new, body in zip(append.events, append.bodies, strict=True):
                row = self._row(new, body, append.cause, now)
                fresh[new.id] = row.position
                rows.append(row)
                entries.append(entry_of(row, new.event))
            if append.texts:
                packs.append((PackRow(place, tuple(text.digest for text in append.texts)), append.texts))
            append.outcome = Ack(positions=tuple(range(place, self._head + 1)), place=place, durability=durability)
        return rows, packs, entries

    def _conflict(self, expect: Mapping[str, int]) -> Conflict | None:
        for topic, position in expect.items():
            head = self._topic_head(topic)
            if head != position:
                return Conflict(topic=topic, expected=position, found=head)
        return None

    def _scarce(self, append: Append) -> LogUnusable | None:
        """What the ballast made room for is the end of what runs: no new call begins before there is room for it again."""
        if not self._ballast.needed or self._ballast.lay():
            return None
        if not any(isinstance(new.event, CallReserved) for new in append.events):
            return None
        remedy = "make room; nothing that was acknowledged is lost, and what is in flight can still be recorded"
        return LogUnusable(url=self._url, reason="the disk is full", remedy=remedy)

    def _row(self, new: NewEvent, body: str, cause: int, now: int) -> Row:
        previous = self._topic_head(new.topic)
        self._head += 1
        self._topics[new.topic] = self._head
        spent = spent_by(new.event)
        if spent.reservation:
            spent = spent.paid_by(self._reserved(spent.reservation))
        elif isinstance(new.event, CallReserved):
            self._reservations[self._head] = spent
        return new_row(new, body, position=self._head, at=now, previous=previous, cause=cause, spent=spent)

    def _reserved(self, reservation: int) -> Spent:
        """What the reservation at a position says: those whom it names pay for what settles it."""
        known = self._reservations.pop(reservation, None)
        if known is not None:
            return known
        query = (
            "SELECT coalesce(r.text, ''), coalesce(a.text, ''), coalesce(m.text, ''), coalesce(t.text, '') FROM event e"
            " LEFT JOIN name r ON r.id = e.role LEFT JOIN name a ON a.id = e.agent"
            " LEFT JOIN name m ON m.id = e.model LEFT JOIN name t ON t.id = e.tier WHERE e.position=?"
        )
        found = self._connection.execute(query, (reservation,)).fetchone()
        return Spent(*found) if found else Spent()

    def _insert(self, rows: list[Row], packs: list[tuple[PackRow, Sequence[Text]]]) -> list[segments.Values]:
        """Insert the rows with all that stands beside them, and return what stands in the columns of each."""
        values = [schema.values_of(row, self._names) for row in rows]
        if self._names.fresh:
            self._connection.executemany("INSERT INTO name VALUES (?, ?)", self._names.fresh)
            self._names.fresh.clear()
        self._connection.executemany(schema.INSERT, values)
        for pack, texts in packs:
            self._connection.execute(
                "INSERT INTO pack VALUES (?, ?, ?, ?, ?)", (pack.place, " ".join(pack.digests), *encode_pack(texts))
            )
        self._hash = batch_hash(self._hash, rows, [pack for pack, _ in packs])
        bounds = (rows[-1].position, rows[0].position, self._hash)
        self._connection.execute("INSERT INTO batch VALUES (?, ?, ?)", bounds)
        return values

    def _checkpoint_when_long(self, size: int) -> None:
        """Move the WAL into the file when it has grown; it is reused then, never cut (a grown WAL commits faster)."""
        self._wal_pages += COMMIT_PAGES + size // schema.PAGE
        if self._wal_pages >= CHECKPOINT_PAGES:
            self._wal_pages = 0
            with contextlib.suppress(sqlite3.Error):  # the batch is committed; a disk that is full tells the next one
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _keep_caches(self, snapshot: Snapshot | None = None) -> None:
        """Store the next segment where one is due, and the snapshot. Nobody waits for it, and what fails is made another time."""
        try:
            if not self._packer.due(self._head) and snapshot is None:
                return
            segment = self._packer.next(self._connection, self._head)
            if segment is None and snapshot is None:
                return
            with self._lock.held_for(CACHES_LOCK_S, self._url):
                self._opened.require()
                self._set_synchronous("NORMAL")
                self._connection.execute("BEGIN IMMEDIATE")
                if segment is not None:
                    segments.store(self._connection, segment)
                if snapshot is not None:
                    snapshots.store(self._connection, snapshot)
                self._connection.execute("COMMIT")
        except Exception:  # a damaged file may hold anything, and the thread goes on for those who append
            with contextlib.suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def _take_turn(self, turn: Turn) -> None:
        try:
            if turn.begin:
                if not self._turns:
                    self._lock.take(turn.timeout, self._url)
                self._turns += 1
            elif self._turns:  # a turn that could not begin has nothing to end
                self._turns -= 1
                if not self._turns:
                    self._lock.release()
        except LogError as error:
            turn.outcome = error
        self._publish(turn)

    def _finish(self) -> None:
        with contextlib.suppress(sqlite3.Error, LogError):
            if not self._lock.held:
                self._lock.take(1.0, self._url)
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        self._connection.close()
        self._lock.close()


_FOR_ALL = (LogError, sqlite3.OperationalError, OSError)
"""Errors that would come again for each append of the batch."""


def _has_room(batch: Sequence[Append]) -> bool:
    return (
        sum(len(append.events) for append in batch) < BATCH_EVENTS
        and sum(append.size for append in batch) < BATCH_BYTES
    )
