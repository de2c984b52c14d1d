"""What calls cost, summed over columns: the same as the fold of `CostView`, a hundred times as fast over a long log."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from events.columns import TYPES
from events.sqlite import schema, segments
from events.sqlite.decode import Decoder, read
from events.sqlite.segments import COLUMNS, LENGTH, Segment
from events.views.cost import NOBODY, Cost, CostView, Payer, narrowed

Numbers: TypeAlias = NDArray[np.int64]

NAMED = ("task", "role", "agent", "model", "tier")
"""Fields of a payer that a column holds as the number of a name."""

_ENDING = ("settled", "failed", "released", "unknown")
_AT = {name: place for place, name in enumerate(COLUMNS)}
_TYPES = {width: np.dtype(f"<u{width}") for width in TYPES}
_EXACT = 1 << 53  # up to here a float holds every whole number
_LUT = 1 << 22  # a table of so many numbers is made faster than as many are sorted


class TooLarge(ValueError):
    """Sums that 64 bits may not hold."""


class Summed(NamedTuple):
    """Sums by payer, with what is wrong with segments that were not believed."""

    costs: dict[Payer, Cost]
    wrong: list[str]


class _Ends(NamedTuple):
    """Events that end calls, in their order, and what those that settle one came to."""

    position: Numbers
    kind: Numbers
    reservation: Numbers
    input_tokens: Numbers
    cached_tokens: Numbers
    output_tokens: Numbers
    cost_nanos: Numbers


def sums(path: Path, after: int, begun: CostView, fields: Sequence[str]) -> Summed:
    """Sum what stands behind `after`, and what `begun` has of the time before, by these fields of the payer and its day.

    A stretch whose segment is missing, or not to be believed, is packed from its rows. Raises LogCorrupt, TooLarge,
    sqlite3.Error, and ValueError at rows that are damaged.
    """
    with contextlib.closing(
        sqlite3.connect(schema.read_only_uri(path), uri=True, isolation_level=None, timeout=schema.BUSY_S)
    ) as connection:
        for pragma in schema.READER_PRAGMAS:
            connection.execute(pragma)
        connection.execute("BEGIN")  # one state of the file, whoever writes meanwhile
        wrong: list[str] = []
        calls = _Calls(connection, fields)
        for segment in _stretches(connection, after, wrong):
            calls.take(segment)
        costs = calls.summed()
        for position in calls.unclaimed(begun):
            (entry,) = read(connection, Decoder(str(path)), after=position - 1, until=position, limit=1)
            begun.apply(entry)
        for payer, cost in begun.costs.items():
            costs.setdefault(narrowed(payer, fields), Cost()).add(cost)
        return Summed(costs, wrong)


def _stretches(connection: sqlite3.Connection, after: int, wrong: list[str]) -> Iterator[Segment]:
    """Everything behind `after` as segments, those that are stored and those that are packed now."""
    head: int = connection.execute("SELECT coalesce(max(position), 0) FROM batch").fetchone()[0]
    stored = segments.stored(connection) if schema.has_caches(connection) else ()
    for stretch in stored:
        if stretch.segment is None:
            wrong.append(f"the segment of events {stretch.first} to {stretch.last} was not used: {stretch.wrong}")
        elif stretch.first > after:
            yield from _packed(connection, after, stretch.first - 1)
            yield stretch.segment
            after = stretch.last
    yield from _packed(connection, after, head)


def _packed(connection: sqlite3.Connection, after: int, until: int) -> Iterator[Segment]:
    while after < until and (data := segments.pack(connection, after, until, limit=LENGTH)) is not None:
        segment = segments.unpack(data)
        yield segment
        after = segment.last


class _Calls:
    """The calls of the segments that were taken: reservations and what ended them, as columns."""

    def __init__(self, connection: sqlite3.Connection, fields: Sequence[str]) -> None:
        self._connection = connection
        self._fields = ("day", *fields)
        self._reservation, *self._ending = [_number(connection, f"call.{kind}") for kind in ("reserved", *_ENDING)]
        self._days: dict[str, int] = {"": 0}
        self._reserved: list[list[Numbers]] = []
        self._ended: list[list[Numbers]] = []

    def take(self, segment: Segment) -> None:
        kind = _column(segment, "kind")
        at = np.flatnonzero(kind == self._reservation)
        if at.size:
            taken = [self._taken(segment, field, at) for field in (*self._fields, "cost_nanos")]
            self._reserved.append([_positions(segment, at), *taken])
        is_end = kind == self._ending[0]
        for ending in self._ending[1:]:
            is_end |= kind == ending
        at = np.flatnonzero(is_end)
        if at.size:
            self._ended.append([_positions(segment, at), *(_column(segment, name, at) for name in _Ends._fields[1:])])

    def _taken(self, segment: Segment, field: str, at: Numbers) -> Numbers:
        values = _column(segment, field, at)
        if field != "day":
            return values
        own = [self._days.setdefault(day, len(self._days)) for day in ("", *segment.days)]
        return np.array(own, dtype=np.int64)[values]

    def unclaimed(self, begun: CostView) -> list[int]:
        """Positions of the ends of calls that were reserved before: those that `begun` has to take in."""
        before = begun.awaited()
        if not before:
            return []
        return sorted(
            int(position)
            for positions, _, reservations, *_ in self._ended
            for position in positions[np.isin(reservations, list(before))]
        )

    def summed(self) -> dict[Payer, Cost]:
        if not self._reserved:
            return {}
        position, *columns, reserved = _joined(self._reserved, 2 + len(self._fields))
        ends = _Ends(*_joined(self._ended, len(_Ends._fields)))
        amounts = _amounts(position, reserved, ends, settled=self._ending[0], unknown=self._ending[-1])
        group, first = _groups(columns)
        found = [_sum(group, amount, len(first)) for amount in amounts]
        payers = self._payers([column[first] for column in columns])
        return {payer: Cost(*values) for payer, *values in zip(payers, *found, strict=True)}

    def _payers(self, columns: Sequence[Numbers]) -> list[Payer]:
        given: dict[str, list[str] | list[int]] = {}
        for field, column in zip(self._fields, columns, strict=True):
            numbers: list[int] = column.tolist()
            if field == "day":
                days = list(self._days)
                given[field] = [days[number] for number in numbers]
            elif field in NAMED:
                names = _names(self._connection, set(numbers))
                given[field] = [names[number] for number in numbers]
            else:
                given[field] = numbers
        rows = len(columns[0])
        values = [given.get(field, [default] * rows) for field, default in NOBODY.items()]
        return [Payer(**dict(zip(NOBODY, row, strict=True))) for row in zip(*values, strict=True)]


def _number(connection: sqlite3.Connection, name: str) -> int:
    """The number of a name, -1 where the log does not have it."""
    found = connection.execute("SELECT id FROM name WHERE text = ?", (name,)).fetchone()
    return found[0] if found else -1


def _names(connection: sqlite3.Connection, numbers: set[int]) -> dict[int, str]:
    names = {0: ""}
    wanted = sorted(numbers - {0})
    for first in range(0, len(wanted), 500):
        some = wanted[first : first + 500]
        marks = ",".join("?" * len(some))
        names.update(connection.execute(f"SELECT id, text FROM name WHERE id IN ({marks})", some))
    return names


def _column(segment: Segment, name: str, at: Numbers | None = None) -> Numbers:
    """The values of a column, at some places of the segment where these are named."""
    width, base, offset = segment.columns[_AT[name]]
    if not width:
        return np.full(segment.length if at is None else at.size, base, dtype=np.int64)
    stored = np.frombuffer(segment.data, dtype=_TYPES[width], count=segment.length, offset=offset)
    values = (stored if at is None else stored[at]).astype(np.int64)
    if base:
        values += base
    return values


def _positions(segment: Segment, at: Numbers) -> Numbers:
    gaps = _column(segment, "position", at)
    gaps += segment.first
    gaps += at
    return gaps


def _joined(parts: Sequence[Sequence[Numbers]], columns: int) -> list[Numbers]:
    if not parts:
        return [np.zeros(0, dtype=np.int64)] * columns
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def _amounts(position: Numbers, reserved: Numbers, ends: _Ends, *, settled: int, unknown: int) -> list[Numbers]:
    """The fields of `Cost` for each reservation: what ended it first decides, and that it is unknown only while nothing did.

    `settled` and `unknown` are the kinds that say so; any other end is a failure.
    """
    call = np.minimum(np.searchsorted(position, ends.reservation), position.size - 1)
    known = (position[call] == ends.reservation) & (ends.position > ends.reservation)
    doubts = ends.kind == unknown
    (deciding,) = np.nonzero(known & ~doubts)
    end = np.full(position.size, -1, dtype=np.int64)
    end[call[deciding[::-1]]] = deciding[
        ::-1
    ]  # of several values for one place the last one stays: backwards, the first end
    is_open = end < 0
    is_settled = ~is_open & (ends.kind[end] == settled) if ends.kind.size else ~is_open
    doubtful = np.zeros(position.size, dtype=bool)
    doubtful[call[known & doubts]] = True
    maybe_paid = is_open & doubtful
    held = np.where(maybe_paid, reserved, 0)

    def of_settlement(values: Numbers) -> Numbers:
        return np.where(is_settled, values[end], 0) if values.size else np.zeros_like(position)

    return [
        np.ones_like(position),
        (~is_open & ~is_settled).astype(np.int64),
        (is_open & ~doubtful).astype(np.int64),
        maybe_paid.astype(np.int64),
        of_settlement(ends.input_tokens),
        of_settlement(ends.cached_tokens),
        of_settlement(ends.output_tokens),
        of_settlement(ends.cost_nanos) + held,
        held,
    ]


def _groups(columns: Sequence[Numbers]) -> tuple[Numbers, Numbers]:
    """The number of each row's group, and of each group a row that is in it. Rows are in one where all columns agree."""
    group, first = _ranks(columns[0])
    for column in columns[1:]:
        rank, several = _ranks(column)
        group, first = _ranks(group * several.size + rank)
    return group, first


def _ranks(values: Numbers) -> tuple[Numbers, Numbers]:
    """Number the different values from 0 on: the number of each row's value, and a row of each number."""
    low = int(values.min())
    span = int(values.max()) - low + 1
    if span > _LUT:
        _, first, rank = np.unique(values, return_index=True, return_inverse=True)
        return rank, first
    offsets = values - low
    row = np.full(span, -1, dtype=np.int64)
    row[offsets] = np.arange(values.size)
    (present,) = np.nonzero(row >= 0)
    ranks = np.zeros(span, dtype=np.int64)
    ranks[present] = np.arange(present.size)
    return ranks[offsets], row[present]


def _sum(group: Numbers, values: Numbers, groups: int) -> list[int]:
    """The exact sums of the values by group."""
    most = float(np.abs(values.astype(np.float64)).sum())
    if most >= 1 << 62:
        raise TooLarge("a sum is too large for columns")
    if most < _EXACT // 2:  # no sum on the way is larger, so none is rounded
        exact = np.bincount(group, weights=values, minlength=groups).astype(np.int64)
    else:
        exact = np.zeros(groups, dtype=np.int64)
        np.add.at(exact, group, values)
    found: list[int] = exact.tolist()
    return found
