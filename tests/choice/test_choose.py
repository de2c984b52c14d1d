"""The chooser: a pure draw, free first, and a reason for everything that could not be drawn."""

from __future__ import annotations

import math
from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.testing.builders import MORNING
from events.trails import EVERYWHERE, Trail, Trails
from events.types.choice import FREE_TIERS, ChoiceMade, ChoiceStopped
from swarm.choice.choose import STOPPED, choose, decided_again, probabilities, probability
from swarm.choice.question import POLICIES, PRIOR, Policy, Question, acceptance_of, outside
from swarm.choice.roulette import FLOOR
from swarm.messages import FREE, TIERS, Arm, Price, Step, Tier

CONTEXT = "worker/writing"


def arm(model: str, tier: Tier = "free") -> Arm:
    price = FREE if tier in ("local", "free") else Price(row=model, input_nanos=10**9, output_nanos=5 * 10**9)
    return Arm(agent="maker", model=model, tier=tier, price=price)


def priced(model: str, dollars: int) -> Arm:
    """A paid arm at so many dollars a million tokens."""
    price = Price(row=model, input_nanos=dollars * 10**9, output_nanos=dollars * 10**9)
    return Arm(agent="maker", model=model, tier="paid", price=price)


def question(
    seed: str = "1", policy: Policy = "roulette", *, stay_on: str = "", without: tuple[str, ...] = (), arms: int = 2
) -> Question:
    return Question(
        role="worker",
        context=CONTEXT,
        policy=policy,
        arms=arms,
        seed=seed,
        step=seed,
        tried=without * 2 or ((stay_on,) if stay_on else ()),
        now=MORNING,
        input_tokens=1_000,
        output_tokens=500,
        stay_on=stay_on,
        without=without,
    )


def trails(**judged: tuple[int, int]) -> Trails:
    """A model's name = its accepted and rejected work, in the context and everywhere."""
    learned = Trails()
    for model, (accepted, rejected) in judged.items():
        for place in ((CONTEXT, f"maker@{model}"), (EVERYWHERE, model)):
            learned.rows[place] = Trail(accepted, rejected, MORNING)
    return learned


def made(choice: ChoiceMade | ChoiceStopped | None) -> ChoiceMade:
    assert isinstance(choice, ChoiceMade)
    return choice


arms = st.lists(
    st.builds(arm, st.sampled_from("abcdef"), st.sampled_from(TIERS)), min_size=1, unique_by=lambda arm: arm.model
)
histories = st.dictionaries(st.sampled_from("abcdef"), st.tuples(st.integers(0, 40), st.integers(0, 40)))


policies = st.sampled_from(POLICIES)


@given(
    policies,
    arms,
    histories,
    st.text(max_size=8),
    st.sets(st.sampled_from("abcdef")),
    st.sets(st.sampled_from("abcdef")),
)
def test_a_choice_is_a_function_of_its_arguments_and_names_every_arm_once(
    policy: Policy,
    arms: list[Arm],
    judged: dict[str, tuple[int, int]],
    seed: str,
    barred: set[str],
    rejected: set[str],
) -> None:
    asked = question(seed, policy, without=tuple(sorted(f"maker@{model}" for model in rejected)))
    excluded = dict.fromkeys(barred, "its key was refused")
    choice = choose(asked, arms, trails(**judged), excluded)
    assert choose(asked, arms, trails(**judged), excluded) == choice
    allowed = {each.model for each in arms} - barred
    if choice is None:
        assert not allowed
        return
    assert decided_again(choice) == choice, "a replay comes to the same"
    turned = choose(asked, arms[::-1], trails(**judged), excluded)
    named = [each.model for each in choice.candidates] + [each.model for each in choice.excluded]
    assert sorted(named) == sorted(each.model for each in arms)
    assert all(each.rule for each in choice.excluded)
    if isinstance(choice, ChoiceStopped):
        assert isinstance(turned, ChoiceStopped)
        assert choice.tried, "the first try is always made"
        return
    assert made(turned).model == choice.model, "the order of the arms says nothing"
    assert choice.model not in barred
    assert choice.model not in rejected or allowed <= rejected
    assert 0 < probability(choice) <= 1


