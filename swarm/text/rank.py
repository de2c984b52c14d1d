"""Which of some texts fits a query best: BM25 over words, plain and without a model."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

K1, B = 1.5, 0.75
"""How soon a word that stands often enough counts no more, and how much a long text is held against itself.

Robertson and Zaragoza, "The Probabilistic Relevance Framework" (2009), give 1.2 to 2 and .5 to .8.
"""

_WORD = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_COMMON = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "for",
        "from",
        "has",
        "have",
        "how",
        "in",
        "is",
        "it",
        "its",
        "not",
        "of",
        "on",
        "or",
        "that",
        "the",
        "this",
        "to",
        "was",
        "what",
        "when",
        "which",
        "with",
        "write",
        "you",
        "your",
    ]
)


def words(text: str) -> list[str]:
    """Return the words of a text in their order, in small letters; `camelCase` and `snake_case` are two words each.

    A plural counts as its singular, and words that stand in any text are left out.
    """
    found: list[str] = []
    for word in _WORD.findall(text):
        found += [word] if word.islower() else [part.lower() for part in _HUMP.split(word)]
    return [_singular(word) for word in found if word not in _COMMON]


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word[-1] == "s" and word[-2] != "s" else word


def bm25(query: str, texts: Sequence[str]) -> list[float]:
    """Return how well each of the texts fits the query: 0 where no word is in both, more is better."""
    counted = [Counter(words(text)) for text in texts]
    sizes = [sum(count.values()) for count in counted]
    average = sum(sizes) / len(sizes) if any(sizes) else 1.0
    scores = [0.0] * len(texts)
    for word in sorted(set(words(query))):
        holding = [number for number, count in enumerate(counted) if word in count]
        rarity = math.log(1 + (len(texts) - len(holding) + 0.5) / (len(holding) + 0.5))
        for number in holding:
            often = counted[number][word]
            scores[number] += rarity * often * (K1 + 1) / (often + K1 * (1 - B + B * sizes[number] / average))
    return scores
