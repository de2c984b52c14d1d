"""The search on simulated logs whose truth is known: what it proposes is so, and what it must not propose it does not."""

from __future__ import annotations

from functools import cache

import msgspec
import pytest

from swarm.tune.compare import Compared, Half, halves
from swarm.tune.search import LEAST_GROUPS, Terms
from swarm.tune.supposed import Supposed
from swarm.tune.tune import Tuned, tune
from swarm.tune.values import Values, space_of
from tests.tune.worlds import Model, Truth, World, simulated, truth_of
from tests.whatif.coverage import least_held

AS_GOOD = World(
    models=(
        Model(name="low", tier="cheap", chance=0.86, nanos=1_000_000, seen=(12, 2)),
        Model(name="dear", tier="paid", chance=0.88, nanos=10_000_000, seen=(14, 1.6)),
    ),
    worth=200.0,
    attempts=4,
)
"""A log of who pays for quality that it does not need."""

WORSE = World(
    models=(
        Model(name="low", tier="cheap", chance=0.35, nanos=1_000_000, seen=(4, 4)),
        Model(name="dear", tier="paid", chance=0.9, nanos=10_000_000, seen=(6, 1.5)),
    ),
    attempts=2,
)
"""A log of who pays for quality that is worth it."""

FREE = World(
    models=(
        Model(name="none", tier="free", chance=0.5, seen=(4, 4)),
        Model(name="low", tier="cheap", chance=0.7, nanos=1_000_000, seen=(4, 3)),
        Model(name="dear", tier="paid", chance=0.85, nanos=10_000_000, seen=(6, 2)),
    ),
    attempts=6,
)
TERMS = Terms(trials=60, seed=1)


@cache
def tuned(world: World, *, tasks: int = 1_200, trials: int = 60) -> Tuned:
    return tune(simulated(world, 1, tasks=tasks), msgspec.structs.replace(TERMS, trials=trials))


def of(world: World, values: Values) -> World:
    """The world as it would be under these values."""
    found = {name: getattr(values, name) for name in values.__struct_fields__}
    found["tiers"] = frozenset(values.tiers) if values.tiers else None
    if values.attempts is not None:
        found["attempts"] = min(values.attempts, world.attempts)
    return msgspec.structs.replace(world, **{name: value for name, value in found.items() if value is not None})


def test_where_a_cheaper_way_is_as_good_it_is_proposed_and_is_really_cheaper_and_as_good() -> None:
    found = tuned(AS_GOOD)
    assert found.kind == "proposed" and found.found is not None and found.found.best is not None
    best = found.found.best
    assert best.measured is not None and best.measured.saves() and best.measured.holds(TERMS.margin)
    now, then = truth_of(AS_GOOD), truth_of(of(AS_GOOD, best.values))
    assert then.cost < 0.95 * now.cost
    assert then.accepted > now.accepted - TERMS.margin
    assert best.measured.cost.low <= then.cost <= best.measured.cost.high
    assert best.measured.accepted.low <= then.accepted <= best.measured.accepted.high


def test_where_a_cheaper_way_is_worse_none_is_proposed() -> None:
    found = tuned(WORSE)
    assert found.kind == "nothing better" and found.found is not None
    assert truth_of(msgspec.structs.replace(WORSE, worth=3.0)).accepted < truth_of(WORSE).accepted - 0.1
    assert found.found.best is None or found.found.best.searched.holds(TERMS.margin)
    for each in found.found.front:  # but what it would come to is shown
        assert each.measured is None or each.measured.cost.value > 0


def test_over_many_logs_hardly_any_proposal_gives_up_more_acceptance_than_it_may() -> None:
    """The half that was not searched is what a proposal has to convince, and it is asked about one alone."""
    wrong = 0
    for seed in range(6):
        found = tune(simulated(WORSE, seed, tasks=500), msgspec.structs.replace(TERMS, trials=30))
        if found.kind == "proposed" and found.found is not None and found.found.best is not None:
            truth = truth_of(of(WORSE, found.found.best.values), tasks=2_000)
            wrong += truth.accepted < truth_of(WORSE, tasks=2_000).accepted - TERMS.margin - 0.01
    assert wrong <= 1


CASES = [
    (AS_GOOD, Values(worth=3.0)),
    (AS_GOOD, Values(policy="roulette")),
    (AS_GOOD, Values(attempts=2)),
    (FREE, Values(attempts=4)),
    (FREE, Values(worth=9.0)),
]


