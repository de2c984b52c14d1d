"""How well texts with fields fit a query, by their words and, where vectors are installed, by what they mean; 0 stays 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from swarm.text.rank import rank

if TYPE_CHECKING:
    from swarm.text.embed import Embedder, Vectors

LIKE_FROM = 0.25
"""From which likeness on it counts. Of 400 queries of MetaTool, which ask for other things, 9 of 10 are less like any of nine skills
for work on code and texts; of queries that ask for one of them in other words most are more like it."""

LIKE_WEIGHT = 10.0
"""What likeness adds above that: a text that lies near adds 2, as much as a rare word that is shared."""

_FIELDS = ("name", "description", "tags")


class Ranking:
    """A rank function that keeps the vectors of the documents that it had last."""

    def __init__(self, embedder: Embedder | None) -> None:
        self._embedder = embedder
        self._last: tuple[Sequence[Mapping[str, str]], Vectors] | None = None

    def __call__(self, query: str, documents: Sequence[Mapping[str, str]]) -> list[float]:
        """Return a score for each document, more is better: 0 where neither a word nor the meaning speaks for it.

        Raises EmbedderBroken.
        """
        scores = rank(query, documents)
        if self._embedder is None or not documents:
            return scores
        likeness = (self._embedder.embed([query]) @ self._vectors(self._embedder, documents).T)[0].tolist()
        return [score + LIKE_WEIGHT * max(0.0, like - LIKE_FROM) for score, like in zip(scores, likeness, strict=True)]

    def _vectors(self, embedder: Embedder, documents: Sequence[Mapping[str, str]]) -> Vectors:
        last = self._last  # another thread may put its own there meanwhile
        if last is None or last[0] is not documents:
            texts = [" ".join(document.get(name, "") for name in _FIELDS) for document in documents]
            self._last = last = documents, embedder.embed(texts)
        return last[1]
