"""Other ways to make a text short, to measure ours beside: simple ones, known ones, and a library where it is installed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from random import Random
from typing import Any

from swarm.compress.room import Count, cut, pack
from swarm.compress.sentences import divided
from swarm.text.rank import words

Shorten = Callable[[str, str, int, Count], str]
"""What makes of a text, and of what is sought in it, one of so many tokens."""

AROUND = 5  # lines on each side of one that holds a word that is sought
LIBRARY = "entroly"
_DAMPING, _ROUNDS = 0.85, 30  # of TextRank: Mihalcea and Tarau (2004) have .85


def head(text: str, sought: str, limit: int, count: Count) -> str:
    """The beginning."""
    return cut(text, limit, count)


def at_random(text: str, sought: str, limit: int, count: Count) -> str:
    """Sentences by chance."""
    sentences = _sentences(text)
    order = list(range(len(sentences)))
    Random(sought).shuffle(order)
    return _packed(sentences, order, limit, count)


def around_words(text: str, sought: str, limit: int, count: Count) -> str:
    """Lines that hold a word that is sought, with some around them."""
    lines, asked = text.split("\n"), set(words(sought))
    near: set[int] = set()
    for number, line in enumerate(lines):
        if asked.intersection(words(line)):
            near.update(range(max(0, number - AROUND), min(len(lines), number + AROUND + 1)))
    return cut("\n".join(lines[number] for number in sorted(near)) or text, limit, count)


def textrank(text: str, sought: str, limit: int, count: Count) -> str:
    """The sentences that are most like the others; what is sought plays no part."""
    sentences = _sentences(text)
    sets = [set(words(sentence)) for sentence in sentences]
    like = [dict(_alike(number, sets)) for number in range(len(sets))]
    sums = [sum(row.values()) for row in like]
    rank = [1.0] * len(sets)
    for _ in range(_ROUNDS):
        rank = [
            1 - _DAMPING + _DAMPING * sum(rank[other] * value / sums[other] for other, value in row.items())
            for row in like
        ]
    return _packed(sentences, sorted(range(len(rank)), key=lambda each: (-rank[each], each)), limit, count)


def _alike(number: int, sets: Sequence[set[str]]) -> Iterator[tuple[int, float]]:
    for other, its in enumerate(sets):
        shared = len(sets[number] & its)
        if other != number and shared and len(sets[number]) > 1 and len(its) > 1:
            yield other, shared / (math.log(len(sets[number])) + math.log(len(its)))


def tf_idf(text: str, sought: str, limit: int, count: Count) -> str:
    """The sentences whose weighted words are most like those that are sought."""
    sentences = _sentences(text)
    counted = [Counter(words(sentence)) for sentence in sentences]
    holding = Counter(word for count in counted for word in count)
    rare = {word: math.log((1 + len(counted)) / (1 + often)) + 1 for word, often in holding.items()}
    asked = Counter(words(sought))
    scores = [_cosine(asked, count, rare) for count in counted]
    return _packed(sentences, sorted(range(len(scores)), key=lambda each: (-scores[each], each)), limit, count)


def _cosine(one: Mapping[str, int], other: Mapping[str, int], rare: Mapping[str, float]) -> float:
    length = math.sqrt(sum((often * rare[word]) ** 2 for word, often in other.items()))
    return sum(often * other[word] * rare[word] ** 2 for word, often in one.items() if word in other) / (length or 1.0)


def _sentences(text: str) -> list[str]:
    return [text[each.start : each.end] for each in divided(text).sentences]


def _packed(sentences: Sequence[str], order: Sequence[int], limit: int, count: Count) -> str:
    def write(numbers: Sequence[int]) -> str:
        return "\n".join(sentences[number] for number in sorted(numbers))

    return write(pack(order, sentences.__getitem__, write, limit, count))


SIMPLE: Mapping[str, Shorten] = {
    "head": head,
    "random": at_random,
    "±5 lines": around_words,
    "TextRank": textrank,
    "TF-IDF": tf_idf,
}


def library() -> Shorten | None:
    """The one of `entroly` that is given the question, cut where it passes the limit; None where that is not installed."""
    if find_spec(LIBRARY) is None:
        return None
    module: Any = import_module(LIBRARY)

    def shorten(text: str, sought: str, limit: int, count: Count) -> str:
        return cut(
            str(module.compress_evidence_locked(text, query=sought, budget_tokens=limit).compressed), limit, count
        )

    return shorten
