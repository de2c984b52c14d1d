"""Words left out of sentences, by a model that says of each piece of a text how surely it is to be kept: as LLMLingua-2 does it.

First sentences are selected by what is sought, for more room than there is; then words of them go, until they fit. What a reader must
not miss stays before all else: numbers, names, paths, what is quoted, what says no, and the words of the question. The model is
handed in (`swarm/compress/lingua_model.py`); what is done with its word is decided here, and the same word gives the same text.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import fmean
from typing import NamedTuple, Protocol

from swarm.compress.guards import guarded_spans
from swarm.compress.room import Count, Shortened
from swarm.compress.sentences import divided
from swarm.text.rank import terms

COARSE = 1.5
"""For so many times the room sentences are selected: a third of their words goes then, as many as the makers of LLMLingua-2 find that
can go from meetings and articles with nothing lost (arXiv 2403.12968, section 5). Not measured here: no weights could be had."""

_OVERLAP = 8  # windows share up to an eighth of one
_REUSED = 1.15  # a selection that is so much too large is taken again for a smaller room: the model has read it
_MOST_SOUGHT = 4_000
_WORD = re.compile(r"\S+")
_NO_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")  # kana, Han: a word is a piece there
_NO = re.compile(
    r"\b(?:no|not|never|none|nor|neither|without|nothing|nobody|cannot|unless|except|only|fails?|failed|kein\w*|nicht|nie|ohne|non|pas|sin)\b"
    r"|\w+n['’]t\b",  # noqa: RUF001
    re.IGNORECASE,
)
_MARK = re.compile(r"(?m)^[ \t]*(?:[-*+•]|\d{1,3}[.)]|#{1,6}|[A-Za-z][.)])(?=\s)")
_STOP = re.compile(r"[.!?…。！？](?=[\"'”’)\]]*$)")  # noqa: RUF001
_BLANK_LINE = re.compile(r"\n[ \t]*\n")


class Piece(NamedTuple):
    """What the model reads as one, and where it stands in the text."""

    start: int
    end: int
    number: int  # in its vocabulary


class Reader(Protocol):
    """A model that judges pieces of a text."""

    @property
    def window(self) -> int:
        """How many pieces it reads at once, at the most."""
        ...

    def divide(self, text: str) -> Sequence[Piece]:
        """Return the pieces of a text in their order."""
        ...

    def judge(self, numbers: Sequence[int]) -> Sequence[float]:
        """Return of each of so many pieces as fit how surely it is to be kept, from 0 to 1. Raises LinguaUnusable."""
        ...


class Word(NamedTuple):
    """A word of a text."""

    start: int
    end: int
    keep: float  # how surely it is to be kept
    held: bool  # it goes last


def coarse_to_fine(
    select: Callable[[int], Shortened], reader: Reader, *, count: Count, sought: str = "", keep: Sequence[str] = ()
) -> Callable[[int], Shortened]:
    """Return what makes a text short that `select` makes short by sentences: by words of these. Raises LinguaUnusable."""
    last: tuple[Shortened, list[Word]] | None = None

    def within(room: int) -> Shortened:
        nonlocal last
        if last is None or not room < count(last[0].text) <= room * COARSE * _REUSED:
            coarse = select(int(room * COARSE))
            if count(coarse.text) <= room:
                return coarse  # all that is worth something fits as it is
            last = coarse, words_of(coarse.text, reader, sought=sought, keep=keep)
        coarse, words = last
        kept = fitting(coarse.text, words, room, count)
        said = f"{coarse.said}, {len(kept):,} of {len(words):,} words of them"
        return Shortened(written(coarse.text, words, kept), coarse.kept, said, words=True)

    return within


def words_of(text: str, reader: Reader, *, sought: str = "", keep: Sequence[str] = ()) -> list[Word]:
    """Return the words of a text with what the model says of them: the mean of their pieces. Raises LinguaUnusable."""
    pieces = reader.divide(text)
    surely = _judged(text, pieces, reader)
    spans = _joined([*guarded_spans(text), *_spans(_NO, text), *_spans(_MARK, text), *_items(text, keep)])
    asked = frozenset(terms(sought[:_MOST_SOUGHT]))
    ends = [piece.end for piece in pieces]
    found: list[Word] = []
    for start, end in _words(text, pieces):
        of = range(bisect_right(ends, start), len(pieces))
        own = [surely[each] for each in _while_before(of, pieces, end)]
        held = _meets(spans, start, end) or not asked.isdisjoint(terms(text[start:end]))
        found.append(Word(start, end, round(fmean(own), 4) if own else 0.0, held))
    return found


def _while_before(numbers: range, pieces: Sequence[Piece], end: int) -> Iterator[int]:
    for each in numbers:
        if pieces[each].start >= end:
            return
        yield each


def _words(text: str, pieces: Sequence[Piece]) -> Iterator[tuple[int, int]]:
    """What stands between spaces; where none are written, each piece."""
    starts = [piece.start for piece in pieces]
    for match in _WORD.finditer(text):
        inside = starts[bisect_right(starts, match.start()) : bisect_left(starts, match.end())]
        cuts = inside if _NO_SPACES.search(match.group()) else []
        yield from pairwise(sorted({match.start(), *cuts, match.end()}))


def _spans(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    return (match.span() for match in pattern.finditer(text))


def _items(text: str, items: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Where each of the items stands first."""
    for item in items:
        at = text.find(item)
        if at >= 0:
            yield at, at + len(item)


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans in their order, as one where they touch."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


