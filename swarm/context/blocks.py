"""A text as blocks: the functions and classes, sections or paragraphs that it is made of, each some of its lines. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from hashlib import blake2b
from itertools import pairwise

import msgspec

from swarm.context import grammars, markdown, python
from swarm.context.kept import Kept
from swarm.context.marks import Mark

MOST_LINES = 60
"""Of a block of code or of a section; a longer one is several, divided at blank lines where it has some."""

MOST_PLAIN_LINES = 12
"""Of a block of a text without structure."""

MOST_MARKS = 20_000
"""Headings or paragraphs of a text; one that has more is divided by its lines, as each block takes some 20 microseconds."""

MOST_KEPT = 4 << 20
"""Characters of the texts whose blocks are kept in memory, where they and the counts of their words take eight times as much."""

PYTHON = (".py", ".pyi")

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+\Z")
_BELONGS_BELOW = re.compile(r"\s*(?:#(?!\s*(?:include|define|if|endif|import)\b)|//|/\*|\*|--|@)")
_BEGINS = re.compile(r"[^\s)}\]]")
_IMPORT = re.compile(r"(?m)^(?:(?:from|import|use|using|package|#\s*include)\b|(?:const|let|var)\b.*\brequire\().*$")
_WORD = re.compile(r"[^\W_]+")


class Block(msgspec.Struct, frozen=True):
    """Lines of a text, counted from 1, the last one with them."""

    first: int
    last: int
    at: int = 0  # the line that says what it is; 0: none does
    above: str = ""  # the headings that it stands under
    names: tuple[str, ...] = ()  # what it defines; of a method the class, too: `Cart.add`
    inside: int = -1  # the number of the block that it is a part of: its class, or its own beginning; -1: of none


class File:
    """A named text and its blocks, which are all of its lines in their order."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text
        self.lines = lines_of(text)
        found = _marks(name, text, self.lines)
        self.is_plain = found is None
        self.is_python = name.endswith(PYTHON)
        marks = _of_plain(self.lines) if found is None else found
        self.blocks = tuple(_blocks(marks, self.lines, MOST_PLAIN_LINES if self.is_plain else MOST_LINES))

    def between(self, first: int, last: int) -> str:
        """The lines from one to another, as they stand in the text."""
        return "".join(self.lines[first - 1 : last])

    def said(self, number: int) -> str:
        """The lines of a block."""
        block = self.blocks[number]
        return self.between(block.first, block.last)

    def headline(self, number: int) -> str:
        """The line that says what a block is; "" where none does."""
        at = self.blocks[number].at
        return self.lines[at - 1].strip() if at else ""

    @cached_property
    def words(self) -> tuple[Counter[str], ...]:
        """For each block how often each word stands in it and in the headings above it, as it is written there."""
        return tuple(
            Counter(_WORD.findall(f"{self.said(number)}\n{block.above}")) for number, block in enumerate(self.blocks)
        )

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        return frozenset[str]().union(*self.words)

    @cached_property
    def imported(self) -> frozenset[str]:
        """The words of the lines that say what the file takes from others."""
        return frozenset(word for line in _IMPORT.findall(self.text) for word in re.findall(r"\w+", line))


def file_of(name: str, text: str) -> File:
    """The blocks of a text; those of a text that was divided before are given back from memory."""
    key = (name, len(text), blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest())
    return _FILES.get(key, lambda: File(name, text), len(text))


_FILES: Kept[File] = Kept(MOST_KEPT)


def lines_of(text: str) -> tuple[str, ...]:
    """The lines of a text with their ends, `\\n`, `\\r\\n` or `\\r`: what an editor and Python count."""
    if "\r" in text:
        return tuple(_LINE.findall(text))
    lines = text.split("\n")
    last = lines.pop()
    return (*(f"{line}\n" for line in lines), *((last,) if last else ()))


def _marks(name: str, text: str, lines: Sequence[str]) -> list[Mark] | None:
    """Where its parts begin, where the text has a structure that is known."""
    if markdown.is_markdown(name):
        headings = _of_headings(text)
        return headings if 0 < len(headings) < MOST_MARKS else None
    found = python.marks_of(text, lines) if name.endswith(PYTHON) else grammars.marks_of(name, text)
    return None if found is None else _raised(found, lines)


def _of_headings(text: str) -> list[Mark]:
    found: list[Mark] = []
    above: list[tuple[int, str]] = []
    ends = [match.end() for match in re.finditer(r"\r\n|\n|\r", text)]
    for start, level, heading in markdown.headings(text):
        while above and above[-1][0] >= level:
            above.pop()
        title = " > ".join(said for _, said in above)
        above.append((level, heading.lstrip("#").strip()))
        line = bisect_right(ends, start) + 1
        found.append(Mark(line, at=line, above=title))
    return found


def _of_plain(lines: Sequence[str]) -> list[Mark]:
    """A part begins behind a blank line, where the line is not indented and closes nothing."""
    marks = [
        Mark(number)
        for number, (before, line) in enumerate(pairwise(lines), 2)
        if not before.strip() and _BEGINS.match(line)
    ]
    return [Mark(1), *marks] if len(marks) < MOST_MARKS else [Mark(1)]


def _raised(marks: Sequence[Mark], lines: Sequence[str]) -> list[Mark]:
    """The marks with the comments and decorators that stand right above a part as its first lines."""
    found: list[Mark] = []
    for mark in marks:
        lowest = max(found[-1].line, found[-1].at) + 1 if found else 1
        line = mark.line
        while line > lowest and _BELONGS_BELOW.match(lines[line - 2]):
            line -= 1
        found.append(mark._replace(line=line))
    return found


def _blocks(marks: Sequence[Mark], lines: Sequence[str], most: int) -> Iterator[Block]:
    """From each mark to the next; what has more lines than `most` becomes several blocks, each inside of the first."""
    if marks and marks[0].line > 1:
        marks = [Mark(1), *(mark._replace(inside=mark.inside + 1 if mark.inside >= 0 else -1) for mark in marks)]
    ends = [*(mark.line - 1 for mark in marks[1:]), len(lines)]
    numbers: list[int] = []  # of the block with which each mark begins
    count = 0
    for mark, end in zip(marks, ends, strict=True):
        numbers.append(count)
        inside = numbers[mark.inside] if mark.inside >= 0 else -1
        for first, last in _pieces(lines, mark.line, end, most):
            if first == mark.line:
                yield Block(first, last, mark.at, mark.above, mark.names, inside)
                inside = count if mark.at else inside
            else:
                yield Block(first, last, 0, mark.above, (), inside)
            count += 1


def _pieces(lines: Sequence[str], first: int, end: int, most: int) -> Iterator[tuple[int, int]]:
    while end - first >= most:
        blank = (line for line in range(first + most - 1, first + most // 2, -1) if not lines[line - 1].strip())
        last = next(blank, first + most - 1)
        yield first, last
        first = last + 1
    if first <= end:
        yield first, end
