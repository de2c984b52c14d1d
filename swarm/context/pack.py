"""The blocks of some files that fit what is asked, put into a room of tokens that is never exceeded. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from hashlib import blake2b
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from swarm.context.blocks import File, file_of
from swarm.context.kept import Kept
from swarm.context.score import scores
from swarm.context.sizes import size_of
from swarm.context.symbols import Place, Symbols

if TYPE_CHECKING:
    from swarm.text.embed import Embedder

Count = Callable[[str], int]
"""Says how many tokens a text has."""

INHERITED = 0.5
"""What a definition is worth of the block that needs it. A guess: half says that a helper comes behind what fits as well by itself,
and before what fits half as well."""

SMALL = 32
"""Tokens of a definition that is worth as much as the block that needs it: a constant, without which that says half of what it does."""

AROUND = 3
"""Lines above and below a part of a text without structure, where there is room for them."""

_MOST_MISSES = 100  # blocks in a row that have no room, after which smaller ones are not looked for
_KEPT_CHARS, _KEY_CHARS = 4 << 20, 1_000
_PIECE_CHARS = 1 << 16
_MARK = "[lines 100,000-100,000 of 100,000]\n"  # the size of one; what stands behind it is counted with the block
_NOTE = "[100,000 of 100,000 lines are left out]"

Span = tuple[int, int]  # the first line and the last one
Taken = list[tuple[int, Span]]  # numbers of files, and lines of them, those first that fit best


def relevant(
    texts: Sequence[tuple[str, str]],
    sought: str,
    most: int,
    *,
    count: Count = size_of,
    fill: bool = False,
    embedder: Embedder | None = None,
) -> list[str]:
    """Return of each named text the lines that fit `sought` best, in their order, in `most` tokens by `count` for all texts together.

    They are blocks: functions, sections, paragraphs. A block brings the definitions that it needs where they have room. Before
    lines that follow a gap stands which they are, and a text of which something is left out ends with a line that says how much;
    one of which nothing fits is empty. Where no word of `sought` is in any of them, the first blocks are taken. With `fill`
    the room that is left is given to blocks that do not fit, near those that do. Raises EmbedderBroken.
    """
    if _fit([text for _, text in texts], most, count):
        return [text for _, text in texts]
    digest = blake2b(digest_size=16)
    for part in (sought, *(part for text in texts for part in text)):
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(b"%d\0%b" % (len(raw), raw))
    key = (digest.digest(), most, count, fill, embedder.name if embedder else "")
    found = _PACKED.get(key, lambda: _packed(texts, sought, most, count, fill, embedder), most + _KEY_CHARS)
    return list(found)


def _fit(texts: Sequence[str], most: int, count: Count) -> bool:
    """Whether texts have at most so many tokens together. Of long ones no more is counted than shows that they have more."""
    if sum(map(size_of, texts)) <= most:
        return True
    room = most
    for text in texts:
        for at in range(0, len(text), _PIECE_CHARS):
            room -= count(text[at : at + _PIECE_CHARS])
            if room < 0:
                return False
    return sum(map(count, texts)) <= most


_PACKED: Kept[tuple[str, ...]] = Kept(_KEPT_CHARS)


def _packed(
    texts: Sequence[tuple[str, str]], sought: str, most: int, count: Count, fill: bool, embedder: Embedder | None
) -> tuple[str, ...]:
    files = [file_of(name, text) for name, text in texts]
    taken = _Packing(files, scores(files, sought, embedder), most, count, fill=fill).taken()
    shown = [_shown(file, _merged(file, _of(taken, number), count)) for number, file in enumerate(files)]
    sizes = [count(text) if text else 0 for text in shown]
    while sum(sizes) > most:  # a tokenizer may count a whole as more than its parts
        number, _ = taken.pop()
        shown[number] = _shown(files[number], _merged(files[number], _of(taken, number), count))
        sizes[number] = count(shown[number]) if shown[number] else 0
    return tuple(shown)


class _Packing:
    """Takes blocks, the best first, while there is room for them."""

    def __init__(self, files: Sequence[File], found: Sequence[float], most: int, count: Count, *, fill: bool) -> None:
        self._files, self._count, self._room = files, count, most
        self._mark, self._note = count(_MARK), count(_NOTE)
        places = [Place(number, at) for number, file in enumerate(files) for at in range(len(file.blocks))]
        self._scores = dict(zip(places, found, strict=True))
        self._fill = fill or not any(found)
        self._lines: list[set[Place]] = [set() for _ in files]  # the blocks that are taken of each file
        self._taken: Taken = []

    def taken(self) -> Taken:
        self._take_fitting()
        if self._fill:
            self._take_rest()
        for number, (first, last) in list(self._taken):
            if self._files[number].is_plain:
                self._widen(number, first, last)
        return self._taken

    def _take_fitting(self) -> None:
        symbols = Symbols(self._files)
        waiting = [(-score, place) for place, score in self._scores.items() if score > 0]
        heapify(waiting)
        misses = 0
        while waiting and misses < _MOST_MISSES:
            worth, place = heappop(waiting)
            if place in self._lines[place.file]:
                continue
            if not self._take(place):
                misses += 1
                continue
            misses = 0
            for needed in symbols.needed(place):
                small = self._count(self._files[needed.file].said(needed.block)) <= SMALL
                worth_of_needed = worth if small else worth * INHERITED
                if -worth_of_needed > self._scores[needed]:
                    heappush(waiting, (worth_of_needed, needed))

    def _take_rest(self) -> None:
        """What does not fit itself: of the files that fit best, and there the blocks nearest to one that does."""
        best = [max((self._scores[each] for each in taken), default=0.0) for taken in self._lines]
        taken = [sorted(each.block for each in places) for places in self._lines]
        near = {place: _distance(place.block, taken[place.file]) for place in self._scores}
        misses = 0
        for place in sorted(self._scores, key=lambda each: (-best[each.file], each.file, near[each], each.block)):
            if place not in self._lines[place.file]:
                misses = 0 if self._take(place) else misses + 1
                if misses > _MOST_MISSES:
                    break

    def _take(self, place: Place) -> bool:
        """Take a block if it has room."""
        taken = self._lines[place.file]
        above, below = (place._replace(block=place.block + step) for step in (-1, 1))
        cost = self._count(self._files[place.file].said(place.block)) + (0 if taken else self._note)
        cost += (0 if above in taken else self._marked(place)) - (self._marked(below) if below in taken else 0)
        if cost > self._room:
            return False
        self._room -= cost
        taken.add(place)
        block = self._files[place.file].blocks[place.block]
        self._taken.append((place.file, (block.first, block.last)))
        return True

    def _marked(self, place: Place) -> int:
        where = _where(self._files[place.file], place.block)
        return self._mark + (self._count(where) if where else 0)

    def _widen(self, number: int, first: int, last: int) -> None:
        """Take the lines around some, as many as have room."""
        file = self._files[number]
        for span in ((max(1, first - AROUND), first - 1), (last + 1, min(len(file.lines), last + AROUND))):
            cost = self._count(file.between(*span)) if span[0] <= span[1] else 0
            if 0 < cost <= self._room:
                self._room -= cost
                self._taken.append((number, span))


def _distance(number: int, taken: Sequence[int]) -> int:
    """How many blocks lie between one and the nearest of those that are taken, or the beginning where none is."""
    at = bisect_left(taken, number)
    return min((abs(number - each) for each in taken[max(0, at - 1) : at + 1]), default=number)


def _of(taken: Taken, number: int) -> list[Span]:
    return [span for file, span in taken if file == number]


def _merged(file: File, spans: Sequence[Span], count: Count) -> list[Span]:
    """The lines in their order, those put together that touch, and over gaps that take no more than the mark that would tell of them."""
    found: list[Span] = []
    for first, last in sorted(spans):
        if found and (first <= found[-1][1] + 1 or _is_dearer(file, found[-1][1] + 1, first - 1, count)):
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def _is_dearer(file: File, first: int, last: int, count: Count) -> bool:
    """Whether the mark of what follows a gap takes as much as the lines of the gap."""
    gap = file.between(first, last)
    return size_of(gap) <= 4 * len(_MARK) and count(gap) <= count(_mark(file, last + 1, last + 1))


def _shown(file: File, spans: Sequence[Span]) -> str:
    """The lines under marks that say which they are, and a line on what is left out."""
    if not spans:
        return ""
    if spans == [(1, len(file.lines))]:
        return file.text
    parts: list[str] = []
    left_out = len(file.lines)
    for first, end in spans:
        last = next((line for line in range(end, first, -1) if file.lines[line - 1].strip()), first)
        said = file.between(first, last)
        parts += [_mark(file, first, last), said if said.endswith(("\n", "\r")) else f"{said}\n"]
        left_out -= last - first + 1
    return f"{''.join(parts)}[{left_out:,} of {len(file.lines):,} lines are left out]"


def _mark(file: File, first: int, last: int) -> str:
    at = next((number for number, block in enumerate(file.blocks) if block.first <= first <= block.last), 0)
    which = f"lines {first}-{last}" if last > first else f"line {first}"
    return f"[{which} of {len(file.lines)}{_where(file, at)}]\n"


def _where(file: File, number: int) -> str:
    """In what the lines of a block stand, where they do not say it."""
    block = file.blocks[number]
    where = file.headline(block.inside) if block.inside >= 0 else block.above
    return f", in {where}" if where else ""
