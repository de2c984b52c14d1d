"""Which lines of many are shown first: what is sought, what tells of trouble, the first and the last, and some between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from swarm.compress.trouble import tells_of_trouble
from swarm.text.rank import bm25

_MOST_READ = 20_000  # lines in which what is sought is looked for
_MOST_FITTING, _MOST_TROUBLE, _EDGE = 40, 20, 3


def by_worth(lines: Sequence[str], sought: str = "") -> list[int]:
    """Return the numbers of all the lines, from 0, those that are worth most first."""
    return list(dict.fromkeys(_by_worth(lines, sought)))


def _by_worth(lines: Sequence[str], sought: str) -> Iterator[int]:
    yield from fitting(lines, sought)[:_MOST_FITTING]
    yield from [number for number, line in enumerate(lines) if tells_of_trouble(line)][:_MOST_TROUBLE]
    yield from range(min(_EDGE, len(lines)))
    yield from reversed(range(max(0, len(lines) - _EDGE), len(lines)))
    yield from _halved(len(lines))


def fitting(lines: Sequence[str], sought: str) -> list[int]:
    """Return the lines that have a word of what is sought, the best first."""
    if not sought.strip():
        return []
    scores = bm25(sought, lines[:_MOST_READ])
    return [
        number for number in sorted(range(len(scores)), key=lambda each: (-scores[each], each)) if scores[number] > 0
    ]


def _halved(size: int) -> Iterator[int]:
    """All numbers below `size`, so that the first of them are spread over all: the middle, then that of each half."""
    step = 1 << max(0, size - 1).bit_length()
    while step > 1:
        yield from range(step // 2, size, step)
        step //= 2
    yield from range(size)
