"""Which skills fit a task: what speaks for each is named, a tag lifts and keeps none out, and the unused are seen at times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skills.matching import Catalogue, Explore, Matches, match
from skills.skill import Skill
from skills.words import spoken_words, telling_words
from swarm.text.rank import rank

KNOWN = {
    "code-review": "Reviews a change for bugs, races and missing tests. Use before a change is merged.",
    "writing-tests": "Writes unit tests that fail for the right reason. Use when code has no tests.",
    "debugging-a-failing-test": "Finds why a test fails and mends the cause. Use when a test is red.",
    "refactoring": "Changes the form of code and keeps what it does. Use for long functions and copies.",
    "sql-review": "Reviews SQL queries: locks, plans, indexes. Use when a query is slow.",
    "research-notes": "Gathers sources and keeps what each claims. Use when a question needs reading.",
    "data-cleaning-python": "Cleans tables with Python: types, gaps, doubles. Use for CSV files.",
    "release-notes": "Writes what is new in a version for its users. Use before a release.",
    "security-review": "Looks for holes: injection, secrets, paths. Use when code takes input from others.",
}


def skill(name: str, description: str, *tags: str) -> Skill:
    return Skill(
        name=name,
        description=description,
        folder=f"/s/{name}",
        origin="user",
        digest="",
        head_bytes=0,
        body_bytes=0,
        own_tags=tags,
    )


SHELF = Catalogue([skill(name, said) for name, said in KNOWN.items()])


def found(query: str, *tags: str, most: int = 10) -> Matches:
    return match(query, tags, SHELF, rank, most=most)


def fitting(query: str, *tags: str) -> list[str]:
    return [each.skill.name for each in found(query, *tags).fitting]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("The test in tests/test_cart.py fails, find out why", "debugging-a-failing-test"),
        ("Refactor the parser", "refactoring"),
        ("Write tests for the tax module", "writing-tests"),
        ("Review the SQL of the report, it is slow", "sql-review"),
        ("Write the release notes of 2.1", "release-notes"),
        ("Clean the data in orders.csv with Python", "data-cleaning-python"),
        ("Do a security review of the upload", "security-review"),
    ],
)
def test_the_skill_for_a_task_comes_first_and_fits(query: str, first: str) -> None:
    assert fitting(query)[:1] == [first]


@pytest.mark.parametrize("query", ["Write a poem about the sea", "Say hello.", "", "Translate this to French", "?!"])
def test_where_nothing_fits_nothing_is_loaded_and_that_is_said(query: str) -> None:
    result = found(query)
    assert not result.fitting
    assert result.said == "no skill fits, of 9: nothing is loaded"
    assert len(result.shown) + len(result.left_out) == 9


def test_a_tag_lifts_a_skill_and_keeps_no_other_out() -> None:
    plain, tagged = found("Review the change"), found("Review the change", "SQL")
    score = {each.skill.name: each.score for each in plain.shown}
    lifted = {each.skill.name: each for each in tagged.shown}
    assert lifted["sql-review"].score > score["sql-review"]
    assert lifted["sql-review"].why == "tag SQL; words SQL, review"
    assert "code-review" in lifted, "it has no such tag"


def test_tags_of_the_skill_itself_are_found() -> None:
    shelf = Catalogue([*SHELF.skills, skill("ledger", "Books amounts.", "invoices", "tax")])
    assert [each.skill.name for each in match("x", ["tax"], shelf, rank).fitting] == ["ledger"]


def test_a_tag_of_several_words_is_found_by_them_and_as_a_whole() -> None:
    shelf = Catalogue([*SHELF.skills, skill("merge", "Looks at changes.", "pull-request")])
    for query, tags in (("Look at the pull request", []), ("x", ["pull-request"])):
        assert [each.skill.name for each in match(query, tags, shelf, rank).fitting] == ["merge"]
    assert not match("x", ["request"], shelf, rank).fitting, "it is no tag of its own"


def test_what_speaks_for_a_skill_is_said_in_the_words_of_the_task() -> None:
    first = found("Tests are failing").shown[0]
    assert (first.skill.name, first.why) == ("debugging-a-failing-test", "words tests, failing")


def test_a_word_that_most_skills_have_tells_nothing() -> None:
    shelf = Catalogue([skill(f"review-{number}", f"Reviews number {number}.") for number in range(12)])
    assert not match("review the number of the page", [], shelf, rank).fitting


def test_an_empty_library_says_so() -> None:
    assert match("x", [], Catalogue([]), rank).said == "there are no skills"


def drawn(seed: str, used: Mapping[str, int], most: int = 4) -> str:
    result = match("review", [], SHELF, rank, most=most, explore=Explore(seed, used))
    (explored,) = [each for each in result.shown if each.explored]
    return explored.skill.name


def test_a_skill_that_was_never_used_is_shown_at_times_and_often_used_ones_seldom() -> None:
    used = {name: 50 for name in KNOWN if name != "research-notes"}
    seen = Counter(drawn(f"s{number}", used) for number in range(100))
    assert seen.most_common(1)[0][0] == "research-notes"
    assert {drawn(f"s{number}", {}) for number in range(100)} >= {"research-notes", "refactoring", "writing-tests"}


def test_the_same_seed_and_uses_draw_the_same() -> None:
    assert drawn("s1", {"refactoring": 2}) == drawn("s1", {"refactoring": 2})


def test_exploring_takes_no_place_from_a_skill_that_fits_and_none_where_all_are_shown() -> None:
    query = "Code review, security review and SQL review"
    explore = Explore("s")
    plain, crowded = found(query, most=3), match(query, [], SHELF, rank, most=3, explore=explore)
    assert len(plain.fitting) == 3 and crowded == plain
    everything = Catalogue(SHELF.skills[:2])
    assert not any(each.explored for each in match("code tests", [], everything, rank, explore=explore).shown)
    nothing = match("xyzzy", [], SHELF, rank, explore=explore)
    assert not nothing.shown, "where nothing has to do with a task, nothing is listed"


def no_rank(query: str, documents: Sequence[Mapping[str, str]]) -> Sequence[float]:
    return [0.0] * len(documents)


def test_a_skill_that_a_task_names_fits_whatever_the_rank_says() -> None:
    assert [each.skill.name for each in match("Use refactoring", [], SHELF, no_rank).fitting] == ["refactoring"]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(sorted({w for d in KNOWN.values() for w in d.split()})), max_size=12), st.integers(1, 9)
)
def test_each_skill_is_shown_or_left_out_once_and_the_fitting_come_first(words: list[str], most: int) -> None:
    result = match(" ".join(words), [], SHELF, rank, most=most, explore=Explore("s"))
    names = [*(each.skill.name for each in result.shown), *result.left_out]
    assert sorted(names) == sorted(KNOWN) and len(result.shown) <= most
    fits = [each.fits for each in result.shown if not each.explored]
    assert fits == sorted(fits, reverse=True)


def test_words_are_compared_in_one_form() -> None:
    assert list(spoken_words("Debugging the failing tests")) == ["debug", "fail", "test"]
    same = [
        ("queries", "query"),
        ("reviewed", "review"),
        ("caches", "cache"),
        ("writing", "write"),
        ("stopped", "stop"),
    ]
    for one, other in same:
        assert [*spoken_words(one)] == [*spoken_words(other)]
    apart = [("bus", "bu"), ("pass", "pas"), ("ring", "r"), ("c++", "c"), ("c#", "c")]
    for one, other in apart:
        assert [*spoken_words(one)] != [*spoken_words(other)]


def test_tags_are_made_of_what_stands_out_in_a_description() -> None:
    said = "Extracts text from PDFs and .docx files with `pandas`, in C++, on GitHub. SQL, and A too."
    assert telling_words(said) == ["pdf", "docx", "pandas", "c++", "github", "sql"]
    assert telling_words("Plain words only.") == []
    assert [*spoken_words("in 40 s, a C++ task at 名")] == ["40", "c++", "task", "名"]