@pytest.mark.parametrize(
    ("world", "values"), CASES, ids=["worth", "roulette", "attempts", "attempts-of-free", "worth-of-free"]
)
def test_intervals_hold_the_truth_as_often_as_they_say(world: World, values: Values) -> None:
    now, truth, logs = truth_of(world), truth_of(of(world, values)), 12
    asked = [half_of(world, seed).under(values) for seed in range(logs)]
    known = [each for each in asked if each is not None and each.identified]
    assert len(known) > 0.8 * logs
    assert sum(held(each, now, truth) for each in known) >= 4 * least_held(len(known))


@cache
def half_of(world: World, seed: int) -> Half:
    sessions = simulated(world, seed, tasks=200)
    return Half(sessions, Supposed(sessions))


def held(found: Compared, now: Truth, truth: Truth) -> int:
    """How many of four intervals hold what is true."""
    pairs = (
        (found.cost, truth.cost),
        (found.accepted, truth.accepted),
        (found.cost_change, truth.cost - now.cost),
        (found.accepted_change, truth.accepted - now.accepted),
    )
    return sum(interval.low <= true <= interval.high for interval, true in pairs)


def test_the_same_log_and_seed_give_the_same_answer() -> None:
    sessions, terms = simulated(WORSE, 3, tasks=400), msgspec.structs.replace(TERMS, trials=25)
    assert tune(sessions, terms) == tune(sessions, terms)


def test_a_log_that_is_too_small_says_how_much_is_lacking() -> None:
    found = tuned(AS_GOOD, tasks=100)
    assert (found.kind, found.found) == ("too little", None)
    assert found.more == 2 * (LEAST_GROUPS - min(found.searched, found.measured))
    assert tune([], TERMS).kind == "too little"


def test_no_task_is_in_both_halves_and_one_stays_in_its_half_as_the_log_grows() -> None:
    small, large = simulated(AS_GOOD, 1, tasks=100, sessions=1), simulated(AS_GOOD, 1, tasks=200, sessions=1)
    first, second = ({name for one in side for name in one.tasks} for side in halves(small))
    assert len(first) + len(second) == 100 and not first & second
    assert min(len(first), len(second)) > 30
    assert first <= {name for one in halves(large)[0] for name in one.tasks}


def test_as_recorded_nothing_changes() -> None:
    sessions = simulated(FREE, 2, tasks=200)
    found = Half(sessions, Supposed(sessions)).under(Values())
    assert found is not None
    assert (found.sample, found.needed) == (200.0, ())
    assert (found.cost.value, found.accepted.value) == (found.cost_recorded, found.accepted_recorded)
    same = Half(sessions, Supposed(sessions)).under(Values(policy="trails", worth=20.0, start="free", attempts=6))
    assert same is not None and same.cost_change.value == 0.0


def test_an_arm_that_the_record_hardly_ever_drew_where_it_would_be_drawn_is_lacking() -> None:
    """Drafts of a dear arm after others had failed say nothing of what it would do first."""
    world = World(
        models=(
            Model(name="low", tier="cheap", chance=0.5, nanos=1_000_000, seen=(4, 4)),
            Model(name="mid", tier="paid", chance=0.7, nanos=4_000_000, seen=(4, 3)),
            Model(name="dear", tier="paid", chance=0.8, nanos=10_000_000, seen=(6, 3)),
        ),
        attempts=6,
    )
    sessions = simulated(world, 0, tasks=300)
    assert any(drawn.arm == "maker@dear" for way in sessions[0].choices.values() for drawn in way)
    found = Half(sessions, Supposed(sessions)).under(Values(worth=60.0))
    assert found is not None and found.needed == ("maker@dear",)


def test_what_can_be_tried_is_what_the_log_says_something_of() -> None:
    full, none = space_of(simulated(FREE, 1, tasks=200)), space_of(simulated(FREE, 1, tasks=0))
    assert set(full.options) == {"policy", "worth", "start", "tiers", "attempts", "escalations"}
    assert none.options == {}
    alone = World(models=(Model(name="one", tier="free", chance=1.0),))
    only = space_of(simulated(alone, 1, tasks=50))
    assert only.options == {}
    assert {"choice.value", "choice.start", "tiers", "limits.attempts", "limits.escalations"} <= only.left_out.keys()
    assert {"judge", "limits.answer", "budget", "compression of what is sent"} <= full.left_out.keys()


def test_ctrl_c_ends_the_search_with_what_it_has() -> None:
    def stop(done: int) -> None:
        if done == 20:
            raise KeyboardInterrupt

    found = tune(simulated(AS_GOOD, 1, tasks=600), TERMS, told=stop).found
    assert found is not None and (found.trials, found.interrupted) == (20, True)
    assert found.front


def test_the_end_of_the_time_ends_the_search() -> None:
    found = tune(simulated(AS_GOOD, 1, tasks=300), msgspec.structs.replace(TERMS, trials=10_000, seconds=0.5)).found
    assert found is not None and found.out_of_time and 0 < found.trials < 10_000
