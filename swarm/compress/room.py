"""What fits into so many tokens: pieces by their worth, and a text that is cut."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

Count = Callable[[str], int]
"""How many tokens a text has. Nothing is taken for granted of it but that an empty text has none: what is handed back is counted whole."""

CUT = "\u2026"
"""Stands where something of a line or a sentence is left out."""

_MISSES = 100  # pieces in a row that are too large, behind which no more are tried
_FILLS = 4


class Shortened(NamedTuple):
    """A text that was made short."""

    text: str
    kept: tuple[int, ...]  # numbers of the lines, from 1, of which something is in it
    said: str  # what of it is shown, as "12 of 80 sentences"
    words: bool = False  # of what is shown words are left out


def pack(
    order: Sequence[int], piece: Callable[[int], str], write: Callable[[Sequence[int]], str], limit: int, count: Count
) -> list[int]:
    """Return the first of `order` that fit, and of the rest what still does, in that order; what `write` makes of them fits.

    `piece` is what one of them adds to that, about.
    """
    costs: dict[int, int] = {}

    def cost(number: int) -> int:
        if number not in costs:
            costs[number] = count(piece(number)) + 1
        return costs[number]

    taken = _dropped(_greedy(order, cost, limit), cost, write, limit, count)
    for _ in range(_FILLS):
        left = limit - count(write(taken))
        known = set(taken)
        more = _greedy([each for each in order if each not in known], cost, left)
        if not more or count(write([*taken, *more])) > limit:
            break
        taken += more
    return taken


def _greedy(order: Iterable[int], cost: Callable[[int], int], limit: int) -> list[int]:
    taken: list[int] = []
    misses = 0
    for each in order:
        if limit <= 0 or misses > _MISSES:
            break
        needed = cost(each)
        if needed <= limit:
            taken.append(each)
            limit -= needed
            misses = 0
        else:
            misses += 1
    return taken


def _dropped(
    taken: list[int], cost: Callable[[int], int], write: Callable[[Sequence[int]], str], limit: int, count: Count
) -> list[int]:
    """Without so many of the last as it takes to fit."""
    while taken and (over := count(write(taken)) - limit) > 0:
        while taken and over > 0:
            over -= max(1, cost(taken.pop()))
    return taken


def cut(text: str, limit: int, count: Count) -> str:
    """Return so much of the beginning of a text as fits, with a mark behind it; the text where it fits, nothing where nothing does."""
    if count(text) <= limit:
        return text
    low, high = 0, _fitting_length(text, limit, count)
    while low < high:
        middle = (low + high + 1) // 2
        if count(text[:middle] + CUT) <= limit:
            low = middle
        else:
            high = middle - 1
    cut_off = text[:low].rstrip() + CUT
    return cut_off if low and count(cut_off) <= limit else ""


def _fitting_length(text: str, limit: int, count: Count) -> int:
    """A number of characters that does not fit, found from below: to count all of a long text for a few words takes too long."""
    length = 8 * max(1, limit)
    while length < len(text) and count(text[:length]) <= limit:
        length *= 2
    return min(length, len(text))


def lines_at(starts: Sequence[int], spans: Iterable[tuple[int, int]]) -> tuple[int, ...]:
    """Return the numbers of the lines in which the spans of a text lie, where `starts` is at which places its lines begin."""
    found: set[int] = set()
    for start, end in spans:
        found.update(range(bisect_right(starts, start), bisect_right(starts, max(start, end - 1)) + 1))
    return tuple(sorted(found))


def line_starts(text: str) -> list[int]:
    """Return at which places the lines of a text begin."""
    starts = [0]
    at = text.find("\n")
    while at >= 0:
        starts.append(at + 1)
        at = text.find("\n", at + 1)
    return starts
