"""Logs made short: of each kind of line the first, of trouble up to three, and how many there are. The order stays."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from swarm.compress.room import Count, Shortened, cut, pack
from swarm.compress.trouble import tells_of_trouble
from swarm.text.rank import bm25

TROUBLE_LINES = 3
"""Of one kind of trouble that are shown."""

SOUGHT_LINES = 10
"""Lines that fit what is sought that are shown beside those."""

MANY_VALUES = 8
"""Words in one place from which on lines that are otherwise the same are one kind. Lines of trouble are told apart by every word."""

_MOST_CHARS = 600  # of a line that are shown
_MOST_WORDS = 60  # of a line in which one may be many things
_MOST_SOUGHT_AMONG = 5_000  # lines in which words are looked for
_HEX = re.compile(r"\b0[xX][0-9a-fA-F]+\b|\b(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{6,}\b")
_DIGITS = re.compile(r"\d+(?:[.,:]\d+)*")
_NAMED_DAY = re.compile(r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b")
_TOKEN = re.compile(r"[^\s=:,;()\[\]{}\"']+")
_MARKS = re.compile(r"#(?:[ ,;:/=-]+#)+")
_SPACES = re.compile(r"\s+")


Hole = tuple[int, int, str]


class Kind(msgspec.Struct):
    """Lines that are the same but for numbers, times, addresses and such."""

    lines: list[int]
    trouble: bool
    like: str  # the same for kinds that differ in names with a number in them only


def kinds_of(lines: Sequence[str]) -> list[Kind]:
    """Return the kinds of lines that are not empty, in the order of their first lines."""
    templates: dict[str, str] = {}  # by the line: many are there twice
    found: dict[str, Kind] = {}
    for number, line in enumerate(lines):
        if line.strip():
            template = templates.get(line) or templates.setdefault(line, template_of(line))
            kind = found.get(template)
            if kind is None:
                kind = found[template] = Kind([], tells_of_trouble(line), _roughly(template))
            kind.lines.append(number)
    return _merged(found)


def template_of(line: str) -> str:
    """Return what stays of a line when its numbers, times, addresses and such are taken out."""
    line = _NAMED_DAY.sub("#", _DIGITS.sub("#", _HEX.sub("#", line)))
    return _SPACES.sub(" ", line).strip()


def _roughly(template: str) -> str:
    """A template in which a word with a number in it is a number, and several in a row are one."""
    return _MARKS.sub("#", _TOKEN.sub(lambda word: "#" if "#" in word.group() else word.group(), template))


def _merged(found: Mapping[str, Kind]) -> list[Kind]:
    """Kinds without trouble put together that differ in one word only, where that word is many things."""
    words = {template: kind.like.split(" ") for template, kind in found.items() if not kind.trouble}
    holes = {template: _holes(each) for template, each in words.items() if len(each) <= _MOST_WORDS}
    values: dict[Hole, set[str]] = {}
    for template, each in holes.items():
        for hole in each:
            values.setdefault(hole, set()).add(words[template][hole[1]])
    merged: dict[object, Kind] = {}
    for template, kind in found.items():
        most = max(holes.get(template, ()), key=lambda hole: len(values[hole]), default=None)
        many = most is not None and len(values[most]) >= MANY_VALUES
        into = merged.setdefault(template if kind.trouble else most if many else kind.like, kind)
        if into is not kind:
            into.lines = sorted([*into.lines, *kind.lines])
    return sorted(merged.values(), key=lambda kind: kind.lines[0])


def _holes(words: Sequence[str]) -> list[Hole]:
    """Lines with one word left out: of how many words they are, where it was, and the others."""
    size = range(len(words))
    return [(len(words), place, " ".join([*words[:place], "*", *words[place + 1 :]])) for place in size]


def fold(text: str, *, limit: int, count: Count, sought: str = "") -> Shortened:
    """Return of each kind of line the first, of trouble up to three, with how many there are, and lines that fit what is sought.

    Lines are whole but for very long ones. Where not all fits, trouble goes first, then what is sought, then kinds of few lines.
    """
    lines = text.split("\n")
    kinds = kinds_of(lines)
    times = {kind.lines[0]: len(kind.lines) for kind in kinds}
    order = list(dict.fromkeys(_by_worth(kinds, _sought(lines, sought))))
    costs: dict[int, int] = {}

    def shown(number: int) -> str:
        line = lines[number].rstrip()
        line = (
            line if len(line) <= _MOST_CHARS else f"{line[:_MOST_CHARS]} [{len(line) - _MOST_CHARS:,} more characters]"
        )
        return f"{line} [x{times[number]}]" if times.get(number, 1) > 1 else line

    def cost(number: int) -> int:
        if number not in costs:
            costs[number] = count(shown(number)) + 1
        return costs[number]

    def write(numbers: Sequence[int]) -> str:
        return "\n".join(map(shown, sorted(numbers)))

    taken = sorted(pack(order, cost, write, limit, count))
    firsts = sum(number in times for number in taken)
    said = f"{len(taken):,} of {len(lines):,} lines, {firsts:,} of {len(kinds):,} kinds"
    if taken or not order:
        return Shortened(write(taken), tuple(number + 1 for number in taken), said)
    clipped = cut(shown(order[0]), limit, count)
    return Shortened(clipped, (order[0] + 1,) if clipped else (), said)


def _by_worth(kinds: Sequence[Kind], sought: Sequence[int]) -> Iterator[int]:
    """Lines in the order in which they are taken."""
    rare_first = sorted(kinds, key=lambda kind: (len(kind.lines), kind.lines[0]))
    yield from (kind.lines[0] for kind in rare_first if kind.trouble)
    yield from sought
    yield from (kind.lines[0] for kind in rare_first if not kind.trouble)
    room = Counter({kind.like: TROUBLE_LINES for kind in kinds})
    room.subtract(kind.like for kind in kinds)
    for kind in rare_first:
        if kind.trouble:
            further = _further(kind)[: max(0, room[kind.like])]
            room[kind.like] -= len(further)
            yield from further


def _further(kind: Kind) -> list[int]:
    """The last line, which tells until when it went on, and one of the middle."""
    return list(dict.fromkeys((kind.lines[-1], kind.lines[len(kind.lines) // 2])))[: len(kind.lines) - 1]


def _sought(lines: Sequence[str], sought: str) -> list[int]:
    """The lines that fit best what is sought, each different one once."""
    if not sought.strip():
        return []
    distinct: dict[str, int] = {}
    for number, line in enumerate(lines):
        if len(distinct) >= _MOST_SOUGHT_AMONG:
            break
        distinct.setdefault(line, number)
    scores = bm25(sought, list(distinct))
    fitting = sorted((-score, number) for score, number in zip(scores, distinct.values(), strict=True) if score > 0)
    return [number for _, number in fitting[:SOUGHT_LINES]]
