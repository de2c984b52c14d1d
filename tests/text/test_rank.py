"""Which text fits a query is decided by its words, the same way every time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from swarm.text.rank import FIELDS, MOST_WORDS, asked, bm25, clauses, rank, words

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


SKILLS = (
    {"name": "review-code", "description": "Looks at changes before they are merged.", "tags": "git"},
    {"name": "write-tests", "description": "Adds what is missing to a suite of tests.", "tags": "python"},
    {"name": "tidy-tables", "description": "Cleans rows, dates and numbers of spreadsheets.", "tags": "data csv"},
    {"name": "nothing", "description": "", "tags": ""},
)


def fits(query: str) -> list[str]:
    """The names of those that fit, the best first."""
    scores = rank(query, SKILLS)
    return [SKILLS[number]["name"] for number in sorted(range(4), key=lambda at: -scores[at]) if scores[number]]


def test_a_document_is_found_by_name_tag_or_description_and_by_how_a_word_begins() -> None:
    assert fits("code")[0] == fits("the changes of this branch")[0] == fits("git")[0] == "review-code"
    assert fits("reviewing a patch")[0] == "review-code"
    assert fits("a CSV of customers")[0] == "tidy-tables"
    assert fits("zebra") == fits("") == []


def test_a_word_in_the_name_counts_more_than_one_in_the_description_and_a_tag_more_than_that() -> None:
    documents = [
        {field: "invoices", "other": "a few words more"} for field in ("description", "name", "tags", "parameters")
    ]
    scores = rank("invoices", documents)
    assert sorted(range(4), key=lambda at: -scores[at]) == [1, 2, 0, 3]


def test_a_tag_lifts_but_its_lack_keeps_nobody_out() -> None:
    documents = [
        {"name": "a", "description": "plots figures"},
        {"name": "b", "description": "plots", "tags": "figures"},
    ]
    first, second = rank("plots figures", documents)
    assert 0 < first < second


def test_each_clause_of_a_query_may_ask_for_something_of_its_own() -> None:
    assert clauses("Clean the three tables. Then write the missing tests, and commit!") == [
        "Clean the three tables",
        " write the missing tests, ",
    ]
    assert clauses("Clean the tables") == clauses("") == []
    assert {*fits("Tidy up the tables and then write some more tests")[:2]} == {"tidy-tables", "write-tests"}


def test_a_long_query_is_read_up_to_a_number_of_words() -> None:
    read, *parts = asked("word. " * 10_000)
    assert len(read.split()) == MOST_WORDS
    assert len(parts) <= 8
    assert asked("...") == [""]


@given(
    st.text(max_size=60),
    st.lists(st.dictionaries(st.sampled_from([*FIELDS, "body"]), st.text(max_size=40)), max_size=5),
)
def test_ranks_are_finite_never_negative_and_the_same_again(query: str, documents: list[dict[str, str]]) -> None:
    scores = rank(query, documents)
    assert len(scores) == len(documents)
    assert all(0 <= score < 1e6 for score in scores)
    assert rank(query, documents) == scores
