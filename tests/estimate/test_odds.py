"""What is expected of a doer's work comes from the narrowest group that has enough samples, and is else said to be a guess."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.views.history import Doer, HistoryView, rounded_size
from swarm.estimate.odds import LEAST_SAMPLES, Odds, quantile
from tests.estimate.works import knowing

sizes = st.lists(st.integers(0, 200_000), min_size=1, max_size=60)


@given(st.lists(st.integers()), st.integers(0, 100), st.integers(0, 100))
def test_a_higher_quantile_is_never_smaller(values: list[int], one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert quantile(sorted(values), low) <= quantile(sorted(values), high)


@given(sizes.filter(lambda values: len(values) >= LEAST_SAMPLES))
def test_quantiles_of_the_log_are_no_smaller_than_those_of_its_answers_and_little_larger(values: list[int]) -> None:
    found = Odds(knowing({("worker", "m", "writing"): values})).sizes(Doer("worker", "m", "writing"), "simple")
    for percent in (50, 90):
        true = quantile(sorted(values), percent)
        assert true <= found.quantile(percent) <= true * 9 // 8 + 1
    assert found.samples == len(values)


@given(st.integers(0, 1 << 40), st.integers(0, 1 << 40))
def test_sizes_that_are_counted_together_keep_their_order(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert low <= rounded_size(low) <= rounded_size(high)
    assert rounded_size(rounded_size(low)) == rounded_size(low)
    assert rounded_size(low) <= low + low // 8


@pytest.mark.parametrize(
    ("known", "speaks"),
    [
        (("worker", "m", "writing"), "worker on m for writing"),
        (("worker", "m", "code"), "worker on m"),
        (("worker", "other", "writing"), "worker for writing"),
        (("worker", "other", "code"), "worker"),
    ],
)
def test_where_the_narrowest_group_is_small_the_next_wider_one_speaks_for_it(
    known: tuple[str, str, str], speaks: str
) -> None:
    few = {("worker", "m", "writing"): [15] * (LEAST_SAMPLES - 1)}
    many = {known: [2] * LEAST_SAMPLES}
    found = Odds(knowing(few | many)).sizes(Doer("worker", "m", "writing"), "simple")
    assert (found.of, found.guess, found.quantile(50)) == (speaks, False, 2)


@pytest.mark.parametrize(
    ("role", "type_", "level", "tokens"),
    [
        ("worker", "writing", "simple", 300),
        ("worker", "code", "moderate", 800),
        ("worker", "code", "complex", 1500),
        ("worker", "analysis", "complex", 2000),
        ("validator", "code", "complex", 400),  # no verdict is longer
    ],
)
def test_without_samples_the_numbers_of_the_level_are_taken_and_marked_as_a_guess(
    role: str, type_: str, level: str, tokens: int
) -> None:
    few = knowing({(role, "m", type_): [9] * (LEAST_SAMPLES - 1)})
    for history in (HistoryView(), few):
        found = Odds(history).sizes(Doer(role, "m", type_), level)
        assert (found.values, found.guess) == ((tokens,), True)


def test_acceptance_comes_from_verdicts_and_is_never_certain() -> None:
    odds = Odds(knowing({}, m=(30, 0)))
    chance = odds.acceptance(Doer("worker", "m", "writing"), 0.5)
    assert (chance.accepted, chance.drafts, chance.guess) == (31, 32, False)
    guessed = Odds(knowing({}, m=(4, 0))).acceptance(Doer("worker", "m", "writing"), 0.55)
    assert (guessed.accepted, guessed.drafts, guessed.guess) == (550, 1000, True)


def test_plans_of_other_types_speak_where_there_are_few_of_one() -> None:
    history = HistoryView(plans={"code": {2: 3}, "docs": {4: 20}})
    assert Odds(history).steps("code", 3).quantile(50) == 4
    assert Odds(history).steps("code", 3).of == "plans"
    assert Odds(HistoryView()).steps("code", 3).values == (1, 2, 3)
