"""Which questions are the same: what people vary without meaning another thing, and nothing that changes the answer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.answer_pairs import Pair, written_pairs
from swarm.cache.canonical import canonical
from swarm.cache.guards import SERVE_FROM, fired, question_of, verdict
from swarm.cache.near import Near, lexical_cosine
from swarm.cache.parts import parts_of

PAIRS = [*written_pairs()]


def served(pair: Pair) -> bool:
    near = Near(lexical_cosine)
    near.put(pair.known, "known")
    return near.find(pair.asked) is not None


@pytest.mark.parametrize("aside", [True, False], ids=["not looked at", "looked at"])
def test_of_edits_that_change_the_answer_none_is_served_and_of_restatements_nearly_all(aside: bool) -> None:
    pairs = [pair for pair in PAIRS if pair.looked_at != aside]
    assert not [pair for pair in pairs if not pair.same and served(pair)]
    restated = [pair for pair in pairs if pair.same]
    assert sum(map(served, restated)) >= 0.95 * len(restated) > 150


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Hey!  What's the BOILING point of water ?", "what is the boiling point of water"),
        ("Could you please explain monads, thanks a lot!", "explain monads"),
        ("can you run it on Windows", "can you run it on Windows"),
        ("Say please", "say please"),
        ("Hello, world in C", "hello, world in C"),
        ("Use `A  b` and 'C  d' in  ./X.py", "use `A  b` and 'C  d' in ./X.py"),
        ("Does the WHO know who it was?", "does the WHO know who it was"),
        ("What is 5!", "what is 5!"),
        (
            "# Task\nPlease sort it.\n\n# It is accepted when\n- Please.",
            "# Task\nsort it\n\n# It is accepted when\n- Please.",
        ),
        ("Sum up:\n1. THIS", "Sum up:\n1. THIS"),
        ("<<<\nHI\n>>>", "<<<\nHI\n>>>"),
    ],
)
def test_the_canonical_form(text: str, form: str) -> None:
    assert canonical(text) == form


@pytest.mark.parametrize(
    ("asked", "known", "guard"),
    [
        ("Sort the 3 lists", "Sort the 4 lists", "numbers"),
        ("Sort three lists", "Sort four lists", "numbers"),
        ("Is it safe", "Is it not safe", "negation"),
        ("Open `a.py` now", "Open `b.py` now", "code, quotes, paths"),
        ("How is it done", "Why is it done", "question word"),
        ("Fly from Rome to Oslo", "Fly from Oslo to Rome", "order of words"),
        ("Write to Anna", "Write to Ben", "names"),
        ("Enable the cache", "Disable the cache", "opposites"),
        ("Sum it up.\n\nOne text", "Sum it up.\n\nAnother text", "what it is about"),
    ],
)
def test_each_guard_holds_what_it_is_for_apart(asked: str, known: str, guard: str) -> None:
    assert guard in fired(question_of(asked), question_of(known))
    assert guard in verdict(question_of(asked), question_of(known), 1.0).reasons


def test_one_word_apart_is_a_suggestion_and_never_an_answer() -> None:
    one, other = question_of("Explain how the parser reads a file"), question_of("Explain how the parser reads a table")
    assert verdict(one, other, 0.99).word == "suggest"
    assert verdict(one, other, 0.94).word == "no"


def test_the_same_words_need_to_be_alike_and_to_be_enough() -> None:
    one, other = question_of("Explain how the parser reads a file"), question_of("Explain how a parser reads the file")
    assert verdict(one, other, SERVE_FROM).word == "serve" and verdict(one, other, SERVE_FROM - 0.01).word == "no"
    assert verdict(question_of("What is the time"), question_of("What is time"), 1.0).word == "no"


TEXTS = st.text(st.sampled_from("aAbI 3.'`\"?!,-/_\n#"), max_size=40) | st.text(max_size=40)


@settings(max_examples=60)
@given(TEXTS)
def test_a_canonical_form_is_its_own_and_parts_are_the_text(text: str) -> None:
    assert "".join(part.text for part in parts_of(text)) == text
    form = canonical(text)
    assert canonical(form) == form


@settings(max_examples=60)
@given(TEXTS, TEXTS)
def test_what_is_served_has_the_same_content_words_numbers_and_code(asked: str, known: str) -> None:
    one, other = question_of(asked), question_of(known)
    if verdict(one, other, 1.0).word == "serve":
        assert (one.words, one.numbers, one.code, one.about) == (other.words, other.numbers, other.code, other.about)


def test_of_those_that_may_be_given_the_newest_is_found() -> None:
    near = Near(lexical_cosine)
    near.put("How do I sort the list of names", "old")
    near.put("How do I sort a list of names", "new")
    near.put("Another question about names and lists", "other")
    found = near.find("In what follows, how can I sort names")
    assert found is None
    found = near.find("How can I sort the list of names?")
    assert found is not None and (found.entry, found.how) == ("new", "near")
    found = near.find("How can I sort the list of names?", may=lambda entry, how: entry != "new")
    assert found is not None and found.entry == "old"
