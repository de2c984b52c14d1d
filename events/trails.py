"""What verdicts teach of arms: how work was judged, how hard a context is, how often arms fail together, sudden change.

All of it is plain arithmetic without a log and without a clock; formulas and constants were found by replaying real outcomes of
models. A trail holds pheromone: it evaporates with use and with time. An arm is an agent on a model, written agent@model; what
holds in all contexts holds for the model, whichever agent is on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from math import prod

import msgspec

USE = 0.998  # what a trail keeps at each deposit: a memory of 500 uses
HALF_LIFE_S = 7 * 24 * 3600.0
EVERYWHERE = "*"  # the context of a model's trail over all contexts

MODEL_WEIGHT = 4.0  # verdicts that the prior of its tier is worth for a model
CONTEXT_WEIGHT = 8.0  # verdicts that what is known of the model is worth for an arm in a context
OFFSET_WEIGHT = 10.0  # verdicts of a context that count as none
LOWEST, HIGHEST = 0.02, 0.98  # bounds of what is expected in a context, so that no arm is ever given up or sure
MOST_DEPOSIT = 3.0
OVERLAP, OVERLAP_WEIGHT, MOST_OVERLAP = 0.5, 20.0, 0.95
DRIFT = 0.15  # of the cumulative sums: what is no surprise
SURPRISED = 5.0  # the sum that is one
KEPT = 0.1  # what it leaves of an arm's trails


class Trail(msgspec.Struct):
    """Accepted and rejected work as it stood at `at` (microseconds since 1970)."""

    accepted: float = 0.0
    rejected: float = 0.0
    at: int = 0

    def faded(self, now: int) -> Trail:
        """The trail as it is at `now`: evaporation by time is reckoned when it is read."""
        keep = 0.5 ** (max(0, now - self.at) / 1e6 / HALF_LIFE_S)
        return Trail(self.accepted * keep, self.rejected * keep, now)

    def deposit(self, accepted: bool, now: int, amount: float = 1.0) -> Trail:
        faded = self.faded(now)
        return Trail(faded.accepted * USE + amount * accepted, faded.rejected * USE + amount * (not accepted), now)

    def withdraw(self, accepted: bool, judged_at: int, now: int) -> Trail:
        """The trail without a deposit that was made at `judged_at`."""
        faded, left = self.faded(now), Trail(accepted=1.0, at=judged_at).faded(now).accepted
        if accepted:
            return Trail(max(0.0, faded.accepted - left), faded.rejected, now)
        return Trail(faded.accepted, max(0.0, faded.rejected - left), now)

    def beside(self, other: Trail) -> Trail:
        """Both trails as one."""
        now = max(self.at, other.at)
        mine, theirs = self.faded(now), other.faded(now)
        return Trail(mine.accepted + theirs.accepted, mine.rejected + theirs.rejected, now)


def model_of(arm: str) -> str:
    """The model of agent@model; an arm without an agent is its own."""
    return arm.partition("@")[2] or arm


def share_of(everywhere: Trail, prior: float) -> float:
    """The share of a model's work that is to be accepted wherever it works, from the prior of its tier on."""
    return (everywhere.accepted + MODEL_WEIGHT * prior) / (everywhere.accepted + everywhere.rejected + MODEL_WEIGHT)


class Offset(msgspec.Struct):
    """How much more often work was accepted in a context than its arms let expect: a sum, and of how many verdicts."""

    more: float = 0.0
    verdicts: float = 0.0


class Overlap(msgspec.Struct):
    """Failures of an arm after another one had failed: those that were, and those to be expected of the two extremes."""

    failed: float = 0.0
    independent: float = 0.0  # were it no matter who failed before
    nested: float = 0.0  # were it always the same work that arms fail at

    @property
    def rho(self) -> float:
        """Where the truth lies between the two: 0 is independent, 1 nested."""
        span = self.nested - self.independent + OVERLAP_WEIGHT
        return min(MOST_OVERLAP, max(0.0, (self.failed - self.independent + OVERLAP_WEIGHT * OVERLAP) / span))


class Surprise(msgspec.Struct):
    """Cumulative sums of verdicts that were better, and worse, than expected."""

    better: float = 0.0
    worse: float = 0.0


