"""Planning: the cascade that is worth most is found, free arms go first, a try that is not worth its cost is not made."""

from __future__ import annotations

from itertools import permutations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.trails import EVERYWHERE, Expected, Trail, Trails, feedback
from events.types.choice import FREE_TIERS
from swarm.choice.planner import LONGEST, SURE, Judge, Option, Terms, choose, first_choices, paced

TYPES = st.sampled_from(["worker/code", "worker/writing"])
judged = st.lists(st.tuples(TYPES, st.sampled_from("abcde"), st.booleans()), max_size=40)


def option(name: str, *, cost: float = 1.0, tier: str = "paid", prior: float = 0.7) -> Option:
    return Option(name=name, tier=tier, cost=cost, prior=prior)


def learned(verdicts: list[tuple[str, str, bool]]) -> Trails:
    trails = Trails()
    for context, arm, accepted in verdicts:
        judge(trails, context, arm, accepted)
    return trails


def judge(trails: Trails, context: str, arm: str, accepted: bool) -> None:
    """A verdict on a first draft, from which is learned what differs from what was expected."""
    known = trails.acceptance(context, arm, 0.7, 0)
    first = Expected(context=context, arm=arm, general=known.general, mean=known.mean, given=known.mean)
    trails.learn(first, accepted, 0)


def expected(context: str, arm: str, mean: float = 0.7) -> Expected:
    return Expected(context=context, arm=arm, general=mean, mean=mean, given=mean)


