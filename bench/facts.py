"""What an answer needs to be found in a prompt, and when it counts as standing there. Pure.

A reader that may only say what it was told answers right exactly where all of a task's facts are present. What counts is written
here, for all to see: words as they stand in the source, white space apart; values of a row beside their names; a line so many times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

SEPARATORS = ("|", "\t", ",")
"""Between the cells of a line, where rows are written as a table."""


@dataclass(frozen=True)
class Span:
    """Words of the source, verbatim but for white space; `also` are other places of it that say the same."""

    text: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """Fields of one record with their values, as they are spelled, without quotation marks; the first finds the record."""

    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Times:
    """A line's words that stand there so often; or once, with that number behind an x or before `times` or `lines`."""

    text: str
    count: int


Fact = Span | Row | Times


class Prompt:
    """All that was said in a request, to look facts up in."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def flat(self) -> str:
        return " ".join(self.text.split())

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()


def present(fact: Fact, prompt: Prompt) -> bool:
    """Whether the fact stands in the prompt.

    >>> present(Span("due on 3 May"), Prompt("It is due\\non 3 May."))
    True
    >>> present(Row((("id", "7"), ("total", "93"))), Prompt("id|city|total\\n6|Rome|93\\n7|Oslo|92"))
    False
    """
    match fact:
        case Span(text, also):
            return any(flat(each) in prompt.flat for each in (text, *also))
        case Row(cells):
            return _in_object(cells, prompt.text) or _in_table(cells, prompt.lines)
        case Times(text, count):
            return prompt.flat.count(flat(text)) >= count or any(
                _is_counted(text, count, each) for each in prompt.lines
            )


def missing(facts: Sequence[Fact], prompt: Prompt) -> list[Fact]:
    return [fact for fact in facts if not present(fact, prompt)]


def words_of(fact: Fact) -> str:
    """What one would look for to find the fact: the rarest that is known of it, its first words or the key of its row."""
    return fact.cells[0][1] if isinstance(fact, Row) else flat(fact.text)[:60]


def flat(text: str) -> str:
    return " ".join(text.split())


def _in_object(cells: Sequence[tuple[str, str]], text: str) -> bool:
    """Whether the pairs stand between two braces, in any order, as JSON writes them."""
    key, value = cells[0]
    for found in re.finditer(_pair(key, value), text):
        start, end = text.rfind("{", 0, found.start()), text.find("}", found.end())
        inside = text[start + 1 : end if end >= 0 else len(text)]
        if all(re.search(_pair(*cell), inside) for cell in cells):
            return True
    return False


def _pair(key: str, value: str) -> str:
    return rf'(?<![\w-])"?{re.escape(key)}"?\s*[:=]\s*"?{re.escape(value)}"?(?![\w.])'


def _in_table(cells: Sequence[tuple[str, str]], lines: Sequence[str]) -> bool:
    """Whether a line has the values in the columns that the nearest line above with all the names gives them."""
    for number, line in enumerate(lines):
        if cells[0][1] not in line:
            continue
        for separator in SEPARATORS:
            row = _cells(line, separator)
            if len(row) > 1 and any(_fits(cells, head, row) for head in _heads(cells, lines[:number], separator)):
                return True
    return False


def _heads(cells: Sequence[tuple[str, str]], above: Sequence[str], separator: str) -> Iterator[list[str]]:
    for line in reversed(above):
        if all(key in line for key, _ in cells):
            head = _cells(line, separator)
            head[0] = head[0].rpartition(": ")[2]  # before it may stand what the table is
            if all(key in head for key, _ in cells):
                yield head
                return


def _fits(cells: Sequence[tuple[str, str]], head: Sequence[str], row: Sequence[str]) -> bool:
    return len(row) >= len(head) and all(row[head.index(key)] == value for key, value in cells)


def _cells(line: str, separator: str) -> list[str]:
    return [cell.strip().strip('"') for cell in line.strip().strip(separator).split(separator)]


def _is_counted(text: str, count: int, line: str) -> bool:
    if flat(text) not in flat(line):
        return False
    beside = flat(line).replace(flat(text), " ")
    number = rf"(?<![\d.,]){count}(?![\d.,]*\d)"
    return bool(re.search(rf"[x\u00d7]\s?{number}|{number}\s?(?:[x\u00d7]|times|lines)", beside))
