"""How hard a task is, and of what type: read from its words and its size, and said with the reasons."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.choice.complexity import Complexity, classify, usual_attempts
from swarm.settings.complexity import ComplexityChanges, RuleChange
from swarm.settings.ruletable import shipped, table_of
from swarm.text.words import words_of_phrase


def classified(prompt: str, *, input_size: int = 0, inputs: int = 0, checks: int = 0) -> Complexity:
    return classify(prompt, input_size=input_size, inputs=inputs, checks=checks, accept=())


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        ("Write a limerick about rain", "writing"),
        ("Add unit tests to the parser", "tests"),
        ("Rename the class Foo", "refactoring"),
        ("Fix the bug in this function", "code"),
        ("Summarise these minutes", "summary"),
        ("Write the README", "docs"),
        ("Übersetze den Brief ins Französische", "translation"),
        ("把这段话翻译成英文。你好", "translation"),
        ("Extract all e-mail addresses as JSON", "extraction"),
        ("Add an endpoint that returns all users", "api"),
        ("Write a Dockerfile", "operations"),
        ("Compare Redis and Memcached", "analysis"),
        ("Design a cache", "architecture"),
        ("What is the capital of Peru?", "question"),
        ("Hm", "writing"),
    ],
)
def test_the_words_of_a_prompt_give_its_type(prompt: str, kind: str) -> None:
    assert classified(prompt).type == kind


def test_what_a_prompt_quotes_says_nothing_of_what_is_to_be_done() -> None:
    said = 'Translate into French: "Write unit tests for the parser and deploy it with Docker."'
    assert (
        classified(said).factors == classified('Translate into French: "Where is the nearest station, please?"').factors
    )


def test_a_word_counts_where_a_sentence_begins_with_it_if_the_rule_says_so() -> None:
    assert classified("Please review the function.").type == "analysis"
    assert classified("Fix the bug that the review found.").type == "code"


def test_each_sign_of_difficulty_is_named_with_its_points_and_together_they_make_the_level() -> None:
    assert classified("Rename the class Foo").level == "simple"
    assert classified("Rename the class Foo", input_size=30_000, checks=2).level == "moderate"
    hard = classified("Migrate all of it and refactor the design", input_size=120_000, inputs=4, checks=4)
    assert hard.level == "complex"
    assert hard.factors[-6:] == (
        "+3 inputs-8-kb (120,000)",
        "+3 inputs-50-kb (120,000)",
        "+2 inputs-100-kb (120,000)",
        "+1 inputs-3 (4)",
        "+1 conditions-2 (4)",
        "+1 conditions-4 (4)",
    )


def test_what_is_said_of_a_prompt_never_holds_a_word_of_its_own() -> None:
    factors = classified("Rewrite the hunter2 function, and summarise_hunter2 it").factors
    assert "rewrite * function" in str(factors)
    assert "hunter2" not in str(factors)


def test_a_type_whose_drafts_were_often_rejected_is_taken_for_harder() -> None:
    past = usual_attempts([("refactoring", 3, 6), ("refactoring", 2, 4), ("docs", 3, 1)])
    assert past == {"refactoring": 3.0}, "four drafts say nothing of docs"
    before = classified("Rename the class Foo")
    after = classify("Rename the class Foo", input_size=0, checks=0, accept=(), attempts=past)
    assert (before.level, after.level) == ("simple", "moderate")
    assert after.factors == (*before.factors, "+1 attempts-1-5 (3.0)", "+2 attempts-2-5 (3.0)")


def test_settings_add_a_rule_and_change_one_that_ships() -> None:
    changes = ComplexityChanges(
        complex_from=4,
        rules=(
            RuleChange(
                name="ours", words=("ledger", "general ledger*"), type="bookkeeping", weight=9, points=2, most=2
            ),
            RuleChange(name="translate", weight=0),
            RuleChange(name="translation", weight=0),
        ),
    )
    found = classify("Close the ledger.", input_size=0, checks=0, accept=(), table=table_of(changes))
    assert found == Complexity("bookkeeping", "simple", ("ours (ledger)", "+2 ours (ledger)"))
    twice = classify(
        "Close the ledger: the general ledgers.", input_size=0, checks=0, accept=(), table=table_of(changes)
    )
    assert (twice.level, twice.factors[-1]) == ("complex", "+4 ours (ledger, general ledger*)")
    french = classify("Translate it", input_size=0, checks=0, accept=(), table=table_of(changes))
    assert french.type == "writing"


def test_the_table_that_ships_is_in_order() -> None:
    table = shipped()
    assert {rule.type for rule in table.rules.values() if rule.type} <= set(table.types)
    assert table.otherwise in table.types
    assert 0 < table.moderate_from < table.complex_from
    for name, rule in table.rules.items():
        assert [bool(rule.words), rule.measure is not None, bool(rule.types)].count(True) == 1, name
        assert (rule.type and rule.weight) or rule.points, name
        for phrase in rule.words:
            assert " ".join(words_of_phrase(phrase)) == phrase, f"{name}: {phrase} is not kept as it is compared"
        assert len(set(rule.words)) == len(rule.words), name


@given(st.text(), st.integers(0, 10**9), st.integers(0, 50))
def test_any_prompt_gets_a_known_type_and_the_same_one_each_time(prompt: str, size: int, inputs: int) -> None:
    found = classified(prompt, input_size=size, inputs=inputs)
    assert found.type in shipped().types
    assert found == classified(prompt, input_size=size, inputs=inputs)


@given(st.text(max_size=200), st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 9), st.integers(0, 9))
def test_more_to_read_and_more_conditions_never_make_a_task_easier(
    prompt: str, one: int, other: int, few: int, more: int
) -> None:
    levels = ("simple", "moderate", "complex")
    small = classified(prompt, input_size=min(one, other), checks=min(few, more))
    large = classified(prompt, input_size=max(one, other), checks=max(few, more))
    assert levels.index(small.level) <= levels.index(large.level)
