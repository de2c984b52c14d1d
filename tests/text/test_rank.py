"""Which text fits a query is decided by its words, the same way every time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from swarm.text.rank import bm25, words

TEXTS = (
    "The cache keeps answers for an hour.",
    "def parse_config(path): read the settings file",
    "Cats sleep. Cats eat. Cats and cats and cats.",
    "",
)


def best(query: str) -> int:
    scores = bm25(query, TEXTS)
    return scores.index(max(scores))


def test_the_text_that_holds_the_rare_words_of_the_query_comes_first() -> None:
    assert best("How long does the cache hold?") == 0
    assert best("Where is the config parsed?") == 1
    assert best("cat") == 2


def test_names_of_code_are_words_and_plurals_are_their_singulars() -> None:
    assert words("parseConfig HTTPServer snake_case files class") == [
        "parse",
        "config",
        "http",
        "server",
        "snake",
        "case",
        "file",
        "class",
    ]


def test_what_shares_no_word_with_the_query_scores_nothing() -> None:
    assert bm25("zebra", TEXTS) == bm25("", TEXTS) == [0.0] * 4
    assert bm25("x", []) == []


@given(st.text(max_size=60), st.lists(st.text(max_size=80), max_size=5))
def test_scores_are_finite_never_negative_and_the_same_again(query: str, texts: list[str]) -> None:
    scores = bm25(query, texts)
    assert len(scores) == len(texts)
    assert all(0 <= score < 1e6 for score in scores)
    assert bm25(query, texts) == scores