@given(arms, histories, st.text(max_size=8))
def test_no_tier_is_drawn_from_while_a_cheaper_one_is_worth_a_try(
    arms: list[Arm], judged: dict[str, tuple[int, int]], seed: str
) -> None:
    choice = made(choose(question(seed), arms, trails(**judged), {}))
    worth = [
        TIERS.index(each.tier) for each in arms if acceptance_of(each, CONTEXT, trails(**judged), MORNING).mean >= 0.2
    ]
    last = max(TIERS.index(each.tier) for each in arms)
    assert TIERS.index(choice.tier) == (min(worth) if worth else last)
    assert {each.tier for each in choice.candidates if each.weight} == {choice.tier}


def test_draws_come_as_often_as_the_event_says_they_do() -> None:
    """Chi-square over 4,000 seeds, and each share within four standard deviations of the probability that its event gives."""
    known, draws = trails(a=(30, 2), b=(10, 10), c=(2, 12)), 4_000
    some = [arm("a"), arm("b"), arm("c"), arm("d"), arm("dear", "paid")]
    choices = [made(choose(question(f"s1/t/1/1/worker/{seed}"), some, known, {})) for seed in range(draws)]
    drawn = Counter(choice.model for choice in choices)
    said = {choice.model: probability(choice) for choice in choices}
    assert set(drawn) == {"a", "b", "c", "d"}
    assert sum(said.values()) == pytest.approx(1.0)
    square = sum((drawn[model] - draws * share) ** 2 / (draws * share) for model, share in said.items())
    assert square < 16.3, "the 99.9 % quantile of three degrees of freedom"
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
    choice = made(choose(question(without=without), some, Trails(), {}))
    assert choice.model == "dear"
    assert [(each.model, each.rule) for each in choice.excluded] == [("a", "its drafts were rejected")]
    alone = made(choose(question(without=without), some, Trails(), {"dear": "its key was refused"}))
    assert alone.model == "a"
    assert [(each.model, each.rule) for each in alone.excluded] == [("dear", "its key was refused")]


def test_another_try_with_feedback_stays_on_its_arm_and_says_so() -> None:
    some = [arm(model) for model in "abc"]
    choice = made(choose(question(stay_on="maker@c"), some, Trails(), {}))
    assert (choice.model, choice.why, probability(choice)) == ("c", "another try with feedback", 1.0)
    assert decided_again(choice) == choice
    gone = made(choose(question(stay_on="maker@c"), some, Trails(), {"c": "refused the key"}))
    assert gone.model in "ab"
    assert gone.why == ""


@given(arms, st.sampled_from(TIERS), st.sampled_from(TIERS))
def test_a_level_leaves_models_out_on_both_sides_and_somebody_in(arms: list[Arm], start: Tier, ceiling: Tier) -> None:
    out = outside(arms, start, ceiling, "simple")
    left = [each for each in arms if each.model not in out]
    assert left
    ranks = {TIERS.index(each.tier) for each in arms}
    low, high = TIERS.index(start), max(TIERS.index(start), TIERS.index(ceiling))
    inside = {rank for rank in ranks if low <= rank <= high}
    if inside:
        assert {TIERS.index(each.tier) for each in left} >= inside
    else:
        assert len({each.tier for each in left}) == 1, "the nearest tier above, else below"
    assert all(word.startswith("simple work ") for word in out.values())


def test_no_arm_is_no_choice() -> None:
    assert choose(question(), [], Trails(), {}) is None
    assert choose(question(), [arm("a")], Trails(), {"a": "its tier is not among cheap"}) is None


