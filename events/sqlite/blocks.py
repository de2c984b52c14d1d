"""Blocks: the columns of some segments in a row as one, so that a sum takes few large steps and not many small ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from events.columns import TYPES, Column
from events.sqlite.segments import COLUMNS, LENGTH, Segment

Numbers: TypeAlias = NDArray[np.integer[Any]]
"""Whole numbers in the width that they are stored in, or in 64 bits: to make all of them wide costs more than to sum them."""

AT_ONCE = 16 * LENGTH
"""Events of a block: what is taken of them stays in the processor's cache."""

_AT = {name: place for place, name in enumerate(COLUMNS)}
_TYPES = {width: np.dtype(f"<u{width}") for width in TYPES}
_WIDEST = max(TYPES)  # has no sign, which no sum of it with others would get


class Block:
    """Segments in a row. A column is joined when it is first asked for."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = segments
        self._columns: dict[str, Numbers] = {}

    def column(self, name: str) -> Numbers:
        """The values of a column as they are stored: a position is what it is more than its place would make it."""
        if name not in self._columns:
            parts = [(segment, segment.columns[_AT[name]]) for segment in self._segments]
            width, base, _ = parts[0][1]
            if not width and all((each.width, each.base) == (0, base) for _, each in parts):
                self._columns[name] = np.full(sum(segment.length for segment, _ in parts), base, dtype=np.int64)
            else:
                self._columns[name] = _joined([_values(segment, *column) for segment, column in parts])
        return self._columns[name]

    def positions(self) -> Numbers:
        """The position of each event."""
        starts = [np.arange(segment.first, segment.first + segment.length) for segment in self._segments]
        return self.column("position") + _joined(starts)

    def texts(self, name: str, number: Callable[[str], int]) -> Numbers:
        """The column `day` or `price`, whose texts each segment numbers for itself, as the numbers that `number` gives."""
        parts: list[tuple[Segment, Column, list[int]]] = []
        for segment in self._segments:
            texts = segment.days if name == "day" else segment.prices
            parts.append((segment, segment.columns[_AT[name]], [number(text) for text in ("", *texts)]))
        numbers = parts[0][-1]
        if all(own == numbers for *_, own in parts):
            return np.array(numbers, dtype=np.int64)[self.column(name)]
        return _joined([np.array(own, dtype=np.int64)[_values(segment, *column)] for segment, column, own in parts])


def blocks_of(segments: Iterable[Segment]) -> Iterator[Block]:
    """Put segments together, in their order."""
    held: list[Segment] = []
    events = 0
    for segment in segments:
        held.append(segment)
        events += segment.length
        if events >= AT_ONCE:
            yield Block(held)
            held, events = [], 0
    if held:
        yield Block(held)


def among(values: Numbers, known: Iterable[int]) -> NDArray[np.bool_]:
    """Which of the values are one of a few known ones. To compare narrow numbers one by one is faster than `np.isin`."""
    found = np.zeros(values.size, dtype=bool)
    for each in known:
        found |= values == each
    return found


def _joined(parts: Sequence[Numbers]) -> Numbers:
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def _values(segment: Segment, width: int, base: int, offset: int) -> Numbers:
    if not width:
        return np.full(segment.length, base, dtype=np.int64)
    values: Numbers = np.frombuffer(segment.data, dtype=_TYPES[width], count=segment.length, offset=offset)
    return values.astype(np.int64) + base if base or width == _WIDEST else values
