"""How often stated intervals hold the truth, counted over simulated logs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

import msgspec

from events.types.choice import Candidate
from swarm.whatif.answer import Question, answer
from swarm.whatif.policies import parse_policy
from tests.whatif.worlds import Model, Policy, Truth, World, best, by_weight, cheapest, simulated, truth_of, uniform

RATE = 0.95
MISLED = 1e-4  # the chance that a suite whose intervals hold at their rate is held to be wrong, for each count


def leaning(candidates: Sequence[Candidate]) -> Sequence[float]:
    """Quality first, price between equals."""
    weights = [each.mean**2 / (1 + each.cost_nanos / 10_000) ** 0.25 for each in candidates]
    return [weight / sum(weights) for weight in weights]


def lopsided(candidates: Sequence[Candidate]) -> Sequence[float]:
    """The free one eight times as often as the dear one."""
    weights = [{"a": 8, "b": 3, "c": 1}[each.model] for each in candidates]
    return [weight / sum(weights) for weight in weights]


def prefer_c(candidates: Sequence[Candidate]) -> Sequence[float]:
    hits = [float(each.model == "c") for each in candidates]
    return hits if any(hits) else by_weight(candidates)


MODELS = (
    Model(name="a", chances=(0.9, 0.3), nanos=(0, 0)),
    Model(name="b", chances=(0.8, 0.6), nanos=(1_000, 3_000)),
    Model(name="c", chances=(0.95, 0.85), nanos=(20_000, 60_000)),
)
LEANING, LOPSIDED = World(models=MODELS, behaviour=leaning), World(models=MODELS, behaviour=lopsided)

CASES: Mapping[str, tuple[World, str, Policy, int]] = {
    "the dear arm while it may be drawn": (LEANING, "prefer=c", prefer_c, 140),
    "the best arm": (LEANING, "best", best, 140),
    "the cheapest arm": (LOPSIDED, "cheapest", cheapest, 70),
    "every arm alike where one is rare": (LOPSIDED, "uniform", uniform, 100),
}
"""By what is asked: the world, the policy as it is named and as a simulation does it, and the tasks of a log."""


class Covered(msgspec.Struct, kw_only=True):
    """Of one outcome: what was estimated, how wide its intervals were, and how many held the truth."""

    truth: float
    held: int = 0
    values: list[float] = []
    widths: list[float] = []

    @property
    def stretch(self) -> float:
        """How wide the intervals are against those of somebody who knows how the estimates scatter."""
        return statistics.mean(self.widths) / (2 * 1.96 * statistics.pstdev(self.values))


def outcomes_of(truth: Truth) -> dict[str, float]:
    return {
        "cost a task": truth.nanos,
        "accepted tasks": truth.accepted,
        "cost an accepted task": truth.nanos / truth.accepted,
        "free tasks": truth.free,
    }


def cover(case: str, seeds: range) -> tuple[dict[str, Covered], int]:
    """Ask the same of a log for each seed; also return how many logs had an answer."""
    world, name, policy, tasks = CASES[case]
    found = {outcome: Covered(truth=truth) for outcome, truth in outcomes_of(truth_of(world, policy)).items()}
    answered = 0
    for seed in seeds:
        said = answer(simulated(world, seed, tasks=tasks), Question(policy=parse_policy(name)), lambda call: None)
        if said.kind != "interval":
            continue
        answered += 1
        for outcome in said.outcomes:
            assert outcome.value is not None and outcome.low is not None and outcome.high is not None
            covered = found[outcome.name]
            covered.held += outcome.low <= covered.truth <= outcome.high
            covered.values.append(outcome.value)
            covered.widths.append(outcome.high - outcome.low)
    return found, answered


def least_held(number: int, rate: float = RATE) -> int:
    """So few of `number` intervals hold the truth with a chance of MISLED at the most, where each does at the rate."""
    below = 0.0
    for held in range(number + 1):
        ways = math.lgamma(number + 1) - math.lgamma(held + 1) - math.lgamma(number - held + 1)
        below += math.exp(ways + held * math.log(rate) + (number - held) * math.log1p(-rate))
        if below > MISLED:
            return held
    return number


def require_coverage(case: str, seeds: range) -> None:
    """Assert that the intervals hold the truth at their rate, are no wider than they have to be, and lean to no side."""
    found, answered = cover(case, seeds)
    assert answered > 0.9 * len(seeds)
    for outcome, covered in found.items():
        assert covered.held >= least_held(answered), (case, outcome, covered.held, answered)
        if outcome.startswith("cost"):  # a share is held by an exact method, which is wide near 0 and 1
            assert covered.stretch < 2, (case, outcome, covered.stretch)
        assert abs(statistics.mean(covered.values) / covered.truth - 1) < 0.1, (case, outcome)
