"""What is wrong in a file, each with its place, and how it is shown."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager

import msgspec

LINE_BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
"""What ends a line in YAML 1.1, which is what the parser counts by."""

MOST_PROBLEMS = 50
_WIDEST = 100  # of a source line that is shown


class Place(msgspec.Struct, frozen=True):
    """Where something stands: line and column from 1 (in characters), and how wide it is on that line.

    Line 0 is the file as a whole.
    """

    line: int
    column: int
    width: int = 1


START = Place(1, 1)


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong. Line 0 is the file as a whole."""

    line: int
    column: int
    message: str
    hint: str = ""  # what to do
    source_line: str = ""
    width: int = 1  # how many characters the caret line marks

    def show(self, label: str) -> str:
        """Write the problem for people: `error: label:line:column: message`, the source line with a caret, the hint."""
        place = f"{label}:{self.line}:{self.column}" if self.line else label
        lines = [f"error: {place}: {self.message}"]
        if self.source_line.strip():
            lines += self._excerpt()
        if self.hint:
            lines.append(f"  {self.hint}")
        return "\n".join(lines)

    def _excerpt(self) -> list[str]:
        """Return the source line, or the piece of a long one, and the carets below it."""
        start = 0 if self.column < _WIDEST else self.column - _WIDEST // 2
        shown = self.source_line[start : start + _WIDEST]
        shown = "".join(" " if char.isspace() else char if char.isprintable() else "?" for char in shown)
        before = self.column - 1 - start
        carets = "^" * max(1, min(self.width, len(shown) - before))
        return [f"  {self.line} | {shown}", f"  {' ' * len(str(self.line))} | {' ' * before}{carets}"]


class Wrong(Exception):
    """A value cannot be used. Raised where it is read, put into the report by whoever reads the next value."""

    def __init__(self, place: Place, message: str, hint: str = "") -> None:
        self.place, self.message, self.hint = place, message, hint
        super().__init__(message)


class Reported(Exception):
    """A value cannot be used, and the report says why already."""


class Full(Exception):
    """The report holds as many problems as anybody wants to read at once."""


class Report:
    """Gathers the problems of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.seen = 0  # problems met; one that is met again through an alias is counted, but held once
        self._lines = LINE_BREAK.split(text)
        self._starts = [0, *(found.end() for found in LINE_BREAK.finditer(text))]
        self._problems: dict[Problem, None] = {}

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was found, in the order of the text."""
        return tuple(sorted(self._problems, key=lambda problem: (problem.line, problem.column)))

    def add(self, place: Place, message: str, hint: str = "") -> None:
        """Hold a problem. Raises Full with the last one that fits."""
        self.seen += 1
        line = self._lines[place.line - 1] if 1 <= place.line <= len(self._lines) else ""
        self._problems[
            Problem(
                line=place.line, column=place.column, message=message, hint=hint, source_line=line, width=place.width
            )
        ] = None
        if len(self._problems) >= MOST_PROBLEMS:
            raise Full

    @contextmanager
    def collect(self) -> Generator[None]:
        """Turn a Wrong that leaves the block into a problem, and go on behind the block."""
        try:
            yield
        except Wrong as wrong:
            self.add(wrong.place, wrong.message, wrong.hint)
        except Reported:
            pass

    def place_at(self, index: int, width: int) -> Place:
        """Return the place of the character at `index` of the text."""
        line = bisect_right(self._starts, index)
        return Place(line, index - self._starts[line - 1] + 1, width)


def nearest(word: str, options: Iterable[str], meant: Mapping[str, str] | None = None) -> str:
    """Return what asks for the nearest of `options` at the end of a sentence, or nothing where none is near.

    `meant` has other words for some of them.
    """
    from difflib import get_close_matches  # only an error needs it

    others = meant or {}
    found = get_close_matches(word.lower(), [*options, *others], n=1) if len(word) <= 64 else []
    return f" \u2013 did you mean {others.get(found[0], found[0])!r}?" if found else ""


def listed(names: Iterable[str], most: int = 20) -> str:
    """Write names one behind the other, and how many more there are."""
    known = list(names)
    return ", ".join(known[:most]) + (f" and {len(known) - most} more" if len(known) > most else "")
