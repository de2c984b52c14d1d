"""Reading everything: is each stored byte what was written, and does the log end where it did?"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from events.blobs import TextsDropped, decode_pack, digest_of
from events.chain import GENESIS, batch_hash
from events.log import Head
from events.rows import PackRow, Row
from events.sqlite import schema, segments, snapshots, sqlviews
from events.sqlite.bounds import beginning, ends, has_bounds, is_archive
from events.sqlite.readonly import connect
from events.types.any import decode_body
from events.types.upkeep import ARCHIVE, UPKEEP, LogArchived, TextsPruned
from events.verify import Problem, Report

_PAGE = 200  # batches read in one short transaction


class Told(msgspec.Struct):
    """What the events of a file say of what is gone from it: beginnings that were archived, texts that were dropped."""

    archived: list[LogArchived] = []
    pruned: list[tuple[int, TextsPruned]] = []  # with the position of each

    def add(self, other: Told) -> None:
        self.archived += other.archived
        self.pruned += other.pruned

    def covers(self, session: int, place: int) -> bool:
        """Whether the texts of a session that stood at a place were dropped with a word."""
        return any(
            position > place and any(each.first <= session <= each.last for each in event.sessions)
            for position, event in self.pruned
        )

    def of_beginning(self, position: int, chain: object) -> LogArchived | None:
        """What is said of an archive that ends there."""
        for event in self.archived:
            if event.position == position and isinstance(chain, bytes) and event.hash == chain.hex():
                return event
        return None


class Verified(msgspec.Struct, frozen=True):
    """A file that was read, where it begins, and what its events say of what is gone."""

    report: Report
    after: int
    hash: object
    told: Told
    archive: bool


def verify_file(path: Path, kept: Head | None, *, log: Told | None = None) -> Verified:
    """Check the file up to its present end, and that the kept head is part of it.

    `log` is what the log says from which an archive was cut: it may speak of texts that are gone. Raises LogForeign, LogNewer,
    LogUnusable where the file cannot be looked at.
    """
    try:
        with contextlib.closing(connect(path)) as connection:
            connection.text_factory = _decode
            while True:
                before = _upkeep(connection)
                found = _Verification(connection, kept, log).run()
                if before == _upkeep(connection):
                    return found  # else something was dropped or cut off while it was read
    except schema.UNREADABLE as error:
        if schema.primary_code(error) in _NOT_DAMAGE:
            raise schema.translate(error, str(path)) from error
        problem = Problem(where="file", what=f"SQLite cannot read it: {str(error) or 'a length in it is too large'}")
        head = Head(position=0, hash=GENESIS.hex())
        report = Report(events=0, batches=0, texts=0, head=head, problems=(problem,))
        return Verified(report, 0, GENESIS, Told(), archive=False)


def _upkeep(connection: sqlite3.Connection) -> object:
    query = "SELECT max(position) FROM event WHERE topic IN (SELECT id FROM name WHERE text IN (?, ?))"
    try:
        return connection.execute(query, (UPKEEP, ARCHIVE)).fetchone()
    except schema.UNREADABLE:
        return None  # what is wrong with it is found when it is read


_NOT_DAMAGE = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _decode(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")  # damaged text is to be compared, not refused


class _Verification:
    def __init__(self, connection: sqlite3.Connection, kept: Head | None, log: Told | None) -> None:
        self._connection, self._kept, self._log = connection, kept, log
        self._problems: list[Problem] = []
        self._events = self._texts = self._batches = self._dropped = 0
        self._after = self._position = 0
        self._begun = self._hash = GENESIS
        self._archive = False
        self._told = Told()
        self._gone: dict[int, int] = {}  # sessions with texts that are gone, and the last place of these
        self._kept_found = kept is None or kept.position == 0

    def run(self) -> Verified:
        self._check_file()
        try:
            self._begin()
            end = self._connection.execute("SELECT coalesce(max(position), 0) FROM batch").fetchone()[0]
            # read behind the end: a writer that goes on adds names that only what stands behind it needs
            names: dict[object, str] = {0: "", **dict(self._connection.execute("SELECT id, text FROM name"))}
            for position, first, stored in self._stored_batches(end):
                try:
                    self._check_batch(position, first, stored, names)
                except (TypeError, ValueError, OverflowError) as error:  # a column holds what the schema does not allow
                    self._report(
                        f"batch {self._position + 1}..{position}", f"it is not of the form of a batch: {error}"
                    )
                    self._go_on_from(position, stored)
            self._check_ends(end)
            self._check_what_is_gone()
            if has_bounds(self._connection):
                self._problems += [*segments.check(self._connection), *snapshots.check(self._connection)]
        except schema.UNREADABLE as error:
            self._report("file", f"it cannot be read behind position {self._position}: {error}")
        report = Report(
            events=self._events,
            batches=self._batches,
            texts=self._texts,
            dropped=self._dropped,
            head=Head(position=self._position, hash=self._hash.hex()),
            problems=tuple(self._problems),
        )
        return Verified(report, self._after, self._begun, self._told, self._archive)

    def _begin(self) -> None:
        position, chain = beginning(self._connection)
        self._archive = is_archive(self._connection)
        self._begun = chain if isinstance(chain, bytes) else b""
        self._after = position
        self._go_on_from(position, chain)
        self._see_kept("start", position)

    def _report(self, where: str, what: str) -> None:
        printable = what.encode("utf-8", "replace").decode()
        self._problems.append(Problem(where=where, what=printable))

    def _check_file(self) -> None:
        try:
            found = [str(row[0]) for row in self._connection.execute("PRAGMA integrity_check")]
        except schema.UNREADABLE as error:
            found = [str(error)]
        for line in found:
            if line != "ok":
                self._report("file", line)
        stored = {
            str(row[0]) for row in self._connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")
        }
        ddl = set(schema.DDL if has_bounds(self._connection) else schema.DDL_1)
        for statement in ddl - stored:
            self._report("schema", f"not as the program makes it: {statement.split('(')[0]}")
        for statement in stored - ddl - set(sqlviews.VIEWS.values()):  # a log may be without them
            self._report("schema", f"unknown to the program: {statement.split('(')[0]}")

    def _stored_batches(self, end: int) -> Iterator[tuple[int, int, object]]:
        after = 0
        query = "SELECT position, first, hash FROM batch WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"
        while page := self._connection.execute(query, (after, end, _PAGE)).fetchall():
            for batch in page:
                if batch[0] <= after:  # a damaged page: to go on from there would never end
                    self._report(f"batch ..{batch[0]}", f"it stands behind the batch that ends at {after}")
                    return
                yield batch
                after = batch[0]

    def _check_batch(self, position: int, first: int, stored: object, names: dict[object, str]) -> None:
        where = f"batch {self._position + 1}..{position}"
        self._batches += 1
        if first != self._position + 1:
            self._report(where, f"it says that it begins at {first}")
        rows = self._rows(position, names)
        if rows and rows[-1].position != position:  # the hash is of the events alone
            self._report(where, f"its last event is {rows[-1].position}")
        packs = self._packs(position, {row.position: row.session for row in rows})
        if batch_hash(self._hash, rows, packs) != stored:
            self._report(
                where, "its hash is not that of its events and of what came before: something in it was changed"
            )
        self._go_on_from(position, stored)
        self._see_kept(where, position)

    def _see_kept(self, where: str, position: int) -> None:
        if self._kept is not None and position == self._kept.position:
            self._kept_found = True
            if self._hash.hex() != self._kept.hash:
                self._report(where, "its hash is not the one that was kept: the log was rewritten")

    def _go_on_from(self, position: int, stored: object) -> None:
        """What follows is judged by itself."""
        self._position, self._hash = position, stored if isinstance(stored, bytes) else b""

    def _rows(self, position: int, names: dict[object, str]) -> list[Row]:
        rows: list[Row] = []
        query = f"{schema.SELECT} WHERE position > ? AND position <= ? ORDER BY position"
        for values in self._connection.execute(query, (self._position, position)).fetchall():
            self._events += 1
            try:
                row = schema.row_of(values, names)
                rows.append(row)
                self._listen(row)
            except KeyError as error:
                self._report(f"event {values[0]}", f"it names {error}, which does not exist")
            except (msgspec.DecodeError, UnicodeError) as error:
                self._report(f"event {values[0]}", f"its body does not decode: {error}")
        return rows

    def _listen(self, row: Row) -> None:
        match decode_body(row.kind, row.body):
            case LogArchived() as event:
                self._told.archived.append(event)
            case TextsPruned() as event:
                self._told.pruned.append((row.position, event))
            case _:
                pass

    def _packs(self, position: int, sessions: Mapping[int, int]) -> list[PackRow]:
        packs: list[PackRow] = []
        query = "SELECT place, digests, codec, checksum, data FROM pack WHERE place > ? AND place <= ? ORDER BY place"
        for place, digests, *data in self._connection.execute(query, (self._position, position)).fetchall():
            expected = tuple(str(digests).split(" "))
            packs.append(PackRow(place, expected))
            self._texts += len(expected)
            try:
                found = tuple(digest_of(text) for text in decode_pack(*data))
            except TextsDropped:
                self._texts, self._dropped = self._texts - len(expected), self._dropped + len(expected)
                self._gone[sessions.get(place, 0)] = place
                continue
            except ValueError as error:
                self._report(f"texts of event {place}", str(error))
                continue
            if found != expected:
                self._report(f"texts of event {place}", "a text is not the one that was stored")
        return packs

    def _check_ends(self, end: int) -> None:
        for table, column in (("event", "position"), ("pack", "place")):
            extra = self._connection.execute(f"SELECT count(*) FROM {table} WHERE {column} > ?", (end,)).fetchone()[0]
            later = self._connection.execute("SELECT coalesce(max(position), 0) FROM batch").fetchone()[0]
            if extra and later == end:
                self._report(table, f"{extra} rows stand behind the last batch ({end})")
        if not self._kept_found and self._kept is not None:
            what = "the tail is missing" if self._kept.position > end else "no batch ends there"
            if self._kept.position < self._after:
                what = "look for it in the archive of what was before"
            self._report("head", f"the kept head {self._kept.position} is not in the log, which ends at {end}: {what}")

    def _check_what_is_gone(self) -> None:
        """An archive may have been cut before the event that speaks of it: that one stands in the log."""
        for position, chain in ends(self._connection):
            begins = (position, chain) == (self._after, self._begun)
            if not begins and not (self._archive and (position, chain) == (self._position, self._hash)):
                self._report("start", f"it names position {position}, where nothing was cut off")
        if self._after and not self._archive and self._told.of_beginning(self._after, self._begun) is None:
            self._report(
                "start", f"what was up to position {self._after} is missing, and no event says that it was archived"
            )
        told = Told()
        told.add(self._told)
        if self._log is not None:
            told.add(self._log)
        for session, place in self._gone.items():
            if (self._log is not None or not self._archive) and not told.covers(session, place):
                self._report(f"texts of event {place}", "they are gone, and no event says that they were dropped")
