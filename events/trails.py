"""What verdicts teach of arms: how work was judged, how hard a context is, how often arms fail together, sudden change.

All of it is plain arithmetic without a log and without a clock; formulas and constants were found by replaying real outcomes of
models. A trail holds pheromone: it evaporates with use and with time.
"""

from __future__ import annotations

from copy import deepcopy

import msgspec

USE = 0.998  # what a trail keeps at each deposit: a memory of 500 uses
HALF_LIFE_S = 7 * 24 * 3600.0
EVERYWHERE = "*"  # the context that holds an arm's trail over all contexts

MODEL_WEIGHT, CONTEXT_WEIGHT = (
    4.0,
    8.0,
)  # verdicts that a prior is worth: of its tier for an arm, of the arm in a context
OFFSET_WEIGHT = 10.0  # verdicts of a context that count as none
LOWEST, HIGHEST = 0.02, 0.98  # bounds of what is expected in a context, so that no arm is ever given up or sure
MOST_DEPOSIT = 3.0
OVERLAP, OVERLAP_WEIGHT, MOST_OVERLAP = 0.5, 20.0, 0.95
DRIFT, SURPRISED, KEPT = (
    0.15,
    5.0,
    0.1,
)  # of the cumulative sums: what is no surprise, the threshold, what a flush leaves


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


def share_of(everywhere: Trail, prior: float) -> float:
    """The share of an arm's work that is to be accepted wherever it works, from the prior of its tier on."""
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

    rows: dict[tuple[str, str], Trail] = {}  # by context and arm
    offsets: dict[str, Offset] = {}  # by context
    surprises: dict[str, Surprise] = {}  # by arm
    overlap: Overlap = msgspec.field(default_factory=Overlap)

    def trail(self, context: str, arm: str, now: int) -> Trail:
        """The trail of an arm in a context as it is at `now`; an empty one where nothing was judged yet."""
        return self.rows.get((context, arm), Trail()).faded(now)

    def acceptance(self, context: str, arm: str, prior: float, now: int) -> Acceptance:
        """What is to be expected: from the prior of its tier to the arm everywhere, from there to this context."""
        everywhere, here = self.trail(EVERYWHERE, arm, now), self.trail(context, arm, now)
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
        for context in (expected.context, EVERYWHERE):
            trail = self.rows.get((context, expected.arm), Trail())
            self.rows[context, expected.arm] = trail.deposit(accepted, now, amount)
        self._surprise(expected, accepted)

    def _surprise(self, expected: Expected, accepted: bool) -> None:
        """Where an arm has become another one overnight, forget most of it (CUSUM)."""
        surprise = self.surprises.setdefault(expected.arm, Surprise())
        more = accepted - expected.given
        surprise.better = max(0.0, surprise.better + more - DRIFT)
        surprise.worse = max(0.0, surprise.worse - more - DRIFT)
        if max(surprise.better, surprise.worse) < SURPRISED:
            return
        self.surprises[expected.arm] = Surprise()
        for (context, arm), trail in self.rows.items():
            if arm == expected.arm:
                self.rows[context, arm] = Trail(trail.accepted * KEPT, trail.rejected * KEPT, trail.at)


def feedback(trails: Trails, expected: Expected, accepted: bool, now: int = 0) -> Trails:
    """The trails after a verdict. `trails` itself is not changed."""
    learned = deepcopy(trails)
    learned.learn(expected, accepted, now)
    return learned


def _harder(expected: Expected, accepted: bool) -> float:
    if accepted:
        return expected.mean / max(1e-9, expected.given)
    return (1 - expected.mean) / max(1e-9, 1 - expected.given)
