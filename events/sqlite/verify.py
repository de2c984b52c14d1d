"""Reading everything: is each stored byte what was written, and does the log end where it did?"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from events.blobs import decode_pack, digest_of
from events.chain import GENESIS, batch_hash
from events.log import Head, LogUnusable
from events.rows import PackRow, Row
from events.sqlite import schema
from events.types.any import decode_body
from events.verify import Problem, Report

_PAGE = 200  # batches read in one short transaction


def verify_file(path: Path, kept: Head | None) -> Report:
    """Check the log up to its present end, and that the kept head is part of it.

    Raises LogForeign, LogNewer, LogUnusable where the file cannot be looked at.
    """
    path = schema.prepare_file(path, read_only=True)
    connection = None
    try:
        connection = sqlite3.connect(schema.read_only_uri(path), uri=True, isolation_level=None)
        connection.text_factory = _decode
        for pragma in schema.READER_PRAGMAS:
            connection.execute(pragma)
        form = [connection.execute(query).fetchone()[0] for query in schema.FORM]
        if not schema.check_form(form, str(path)):
            raise LogUnusable(
                url=str(path), reason="nothing was ever written to it", remedy="name the log with `--log`"
            )
        return _Verification(connection, kept).run()
    except schema.UNREADABLE as error:
        if schema.primary_code(error) in _NOT_DAMAGE:
            raise schema.translate(error, str(path)) from error
        problem = Problem(where="file", what=f"SQLite cannot read it: {error}")
        return Report(events=0, batches=0, texts=0, head=Head(position=0, hash=GENESIS.hex()), problems=(problem,))
    finally:
        if connection is not None:
            connection.close()


_NOT_DAMAGE = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _decode(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")  # damaged text is to be compared, not refused


class _Verification:
    def __init__(self, connection: sqlite3.Connection, kept: Head | None) -> None:
        self._connection, self._kept = connection, kept
        self._problems: list[Problem] = []
        self._events = self._texts = self._batches = 0
        self._position, self._hash = 0, GENESIS
        self._kept_found = kept is None or kept.position == 0

    def run(self) -> Report:
        self._check_file()
        try:
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
        except schema.UNREADABLE as error:
            self._report("file", f"it cannot be read behind position {self._position}: {error}")
        return Report(
            events=self._events,
            batches=self._batches,
            texts=self._texts,
            head=Head(position=self._position, hash=self._hash.hex()),
            problems=tuple(self._problems),
        )

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
        for statement in set(schema.DDL) - stored:
            self._report("schema", f"not as the program makes it: {statement.split('(')[0]}")
        for statement in stored - set(schema.DDL):
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
        packs = self._packs(position)
        if batch_hash(self._hash, rows, packs) != stored:
            self._report(
                where, "its hash is not that of its events and of what came before: something in it was changed"
            )
        self._go_on_from(position, stored)
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
                decode_body(row.kind, row.body)
            except KeyError as error:
                self._report(f"event {values[0]}", f"it names {error}, which does not exist")
            except (msgspec.DecodeError, UnicodeError) as error:
                self._report(f"event {values[0]}", f"its body does not decode: {error}")
        return rows

    def _packs(self, position: int) -> list[PackRow]:
        packs: list[PackRow] = []
        query = "SELECT place, digests, codec, checksum, data FROM pack WHERE place > ? AND place <= ? ORDER BY place"
        for place, digests, *data in self._connection.execute(query, (self._position, position)).fetchall():
            expected = tuple(str(digests).split(" "))
            packs.append(PackRow(place, expected))
            self._texts += len(expected)
            try:
                found = tuple(digest_of(text) for text in decode_pack(*data))
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
            self._report("head", f"the kept head {self._kept.position} is not in the log, which ends at {end}: {what}")
