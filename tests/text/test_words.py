"""Words and phrases: what a text is to the rules that look for some in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.text.words import MOST_CHARACTERS, Phrases, read, words_of_phrase


def found(phrase: str, text: str, *, lead: bool = False) -> bool:
    phrases = Phrases([(" ".join(words_of_phrase(phrase)), "it")])
    return phrases.found(read(text), {"it"} if lead else ()) != {}


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("unit test*", "Write the Unit-Tests."),
        ("résumé", "in your RESUME"),
        ("turn * into", "Turn it into JSON"),
        ("turn * into", "turn the eight words that stand in here into it"),
        ("turn * into", "turn into"),
        ("翻译", "请翻译这句话"),
        ("ください", "訳してください"),
        ("перевед*", "Переведи это"),
    ],
)
def test_a_phrase_is_found_in_any_case_with_or_without_accents_in_any_script(phrase: str, text: str) -> None:
    assert found(phrase, text)


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("test", "the latest attestation"),
        ("unit test", "unit. Or test_it"),
        ("turn * into", "turn " + "a " * 9 + "into"),
    ],
)
def test_a_phrase_is_not_found_in_part_of_a_word_or_over_too_wide_a_gap(phrase: str, text: str) -> None:
    assert not found(phrase, text)


@pytest.mark.parametrize(
    "text", ["test it", "It is slow. Test it", "Two things:\n- test it", '"Why?" Test it', "好。test"]
)
def test_a_sentence_begins_behind_a_stop_a_line_or_a_quotation(text: str) -> None:
    assert found("test", text, lead=True)


@pytest.mark.parametrize("text", ["a test", "see my.test", "1.5 test", "the (small) test"])
def test_nothing_begins_in_the_middle_of_a_sentence_a_name_or_a_number(text: str) -> None:
    assert not found("test", text, lead=True)


def test_words_of_courtesy_stand_before_the_beginning() -> None:
    assert read("Could you please test it", fillers=("could", "you", "please")).leads == {3}


def test_clauses_items_and_questions_are_counted() -> None:
    reading = read("Do this, then that:\n- one\n- two\n2) three\nIs it done? https://x.example/?q=1")
    assert (reading.clauses, reading.items, reading.questions) == (7, 3, 1)
    assert read("先读\uff0c再写。好吗\uff1f").clauses == 3


def test_a_name_in_quotes_is_read_and_a_passage_is_not() -> None:
    assert read('the "Total" of "all that was ever sold here"').words == ("the", "total", "of")
    assert read("```\nfor x in y:\n    pass\n``` is slow").words == ("is", "slow")


@pytest.mark.parametrize("phrase", ["", " ", "...", "*", "* into", "turn *", "a * b * c * d"])
def test_what_is_no_phrase_is_refused_with_an_example(phrase: str) -> None:
    with pytest.raises(ValueError, match=r"is no phrase; write words such as"):
        words_of_phrase(phrase)


@given(st.text())
def test_a_text_is_read_whatever_it_holds_and_no_further_than_its_beginning(text: str) -> None:
    assert read(text) == read(text[:MOST_CHARACTERS])
