"""A text of many parts, and how it is laid out for a width: any row of it is found at once, and is written when it is drawn."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple, overload

import msgspec
from rich.cells import cell_len, get_character_cell_size

from tui.rows import Piece, Row
from tui.words import Tone, visible_lines

_LEAST = 4  # columns that a text has, however wide what stands before it is
_WIDER = "\ufe0f"  # makes the sign before it one column wider


class Rows(msgspec.Struct, frozen=True):
    """Rows that are cut where there is no room for them. `mark` is the place that the part begins, "" where it begins none."""

    rows: Sequence[Row]
    mark: str = ""


class Prose(msgspec.Struct, frozen=True):
    """Lines that go on below where there is no room for them, each of them behind a gutter. Nothing in them is acted upon."""

    lines: Sequence[str]
    gutter: Piece = ("", "")
    tone: Tone = ""
    copied: str = ""  # what stands before each line in a copy
    mark: str = ""


Part = Rows | Prose


def prose(text: str, *, gutter: Piece = ("", ""), tone: Tone = "", mark: str = "") -> Prose:
    """Any text, line by line, with what a terminal would act upon made visible."""
    return Prose(visible_lines(text).split("\n"), gutter, tone, mark=mark)


class Made(Sequence[Row]):
    """Rows that are made when they are looked at."""

    def __init__(self, count: int, make: Callable[[int], Row]) -> None:
        self._count, self._make = count, make

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return [self._make(at) for at in range(*index.indices(self._count))]
        if not 0 <= index < self._count:
            raise IndexError(index)
        return self._make(index)


class Document(msgspec.Struct, frozen=True):
    parts: tuple[Part, ...] = ()

    @property
    def marks(self) -> list[str]:
        """The places in it that have a name, in their order."""
        return [part.mark for part in self.parts if part.mark]

    def text(self) -> str:
        """All of it, as it is copied: without gutters."""
        lines: list[str] = []
        for part in self.parts:
            if isinstance(part, Prose):
                lines += [part.copied + line for line in part.lines]
            else:
                lines += ["".join(text for text, _ in row).rstrip() for row in part.rows]
        return "\n".join(lines) + "\n" if lines else ""


class Place(NamedTuple):
    """A place that stays what it is when the document grows or another width breaks its lines elsewhere."""

    mark: str  # the last one at or before it
    line: int  # lines behind that
    offset: int  # characters into the line


class Layout:
    """A document in rows of a width. To lay out a megabyte takes a tenth of a second, to find a row next to nothing."""

    def __init__(self, document: Document, width: int) -> None:
        self.document, self.width = document, width
        self._parts = document.parts
        self._rows = [0]  # how many there are before each part
        self._lines = [0]
        self._breaks: list[_Breaks | None] = []
        for part in self._parts:
            breaks = _Breaks(part.lines, _room(part, width)) if isinstance(part, Prose) else None
            self._breaks.append(breaks)
            self._rows.append(self._rows[-1] + (len(breaks) if breaks is not None else _count(part)))
            self._lines.append(self._lines[-1] + _count(part))

    def __len__(self) -> int:
        return self._rows[-1]

    def row(self, index: int) -> Row:
        number, row = self._found(self._rows, index)
        part, breaks = self._parts[number], self._breaks[number]
        if isinstance(part, Rows) or breaks is None:
            return part.rows[row] if isinstance(part, Rows) else []
        return [part.gutter, (breaks.text(row), part.tone)]

    def place(self, index: int) -> Place:
        """What stands in a row."""
        if not 0 <= index < len(self):
            return Place("", 0, 0)
        number, row = self._found(self._rows, index)
        breaks = self._breaks[number]
        line, offset = (breaks.lines[row], breaks.starts[row]) if breaks is not None else (row, 0)
        marked = next((at for at in range(number, -1, -1) if self._parts[at].mark), None)
        before = self._lines[marked] if marked is not None else 0
        return Place(
            self._parts[marked].mark if marked is not None else "", self._lines[number] + line - before, offset
        )

    def row_of(self, place: Place) -> int:
        """The row in which a place stands; where it is no longer there, the one that is nearest to it."""
        marked = self._marked(place.mark)
        if not self._parts or (place.mark and marked is None):
            return 0
        line = min((self._lines[marked] if marked is not None else 0) + place.line, self._lines[-1] - 1)
        number, line = self._found(self._lines, max(0, line))
        breaks = self._breaks[number]
        return self._rows[number] + (breaks.row_of(line, place.offset) if breaks is not None else line)

    def row_of_mark(self, mark: str) -> int | None:
        marked = self._marked(mark)
        return self._rows[marked] if marked is not None else None

    def _marked(self, mark: str) -> int | None:
        return next((at for at, part in enumerate(self._parts) if mark and part.mark == mark), None)

    def _found(self, firsts: Sequence[int], index: int) -> tuple[int, int]:
        """The part that holds a row or a line, and its number in it; parts without any hold none."""
        number = bisect_right(firsts, index) - 1
        return number, index - firsts[number]


class _Breaks:
    """Where the rows of lines begin: in which line, and at which of its characters."""

    def __init__(self, lines: Sequence[str], room: int) -> None:
        self._text = lines
        self.lines, self.starts = array("q"), array("q")
        for number, line in enumerate(lines):
            for start in breaks_of(line, room):
                self.lines.append(number)
                self.starts.append(start)

    def __len__(self) -> int:
        return len(self.lines)

    def text(self, row: int) -> str:
        line, start = self._text[self.lines[row]], self.starts[row]
        if row + 1 < len(self) and self.lines[row + 1] == self.lines[row]:
            return line[start : self.starts[row + 1]].rstrip(" ")
        return line[start:]

    def row_of(self, line: int, offset: int) -> int:
        first, behind = bisect_right(self.lines, line - 1), bisect_right(self.lines, line)
        return max(first, bisect_right(self.starts, offset, first, behind) - 1)


def breaks_of(line: str, room: int) -> list[int]:
    """Where the rows of a line begin that has so many columns: behind a blank where one is near, else where it is full.

    >>> breaks_of("one two three", 8)
    [0, 8]
    """
    if line.isascii():
        return _breaks_of_ascii(line, room)
    starts, used, blank = [0], 0, 0
    for at, character in enumerate(line):
        size = 1 if character == _WIDER else get_character_cell_size(character)
        if used + size > room and at > starts[-1]:
            begins = blank if blank > starts[-1] else at
            starts.append(begins)
            used = cell_len(line[begins:at]) + line.count(_WIDER, begins, at)
        used += size
        if character == " ":
            blank = at + 1
    return starts


def _breaks_of_ascii(line: str, room: int) -> list[int]:
    starts, end = [0], len(line)
    while end - starts[-1] > room:
        start = starts[-1]
        blank = line.rfind(" ", start + room // 2 + 1, start + room + 1)
        starts.append(blank + 1 if blank > 0 else start + room)
    return starts


def _room(part: Prose, width: int) -> int:
    return max(_LEAST, width - cell_len(part.gutter[0]))


def _count(part: Part) -> int:
    return len(part.lines) if isinstance(part, Prose) else len(part.rows)
