"""Texts are ranked by words, and by what they mean where there are vectors; what has nothing to do with a query has 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pytest

from swarm.text.embed import installed_embedder
from swarm.text.rank import rank
from swarm.text.ranking import Ranking

if TYPE_CHECKING:
    from swarm.text.embed import Vectors

DOCUMENTS = (
    {"name": "sql review", "description": "Reviews queries of a database.", "tags": "sql"},
    {"name": "release notes", "description": "Writes what is new in a version for its users.", "tags": ""},
    {"name": "data cleaning", "description": "Cleans tables.", "tags": "csv"},
)


class Meanings:
    """Vectors by hand: one direction for databases, one for all else."""

    name = "by hand"

    def __init__(self) -> None:
        self.asked: list[Sequence[str]] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.asked.append(texts)
        near = [
            [1.0, 0.0] if "sql" in text or "statement" in text else [0.0, 1.0 if "new" in text else 0.0]
            for text in texts
        ]
        return np.array(near, np.float32)


def test_without_vectors_the_words_alone_count() -> None:
    query = "the sql of a table"
    assert Ranking(None)(query, DOCUMENTS) == rank(query, DOCUMENTS)


def test_meaning_lifts_what_shares_no_word_and_leaves_the_rest_at_0() -> None:
    scores = Ranking(Meanings())("a slow statement", DOCUMENTS)
    assert scores[0] == pytest.approx(7.5) and scores[1:] == [0, 0]


def test_the_vectors_of_the_same_documents_are_made_once() -> None:
    meanings = Meanings()
    ranking = Ranking(meanings)
    for query in ("a statement", "what is new"):
        ranking(query, DOCUMENTS)
    assert [len(texts) for texts in meanings.asked] == [1, 3, 1]
    ranking("x", list(DOCUMENTS))
    assert len(meanings.asked[-1]) == 3
    assert ranking("x", []) == []


def test_with_the_installed_vectors_a_skill_is_found_by_other_words() -> None:
    embedder = installed_embedder()
    if embedder is None:
        pytest.skip("wordllama is not installed")
    ranking = Ranking(embedder)
    query = "the postgres statement is slow"
    assert not any(rank(query, DOCUMENTS))
    assert ranking(query, DOCUMENTS)[0] > 0
    assert ranking("say hello", DOCUMENTS) == [0, 0, 0]
