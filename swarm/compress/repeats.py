"""What an output says twice, said once: lines, blocks of lines, copies of a file, the states of a progress bar."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

LEAST_BLOCK = 5
"""Lines from which on a block that stands further up is named instead of shown again."""

_LONGEST_PERIOD = 40
_ESCAPE = re.compile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b\n]*(?:\x07|\x1b\\\\|$)|[@-Z\\\\^_]|[()][0-9A-Za-z])")
_LEAST_CHARS = 60  # of a block that is named: to name a shorter one takes as much
_QUOTED = 50  # characters of its first line
_LEAST_SAVED = 12  # characters by a line that says how often another stands there


class Shown(NamedTuple):
    """A line of what is shown."""

    text: str
    number: int  # of the line of the text, from 1, that it is; 0 where it is said of lines


def settled(text: str) -> str:
    """Return a text as a terminal shows it in the end: without colours, and of a line that was written over its last state."""
    if "\x1b" in text:
        text = _ESCAPE.sub("", text)
    if "\r" in text:
        text = "\n".join(_last_state(line) for line in text.replace("\r\n", "\n").split("\n"))
    if "\b" in text:
        text = "\n".join(_without_erased(line) for line in text.split("\n"))
    return text.replace("\x1b", "")


def _without_erased(line: str) -> str:
    letters: list[str] = []
    for letter in line:
        if letter != "\b":
            letters.append(letter)
        elif letters:
            letters.pop()
    return "".join(letters)


def _last_state(line: str) -> str:
    states = [state for state in line.split("\r") if state]
    return states[-1] if states else ""


def once(text: str) -> list[Shown]:
    """Return the lines of a text with each repetition said once: how often it stands there, or where further up."""
    lines = [Shown(line, number) for number, line in enumerate(text.split("\n"), 1)]
    return list(_named(list(_periods(lines))))


def _periods(lines: Sequence[Shown]) -> Iterator[Shown]:
    """Lines, and blocks of lines, that stand several times in a row, once and how often."""
    following = _following([line.text for line in lines])
    at = 0
    while at < len(lines):
        size, times = _period(lines, at, following[at] - at)
        if not times:
            yield lines[at]
            at += 1
            continue
        first = lines[at : at + size]
        if size > 1:
            yield from first
            yield Shown(f"[the {size} lines above {times:,} times]", 0)
        else:
            yield first[0] if not first[0].text.strip() else Shown(f"{first[0].text} [x{times:,}]", first[0].number)
        at += size * times


def _following(lines: Sequence[str]) -> list[int]:
    """For each line the next one that is the same; itself where none is."""
    last: dict[str, int] = {}
    found = list(range(len(lines)))
    for number in range(len(lines) - 1, -1, -1):
        found[number] = last.get(lines[number], number)
        last[lines[number]] = number
    return found


def _period(lines: Sequence[Shown], at: int, size: int) -> tuple[int, int]:
    """How many lines are repeated here, and how often they stand there; 0 times where to say so would not be shorter."""
    if not 0 < size <= _LONGEST_PERIOD:
        return 1, 0
    block = [line.text for line in lines[at : at + size]]
    times = 1
    while [line.text for line in lines[at + size * times : at + size * (times + 1)]] == block:
        times += 1
    saved = (times - 1) * sum(len(line) + 1 for line in block)
    return (size, times) if times > 1 and (saved >= _LEAST_SAVED or not any(map(str.strip, block))) else (1, 0)


def _named(lines: Sequence[Shown]) -> Iterator[Shown]:
    """Lines, and instead of a block that stands further up where that is."""
    seen: dict[tuple[str, ...], int] = {}
    texts = [line.text for line in lines]
    at = known = 0
    while at < len(lines):
        while known + LEAST_BLOCK <= at:
            seen.setdefault(tuple(texts[known : known + LEAST_BLOCK]), known)
            known += 1
        size = _size_of_copy(texts, seen.get(tuple(texts[at : at + LEAST_BLOCK])), at)
        if sum(map(len, texts[at : at + size])) < _LEAST_CHARS:
            yield lines[at]
            at += 1
            continue
        first = next(text.strip() for text in texts[at : at + size] if text.strip())
        yield Shown(f'[{size:,} lines as above, from "{first[:_QUOTED]}" on]', 0)
        at += size


def _size_of_copy(texts: Sequence[str], of: int | None, at: int) -> int:
    if of is None:
        return 0
    size = LEAST_BLOCK
    while at + size < len(texts) and of + size < at and texts[at + size] == texts[of + size]:
        size += 1
    return size
