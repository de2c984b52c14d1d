"""The bench of answers that are given again: its pairs are what they say, each way of deciding is asked of them."""

from __future__ import annotations

from bench.answer_pairs import Pair, changed, pairs_of, restated, written_pairs
from bench.answers import of_pairs, ways
from swarm.cache.near import lexical_cosine


def test_pairs_are_two_questions_and_both_halves_hold_many() -> None:
    pairs = [*written_pairs()]
    assert all(pair.asked != pair.known for pair in pairs)
    for looked_at in (True, False):
        half = [pair for pair in pairs if pair.looked_at == looked_at]
        assert len([pair for pair in half if pair.same]) > 150 and len([pair for pair in half if not pair.same]) > 60


def test_rules_edit_what_a_question_has() -> None:
    question = "Can I buy 2 tickets to Rome before noon?"
    assert dict(changed(question)) == {
        "number": "Can I buy 3 tickets to Rome before noon?",
        "negation": "Can not I buy 2 tickets to Rome before noon?",
        "opposite": "Can I buy 2 tickets to Rome after noon?",
        "name": "Can I buy 2 tickets to Oslo before noon?",
    }
    assert ("thanks", f"{question} Thanks in advance!") in [*restated(question)]
    assert {pair.same for pair in pairs_of([question])} == {True, False}


def test_a_likeness_alone_serves_what_the_program_does_not() -> None:
    pairs = [Pair("number", "Sort the 3 longest lists", "Sort the 4 longest lists", False)]
    pairs.append(Pair("courtesy", "Sort the lists, please", "Sort the lists", True))
    served = {name: [serves(pair) for pair in pairs] for name, serves in ways(lexical_cosine).items()}
    assert served["to the letter"] == [False, False]
    assert served["cosine .80"][0], "the wrong one"
    assert served["canonical, guards, same words, cosine .90"] == [False, True]
    figures = [*of_pairs("two", pairs, lexical_cosine)]
    assert [figure.verdict for figure in figures if figure.bar is not None] == ["met", "met"]
