"""Choose an arm by planning: of all short cascades the one that is worth most, and its first arm is tried.

A pure function of options, trails, context and draws: the same arguments give the same choice. What a draft is worth and what a
call costs are given in one unit, whichever. The cascade may end before its attempts do: where one more try is not worth its
cost, nothing is chosen. Formulas and constants were found by replaying real outcomes of models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp
from random import Random

import msgspec

from events.trails import Acceptance, Expected, Trails, expect
from events.types.choice import FREE_TIERS

USABLE = 0.2  # a free arm of whose work less is expected to be accepted goes before no paid one
LONGEST = 3  # tries of a cascade: a fourth one changes no choice
TEMPER = 4.0  # how much narrower a draw is than what is known: retries explore by themselves
PACE, DEAREST = 0.05, 4.0  # by how much a task moves the pressure, and how many allowances it counts at the most
SURE = 1e-6  # nothing is expected closer to certain than this


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """An arm that may be chosen."""

    name: str
    tier: str
    cost: float  # of one try, the judge included
    prior: float  # expected acceptance while nothing is known


class Judge(msgspec.Struct, frozen=True):
    """How often the verdicts are wrong. Less than the truth is harmless, more than .1 never helps."""

    accepts_wrong: float = 0.05
    rejects_right: float = 0.05


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What is at stake. `worth` is in the unit of the costs."""

    worth: float  # of work that is right
    attempts: int = LONGEST  # tries that are left
    rejected: float = 0.0  # the share of its worth that a draft keeps that was right and was rejected
    judge: Judge = Judge()
    pressure: float = 1.0  # what prices are multiplied by, so that a budget lasts
    free_first: bool = True
    may_stop: bool = True  # False: one more try is made, whatever it is worth


