"""Questions by their words: the one that is the same as a question is found at once, however many there are.

A near match is served only where the content words are equal in their order, so that these words are the key and every match
is found by a look-up; a search through vectors would find many that the guards turn down, and no more that they let through.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import msgspec

from events.types.answer import CANONICAL, NEAR
from swarm.cache.guards import Question, question_of, verdict

Cosine = Callable[[str, str], float]
_MOST_ALIKE = 4
"""Entries of the same words that are looked at, the newest first."""


class Match(msgspec.Struct, frozen=True):
    """The entry whose answer may be served, and how like the questions are."""

    entry: str
    how: str  # CANONICAL or NEAR
    cosine: float = 1.0


class Near:
    """Questions with the names of their entries. One that is put in again is the newest."""

    def __init__(self, cosine: Cosine) -> None:
        self._cosine = cosine
        self._by_form: dict[str, str] = {}
        self._by_words: dict[tuple[str, ...], dict[str, Question]] = {}

    def __len__(self) -> int:
        return len(self._by_form)

    def put(self, text: str, entry: str) -> None:
        question = question_of(text)
        self._by_form[question.form] = entry
        alike = self._by_words.setdefault(question.words, {})
        alike.pop(entry, None)
        alike[entry] = question
        while len(alike) > _MOST_ALIKE:
            del alike[next(iter(alike))]

    def find(self, text: str, *, may: Callable[[str, str], bool] = lambda entry, how: True) -> Match | None:
        """The entry that answers the question, of those that `may` be taken for one that is found so."""
        question = question_of(text)
        same = self._by_form.get(question.form)
        if same is not None and may(same, CANONICAL):
            return Match(same, CANONICAL)
        for entry, known in reversed(self._by_words.get(question.words, {}).items()):
            if not may(entry, NEAR):
                continue
            cosine = self._cosine(" ".join(question.words), " ".join(known.words))
            if verdict(question, known, cosine).word == "serve":
                return Match(entry, NEAR, cosine)
        return None


def lexical_cosine(one: str, other: str) -> float:
    """How alike two texts are by their words and the threes of letters in them, from 0 to 1: what needs no vectors.

    >>> round(lexical_cosine("sort lists", "sort arrays"), 1)
    0.5
    """
    first, second = grams(one), grams(other)
    dot = sum(count * second[gram] for gram, count in first.items())
    lengths = math.sqrt(sum(n * n for n in first.values()) * sum(n * n for n in second.values()))
    return dot / lengths if lengths else 0.0


def grams(text: str) -> Counter[str]:
    """The words of a text and the threes of letters in them, with their weights."""
    found: Counter[str] = Counter()
    for word in text.split():
        found[word] += 3
        marked = f" {word} "
        found.update(marked[start : start + 3] for start in range(len(marked) - 2))
    return found
