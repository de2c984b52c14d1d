"""The chooser: a pure draw, free first, and a reason for everything that could not be drawn."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.testing.builders import MORNING
from events.trails import EVERYWHERE, Trail
from events.types.choice import ChoiceMade
from events.views.trails import TrailsView
from swarm.choice.choose import PRIOR, Question, choose, decided_again, expected_acceptance, probability
from swarm.messages import FREE, TIERS, Arm, Price, Step, Tier

CONTEXT = "worker/writing"


def arm(model: str, tier: Tier = "free") -> Arm:
    price = FREE if tier in ("local", "free") else Price(row=model, input_nanos=10**9, output_nanos=5 * 10**9)
    return Arm(agent="maker", model=model, tier=tier, price=price)


def question(seed: str = "1", *, stay_on: str = "", without: tuple[str, ...] = ()) -> Question:
    return Question(
        role="worker",
        context=CONTEXT,
        seed=seed,
        now=MORNING,
        input_tokens=1_000,
        output_tokens=500,
        stay_on=stay_on,
        without=without,
    )


def trails(**judged: tuple[int, int]) -> TrailsView:
    """A model's name = its accepted and rejected work, in the context and everywhere."""
    view = TrailsView()
    for model, (accepted, rejected) in judged.items():
        for context in (CONTEXT, EVERYWHERE):
            view.trails[context, f"maker@{model}"] = Trail(accepted, rejected, MORNING)
    return view


def made(choice: ChoiceMade | None) -> ChoiceMade:
    assert choice is not None
    return choice


arms = st.lists(
    st.builds(arm, st.sampled_from("abcdef"), st.sampled_from(TIERS)), min_size=1, unique_by=lambda arm: arm.model
)
histories = st.dictionaries(st.sampled_from("abcdef"), st.tuples(st.integers(0, 40), st.integers(0, 40)))


@given(arms, histories, st.text(max_size=8), st.sets(st.sampled_from("abcdef")), st.sets(st.sampled_from("abcdef")))
def test_a_choice_is_a_function_of_its_arguments_and_names_every_arm_once(
    arms: list[Arm], judged: dict[str, tuple[int, int]], seed: str, barred: set[str], rejected: set[str]
) -> None:
    asked = question(seed, without=tuple(sorted(f"maker@{model}" for model in rejected)))
    excluded = dict.fromkeys(barred, "its key was refused")
    choice = choose(asked, arms, trails(**judged), excluded)
    assert choose(asked, arms, trails(**judged), excluded) == choice
    allowed = {each.model for each in arms} - barred
    if choice is None:
        assert not allowed
        return
    turned = made(choose(asked, arms[::-1], trails(**judged), excluded))
    assert turned.model == choice.model, "the order of the arms says nothing"
    named = [each.model for each in choice.candidates] + [each.model for each in choice.excluded]
    assert sorted(named) == sorted(each.model for each in arms)
    assert all(each.rule for each in choice.excluded)
    assert choice.model not in barred
    assert choice.model not in rejected or allowed <= rejected
    assert 0 < probability(choice) <= 1
    assert decided_again(choice) == choice, "a replay comes to the same"


@given(arms, histories, st.text(max_size=8))
def test_no_tier_is_drawn_from_while_a_cheaper_one_is_worth_a_try(
    arms: list[Arm], judged: dict[str, tuple[int, int]], seed: str
) -> None:
    choice = made(choose(question(seed), arms, trails(**judged), {}))
    worth = [
        TIERS.index(each.tier)
        for each in arms
        if expected_acceptance(each, CONTEXT, trails(**judged), MORNING)[0] >= 0.2
    ]
    last = max(TIERS.index(each.tier) for each in arms)
    assert TIERS.index(choice.tier) == (min(worth) if worth else last)
    assert {each.tier for each in choice.candidates if each.weight} == {choice.tier}


def test_draws_come_as_often_as_the_event_says_they_do() -> None:
    """4,000 seeds: each share lies within four standard deviations of the probability that its event gives."""
    known, draws = trails(a=(30, 2), b=(10, 10), c=(2, 12)), 4_000
    some = [arm("a"), arm("b"), arm("c"), arm("d"), arm("dear", "paid")]
    choices = [made(choose(question(f"s1/t/1/1/worker/{seed}"), some, known, {})) for seed in range(draws)]
    drawn = Counter(choice.model for choice in choices)
    said = {choice.model: probability(choice) for choice in choices}
    assert set(drawn) == {"a", "b", "c", "d"}
    assert sum(said.values()) == pytest.approx(1.0)
    for model, share in said.items():
        assert abs(drawn[model] / draws - share) < 4 * math.sqrt(share * (1 - share) / draws)