class Cascade(msgspec.Struct, frozen=True, kw_only=True):
    """The best of all cascades, by the arm that it begins with."""

    arm: str | None  # None where one more try is not worth its cost
    value: float  # of the best cascade; of stopping where `arm` is None
    values: Mapping[
        str, float
    ]  # of the best that begins with each arm; none for one that another is better than throughout
    skipped: Mapping[str, str]  # free arms that could not have the first try, and why


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A choice: an arm, or None where one more try is not worth its cost. It holds all that it was made from."""

    arm: str | None
    value: float  # of the best cascade; of stopping where `arm` is None
    expected: Expected | None
    acceptance: Mapping[str, Acceptance]
    draws: Mapping[str, float]  # by arm, for the whole task
    skipped: Mapping[str, str]  # free arms that could not have the first try, and why


class _State(msgspec.Struct, frozen=True):
    """Where a cascade stands: all that were tried were rejected.

    `wrong` and `right` are how likely that came about with drafts that were all wrong, and with one among them that was right.
    """

    wrong: float = 1.0
    right: float = 0.0
    all_fail: float = 1.0  # the product of the chances to fail
    best_fails: float = 1.0  # the least of them
    fail: float = 1.0  # that all fail, given how far failures go together
    last: float = 0.0  # that the last draft is right


def choose(
    options: Sequence[Option],
    trails: Trails,
    context: str,
    terms: Terms,
    seed: str,
    *,
    tried: Sequence[str] = (),
    draws: Mapping[str, float] | None = None,
    now: int = 0,
) -> Planned | None:
    """Plan the rest of a cascade and choose its next arm; None where no option is left.

    `tried` are the arms whose drafts of this work were rejected, in their order. `draws` are those of the first choice for
    the same task: an arm is drawn once a task.
    """
    known = {each.name: trails.acceptance(context, each.name, each.prior, now) for each in options}
    drawn = drawn_once(known, seed, draws or {})
    left = [each for each in options if each.name not in tried]
    if not left or terms.attempts < 1:
        return None
    means, rho = {name: each.mean for name, each in known.items()}, trails.overlap.rho
    there = [name for name in tried if name in known]  # who takes part no more says nothing of the others
    best = plan(left, means, drawn, rho, terms, tried=there)
    expected = None
    if best.arm is not None:
        failed, chosen = [means[name] for name in there], known[best.arm]
        expected = expect(context, best.arm, general=chosen.general, mean=chosen.mean, failed=failed, rho=rho)
    return Planned(
        arm=best.arm, value=best.value, expected=expected, acceptance=known, draws=drawn, skipped=best.skipped
    )


def plan(
    options: Sequence[Option],
    means: Mapping[str, float],
    drawn: Mapping[str, float],
    rho: float,
    terms: Terms,
    *,
    tried: Sequence[str] = (),
) -> Cascade:
    """The best cascade over one option or more, where the drafts of `tried` were rejected; an arm stands there once for each.

    `means` are the expected and `drawn` the drawn shares of accepted work, by arm, those of `tried` among them.
    """
    judge = terms.judge
    span = 1 - judge.accepts_wrong - judge.rejects_right
    chances = {name: min(1 - SURE, max(SURE, (drawn[name] - judge.accepts_wrong) / span)) for name in drawn}
    state, skipped = _after(tried, chances, rho, judge), dict[str, str]()
    first = [each.name for each in options]
    if terms.free_first and not tried:
        first, skipped = free_first(options, means)
    values = _Search(options, chances, rho, terms).values(state, first)
    arm = max(values, key=values.__getitem__)
    stop = terms.worth * terms.rejected * state.last
    may_stop = terms.may_stop and bool(tried) and any(each.tier not in FREE_TIERS for each in options)
    if may_stop and values[arm] <= stop:
        return Cascade(arm=None, value=stop, values=values, skipped=skipped)
    return Cascade(arm=arm, value=values[arm], values=values, skipped=skipped)


def first_choices(
    options: Sequence[Option], trails: Trails, context: str, terms: Terms, *, samples: int = 200, now: int = 0
) -> dict[str, float]:
    """With what probability each arm is chosen first, by name: the share of so many seeded draws, the same at each asking."""
    counts = dict.fromkeys((each.name for each in options), 0)
    for number in range(samples):
        planned = choose(options, trails, context, terms, f"sample {number}", now=now)
        if planned is not None and planned.arm is not None:
            counts[planned.arm] += 1
    return {name: count / samples for name, count in counts.items()}


def paced(pressure: float, cost: float, allowance: float) -> float:
    """The pressure after a task that cost so much, where so much is left for each: from 1 to 1,000.

    Prices rise by a few percent at a time, so that work moves to cheaper arms long before a budget is used up.
    """
    over = min(DEAREST, cost / allowance) if allowance > 0 else DEAREST
    return min(1_000.0, max(1.0, pressure * exp(PACE * (over - 1))))


def drawn_once(known: Mapping[str, Acceptance], seed: str, draws: Mapping[str, float]) -> dict[str, float]:
    """A tempered draw for each arm, by name: what was drawn before stays, and whoever joins or leaves moves no other."""
    return {name: draws[name] if name in draws else _draw(known[name], f"{seed}/{name}") for name in sorted(known)}


def _draw(acceptance: Acceptance, seed: str) -> float:
    return Random(seed).betavariate(TEMPER * acceptance.accepted, TEMPER * acceptance.rejected)


def free_first(options: Sequence[Option], means: Mapping[str, float]) -> tuple[list[str], dict[str, str]]:
    """Who may have the first try: the free arms that are worth it, everybody where none is."""
    free = [each.name for each in options if each.tier in FREE_TIERS]
    usable = [name for name in free if means[name] >= USABLE]
    skipped = {
        name: f"its work is expected to be accepted in {100 * means[name]:.0f} % of cases, and {100 * USABLE:.0f} % is the least"
        for name in free
        if name not in usable
    }
    return usable or [each.name for each in options], skipped


def _after(tried: Sequence[str], chances: Mapping[str, float], rho: float, judge: Judge) -> _State:
    """Where the cascade stands, given that it has come so far."""
    state = _State()
    for name in tried:
        state = _next(state, chances[name], rho, judge)[0]
    reached = state.wrong + state.right
    return msgspec.structs.replace(
        state, wrong=state.wrong / reached, right=state.right / reached, last=state.last / reached
    )


def _next(state: _State, chance: float, rho: float, judge: Judge) -> tuple[_State, float]:
    """The state after one more draft was rejected, and the chance that one was accepted that is right.

    P(all fail) = (1 - rho) * product of the chances to fail + rho * the least of them: in whichever order they were tried.
    """
    all_fail, best_fails = state.all_fail * (1 - chance), min(state.best_fails, 1 - chance)
    fail = (1 - rho) * all_fail + rho * best_fails
    still_wrong = state.wrong * fail / state.fail
    newly_right = state.wrong - still_wrong
    is_right = newly_right + state.right * chance
    kept_out = judge.rejects_right
    right = is_right * kept_out + state.right * (1 - chance) * (1 - judge.accepts_wrong)
    after = _State(still_wrong * (1 - judge.accepts_wrong), right, all_fail, best_fails, fail, is_right * kept_out)
    return after, is_right * (1 - kept_out)


class _Search:
    """Looks through the cascades that can be best: nobody is tried before one that is as cheap and as good."""

    def __init__(self, left: Sequence[Option], chances: Mapping[str, float], rho: float, terms: Terms) -> None:
        self._names = [each.name for each in left]
        self._costs = [each.cost * terms.pressure for each in left]
        self._chances = [chances[name] for name in self._names]
        self._before = [self._better(place) for place in range(len(left))]
        self._rho, self._terms, self._kept = rho, terms, terms.worth * terms.rejected

    def values(self, state: _State, first: Sequence[str]) -> dict[str, float]:
        """What the best cascade is worth that begins with each of these, but for those that another of them is better than."""
        among = [place for place, name in enumerate(self._names) if name in first]
        mask, tries = sum(1 << place for place in among), min(self._terms.attempts, LONGEST)
        return {
            self._names[place]: self._value(place, state, tries, 1 << place)
            for place in among
            if not self._before[place] & mask
        }

    def _value(self, place: int, state: _State, tries: int, used: int) -> float:
        """What it is worth to try this arm now, and then to go on as is best. `used` has a bit for each arm of the cascade."""
        after, gain = _next(state, self._chances[place], self._rho, self._terms.judge)
        rest = self._kept * after.last
        if tries > 1:
            for other, before in enumerate(self._before):
                if not used >> other & 1 and not before & ~used:
                    rest = max(rest, self._value(other, after, tries - 1, used | 1 << other))
        return self._terms.worth * gain - (state.wrong + state.right) * self._costs[place] + rest

    def _better(self, place: int) -> int:
        """A bit for each arm that costs no more and is no worse: whatever a cascade has of `place`, it has more of them."""
        bits = 0
        for other, (cost, chance) in enumerate(zip(self._costs, self._chances, strict=True)):
            as_good = cost <= self._costs[place] and chance >= self._chances[place]
            if as_good and (cost, -chance, other) < (self._costs[place], -self._chances[place], place):
                bits |= 1 << other
        return bits