class Acceptance(msgspec.Struct, frozen=True):
    """How likely an arm's work is to be accepted in a context: a beta distribution."""

    general: float  # expected of the arm wherever it works
    accepted: float  # alpha, at least .16
    rejected: float  # beta, at least .16

    @property
    def mean(self) -> float:
        return self.accepted / (self.accepted + self.rejected)


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What a choice expected of the arm that it took, so that a verdict on its work can teach something."""

    context: str
    arm: str
    general: float
    mean: float  # to be accepted as the first one
    given: float  # to be accepted after those before it failed; `mean` where it was the first
    independent: float = 0.0  # to fail after those, were failures independent
    nested: float = 0.0  # the same, were they nested
    first: bool = True


class Trails(msgspec.Struct):
    """What was learned so far. The same verdicts in the same order give the same."""

    rows: dict[tuple[str, str], Trail] = {}  # by context and arm, those of EVERYWHERE by model
    offsets: dict[str, Offset] = {}  # by context
    surprises: dict[str, Surprise] = {}  # by model
    overlap: Overlap = msgspec.field(default_factory=Overlap)

    def trail(self, context: str, name: str, now: int) -> Trail:
        """The trail of an arm in a context, or of a model EVERYWHERE, as it is at `now`; empty where nothing was judged yet."""
        return self.rows.get((context, name), Trail()).faded(now)

    def acceptance(self, context: str, arm: str, prior: float, now: int) -> Acceptance:
        """What is to be expected: from the prior of its tier to the arm everywhere, from there to this context."""
        everywhere, here = self.trail(EVERYWHERE, model_of(arm), now), self.trail(context, arm, now)
        offset = self.offsets.get(context, Offset())
        general = share_of(everywhere, prior)
        harder = offset.more / (offset.verdicts + OFFSET_WEIGHT)
        expected = min(HIGHEST, max(LOWEST, general + harder))
        return Acceptance(
            general, CONTEXT_WEIGHT * expected + here.accepted, CONTEXT_WEIGHT * (1 - expected) + here.rejected
        )

    def learn(self, expected: Expected, accepted: bool, now: int) -> None:
        """Take in a verdict on the work of an arm.

        Who works after another has failed gets the harder work: such a deposit is weighed by how much harder it was.
        """
        amount = 1.0
        if expected.first:
            offset = self.offsets.setdefault(expected.context, Offset())
            offset.more = USE * offset.more + accepted - expected.general
            offset.verdicts = USE * offset.verdicts + 1
        else:
            amount = min(MOST_DEPOSIT, _harder(expected, accepted))
            overlap = self.overlap
            overlap.failed = USE * overlap.failed + (not accepted)
            overlap.independent = USE * overlap.independent + expected.independent
            overlap.nested = USE * overlap.nested + expected.nested
        for place in places(expected.context, expected.arm):
            self.rows[place] = self.rows.get(place, Trail()).deposit(accepted, now, amount)
        self._surprise(expected, accepted)

    def overrule(self, context: str, arm: str, accepted: bool, judged_at: int, now: int) -> None:
        """Take in a person's verdict: what time has left of the one that it replaces is taken back (0 = there was none)."""
        for place in places(context, arm):
            trail = self.rows.get(place, Trail())
            if judged_at:
                trail = trail.withdraw(not accepted, judged_at, now)
            self.rows[place] = trail.deposit(accepted, now)

    def _surprise(self, expected: Expected, accepted: bool) -> None:
        """Where a model has become another one overnight, forget most of it (CUSUM)."""
        model = model_of(expected.arm)
        surprise = self.surprises.setdefault(model, Surprise())
        more = accepted - expected.given
        surprise.better = max(0.0, surprise.better + more - DRIFT)
        surprise.worse = max(0.0, surprise.worse - more - DRIFT)
        if max(surprise.better, surprise.worse) < SURPRISED:
            return
        self.surprises[model] = Surprise()
        for (context, arm), trail in self.rows.items():
            if model_of(arm) == model:
                self.rows[context, arm] = Trail(trail.accepted * KEPT, trail.rejected * KEPT, trail.at)


def places(context: str, arm: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Where a verdict on an arm's work in a context is kept."""
    return (context, arm), (EVERYWHERE, model_of(arm))


def expect(context: str, arm: str, *, general: float, mean: float, failed: Sequence[float], rho: float) -> Expected:
    """What is expected of an arm after others failed, whose means are `failed`; `rho` says how far failures go together.

    P(all fail) = (1 - rho) * product of the chances to fail + rho * the least of them: in whichever order they are tried.
    """
    if not failed:
        return Expected(context=context, arm=arm, general=general, mean=mean, given=mean)
    fails = [1 - each for each in failed]
    product, least = prod(fails), min(fails)
    nested = min(least, 1 - mean)
    before = (1 - rho) * product + rho * least
    after = (1 - rho) * product * (1 - mean) + rho * nested
    return Expected(
        context=context,
        arm=arm,
        general=general,
        mean=mean,
        given=1 - after / before,
        independent=1 - mean,
        nested=nested / least,
        first=False,
    )


def feedback(trails: Trails, expected: Expected, accepted: bool, now: int = 0) -> Trails:
    """The trails after a verdict. `trails` itself is not changed."""
    learned = deepcopy(trails)
    learned.learn(expected, accepted, now)
    return learned


def _harder(expected: Expected, accepted: bool) -> float:
    if accepted:
        return expected.mean / max(1e-9, expected.given)
    return (1 - expected.mean) / max(1e-9, 1 - expected.given)