def _meets(spans: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    """Whether one of the spans, none of which touches another, has a part of this one."""
    behind = bisect_left(spans, (end, 0))
    return behind > 0 and spans[behind - 1][1] > start


def _judged(text: str, pieces: Sequence[Piece], reader: Reader) -> list[float]:
    """What the model says of each piece; the mean where two windows hold it."""
    starts = [piece.start for piece in pieces]
    ends = [bisect_left(starts, sentence.end) for sentence in divided(text).sentences]
    said: list[list[float]] = [[] for _ in pieces]
    for start, end in windows(ends, len(pieces), reader.window):
        for each, surely in enumerate(reader.judge([piece.number for piece in pieces[start:end]]), start):
            said[each].append(surely)
    return [fmean(each) for each in said]


def windows(ends: Sequence[int], size: int, most: int) -> list[tuple[int, int]]:
    """Divide `size` pieces into windows of at most `most`, where sentences end behind so many pieces as `ends` says.

    A window ends with a sentence if one ends in its second half, and the next one begins with the last sentences of it, up to an
    eighth of a window; else it is cut, and they share that eighth.

    >>> windows([3, 8, 14], 14, 9)
    [(0, 8), (7, 14)]
    >>> windows([], 5, 9)
    [(0, 5)]
    """
    found: list[tuple[int, int]] = []
    start = 0
    while size - start > most:
        end = ends[bisect_right(ends, start + most) - 1] if bisect_right(ends, start + most) else 0
        end = end if end > start + most // 2 else start + most
        found.append((start, end))
        least = end - max(1, most // _OVERLAP) if most > 1 else end
        back = bisect_left(ends, least)
        start = ends[back] if back < len(ends) and least <= ends[back] < end else least
    return [*found, (start, size)] if size else []


def fitting(text: str, words: Sequence[Word], room: int, count: Count) -> list[int]:
    """Return the numbers of the words that stay, in their order: what is written of them has at most `room` tokens."""
    order = sorted(range(len(words)), key=lambda each: (not words[each].held, -words[each].keep, each))
    low, high = 0, len(order)
    while low < high:
        middle = (low + high + 1) // 2
        if count(written(text, words, sorted(order[:middle]))) <= room:
            low = middle
        else:
            high = middle - 1
    return sorted(order[:low])


def written(text: str, words: Sequence[Word], kept: Sequence[int]) -> str:
    """Return the words as they stand, with a space, an end of the line or an empty line between them where the text has one.

    The stop of a sentence stays whose last word goes.
    """
    found: list[str] = []
    for number, each in enumerate(kept):
        word = words[each]
        if number:
            before = kept[number - 1]
            between = text[words[before].end : word.start]
            ended = next((stop for stop in map(_stop, _texts(text, words[before + 1 : each])) if stop), "")
            found.append(ended if found[-1][-1:].isalnum() else "")
            found.append(_space(between))
        found.append(text[word.start : word.end])
    return "".join(found)


def _texts(text: str, words: Iterable[Word]) -> Iterator[str]:
    return (text[word.start : word.end] for word in words)


def _stop(word: str) -> str:
    stop = _STOP.search(word)
    return stop.group() if stop else ""


def _space(between: str) -> str:
    if "\n" in between:
        return "\n\n" if _BLANK_LINE.search(between) else "\n"
    return " " if any(map(str.isspace, between)) else ""
