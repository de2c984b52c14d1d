"""An index finds what a query asks for by words, by meaning and by what was good before, in the same order every time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.text.embed import Embedder, Static
from swarm.text.index import Index
from swarm.text.rank import FIELDS
from tests.text.wordvectors import write_package

TOOLS = [
    {"name": "read_text", "description": "Shows a file.", "parameters": "path"},
    {"name": "cat_of_day", "description": "A picture of a cat.", "parameters": ""},
    {"name": "git_commit", "description": "Records changes.", "parameters": "message path"},
    {"name": "gitCommitAll", "description": "Records changes.", "parameters": "message path"},
]


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return Static(write_package(tmp_path_factory.mktemp("vectors")))


def found(index: Index, query: str, most: int = 9) -> list[str]:
    return [TOOLS[hit.number]["name"] for hit in index.best(query, most)]


def test_by_words_alone_what_shares_none_is_not_found() -> None:
    index = Index(TOOLS)
    assert found(index, "commit this with a message") == ["git_commit", "gitCommitAll"]
    assert found(index, "a kitten") == found(index, "") == []
    assert index.shared("show the file", [0, 1]) == [["file", "show"], []]


def test_of_equals_the_one_that_stands_first_comes_first() -> None:
    assert [hit.number for hit in Index(TOOLS).best("record", 9)] == [2, 3]
    assert [hit.number for hit in Index(TOOLS[::-1]).best("record", 9)] == [0, 1]


def test_with_vectors_it_is_found_by_its_meaning(embedder: Embedder) -> None:
    index = Index(TOOLS, embedder)
    assert found(index, "a kitten", 1) == ["cat_of_day"]
    assert index.shared("a kitten", [1]) == [[]]
    assert found(index, "the documents", 1) == ["read_text"]


@pytest.mark.parametrize("with_vectors", [False, True])
def test_what_was_good_for_a_query_before_is_found_by_the_next_like_it(embedder: Embedder, with_vectors: bool) -> None:
    learned = [*TOOLS[:3], {**TOOLS[3], "past": "feed the kitten\nwalk the dog"}]
    index = Index(learned, embedder if with_vectors else None)
    assert found(index, "please feed it and walk the dog", 1) == ["gitCommitAll"]
    assert index.shared("please feed it", [3]) == [[]]


def test_a_query_that_asks_for_two_things_finds_both(embedder: Embedder) -> None:
    for index in (Index(TOOLS), Index(TOOLS, embedder)):
        assert {"read_text", "git_commit"} < {*found(index, "Show me the file, and then commit all changes", 3)}


def test_an_index_of_nothing_finds_nothing(embedder: Embedder) -> None:
    assert Index([]).best("cat", 5) == Index([], embedder).best("cat", 5) == []


TEXTS = st.text("cat file\n.", max_size=30) | st.text(max_size=30)


@given(st.lists(st.dictionaries(st.sampled_from([*FIELDS]), TEXTS), max_size=6), TEXTS, st.integers(0, 8))
def test_any_documents_are_found_in_the_same_order_again_the_best_first(
    embedder: Embedder, documents: list[dict[str, str]], query: str, most: int
) -> None:
    for with_vectors in (None, embedder):
        hits = Index(documents, with_vectors).best(query, most)
        assert hits == Index(documents, with_vectors).best(query, most)
        assert len({hit.number for hit in hits}) == len(hits) <= most
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits if hit.score > 0), reverse=True)


def test_no_more_than_the_first_places_count_however_many_fit_equally() -> None:
    index = Index([{"name": "same"}] * 500)
    assert [hit.number for hit in index.best("same", 500)] == [*range(64)]
