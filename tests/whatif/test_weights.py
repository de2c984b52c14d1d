"""Weights, groups and arms that the record lacks; and the arithmetic of an interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import count
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from events.log import Entry
from events.testing.builders import chosen, opened, reserved, submitted
from events.types.any import AnyEvent
from events.types.choice import Candidate, ChoiceStopped, Excluded
from swarm.choice.choose import STOPPED
from swarm.whatif.estimate import (
    Sum,
    amount,
    amount_difference,
    beta_quantile,
    effective_sample,
    share,
    share_difference,
    student,
)
from swarm.whatif.policies import parse_policy, target
from swarm.whatif.record import RecordView, SessionRecord
from swarm.whatif.weights import Weighed, groups_of, weigh

ALL = frozenset[str]()


def session(*events: tuple[str, AnyEvent]) -> SessionRecord:
    """A session with these events of its tasks."""
    view, positions = RecordView(), count(1)
    for task, event in [("", opened()), *events]:
        view.apply(Entry(next(positions), b"", 0, "", "", 1, task, 1, 1, 0, event))
    return view.sessions[1]


def draw(model: str, *, excluded: Sequence[Excluded] = (), **weights: float) -> AnyEvent:
    """A choice of a model among some by their weights; a capital letter is a paid one."""
    candidates = tuple(
        Candidate(agent="maker", model=name, tier="paid" if name.isupper() else "free", mean=0.5, weight=weight)
        for name, weight in weights.items()
    )
    tier = "paid" if model.isupper() else "free"
    return chosen(model=model, tier=tier, candidates=candidates, excluded=tuple(excluded), policy="test")


def asked(record: SessionRecord, policy: str, tiers: frozenset[str] = ALL, *, joint: bool = False) -> Weighed:
    return weigh(record, lambda drawn: target(parse_policy(policy), drawn.choice, tiers), tiers, joint=joint)


NEEDS = session(
    ("a", submitted(title="a")),
    ("b", submitted(title="b", needs=("a",))),
    ("c", submitted(title="c")),
    ("a", draw("x", x=3, y=1)),
    ("b", draw("y", x=3, y=1)),
    ("b", draw("x", x=3, y=1)),
    ("c", draw("x", x=1, y=1)),
)


def test_a_task_is_weighed_by_its_choices_and_those_of_what_it_needs() -> None:
    weights = asked(NEEDS, "uniform").weights
    assert weights == pytest.approx({"a": 2 / 3, "b": 2 / 3 * 2 * 2 / 3, "c": 1})
    whole = 2 / 3 * 2 * 2 / 3
    assert asked(NEEDS, "uniform", joint=True).weights == pytest.approx({"a": whole, "b": whole, "c": whole})


def test_tasks_that_rest_on_each_other_are_one_group() -> None:
    groups = groups_of(NEEDS, joint=False)
    assert groups["a"] == groups["b"] != groups["c"]
    assert len(set(groups_of(NEEDS, joint=True).values())) == 1


def test_as_recorded_every_weight_is_one_and_nothing_is_lacking() -> None:
    weighed = asked(NEEDS, "recorded")
    assert (set(weighed.weights.values()), weighed.needed) == ({1.0}, [])


def test_the_plan_is_asked_about_a_draw_of_the_roulette_whatever_that_drew_with() -> None:
    poor, good = (
        Candidate(agent="maker", model=name, tier="free", mean=mean, accepted=kept, rejected=100 - kept, weight=0.5)
        for name, mean, kept in (("poor", 0.1, 10.0), ("good", 0.9, 90.0))
    )
    choice = chosen(model="poor", tier="free", candidates=(poor, good), excluded=(), policy="roulette")
    assert target(parse_policy("trails"), choice, frozenset())["maker@good"] > 0.99
    assert target(parse_policy("roulette"), choice, frozenset())["maker@poor"] < 0.1
    assert target(parse_policy("recorded"), choice, frozenset()) == {"maker@poor": 0.5, "maker@good": 0.5}


def test_an_arm_that_could_not_be_drawn_is_needed_and_one_that_had_no_weight_is_not_missed() -> None:
    record = session(("a", submitted()), ("a", draw("x", x=1, X=0)))
    assert asked(record, "uniform").needed == ["maker@X"]
    assert asked(record, "recorded", frozenset({"free"})).weights == {"a": 1.0}
    assert asked(record, "recorded", frozenset({"paid"})).needed == ["maker@X"]


def test_an_arm_that_was_never_drawn_is_needed_from_one_expected_draw_on() -> None:
    def record(tasks: int) -> SessionRecord:
        names = [f"t{number}" for number in range(tasks)]
        return session(*((name, submitted()) for name in names), *((name, draw("x", x=3, y=1)) for name in names))

    assert asked(record(1), "uniform").needed == []
    assert asked(record(2), "uniform").needed == ["maker@y"]


def test_what_lies_behind_a_choice_that_the_policy_never_makes_is_not_missed() -> None:
    record = session(("a", submitted()), ("a", draw("x", x=1, y=1)), ("a", draw("x", x=1, Z=0)))
    weighed = asked(record, "prefer=y")
    assert weighed.weights == {"a": 0.0} and "maker@Z" not in weighed.needed


def test_a_judge_that_tiers_rule_out_is_lacking_and_so_is_one_that_they_let_in_before_it() -> None:
    judged = (("a", submitted()), ("a", draw("x", x=1)), ("a", reserved(role="validator", model="J", tier="paid")))
    assert asked(session(*judged), "recorded", frozenset({"free"})).needed == ["another judge than maker@J"]
    assert asked(session(*judged), "recorded", frozenset({"free", "paid"})).needed == []
    barred = Excluded("y", "its tier cheap is not among free, paid")
    freed = (judged[0], ("a", draw("x", excluded=[barred], x=1)), judged[2])
    assert asked(session(*freed), "recorded", frozenset({"free", "cheap", "paid"})).needed == ["y as judge"]


def stopping(number: int, stop: float) -> SessionRecord:
    """Tasks whose one choice was between no more try, with that probability, and x or Y alike."""
    names, chance = [f"t{task}" for task in range(number)], Random(5)
    ended = ChoiceStopped(role="worker", context="worker/code", policy="test", seed="", candidates=())
    drawn = [ended if chance.random() < stop else draw(chance.choice("xY"), x=1, Y=1) for _ in names]
    return session(*((name, submitted()) for name in names), *zip(names, drawn, strict=True))


@pytest.mark.parametrize(("was", "wanted"), [(0.0, 0.3), (0.2, 0.7), (0.6, 0.2), (0.4, 0.4), (0.3, 1.0)])
def test_a_policy_that_gives_up_earlier_or_later_is_weighed_though_the_record_never_or_often_gave_up(
    was: float, wanted: float
) -> None:
    def by(stop: float, x: float) -> Mapping[str, float]:
        shares = {"maker@x": (1 - stop) * x, "maker@Y": (1 - stop) * (1 - x), STOPPED: stop}
        return {arm: share for arm, share in shares.items() if share}

    record = stopping(4_000, was)
    found = weigh(record, lambda drawn: by(wanted, 0.8), recorded=lambda drawn: by(was, 0.5))
    mass: dict[str, float] = {"maker@x": 0.0, "maker@Y": 0.0, STOPPED: 0.0}
    for task, (drawn,) in record.choices.items():
        mass[STOPPED if task in found.ends else drawn.arm] += found.weights[task] / 4_000
    assert mass == pytest.approx({"maker@x": 0.0, "maker@Y": 0.0, **by(wanted, 0.8)}, abs=0.04)
    assert found.needed == []


def test_what_waits_for_a_task_that_had_been_given_up_had_not_been_begun() -> None:
    record = session(
        ("a", submitted(title="a")),
        ("b", submitted(title="b", needs=("a",))),
        ("a", draw("x", x=1)),
        ("b", draw("x", x=1)),
        ("b", reserved()),
    )
    first = record.choices["a"][0].position
    found = weigh(record, lambda drawn: {STOPPED: 1.0} if drawn.position == first else {"maker@x": 1.0})
    assert (found.ends, found.weights) == ({"a": first, "b": first}, {"a": 1.0, "b": 1.0})
    assert record.cut(found.ends).calls == {}
    assert record.cut(found.ends).choices == {"a": [], "b": []}


@given(st.lists(st.floats(0, 1e6), max_size=30))
@example([3e-159, 3e-159])  # whose squares are no exact numbers any more
def test_a_sample_is_worth_at_most_its_number(weights: list[float]) -> None:
    assert 0 <= effective_sample(weights) <= len(weights) * (1 + 1e-9)


def test_quantiles_are_those_of_the_tables() -> None:
    assert [round(student(freedom), 3) for freedom in (29, 60, 1e9)] == [2.045, 2.0, 1.96]
    assert beta_quantile(0.025, 1, 100) == pytest.approx(1 - 0.975 ** (1 / 100), rel=1e-6)
    assert beta_quantile(0.975, 101, 1e-9) == pytest.approx(1, abs=1e-6)
    assert beta_quantile(0.5, 30, 30) == pytest.approx(0.5)


sums = st.lists(
    st.tuples(st.floats(0, 100), st.floats(0.001, 10)).map(lambda pair: Sum(pair[0], pair[1])), min_size=30, max_size=60
)


@given(sums)
@example([Sum(1e-160, 1.0)] + [Sum(0.0, 1.0)] * 29)  # whose squares are no numbers any more
def test_an_interval_holds_its_own_value_and_nothing_below_zero(groups: list[Sum]) -> None:
    found = amount(groups, effective_sample([each.below for each in groups]) + 30)
    assert 0 <= found.low <= found.value * (1 + 1e-9) + 1e-9
    assert found.value <= found.high * (1 + 1e-9) + 1e-9
    assert math.isfinite(found.high)


def equal(hits: int, of: int) -> list[Sum]:
    return [Sum(float(number < hits), 1.0) for number in range(of)]


def test_a_share_of_equal_weights_has_the_exact_interval() -> None:
    """Clopper and Pearson give .398 to .602 for 50 of 100."""
    half = share(equal(50, 100), 1e9)
    assert [half.value, half.low, half.high] == pytest.approx([0.5, 0.398, 0.602], abs=2e-3)


def test_a_share_that_was_always_or_never_so_is_bounded_by_how_often_that_was_seen() -> None:
    never, always = share(equal(0, 100), 100), share(equal(100, 100), 100)
    assert (never.value, never.low, always.value, always.high) == (0.0, 0.0, 1.0, 1.0)
    assert never.high == pytest.approx(1 - always.low) == pytest.approx(0.036, abs=2e-3)  # 1 - .025 ** (1 / 100)


def test_two_ratios_of_the_same_groups_differ_by_less_than_either_is_uncertain() -> None:
    chance = Random(3)
    groups = [Sum(chance.expovariate(1.0), 1.0) for _ in range(200)]
    dearer = [Sum(each.above * 1.1 + chance.random() / 10, 1.0) for each in groups]
    found, own = amount_difference(dearer, groups, 200), amount(groups, 200)
    assert found.low < 0.15 * own.value + 0.05 < found.high + 0.05
    assert found.low > 0, "all of it is dearer"
    assert found.high - found.low < (own.high - own.low) / 2
    assert amount_difference(groups, groups, 200).high == 0.0


def test_shares_that_were_always_so_differ_by_what_was_not_seen() -> None:
    never = share_difference(equal(100, 100), equal(100, 100), 100, 100)
    assert never.value == 0.0
    assert never.low == pytest.approx(-0.036, abs=2e-3)


@given(st.integers(0, 100), st.integers(0, 100))
def test_the_difference_of_two_shares_lies_in_its_interval_and_turns_with_them(hits: int, others: int) -> None:
    found, turned = (
        share_difference(equal(one, 100), equal(other, 100), 100, 100)
        for one, other in ((hits, others), (others, hits))
    )
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert (found.value, found.low, found.high) == pytest.approx((-turned.value, -turned.high, -turned.low))
