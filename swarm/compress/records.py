"""JSON, CSV and Markdown tables made short: whole where the form alone saves enough, else some of the rows, or cut values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from swarm.compress.jsontext import NoJson, Number, Value, quoted, read, written
from swarm.compress.room import CUT, Count, Shortened, pack
from swarm.compress.rows import Packed
from swarm.compress.rows import pack as packed
from swarm.compress.worth import by_worth

_CELL_CHARS = (None, 200, 80, 30)  # a row is shown with: the first of these with which enough rows fit
_ENOUGH_ROWS = 12
_LONGEST_ROW = 4_000  # characters; behind longer ones stand lists and objects, of which rows tell nothing
_WIDTHS = (
    (50, 400),
    (30, 300),
    (20, 200),
    (15, 150),
    (10, 100),
    (7, 80),
    (5, 60),
    (4, 50),
    (3, 40),
    (2, 20),
    (1, 12),
)  # elements and keys, letters of a text
_CELL = re.compile(r'"(?:[^"\\]|\\.)*"|[^|]+')
_PADDED = re.compile(r"[ \t]*\|[ \t]*")
_RULE = re.compile(r"\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?")


class Rows(NamedTuple):
    """Rows that can be left out one by one, under heads that stay."""

    lines: Sequence[str]
    heads: frozenset[int]
    numbers: Sequence[int] | None  # of the lines in the text, from 1, where each is one of its lines


def short_json(text: str, *, limit: int, count: Count, sought: str = "") -> Shortened | None:
    """Return a JSON document in `limit` tokens: as a table (see `swarm.compress.rows`), some rows of it, or cut values.

    None where the text is no JSON, or no value of it fits.
    """
    document = packed(text)
    if document is None:
        return None
    rows = _rows_of(document)
    if count(found := document.text()) <= limit:
        return Shortened(found, tuple(rows.numbers or ()), "all values")
    heads = "\n".join(rows.lines[each] for each in sorted(rows.heads))
    most = max((len(line) for number, line in enumerate(rows.lines) if number not in rows.heads), default=0)
    if len(rows.lines) > len(rows.heads) and most <= _LONGEST_ROW and count(heads) <= limit // 2:
        return short_rows(rows, limit=limit, count=count, sought=sought)
    return _trimmed(text, limit, count)


def _rows_of(document: Packed) -> Rows:
    lines = document.text().split("\n")
    heads, at = set[int](), 0
    if document.one:
        heads, at = {0}, 1
    for table in document.tables:
        heads.add(at)
        at += 1 + len(table.rows)
    return Rows(lines, frozenset(heads), None if document.one else range(0, len(lines)))


def short_table(text: str, *, limit: int, count: Count, sought: str = "") -> Shortened:
    """Return a table in `limit` tokens: without the spaces that align it, or some of its rows."""
    lines = text.split("\n")
    plain = [_without_padding(line) for line in lines]
    if count(found := "\n".join(plain)) <= limit:
        return Shortened(found, tuple(range(1, len(lines) + 1)), "all cells")
    heads = {0, 1} if len(plain) > 1 and _RULE.fullmatch(plain[1].strip()) else {0}
    rows = Rows(plain, frozenset(heads), range(1, len(lines) + 1))
    return short_rows(rows, limit=limit, count=count, sought=sought)


def _without_padding(line: str) -> str:
    bare = line.strip()
    if not bare.startswith("|"):
        return line.rstrip()
    return re.sub(r"-{3,}", "-", _PADDED.sub("|", bare)) if _RULE.fullmatch(bare) else _PADDED.sub("|", bare)


def short_rows(rows: Rows, *, limit: int, count: Count, sought: str = "") -> Shortened:
    """Return the heads and so many rows as fit: those that are sought, of trouble, the first, the last, and some between."""
    bodies = [number for number in range(len(rows.lines)) if number not in rows.heads and rows.lines[number].strip()]
    order = [bodies[each] for each in by_worth([rows.lines[number] for number in bodies], sought)]
    taken: list[int] = []
    shown: list[str] = []
    for chars in _CELL_CHARS:
        shown = [line if number in rows.heads else _narrow(line, chars) for number, line in enumerate(rows.lines)]
        taken = _chosen(shown, rows.heads, order, limit, count)
        if len(taken) >= min(_ENOUGH_ROWS, len(bodies)):
            break
    numbers = [] if rows.numbers is None else [rows.numbers[each] for each in sorted({*taken, *rows.heads})]
    text = _written(shown, rows.heads, taken)
    said = f"{len(taken):,} of {len(bodies):,} rows"
    fits = count(text) <= limit
    return Shortened(text if fits else "", tuple(each for each in numbers if each) if fits else (), said)


def _narrow(line: str, chars: int | None) -> str:
    """A row whose cells have a number of letters at the most."""
    if chars is None or len(line) <= chars:
        return line
    return _CELL.sub(lambda cell: cell.group() if len(cell.group()) <= chars else f"{cell.group()[:chars]}{CUT}", line)


def _chosen(shown: Sequence[str], heads: frozenset[int], order: Sequence[int], limit: int, count: Count) -> list[int]:
    costs: dict[int, int] = {}

    def cost(number: int) -> int:
        if number not in costs:
            costs[number] = count(shown[number]) + 1
        return costs[number]

    room = limit - sum(map(cost, heads))
    return pack(order, cost, lambda taken: _written(shown, heads, taken), limit, count) if room > 0 else []


def _written(shown: Sequence[str], heads: frozenset[int], taken: Sequence[int]) -> str:
    return "\n".join(shown[number] for number in sorted({*heads, *taken}))


def _trimmed(text: str, limit: int, count: Count) -> Shortened | None:
    """A document of which lists, objects and texts are cut, as little as it takes."""
    try:
        value = read(text)
    except NoJson:
        return None
    for width, letters in _WIDTHS:
        found = _cut_value(value, width, letters)
        if count(found) <= limit:
            return Shortened(found, (), f"the first {width} elements and {letters} letters each")
    return None


def _cut_value(value: Value, width: int, letters: int) -> str:
    if isinstance(value, str) and not isinstance(value, Number):
        return quoted(value) if len(value) <= letters else f"{quoted(value[:letters])}{CUT}"
    if isinstance(value, dict):
        pairs = [f"{quoted(key)}:{_cut_value(each, width, letters)}" for key, each in list(value.items())[:width]]
        return f"{{{_with_rest(pairs, len(value))}}}"
    if isinstance(value, list):
        return f"[{_with_rest([_cut_value(each, width, letters) for each in value[:width]], len(value))}]"
    return written(value)


def _with_rest(shown: list[str], size: int) -> str:
    return ",".join([*shown, *([f"{CUT}{size - len(shown):,} more"] if size > len(shown) else [])])
