"""Many short texts with fields, found by a query in less than a millisecond: by their words, and by what they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from swarm.text.rank import asked, impacts, terms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from swarm.text.embed import Embedder, Vectors

    Scores = NDArray[np.float64]

FUSION = 10
"""How little it matters which of two is first, with which ranks are put together (reciprocal rank fusion). With the 60 of Cormack,
Clarke and Buettcher (2009) one list alone would bring nothing to the top; they had lists of a thousand."""

MEANING_WEIGHT = 1.5
"""What a place by meaning counts beside one by words. Twice as much finds the same on MetaTool, as much 2 of 100 fewer; where
queries speak the words of the texts, as those for an interface do, words are the better guide."""

CLAUSE_WEIGHT = 1.0
"""What the best place by a clause counts beside the one by the whole query: as much. A query that asks for one thing loses nothing by
it, of two queries in one 2 to 5 of 100 more are among the first ten."""

OWN_WEIGHT = 2.0
"""What a document's own text counts in its vector beside each of the queries for which it was good before."""

_DEPTH = 64  # places that count; behind them stands less than a sixth of the first
_ONE_THREAD = 1 << 18  # multiplications up to which OpenBLAS, which numpy's wheels bring, uses one thread
_DIGITS = 5  # of a likeness: further ones depend on how the machine adds


class Hit(NamedTuple):
    """A document that fits a query."""

    number: int
    score: float


class Index:
    """Documents as `swarm.text.rank.FIELDS` has them; one whose past is known is found by that, too.

    `embedder` adds vectors to the words. What comes back depends on nothing but the documents, the vectors and the query.
    """

    def __init__(self, documents: Sequence[Mapping[str, str]], embedder: Embedder | None = None) -> None:
        self._size = len(documents)
        self._words = [_own_words(document) for document in documents]
        self._rows = _by_term(impacts(documents))
        self._embedder = embedder
        self._vectors = _vectors_of(documents, embedder) if embedder else None

    def best(self, query: str, most: int) -> list[Hit]:
        """Return up to `most` documents, the best first, of equals the one that stands first; none that fits in nothing."""
        import numpy as np

        parts = asked(query)
        scores = _fused([self._by_words(part) for part in parts])
        if self._embedder is not None and self._vectors is not None:
            likeness = _likeness(self._embedder.embed(parts), self._vectors)
            scores += MEANING_WEIGHT * _fused([*np.round(likeness.astype(np.float64), _DIGITS)])
        found = np.flatnonzero(scores)
        order = found[np.argsort(-scores[found], kind="stable")][:most]
        return list(map(Hit, order.tolist(), scores[order].tolist()))

    def shared(self, query: str, numbers: Sequence[int]) -> list[list[str]]:
        """Return for each of these documents the query's words in its own text, the rarest first.

        One that was found and shares none was found by its past or its meaning.
        """
        looked_for = frozenset(terms(asked(query)[0]))
        found = [self._words[number] & looked_for for number in numbers]
        return [sorted(words, key=lambda word: (len(self._rows[word][0]), word)) for words in found]

    def _by_words(self, part: str) -> Scores:
        import numpy as np

        rows = [self._rows[term] for term in sorted(set(terms(part))) if term in self._rows]
        if not rows:
            return np.zeros(self._size)
        holding, adding = np.concatenate([row[0] for row in rows]), np.concatenate([row[1] for row in rows])
        return np.bincount(holding, adding, self._size).astype(np.float64, copy=False)


def _own_words(document: Mapping[str, str]) -> frozenset[str]:
    own = " ".join(text for name, text in document.items() if name != "past")
    return frozenset(term for term in terms(own) if term[-1] != "*")


def _by_term(held: Sequence[Mapping[str, float]]) -> dict[str, tuple[NDArray[np.intp], Scores]]:
    """For each term the documents that hold it, and what it adds to each."""
    import numpy as np

    found: dict[str, tuple[list[int], list[float]]] = {}
    for number, impact in enumerate(held):
        for term, adds in impact.items():
            holding, adding = found.setdefault(term, ([], []))
            holding.append(number)
            adding.append(adds)
    return {term: (np.array(holding), np.array(adding)) for term, (holding, adding) in found.items()}


def _vectors_of(documents: Sequence[Mapping[str, str]], embedder: Embedder) -> Vectors:
    """Each document's own text and the queries for which it was good before, put together."""
    import numpy as np

    vectors = OWN_WEIGHT * embedder.embed([_described(document) for document in documents])
    past = [
        (number, line) for number, document in enumerate(documents) for line in document.get("past", "").splitlines()
    ]
    if past:
        np.add.at(vectors, [number for number, _ in past], embedder.embed([line for _, line in past]))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    np.divide(vectors, lengths, out=vectors, where=lengths > 0)
    return vectors


def _likeness(some: Vectors, vectors: Vectors) -> Vectors:
    """The cosine of each of some with each of the vectors, in pieces that are too small to be spread over threads.

    They take a fraction of a millisecond; to wait for a thread that has no core takes ten.
    """
    import numpy as np

    step = max(1, _ONE_THREAD // max(1, some.size))
    return np.concatenate([some @ vectors[at : at + step].T for at in range(0, max(1, len(vectors)), step)], axis=1)


def _described(document: Mapping[str, str]) -> str:
    return " ".join(document.get(name, "") for name in ("name", "description", "tags"))


def _fused(parts: Sequence[Scores]) -> Scores:
    """What its places say of each document: that by the whole query, and its best by one of the clauses."""
    import numpy as np

    whole, *clauses = (_by_place(scores) for scores in parts)
    return whole + CLAUSE_WEIGHT * np.max(clauses, axis=0) if clauses else whole


def _by_place(scores: Scores) -> Scores:
    """1 / (FUSION + place) for the first places, 0 for the rest and for what fits in nothing."""
    import numpy as np

    found = np.flatnonzero(scores > 0)
    if found.size > _DEPTH:
        least = np.partition(scores[found], -_DEPTH)[-_DEPTH]
        found = np.flatnonzero(scores >= least)
    order = found[np.argsort(-scores[found], kind="stable")][:_DEPTH]
    placed = np.zeros(scores.size)
    placed[order] = 1 / (FUSION + 1 + np.arange(order.size))
    return placed
