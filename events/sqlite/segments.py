"""Segments: columns of 4,096 stored events each, so that a sum over a long log decodes no body.

A segment is a cache. `swarm verify` calls `check(connection)`, which returns what is wrong with the stored ones; the doctor
calls `compare(connection)`, which packs every stretch again, and `rebuild`. What does not agree with its checksum is never believed.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from operator import itemgetter
from typing import Any, NamedTuple
from zlib import crc32

import msgspec

from events.columns import Column, find_columns, pack_columns
from events.log import Entry
from events.sqlite import schema
from events.sqlite.bounds import beginning
from events.types.any import AnyEvent, decode_body
from events.types.base import Unknown
from events.types.call import CallReserved, CallSettled
from events.verify import Problem
from events.views.cost import day_of

LENGTH = 4096  # events of a segment
FORM = 2  # goes up when what a segment holds changes; one of another form is passed over until it is made again

FROM_EVENT = (
    *("position", "at", "kind", "project", "session", "task", "step", "attempt", "role", "agent", "model", "tier"),
    *("reservation", "input_tokens", "cached_tokens", "output_tokens", "cost_nanos"),
)
COLUMNS = (*FROM_EVENT, "cache_write_tokens", "reasoning_tokens", "day", "price")
"""What a segment holds of an event. A position is what it is more than that of the event before it would make it, a name is
its number in the log, a day or a price row its number among those of the segment, 0 where the event names none."""

_HEAD = struct.Struct("<HHIqqI")  # form, columns, events, first and last position, bytes of the days and price rows
_SELECT = (
    f"SELECT {', '.join(FROM_EVENT)}, CASE kind WHEN (SELECT id FROM name WHERE text = 'call.reserved') THEN body END,"
    " CASE kind WHEN (SELECT id FROM name WHERE text = 'call.settled') THEN body END"
    " FROM event WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"
)

Values = tuple[object, ...]
"""The values of a row, in the order of `schema.COLUMNS`."""

Packed = tuple[Any, ...]
"""What is packed of an event: its columns, the day and the price row in full."""

_PICK = itemgetter(*(schema.COLUMNS.index(column) for column in FROM_EVENT))


def _packed(values: Values, entry: Entry) -> Packed:
    """What is packed of an entry whose row has these values."""
    match entry.event:
        case CallReserved(scopes=scopes, price=price):
            return (*_PICK(values), 0, 0, day_of(scopes), price)
        case CallSettled(cache_write_tokens=written, reasoning_tokens=reasoning):
            return (*_PICK(values), written, reasoning, "", "")
        case _:
            return (*_PICK(values), 0, 0, "", "")


class Segment(NamedTuple):
    """A packed stretch of the log: `columns` says where each of `COLUMNS` stands in `data`."""

    first: int
    last: int
    length: int
    days: Sequence[str]  # the first of them has number 1
    prices: Sequence[str]
    columns: Sequence[Column]
    data: bytes


class _Reserved(msgspec.Struct):
    """What a segment takes from the body of a call.reserved."""

    scopes: tuple[str, ...]
    price: str


class _Settled(msgspec.Struct):
    """What a segment takes from the body of a call.settled."""

    cache_write_tokens: int = 0
    reasoning_tokens: int = 0


_reserved = msgspec.json.Decoder(_Reserved)
_settled = msgspec.json.Decoder(_Settled)


class OtherForm(ValueError):
    """A segment of a form that is not ours: nothing is wrong with it, and nothing is read from it."""


def pack(connection: sqlite3.Connection, after: int, until: int, *, limit: int = LENGTH) -> bytes | None:
    """Pack the stored events behind `after`, up to `until`, at most `limit`; None where there are none.

    Raises ValueError where an event is not of the form of one, sqlite3.Error where it cannot be read.
    """
    rows = connection.execute(_SELECT, (after, until, limit)).fetchall()
    if not rows:
        return None
    try:
        return _pack([(*row[:-2], *_from_bodies(row[-2], row[-1])) for row in rows])
    except (TypeError, OverflowError, msgspec.MsgspecError) as error:
        raise ValueError(f"events {rows[0][0]}..{rows[-1][0]} are not of the form of events: {error}") from error


def _pack(rows: Sequence[Packed]) -> bytes:
    positions, *columns, days, prices = zip(*rows, strict=True)
    texts: list[list[str]] = []
    for values in (days, prices):
        numbers: dict[str, int] = {"": 0}
        columns.append(tuple(numbers.setdefault(text, len(numbers)) for text in values))
        texts.append([*numbers][1:])
    names = msgspec.json.encode(texts)
    head = _HEAD.pack(FORM, len(COLUMNS), len(rows), positions[0], positions[-1], len(names))
    return head + names + pack_columns([_gaps(positions), *columns])


def _gaps(positions: Sequence[int]) -> Sequence[int]:
    """By how much each position is more than it would be without gaps: nothing, in a log that only grew."""
    first = positions[0]
    if positions[-1] - first == len(positions) - 1:
        return [0] * len(positions)
    return [position - first - index for index, position in enumerate(positions)]


def _from_bodies(reserved: str | None, settled: str | None) -> tuple[int, int, str, str]:
    """What only the body of a call.reserved or a call.settled says: tokens of two classes, the day, the price row."""
    if reserved is not None:
        try:
            call: _Reserved | AnyEvent | Unknown = _reserved.decode(reserved)
        except msgspec.MsgspecError:  # an older form of it
            call = decode_body("call.reserved", reserved)
        return (0, 0, day_of(call.scopes), call.price) if isinstance(call, _Reserved | CallReserved) else _NOTHING
    if settled is not None and ("cache_write_tokens" in settled or "reasoning_tokens" in settled):
        usage = _settled.decode(settled)
        return usage.cache_write_tokens, usage.reasoning_tokens, "", ""
    return _NOTHING


_NOTHING = (0, 0, "", "")


def unpack(data: bytes) -> Segment:
    """Find what a segment holds. Raises ValueError where it is none of our form."""
    if len(data) < _HEAD.size:
        raise ValueError("it ends too early")
    form, columns, length, first, last, size = _HEAD.unpack_from(data)
    if form != FORM or columns != len(COLUMNS):
        raise OtherForm(f"it has form {form}")
    offset = _HEAD.size + size
    try:
        days, prices = msgspec.json.decode(data[_HEAD.size : offset], type=tuple[list[str], list[str]])
    except msgspec.MsgspecError as error:
        raise ValueError(f"its days and price rows cannot be read: {error}") from error
    found = find_columns(data, offset=offset, columns=columns, length=length)
    return Segment(first, last, length, days, prices, found, data)


class Stretch(NamedTuple):
    """A stored segment as it was found: believed, or with what is wrong with it.

    Neither, though one is due: it is missing, or of another form.
    """

    first: int
    last: int
    segment: Segment | None
    wrong: str = ""


def stored(connection: sqlite3.Connection) -> Iterator[Stretch]:
    """What is stored, in its order. A segment is believed where its checksum, its stretch and its form are right."""
    after = beginning(connection)[0]
    for first, last, checksum, data in connection.execute(
        "SELECT first, last, checksum, data FROM segment ORDER BY first"
    ):
        segment, wrong = _believed(first, last, checksum, data)
        if segment is not None and first <= after:
            segment, wrong = None, f"it reaches back before event {after + 1}"
        yield Stretch(first, last, segment, wrong)
        if segment is not None:
            after = last


def _believed(first: object, last: object, checksum: object, data: object) -> tuple[Segment | None, str]:
    if not isinstance(data, bytes) or crc32(data) != checksum:
        return None, "its checksum is not that of its bytes"
    try:
        segment = unpack(data)
    except OtherForm:
        return None, ""
    except ValueError as error:
        return None, f"it is not of the program's form: {error}"
    if (segment.first, segment.last) != (first, last):
        return None, f"it holds events {segment.first}..{segment.last}"
    return segment, ""


def check(connection: sqlite3.Connection) -> list[Problem]:
    """What is wrong with the stored segments by their own checksums. Raises sqlite3.Error where they cannot be read."""
    return [
        Problem(where=f"segment {stretch.first}..{stretch.last}", what=stretch.wrong)
        for stretch in stored(connection)
        if stretch.wrong
    ]


def compare(connection: sqlite3.Connection) -> Iterator[Stretch]:
    """The stored segments as `stored` gives them, each compared with its events, and the stretches where one is missing."""
    after = beginning(connection)[0]
    for stretch in stored(connection):
        found = _compared(connection, stretch)
        if found.segment is not None:
            if found.first > after + 1:
                yield Stretch(after + 1, found.first - 1, None)
            after = found.last
        yield found
    head = _head(connection)
    if (full := (head - after) // LENGTH * LENGTH) > 0:
        yield Stretch(after + 1, after + full, None)


def _compared(connection: sqlite3.Connection, stretch: Stretch) -> Stretch:
    if stretch.segment is None:
        return stretch
    try:
        again = pack(connection, stretch.first - 1, stretch.last)
    except ValueError as error:
        return stretch._replace(segment=None, wrong=str(error))
    return (
        stretch if again == stretch.segment.data else stretch._replace(segment=None, wrong="its events say otherwise")
    )


def rebuild(connection: sqlite3.Connection, committing: Callable[[], AbstractContextManager[None]]) -> None:
    """Make segments anew where one is wrong or missing, each in a transaction of its own (`committing`).

    Raises ValueError at events that cannot be packed.
    """
    found = list(compare(connection))
    with committing():
        for stretch in found:
            if stretch.segment is None:  # wrong, or of another form
                connection.execute("DELETE FROM segment WHERE first = ?", (stretch.first,))
    after, right = beginning(connection)[0], [stretch for stretch in found if stretch.segment is not None]
    for stretch in right:
        _fill(connection, committing, after, stretch.first - 1, least=1)
        after = stretch.last
    _fill(connection, committing, after, _head(connection), least=LENGTH)


def _fill(
    connection: sqlite3.Connection,
    committing: Callable[[], AbstractContextManager[None]],
    after: int,
    until: int,
    *,
    least: int,
) -> None:
    """Store segments of a stretch that has none, of at least so many events each."""
    while (data := pack(connection, after, until)) is not None and (segment := unpack(data)).length >= least:
        with committing():
            store(connection, data)
        after = segment.last


def _head(connection: sqlite3.Connection) -> int:
    found: int = connection.execute("SELECT coalesce(max(position), 0) FROM batch").fetchone()[0]
    return found


def end(connection: sqlite3.Connection) -> int:
    """The position up to which segments are stored."""
    found: int | None = connection.execute("SELECT max(last) FROM segment").fetchone()[0]
    return beginning(connection)[0] if found is None else found


class Packer:
    """Knows when the next segment is due, so that a commit need not ask the file, and keeps what was committed for it."""

    def __init__(self) -> None:
        self._due = 0
        self._kept: list[Packed] = []  # committed one behind the other: packed from here, they are not read again
        self._kept_until = 0

    def note(self, previous: int, values: Sequence[Values], entries: Sequence[Entry]) -> None:
        """Keep what was committed behind `previous`. Raises nothing for an event of a wrong form: it is committed."""
        if previous != self._kept_until or len(self._kept) >= 2 * LENGTH:
            self._kept.clear()
        try:
            self._kept += map(_packed, values, entries)
        except (TypeError, AttributeError):
            self._kept.clear()
        self._kept_until = self._kept[-1][0] if self._kept else previous

    def due(self, head: int) -> bool:
        return head >= self._due

    def next(self, connection: sqlite3.Connection, head: int) -> bytes | None:
        """The next segment, packed and not stored yet; None where too few events stand behind the last one.

        Raises as `pack`; then none is due before as many more events as a segment has.
        """
        self._due = head + LENGTH
        after = end(connection)
        data = self._next(connection, after, head) if head - after >= LENGTH else None
        if data is None or unpack(data).length < LENGTH:
            self._due = max(after + LENGTH, head + 1)
            return None
        self._due = unpack(data).last + LENGTH
        return data

    def _next(self, connection: sqlite3.Connection, after: int, head: int) -> bytes | None:
        begin = next((place for place, row in enumerate(self._kept[:LENGTH]) if row[0] > after), 0)
        rows = self._kept[begin : begin + LENGTH]
        if len(rows) < LENGTH or (rows[0][0], rows[-1][0]) != (after + 1, after + LENGTH):
            return pack(connection, after, head)
        del self._kept[: begin + LENGTH]
        return _pack(rows)


def store(connection: sqlite3.Connection, data: bytes) -> None:
    """Store a packed segment in a transaction that the caller has begun, unless its stretch is stored or gone by now."""
    segment = unpack(data)
    there = connection.execute("SELECT 1 FROM event WHERE position = ?", (segment.first,)).fetchone()
    query = "SELECT 1 FROM segment WHERE first <= ? AND last >= ?"
    if there and connection.execute(query, (segment.last, segment.first)).fetchone() is None:
        values = (segment.first, segment.last, crc32(data), data)
        connection.execute("INSERT INTO segment VALUES (?, ?, ?, ?)", values)