def test_a_newcomer_is_expected_to_do_as_its_tier_and_what_its_model_did_elsewhere_counts_for_it_here() -> None:
    for tier in TIERS:
        known = acceptance_of(arm("new", tier), CONTEXT, Trails(), MORNING)
        assert known.mean == pytest.approx(PRIOR[tier])
        assert known.accepted + known.rejected == pytest.approx(8), "as much as eight verdicts"
    elsewhere = Trails(rows={(EVERYWHERE, "new"): Trail(0, 40, MORNING)})
    assert acceptance_of(arm("new"), CONTEXT, elsewhere, MORNING).mean == pytest.approx(0.55 * 4 / 44)


@given(arms, histories, st.text(max_size=8))
def test_no_arm_that_a_roulette_may_draw_is_below_its_floor_and_the_wheel_is_one(
    arms: list[Arm], judged: dict[str, tuple[int, int]], seed: str
) -> None:
    choice = made(choose(question(seed), arms, trails(**judged), {}))
    shares = probabilities(choice)
    assert sum(shares.values()) == pytest.approx(1)
    assert min(shares.values()) >= min(FLOOR, 1 / len(shares)) - 1e-9
    assert shares.keys() == {each.arm for each in choice.candidates if each.tier == choice.tier}


@given(arms, histories, st.text(max_size=8))
def test_a_free_arm_that_is_skipped_for_a_first_try_has_its_reason_in_the_event(
    arms: list[Arm], judged: dict[str, tuple[int, int]], seed: str
) -> None:
    choice = made(choose(question(seed, "trails"), arms, trails(**judged), {}))
    free = {each.model for each in choice.candidates if each.tier in FREE_TIERS}
    if choice.tier not in FREE_TIERS:
        assert {each.model for each in choice.skipped} == free
    poor = {each.model for each in choice.candidates if each.mean < 0.2 and each.tier in FREE_TIERS}
    assert {each.model for each in choice.skipped} == poor
    assert all("20 % is the least" in each.rule for each in choice.skipped)
    excluded = made(
        choose(question(seed, "trails"), [*arms, arm("gone")], trails(**judged), {"gone": "its key is gone"})
    )
    assert [(each.model, each.rule) for each in excluded.excluded] == [("gone", "its key is gone")]


def test_a_step_that_is_planned_from_the_start_may_begin_with_a_paid_arm() -> None:
    some = [arm("free"), arm("dear", "paid")]
    poor = trails(free=(5, 13), dear=(60, 1))
    assert made(choose(question("s", "trails"), some, poor, {})).model == "free"
    asked = msgspec.structs.replace(question("s", "trails"), free_first=False, arms=1)
    choice = made(choose(asked, some, poor, {}))
    assert (choice.model, choice.start) == ("dear", "planned")


def test_rejected_work_leads_to_a_paid_arm_where_the_plan_says_so_and_the_task_may_still_escalate() -> None:
    some = [arm("a"), arm("b"), arm("dear", "paid")]
    weak = trails(a=(4, 8), b=(3, 9), dear=(40, 2))
    asked = question("s", "trails", without=("maker@a",), arms=1)
    choice = made(choose(asked, some, weak, {}))
    assert (choice.model, len(choice.tried)) == ("dear", 2)
    kept = made(choose(msgspec.structs.replace(asked, may_escalate=False), some, weak, {}))
    assert kept.model == "b"
    assert ("dear", "the task has gone to paid models as often as it may") in [
        (each.model, each.rule) for each in kept.excluded
    ]


def test_a_try_that_is_not_worth_its_cost_is_not_made_and_the_event_says_what_it_would_be_worth() -> None:
    some = [arm("a"), arm("dear", "paid")]
    hopeless = trails(a=(0, 60), dear=(0, 200))
    asked = msgspec.structs.replace(question("s", "trails", without=("maker@a",), arms=1), worth=3.0)
    stopped = choose(asked, some, hopeless, {})
    assert isinstance(stopped, ChoiceStopped)
    assert decided_again(stopped) == stopped
    (dear,) = stopped.candidates
    assert dear.value_nanos <= 0 < dear.cost_nanos
    free = choose(asked, [arm("a"), arm("b")], hopeless, {})
    assert isinstance(free, ChoiceMade), "a free try is always made"


