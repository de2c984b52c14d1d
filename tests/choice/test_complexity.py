"""How hard a task is, and of what type: read from its words, and said with the reasons."""

from __future__ import annotations

import pytest

from swarm.choice.complexity import Complexity, classify


def classified(prompt: str, *, input_size: int = 0, checks: int = 0) -> Complexity:
    return classify(prompt, input_size=input_size, checks=checks, accept=())


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        ("Write a limerick about rain", "writing"),
        ("Add unit tests to the parser", "tests"),
        ("Rename the class Foo", "refactoring"),
        ("Fix the bug in this function", "code"),
        ("Summarise these minutes", "analysis"),
        ("Write the README", "docs"),
    ],
)
def test_the_words_of_a_prompt_give_its_type(prompt: str, kind: str) -> None:
    assert (classified(prompt).type, classified(prompt).level) == (kind, "simple")


def test_each_sign_of_difficulty_is_named_and_together_they_make_the_level() -> None:
    assert classified("Design a cache").level == "moderate"
    hard = classified("Migrate all of it and refactor the design", input_size=30_000, checks=4)
    assert hard.level == "complex"
    assert hard.factors[1:] == ("inputs of 30,000 characters", "4 conditions")
