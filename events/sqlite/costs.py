"""What calls cost, summed over columns: the same as the fold of `CostView`, a hundred times as fast over a long log."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from operator import add
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from events.sqlite import schema, segments
from events.sqlite.blocks import Block, Numbers, among, blocks_of
from events.sqlite.decode import Decoder, read
from events.sqlite.segments import LENGTH, Segment
from events.views.cost import NOBODY, Cost, CostView, Payer, narrowed

Column: TypeAlias = NDArray[Any]
"""Of numbers, or of what is true or not."""

Numbering = Callable[[str], int]
"""The number of a name in the log, -1 where it does not have it."""

NAMED = ("project", "task", "role", "agent", "model", "tier")
"""Fields of a payer that a column holds as the number of a name."""

_ENDING = ("settled", "failed", "released", "unknown")
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
    cache_write_tokens: Numbers
    reasoning_tokens: Numbers


class Listener(Protocol):
    """Hears, beside the sums, of all events and of the calls that ended, or of which nobody knows whether they did."""

    @property
    def fields(self) -> Sequence[str]:
        """What it wants to know of a call."""
        ...

    def take(self, block: Block) -> None: ...

    def ended(self, calls: Mapping[str, Column], days: Sequence[str], nanos: Numbers) -> None:
        """Calls that were or may be billed, by columns (a day as its place in `days`), and what each came to."""
        ...


def sums(
    path: Path,
    after: int,
    begun: CostView,
    fields: Sequence[str],
    listening: Callable[[Numbering], Listener] | None = None,
) -> Summed:
    """Sum what stands behind `after`, and what `begun` has of the time before, by these fields of the payer and its day.

    `listening` makes what hears of the events and calls on the way. A stretch whose segment is missing, or not to be
    believed, is packed from its rows. Raises LogCorrupt, TooLarge, sqlite3.Error, and ValueError at rows that are damaged.
    """
    with contextlib.closing(
        sqlite3.connect(schema.read_only_uri(path), uri=True, isolation_level=None, timeout=schema.BUSY_S)
    ) as connection:
        for pragma in schema.READER_PRAGMAS:
            connection.execute(pragma)
        connection.execute("BEGIN")  # one state of the file, whoever writes meanwhile
        wrong: list[str] = []
        listener = listening(partial(_number, connection)) if listening is not None else None
        calls = _Calls(connection, fields, begun.awaited(), listener)
        for block in blocks_of(_stretches(connection, after, wrong)):
            calls.take(block)
            if listener is not None:
                listener.take(block)
        costs = calls.summed()
        for position in calls.unclaimed:
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
        if stretch.wrong:
            wrong.append(f"the segment of events {stretch.first} to {stretch.last} was not used: {stretch.wrong}")
        elif stretch.segment is not None and stretch.first > after:
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
    """The calls of the segments that were taken: those that ended as sums, the others as columns.

    `unclaimed` are the positions of ends of calls that were reserved before (`awaited`), in their order.
    """

    def __init__(
        self, connection: sqlite3.Connection, fields: Sequence[str], awaited: set[int], listener: Listener | None
    ) -> None:
        self._connection, self._listener = connection, listener
        self._fields = ("day", *fields)
        self._known = tuple(dict.fromkeys((*self._fields, *(listener.fields if listener else ()))))
        self._reservation, *self._ending = [_number(connection, f"call.{kind}") for kind in ("reserved", *_ENDING)]
        self._texts: dict[str, dict[str, int]] = {"day": {"": 0}, "price": {"": 0}}
        self._awaited = list(awaited)
        self._reserved: list[list[Column]] = []  # position, fields, what is reserved, and whether its end is unknown
        self._sums: dict[tuple[int, ...], list[int]] = {}  # the fields of `Cost`, by those of the payer
        self.unclaimed: list[int] = []

    def take(self, block: Block) -> None:
        """Sum what ended in the block, and keep the other calls for what comes."""
        kind = block.column("kind")
        positions = block.positions()
        at = np.flatnonzero(kind == self._reservation)
        if at.size:
            taken = [self._taken(block, field)[at] for field in (*self._known, "cost_nanos")]
            self._reserved.append([positions[at], *taken, np.zeros(at.size, dtype=bool)])
        at = np.flatnonzero(among(kind, self._ending))
        if at.size:
            self._settle(_Ends(positions[at], *(block.column(name)[at] for name in _Ends._fields[1:])))

    def _taken(self, block: Block, field: str) -> Numbers:
        if field not in self._texts:
            return block.column(field)
        known = self._texts[field]
        return block.texts(field, lambda text: known.setdefault(text, len(known)))

    def summed(self) -> dict[Payer, Cost]:
        if self._reserved:
            _, *columns, reserved, doubtful = joined(self._reserved, 3 + len(self._known))
            self._add(columns[: len(self._fields)], partial(_open_sums, reserved=reserved, doubtful=doubtful))
            self._hear([column[doubtful] for column in columns], reserved[doubtful])
        if not self._sums:
            return {}
        payers = self._payers([np.array(column, dtype=np.int64) for column in zip(*self._sums, strict=True)])
        return {payer: Cost(*values) for payer, values in zip(payers, self._sums.values(), strict=True)}

    def _settle(self, ends: _Ends) -> None:
        if self._awaited:
            self.unclaimed += ends.position[np.isin(ends.reservation, self._awaited)].tolist()
        if not self._reserved:
            return
        calls = joined(self._reserved, 3 + len(self._known))
        position, *columns, _, doubtful = calls
        end = _decided(position, doubtful, ends, unknown=self._ending[-1])
        over, left = np.flatnonzero(end >= 0), np.flatnonzero(end < 0)
        self._reserved = [[column[left] for column in calls]] if left.size else []
        if over.size:
            sums = partial(_ended_sums, ends=ends, end=end[over], settled=self._ending[0])
            columns = [column[over] for column in columns]
            self._add(columns[: len(self._fields)], sums)
            paid = ends.kind[end[over]] == self._ending[0]
            self._hear([column[paid] for column in columns], ends.cost_nanos[end[over][paid]])

    def _hear(self, columns: Sequence[Column], nanos: Numbers) -> None:
        if self._listener is not None and nanos.size:
            self._listener.ended(dict(zip(self._known, columns, strict=True)), list(self._texts["day"]), nanos)

    def _add(self, columns: Sequence[Column], sums: Callable[[Numbers, int], list[list[int]]]) -> None:
        """Add sums of calls, given by group, to those of the payers to whom these columns say that they belong."""
        group, first = groups_of(columns)
        payers = zip(*(column[first].tolist() for column in columns), strict=True)
        for payer, *values in zip(payers, *sums(group, first.size), strict=True):
            known = self._sums.get(payer)
            self._sums[payer] = values if known is None else list(map(add, known, values))

    def _payers(self, columns: Sequence[Numbers]) -> list[Payer]:
        given: dict[str, list[str] | list[int]] = {}
        for field, column in zip(self._fields, columns, strict=True):
            numbers: list[int] = column.tolist()
            if field in self._texts:
                texts = list(self._texts[field])
                given[field] = [texts[number] for number in numbers]
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


def joined(parts: Sequence[Sequence[Column]], columns: int) -> list[Column]:
    """So many columns of all parts, each as one."""
    if not parts:
        return [np.zeros(0, dtype=np.int64)] * columns
    return [np.concatenate(column) for column in zip(*parts, strict=True)] if len(parts) > 1 else list(parts[0])


def _decided(position: Numbers, doubtful: Column, ends: _Ends, *, unknown: int) -> Numbers:
    """For each call the place of the end that decides what it came to, the first one, -1 where none does.

    That an end is unknown (the kind of this number) decides nothing: such calls are marked in `doubtful`.
    """
    call = np.minimum(np.searchsorted(position, ends.reservation), position.size - 1)
    known = (position[call] == ends.reservation) & (ends.position > ends.reservation)
    doubts = ends.kind == unknown
    deciding = np.flatnonzero(known & ~doubts)[::-1]
    end = np.full(position.size, -1, dtype=np.int64)
    end[call[deciding]] = deciding  # of several values for one place the last one stays: backwards, the first end
    doubtful[call[known & doubts]] = True
    return end


def _ended_sums(group: Numbers, groups: int, *, ends: _Ends, end: Numbers, settled: int) -> list[list[int]]:
    """The fields of `Cost` by group, of calls that ended so: settled, or failed."""
    paid = ends.kind[end] == settled
    of_paid, end = group[paid], end[paid]
    counts: list[list[int]] = [np.bincount(some, minlength=groups).tolist() for some in (group, group[~paid])]
    amounts = [
        sum_by(of_paid, column[end], groups)
        for column in (ends.input_tokens, ends.cached_tokens, ends.output_tokens, ends.cost_nanos)
    ]
    parts = [sum_by(of_paid, column[end], groups) for column in (ends.cache_write_tokens, ends.reasoning_tokens)]
    none = [0] * groups
    return [*counts, none, none, *amounts, none, *parts]


def _open_sums(group: Numbers, groups: int, *, reserved: Numbers, doubtful: Column) -> list[list[int]]:
    """The fields of `Cost` by group, of calls that did not end, or of which nobody knows whether they did."""
    some = (group, group[~doubtful], group[doubtful])
    calls, still_open, maybe_paid = (np.bincount(calls, minlength=groups).tolist() for calls in some)
    held = sum_by(group[doubtful], reserved[doubtful], groups)
    none = [0] * groups
    return [calls, none, still_open, maybe_paid, none, none, none, held, held, none, none]


def groups_of(columns: Sequence[Column]) -> tuple[Numbers, Numbers]:
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
    if span == 1:
        return np.zeros(values.size, dtype=np.int64), np.zeros(1, dtype=np.int64)
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


def sum_by(group: Numbers, values: Numbers, groups: int) -> list[int]:
    """The exact sums of the values by group."""
    most = max(abs(int(values.min())), abs(int(values.max()))) * values.size if values.size else 0
    if most < _EXACT:  # no sum on the way is larger, so none is rounded
        exact = np.bincount(group, weights=values, minlength=groups).astype(np.int64)
    elif float(np.abs(values.astype(np.float64)).sum()) >= 1 << 62:
        raise TooLarge("a sum is too large for columns")
    else:
        exact = np.zeros(groups, dtype=np.int64)
        np.add.at(exact, group, values)
    found: list[int] = exact.tolist()
    return found
