"""Which of some texts fits a query best: BM25 over words, plain and without a model; for texts with fields, BM25F."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import islice

K1, B = 1.5, 0.75
"""How soon a word that stands often enough counts no more, and how much a long text is held against itself.

Robertson and Zaragoza, "The Probabilistic Relevance Framework" (2009), give 1.2 to 2 and .5 to .8.
"""

FIELDS: Mapping[str, float] = {"name": 2.0, "tags": 1.5, "description": 1.0, "parameters": 0.5, "past": 0.5}
"""What a word counts that stands in a field; in one of another name it counts 1. `past` is what the thing was good for before,
a query a line."""

BEGINNING, BEGINNING_WEIGHT = 5, 0.5
"""Letters with which a word begins, and what it counts that they are the same: `recommend` is found by `recommendation`.
On the queries of MetaTool that finds 2 of 100 more among the first five; 4 and 6 letters do about as well."""

MOST_WORDS = 400
"""Of a query are read: behind that stands what a task is about, no longer what is to be done."""

_MOST_CLAUSES, _LEAST_WORDS = 8, 3  # of a query; of a clause
_CLAUSE_END = re.compile(r"[.;?!\n]+|\b(?:and|then|also)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")
_JOINED = re.compile(r"\b([^\W\d_]+)-([^\W\d_]+)\b")
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


def every_word(text: str) -> list[str]:
    """Return the words of a text in their order, in small letters; `camelCase` and `snake_case` are two words each."""
    found: list[str] = []
    for word in _WORD.findall(text):
        found += [word] if word.islower() else [part.lower() for part in _HUMP.split(word)]
    return found


def words(text: str) -> list[str]:
    """Return the words of a text in their order, as `every_word` does.

    A plural counts as its singular, words that stand in any text are left out, and what a hyphen joins is one word, too.

    >>> words("the time-outs of services")
    ['time', 'out', 'service', 'timeout']
    """
    found = [_singular(word) for word in every_word(text) if word not in _COMMON]
    if "-" in text:
        found += [_singular(f"{one}{other}".lower()) for one, other in _JOINED.findall(text)]
    return found


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


def terms(text: str) -> list[str]:
    """Return what of a text is looked for: its words, and with a `*` how the longer ones begin."""
    found = words(text)
    return found + [f"{word[:BEGINNING]}*" for word in found if len(word) >= BEGINNING]


def clauses(query: str) -> list[str]:
    """Return the parts of a query that may each ask for something else; none where it is one part."""
    found = [part for part in _CLAUSE_END.split(query) if len(_WORD.findall(part)) >= _LEAST_WORDS]
    return found[:_MOST_CLAUSES] if len(found) > 1 else []


def asked(query: str) -> list[str]:
    """Return the query as far as it is read, and its clauses."""
    ends = [match.end() for match in islice(_WORD.finditer(query), MOST_WORDS)]
    read = query[: ends[-1]] if ends else ""
    return [read, *clauses(read)]


def impacts(documents: Sequence[Mapping[str, str]], only: Collection[str] | None = None) -> list[dict[str, float]]:
    """Return for each document what each of its terms, or of `only` these, adds to its score (BM25F): rare terms more."""
    counted = [{name: Counter(terms(text)) for name, text in document.items()} for document in documents]
    lengths: Counter[str] = Counter()
    for fields in counted:
        lengths.update({name: count.total() for name, count in fields.items()})
    frequent = Counter(term for fields in counted for term in set[str]().union(*fields.values()))
    found: list[dict[str, float]] = []
    for fields in counted:
        often = _often(fields, lengths, len(documents))
        found.append(
            {
                term: _weight(term) * _rarity(frequent[term], len(documents)) * count * (K1 + 1) / (count + K1)
                for term, count in often.items()
                if only is None or term in only
            }
        )
    return found


def _often(fields: Mapping[str, Counter[str]], lengths: Mapping[str, int], documents: int) -> dict[str, float]:
    """How often each term stands in a document, by the weight of the fields and their length against that of others."""
    often: dict[str, float] = {}
    for name, count in fields.items():
        if count:
            long = 1 - B + B * count.total() * documents / lengths[name]
            weight = FIELDS.get(name, 1.0) / long
            for term, times in count.items():
                often[term] = often.get(term, 0.0) + weight * times
    return often


def _weight(term: str) -> float:
    return BEGINNING_WEIGHT if term[-1] == "*" else 1.0


def _rarity(holding: int, documents: int) -> float:
    return math.log(1 + (documents - holding + 0.5) / (holding + 0.5))


def rank(query: str, documents: Sequence[Mapping[str, str]]) -> list[float]:
    """Return how well each document fits the query and, beside that, its clause that fits it best: 0 where no word is in both.

    The fields of a document weigh as FIELDS says.
    """
    looked_for = [sorted(set(terms(part))) for part in asked(query)]
    held = impacts(documents, frozenset(looked_for[0]))
    return [_fit(impact, looked_for) for impact in held]


def _fit(impact: Mapping[str, float], looked_for: Sequence[Sequence[str]]) -> float:
    whole, *parts = (sum(impact.get(term, 0.0) for term in part) for part in looked_for)
    return whole + max(parts, default=0.0)
