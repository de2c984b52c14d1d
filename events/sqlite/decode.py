"""From stored rows to entries, a page at a time: what it costs to read a log back is decided here."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from events.log import Entry, LogCorrupt
from events.types.any import AnyEvent, decoder_of
from events.types.base import Unknown

SELECT = "SELECT position, id, at, topic, project, session, task, step, attempt, cause, kind, body FROM event"
"""What an entry needs; what it spent stands in further columns, which only segments and `swarm verify` look at."""

Stored = tuple[Any, ...]
"""A row of `SELECT`."""


class UnknownName(KeyError):
    """A row names what was not learnt: the name was added since, or the row is damaged."""


class _Kinds(dict[object, Callable[[bytes | str], AnyEvent | Unknown]]):
    """What decodes the bodies of a kind, by the number of its name; looked up once each."""

    def __init__(self, names: Mapping[object, str]) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, number: object) -> Callable[[bytes | str], AnyEvent | Unknown]:
        decode = self[number] = decoder_of(self._names[number])
        return decode


class Decoder:
    """Knows the names of one log."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._names: dict[object, str] = {0: ""}
        self._kinds = _Kinds(self._names)

    def learn(self, names: Iterable[tuple[object, str]]) -> None:
        self._names.update(names)

    def entries(self, rows: Sequence[Stored], *, after: int = -1) -> list[Entry]:
        """The entries that the rows are, all of them behind position `after`.

        Raises UnknownName, and LogCorrupt where a row is damaged.
        """
        try:
            return self._decoded(rows, after)
        except _DAMAGE:
            for row in rows:
                self._require_sound(row, after)
                after = row[0]
            raise

    def missing(self, rows: Sequence[Stored]) -> LogCorrupt:
        """The error of rows that name what the log does not have."""
        for row in rows:
            for number in (row[3], row[4], row[6], row[10]):
                if number not in self._names:
                    reason = f"name {number!r} does not exist"
                    return LogCorrupt(url=self._url, position=row[0], reason=reason)
        raise AssertionError("one of them names what is missing")

    def _decoded(self, rows: Sequence[Stored], last: int) -> list[Entry]:
        names, kinds = self._names, self._kinds
        try:
            return [
                Entry(
                    position,
                    id,
                    at,
                    names[topic],
                    names[project],
                    session,
                    names[task],
                    step,
                    attempt,
                    cause,
                    kinds[kind](body),
                )
                # to be in order and of whole numbers is the file's affair, until one of its pages is damaged
                if last < (last := position)
                and type(at + session + step + attempt + cause) is int
                and type(id) is bytes
                else _refuse()
                for position, id, at, topic, project, session, task, step, attempt, cause, kind, body in rows
            ]
        except KeyError as error:
            raise UnknownName from error

    def _require_sound(self, row: Stored, after: int) -> None:
        if row[0] <= after:  # who reads on from there would never come to an end
            raise LogCorrupt(url=self._url, position=row[0], reason=f"it stands behind position {after}")
        try:
            self._decoded([row], after)
        except _DAMAGE as error:
            raise LogCorrupt(url=self._url, position=row[0], reason=str(error)) from error


def _refuse() -> Entry:
    raise TypeError("a column holds what it cannot hold")


_DAMAGE = (msgspec.MsgspecError, UnicodeError, TypeError)


def read(connection: sqlite3.Connection, decoder: Decoder, *, after: int, until: int, limit: int) -> list[Entry]:
    """Read up to `limit` entries behind `after`, up to `until`. Raises LogCorrupt, sqlite3.Error."""
    query = f"{SELECT} WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"
    rows: list[Stored] = connection.execute(query, (after, until, limit)).fetchall()
    try:
        return decoder.entries(rows, after=after)
    except UnknownName:
        decoder.learn(connection.execute("SELECT id, text FROM name"))
    try:
        return decoder.entries(rows, after=after)
    except UnknownName:
        raise decoder.missing(rows) from None