def test_a_free_model_of_which_a_fifth_is_accepted_goes_before_a_paid_one_and_a_worse_one_is_passed_over() -> None:
    some = [arm("free"), arm("dear", "paid")]
    assert made(choose(question(), some, trails(free=(3, 9)), {})).model == "free"
    choice = made(choose(question(), some, trails(free=(0, 40)), {}))
    assert choice.model == "dear"
    (passed_over,) = [each for each in choice.candidates if each.model == "free"]
    assert (passed_over.weight, passed_over.mean < 0.2) == (0, True)


def test_the_last_tier_is_tried_where_none_is_worth_it() -> None:
    bad = trails(free=(0, 400), dear=(0, 400))
    assert made(choose(question(), [arm("free"), arm("dear", "paid")], bad, {})).model == "dear"


def test_rejected_arms_are_left_out_while_there_is_another_and_taken_again_where_there_is_none() -> None:
    some, without = [arm("a"), arm("dear", "paid")], ("maker@a",)
    choice = made(choose(question(without=without), some, TrailsView(), {}))
    assert choice.model == "dear"
    assert [(each.model, each.rule) for each in choice.excluded] == [("a", "its drafts were rejected")]
    alone = made(choose(question(without=without), some, TrailsView(), {"dear": "its key was refused"}))
    assert alone.model == "a"
    assert [(each.model, each.rule) for each in alone.excluded] == [("dear", "its key was refused")]


def test_another_try_with_feedback_stays_on_its_arm_and_says_so() -> None:
    some = [arm(model) for model in "abc"]
    choice = made(choose(question(stay_on="maker@c"), some, TrailsView(), {}))
    assert (choice.model, choice.why, probability(choice)) == ("c", "another try with feedback", 1.0)
    assert decided_again(choice) == choice
    gone = made(choose(question(stay_on="maker@c"), some, TrailsView(), {"c": "refused the key"}))
    assert gone.model in "ab"
    assert gone.why == ""


def test_no_arm_is_no_choice() -> None:
    assert choose(question(), [], TrailsView(), {}) is None
    assert choose(question(), [arm("a")], TrailsView(), {"a": "its tier is not among cheap"}) is None


def test_a_newcomer_is_expected_to_do_as_its_tier_and_every_verdict_moves_it_within_bounds() -> None:
    for tier in TIERS:
        mean, accepted, rejected = expected_acceptance(arm("new", tier), CONTEXT, TrailsView(), MORNING)
        assert mean == pytest.approx(PRIOR[tier])
        assert (accepted, rejected) == (0, 0)
    low = expected_acceptance(arm("a"), CONTEXT, trails(a=(0, 5_000)), MORNING)[0]
    high = expected_acceptance(arm("a"), CONTEXT, trails(a=(5_000, 0)), MORNING)[0]
    assert (low, high) == (0.02, 0.98)


def test_between_equals_the_cheaper_one_is_drawn_more_often() -> None:
    cheap = Arm(agent="maker", model="x", tier="paid", price=Price(row="x", input_nanos=10**8, output_nanos=10**8))
    choice = made(choose(question(), [cheap, arm("y", "paid")], TrailsView(), {}))
    weights = {each.model: each.weight for each in choice.candidates}
    assert weights["x"] > weights["y"] > 0
    costs = {each.model: each.cost_nanos for each in choice.candidates}
    assert costs == {"x": 150_000, "y": 3_500_000}


@pytest.mark.parametrize(("above", "cost"), [(1_000, 7 + 1_000 + 500 * 2), (999, 7 + 1_000 * 3 + 500 * 4)])
def test_what_a_call_would_cost_is_weighed_at_the_step_of_its_input(above: int, cost: int) -> None:
    step = Step(above_tokens=above, input_nanos=3 * 10**6, output_nanos=4 * 10**6)
    price = Price(row="p", input_nanos=10**6, output_nanos=2 * 10**6, request_nanos=7, steps=(step,))
    choice = choose(question(), [Arm(agent="maker", model="m", tier="paid", price=price)], trails(), {})
    assert [candidate.cost_nanos for candidate in made(choice).candidates] == [cost]