some = st.lists(
    st.builds(
        option,
        st.sampled_from("abcde"),
        cost=st.floats(0, 30),
        tier=st.sampled_from(["local", "free", "cheap", "paid"]),
        prior=st.floats(0.05, 0.95),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda each: each.name,
)
terms = st.builds(
    Terms,
    worth=st.floats(0, 200),
    attempts=st.integers(1, 4),
    rejected=st.sampled_from([0.0, 1.0]),
    pressure=st.floats(1, 50),
    free_first=st.just(False),
)


def worth_of(
    cascade: tuple[Option, ...], chances: dict[str, float], rho: float, terms: Terms, before: list[str]
) -> float:
    """What a cascade is worth, reckoned over all ways in which its drafts can be right and its verdicts wrong.

    `before` were rejected. The drafts' failures are drawn as the formula says: all of them together, or each by itself.
    """
    judge = terms.judge

    def all_fail(names: list[str]) -> float:
        product, least = 1.0, 1.0
        for name in names:
            product, least = product * (1 - chances[name]), min(least, 1 - chances[name])
        return (1 - rho) * product + rho * least

    def walk(names: list[str], rest: tuple[Option, ...], wrong: float, right: float, last: float) -> float:
        if not rest:
            return terms.worth * terms.rejected * last
        arm = rest[0]
        fails = all_fail([*names, arm.name]) / all_fail(names)
        is_right = wrong * (1 - fails) + right * chances[arm.name]
        gain = terms.worth * is_right * (1 - judge.rejects_right) - (wrong + right) * arm.cost * terms.pressure
        kept_wrong = wrong * fails * (1 - judge.accepts_wrong)
        kept_right = is_right * judge.rejects_right + right * (1 - chances[arm.name]) * (1 - judge.accepts_wrong)
        return gain + walk([*names, arm.name], rest[1:], kept_wrong, kept_right, is_right * judge.rejects_right)

    wrong, right, last = 1.0, 0.0, 0.0
    for place, name in enumerate(before):
        fails = all_fail(before[: place + 1]) / all_fail(before[:place])
        is_right = wrong * (1 - fails) + right * chances[name]
        last = is_right * judge.rejects_right
        right = last + right * (1 - chances[name]) * (1 - judge.accepts_wrong)
        wrong = wrong * fails * (1 - judge.accepts_wrong)
    reached = wrong + right
    return walk(before, cascade, wrong / reached, right / reached, last / reached)


@settings(deadline=None)
@given(some, judged, terms, st.integers(0, 2), st.integers(0, 1 << 32))
def test_no_cascade_is_worth_more_than_the_planned_one(
    options: list[Option], verdicts: list[tuple[str, str, bool]], terms: Terms, rejected: int, seed: int
) -> None:
    trails, tried = learned(verdicts), [each.name for each in options[:rejected]]
    planned = choose(options, trails, "worker/code", terms, str(seed), tried=tried)
    left = [each for each in options if each.name not in tried]
    if planned is None:
        assert not left
        return
    judge = terms.judge
    chances = {
        name: min(1 - SURE, max(SURE, (draw - judge.accepts_wrong) / (1 - judge.accepts_wrong - judge.rejects_right)))
        for name, draw in planned.draws.items()
    }
    worths = {
        cascade: worth_of(cascade, chances, trails.overlap.rho, terms, tried)
        for length in range(1, min(terms.attempts, LONGEST, len(left)) + 1)
        for cascade in permutations(left, length)
    }
    best = max(worths.values())
    if planned.arm is None:
        assert tried and best <= planned.value + 1e-6
    else:
        assert planned.value == pytest.approx(best, abs=1e-6)
        mine = [worth for cascade, worth in worths.items() if cascade[0].name == planned.arm]
        assert max(mine) == pytest.approx(best, abs=1e-6)


@given(some, judged, terms, st.integers(0, 1 << 32))
def test_a_free_arm_that_does_not_go_first_has_its_reason(
    options: list[Option], verdicts: list[tuple[str, str, bool]], terms: Terms, seed: int
) -> None:
    planned = choose(options, learned(verdicts), "worker/code", Terms(worth=terms.worth), str(seed))
    assert planned is not None and planned.arm is not None
    free = {each.name for each in options if each.tier in FREE_TIERS}
    usable = free - set(planned.skipped)
    assert (planned.arm in usable) == bool(usable)
    assert all(planned.acceptance[name].mean < 0.2 for name in planned.skipped)
    assert all("expected to be accepted" in reason for reason in planned.skipped.values())


def test_a_try_that_is_not_worth_its_cost_is_not_made_but_for_the_first() -> None:
    options = [option("cheap", cost=1), option("dear", cost=50)]
    assert choose(options, Trails(), "c", Terms(worth=1.0), "s") is not None
    planned = choose(options, Trails(), "c", Terms(worth=40.0), "s", tried=["cheap"])
    assert planned is not None and planned.arm is None and planned.expected is None
    again = choose(options, Trails(), "c", Terms(worth=400.0), "s", tried=["cheap"])
    assert again is not None and again.arm == "dear"


def test_where_all_arms_are_free_nothing_but_attempts_ends_a_cascade() -> None:
    options = [option("a", cost=1, tier="free"), option("b", cost=1, tier="local")]
    planned = choose(options, Trails(), "c", Terms(worth=0.0), "s", tried=["a"])
    assert planned is not None and planned.arm == "b"
    assert choose(options, Trails(), "c", Terms(worth=0.0), "s", tried=["a", "b"]) is None
    assert choose(options, Trails(), "c", Terms(worth=9.0, attempts=0), "s") is None


def test_a_rejected_draft_that_may_be_right_is_worth_keeping() -> None:
    options = [option("a", cost=0.1, prior=0.98), option("b", cost=9)]
    kept = choose(options, Trails(), "c", Terms(worth=12.0, rejected=1.0, judge=Judge(0.05, 0.45)), "s", tried=["a"])
    lost = choose(options, Trails(), "c", Terms(worth=12.0, rejected=0.0, judge=Judge(0.05, 0.45)), "s", tried=["a"])
    assert kept is not None and lost is not None
    assert (kept.arm, lost.arm) == (None, None) or (kept.arm, lost.arm) == (None, "b")
    assert kept.value > lost.value or lost.arm == "b"


def test_pressure_moves_a_choice_to_cheaper_arms() -> None:
    options = [option("cheap", cost=1, prior=0.5), option("dear", cost=20, prior=0.95)]
    terms = [Terms(worth=100.0, attempts=1, pressure=pressure) for pressure in (1.0, 30.0)]
    loose, tight = (first_choices(options, Trails(), "c", each) for each in terms)
    assert tight["cheap"] > loose["cheap"]


@given(st.lists(st.floats(0, 1e9), max_size=50), st.floats(1e-6, 1e9))
def test_pressure_rises_while_tasks_cost_more_than_their_allowance_and_falls_again(
    costs: list[float], allowance: float
) -> None:
    pressure = 1.0
    for cost in costs:
        before, pressure = pressure, paced(pressure, cost, allowance)
        assert 1 <= pressure <= 1000
        assert pressure >= before if cost >= allowance else pressure <= before
    assert paced(1.0, 1.0, 0.0) > 1  # nothing is left


def test_an_arm_is_drawn_once_a_task_whoever_joins_or_leaves() -> None:
    trails, terms = learned([("c", "a", True)] * 3), Terms(worth=20.0)
    first = choose([option("a"), option("b")], trails, "c", terms, "task 7")
    assert first is not None and first.expected is not None
    trails.learn(first.expected, False, 0)
    again = choose([option("a"), option("c")], trails, "c", terms, "task 7", draws=first.draws, tried=["b"])
    joined = choose([option("a"), option("b"), option("d")], learned([("c", "a", True)] * 3), "c", terms, "task 7")
    assert again is not None and joined is not None
    assert again.draws["a"] == first.draws["a"] == joined.draws["a"]
    assert joined.draws["b"] == first.draws["b"]


def test_the_same_arguments_give_the_same_choice() -> None:
    options = [option(name, cost=cost) for name, cost in (("a", 1), ("b", 5), ("c", 9))]
    trails = learned([("c", "a", False), ("c", "b", True)])
    assert choose(options, trails, "c", Terms(worth=20.0), "s") == choose(options, trails, "c", Terms(worth=20.0), "s")


def test_seeded_draws_agree_with_the_shares_of_first_choices() -> None:
    """Chi-square with 2 degrees of freedom, against shares from other seeds: 13.8 is passed by one in a thousand."""
    options = [
        option(name, cost=cost, prior=prior) for name, cost, prior in (("a", 1, 0.6), ("b", 4, 0.7), ("c", 9, 0.8))
    ]
    trails, terms, tasks = Trails(), Terms(worth=60.0, attempts=1), 2_000
    shares = first_choices(options, trails, "c", terms, samples=4_000)
    assert sum(shares.values()) == pytest.approx(1)
    counts = dict.fromkeys(shares, 0)
    for number in range(tasks):
        planned = choose(options, trails, "c", terms, f"task {number}")
        assert planned is not None and planned.arm is not None
        counts[planned.arm] += 1
    assert min(shares.values()) > 0.02  # else nothing would be compared
    both = {name: (counts[name] + 4_000 * shares[name]) / (tasks + 4_000) for name in shares}
    chi_square = sum(
        (seen - total * both[name]) ** 2 / (total * both[name])
        for name in shares
        for seen, total in ((counts[name], tasks), (4_000 * shares[name], 4_000))
    )
    assert chi_square < 13.8


@given(judged, st.sampled_from("abcde"), st.booleans())
def test_feedback_is_what_learning_does_and_leaves_the_trails_alone(
    verdicts: list[tuple[str, str, bool]], arm: str, accepted: bool
) -> None:
    trails = learned(verdicts)
    before = learned(verdicts)
    after = feedback(trails, expected("worker/code", arm), accepted)
    assert trails == before
    trails.learn(expected("worker/code", arm), accepted, 0)
    assert after == trails


@given(judged, st.sampled_from("abcde"), st.floats(0.05, 0.95))
def test_no_arm_is_ever_given_up_or_sure(verdicts: list[tuple[str, str, bool]], arm: str, prior: float) -> None:
    known = learned(verdicts * 50).acceptance("worker/code", arm, prior, 0)
    assert known.accepted >= 0.16 - 1e-9 and known.rejected >= 0.16 - 1e-9
    assert 0 < known.mean < 1


def test_what_works_after_a_failure_got_the_harder_work_and_is_credited_for_it() -> None:
    terms, options = Terms(worth=100.0), [option("a", cost=1), option("b", cost=2)]
    retry = choose(options, Trails(), "c", terms, "s", tried=["a"])
    assert retry is not None and retry.expected is not None
    assert retry.expected.given < retry.expected.mean and not retry.expected.first
    first, later = Trails(), Trails()
    first.learn(expected("c", "b", retry.expected.mean), True, 0)
    later.learn(retry.expected, True, 0)
    assert later.rows["c", "b"].accepted > first.rows["c", "b"].accepted == 1
    assert "c" not in later.offsets  # the harder work says nothing of the context


def test_failures_that_come_together_raise_the_overlap_and_those_that_do_not_lower_it() -> None:
    together, apart = Trails(), Trails()
    retry = Expected(context="c", arm="b", general=0.7, mean=0.7, given=0.4, independent=0.3, nested=1.0, first=False)
    assert together.overlap.rho == 0.5
    for _ in range(400):
        together.learn(retry, False, 0)
        apart.learn(retry, True, 0)
    assert together.overlap.rho == 0.95 and apart.overlap.rho < 0.05


def test_an_arm_that_changes_overnight_is_left_sooner_than_its_trail_would_fade() -> None:
    def rejections(surprised: bool) -> int:
        trails, count = learned([("c", "a", True)] * 100), 0
        while trails.acceptance("c", "a", 0.7, 0).mean > 0.5:
            judge(trails, "c", "a", False)
            count += 1
            if not surprised:
                trails.surprises.clear()
        return count

    assert 2 * rejections(True) < rejections(False)


def test_a_context_that_is_harder_is_harder_for_arms_that_nobody_tried_there() -> None:
    trails = learned([("hard", name, False) for name in "abab"] + [("easy", name, True) for name in "abab"])
    assert trails.acceptance("hard", "new", 0.7, 0).mean < 0.7 < trails.acceptance("easy", "new", 0.7, 0).mean


def test_trails_evaporate_with_time() -> None:
    trails = Trails(rows={("c", "a"): Trail(8.0, 0.0, 0), (EVERYWHERE, "a"): Trail(8.0, 0.0, 0)})
    week = 7 * 24 * 3600 * 1_000_000
    means = [trails.acceptance("c", "a", 0.5, now).mean for now in (0, week, 20 * week)]
    assert means[0] > means[1] > means[2] == pytest.approx(0.5, abs=0.01)


def test_with_free_arms_that_mostly_pass_most_tasks_end_on_free_tiers() -> None:
    random, trails, free, tasks = Random(1), Trails(), 0, 2_000
    options = [option("local", cost=0, tier="local"), option("free", cost=0, tier="free"), option("dear", cost=5)]
    for task in range(tasks):
        tried: list[str] = []
        while True:
            planned = choose(options, trails, "c", Terms(worth=100.0, attempts=3 - len(tried)), f"{task}", tried=tried)
            if planned is None or planned.arm is None or planned.expected is None:
                break
            accepted = random.random() < (0.95 if planned.arm == "dear" else 0.8)
            trails.learn(planned.expected, accepted, 0)
            tried.append(planned.arm)
            if accepted:
                free += "dear" not in tried
                break
    assert free >= 0.8 * tasks