def test_the_draws_of_a_step_are_kept_for_its_other_tries() -> None:
    some = [arm(model, "paid") for model in "abc"]
    first = made(choose(question("step", "trails"), some, Trails(), {}))
    draws = {each.arm: each.draw for each in first.candidates}
    learned = trails(a=(9, 9), b=(9, 0))
    again = choose(
        msgspec.structs.replace(question("step", "trails", without=(first.arm,)), draws=draws), some, learned, {}
    )
    assert again is not None
    assert {each.arm: each.draw for each in again.candidates} == {arm: draws[arm] for arm in draws if arm != first.arm}
    assert [each.draw for each in again.tried] == [draws[first.arm]] * 2


def test_planned_choices_come_as_often_as_their_events_say() -> None:
    """Chi-square over 600 seeds against the probability that is counted from 20,000 draws, for arms that differ in all."""
    some = [priced("low", 1), priced("fair", 3), priced("dear", 10), arm("poor")]
    known = trails(poor=(0, 40), low=(6, 3), fair=(12, 3), dear=(20, 2))
    choices = [made(choose(question(f"s{seed}/t/1/worker", "trails"), some, known, {})) for seed in range(600)]
    drawn, said = Counter(choice.arm for choice in choices), probabilities(choices[0], 20_000)
    expected = {arm: share * len(choices) for arm, share in said.items()}
    likely = {arm: count for arm, count in expected.items() if count >= 5}
    assert len(likely) > 1
    square = sum((drawn[arm] - count) ** 2 / count for arm, count in likely.items())
    assert square < 16.3, "the 99.9 % quantile of three degrees of freedom"


def test_the_probability_of_a_plan_is_counted_alike_for_arms_of_one_price_and_in_full() -> None:
    """Among arms of one price the best draw leads; the search over all cascades finds the same."""
    some = [arm("a"), arm("b"), arm("c")]
    choice = made(choose(question("s", "trails"), some, trails(a=(9, 3), b=(3, 3), c=(1, 6)), {}))
    dearer = made(choose(question("s", "trails"), [*some, priced("dear", 5)], trails(a=(9, 3), b=(3, 3), c=(1, 6)), {}))
    quick, full = probabilities(choice, 4_000), probabilities(dearer, 4_000)
    assert quick == pytest.approx(full, abs=0.03)


def test_between_equals_the_cheaper_one_is_drawn_more_often() -> None:
    cheap = Arm(agent="maker", model="x", tier="paid", price=Price(row="x", input_nanos=10**8, output_nanos=10**8))
    choice = made(choose(question(), [cheap, arm("y", "paid")], Trails(), {}))
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


def test_a_choice_after_a_rejection_says_how_likely_it_was_that_no_more_try_was_made() -> None:
    """Over 600 seeds the steps that are given up come as often as the event of any of them says."""
    some = [priced("low", 1), priced("fair", 30)]
    known = trails(low=(6, 30), fair=(3, 3))
    asked = question(policy="trails", without=("maker@low",))
    asked = msgspec.structs.replace(asked, tried=("maker@low",) * 2, draws={"maker@low": 0.15}, worth=1.6)
    found = [choose(msgspec.structs.replace(asked, step=f"s{seed}"), some, known, {}) for seed in range(600)]
    stopped = sum(isinstance(choice, ChoiceStopped) for choice in found)
    some_choice = found[0]
    assert some_choice is not None
    said = probabilities(some_choice, 4_000)
    assert sum(said.values()) == pytest.approx(1)
    assert 0.1 < said[STOPPED] < 0.9, "an even bet, so that the comparison says something"
    assert abs(stopped / 600 - said[STOPPED]) < 4 * math.sqrt(said[STOPPED] * (1 - said[STOPPED]) / 600) + 0.02
