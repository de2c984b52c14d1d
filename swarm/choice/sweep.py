"""What a planned choice comes to over many draws, for many worths of right work at once: as `probabilities` counts, without its loop.

All draws go through the plan together. What a cascade gains and what it costs does not depend on what right work
is worth, so that one walk through the cascades serves every worth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from events.trails import OVERLAP
from events.types.choice import FREE_TIERS, ChoiceStopped
from swarm.choice.choose import STOPPED, options_of, terms_of
from swarm.choice.planner import LONGEST, SURE, Judge, Option, Terms, free_first

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Outcomes = NDArray[np.intp]  # by worth and draw the place of what was chosen
    Given = NDArray[np.bool_]  # by worth and draw

LEAST_COUNTED = 20
"""So few draws that are left say less of a choice than all of them do."""


def outcomes(
    choice: ChoiceStopped, worths: Sequence[float], drawn: Mapping[str, Numbers]
) -> tuple[Sequence[str], Outcomes]:
    """What a choice that is made by a plan comes to: the arms that it can take and STOPPED where it may, and by worth and draw
    which of them it is.

    `choice` is what `basis_of` leaves of it; its own worth is not looked at. `drawn` has the draws of its candidates by arm, all
    of one length; of an arm that was tried and is not there the draw holds that the choice names.
    """
    import numpy as np  # a what-if over one choice does without

    options, terms = options_of(choice), terms_of(choice)
    means = {each.arm: each.mean for each in choice.candidates}
    first = free_first(options, means)[0] if terms.free_first and not choice.tried else [each.name for each in options]
    may_stop = bool(choice.tried) and any(each.tier not in FREE_TIERS for each in options)
    shape = len(worths), len(drawn[first[0]])
    if len(first) == 1 and not may_stop:
        return first, np.zeros(shape, dtype=np.intp)
    if not choice.tried and len({each.cost for each in options if each.name in first}) == 1:
        leader = np.argmax(np.stack([drawn[name] for name in first]), axis=0)
        return first, np.broadcast_to(leader, shape)
    values = _Sweep(options, choice, drawn, terms, np.asarray(worths)).values(first)
    chosen = np.argmax(values, axis=0)
    if not may_stop:
        return first, chosen
    return [*first, STOPPED], np.where(values.max(axis=0) <= 0, len(first), chosen)


def shares(names: Sequence[str], chosen: Outcomes, given: Given | None = None) -> list[dict[str, float]]:
    """How likely each outcome is, by worth; of the draws that are `given` alone, where these are enough to count."""
    import numpy as np

    found: list[dict[str, float]] = []
    for place, row in enumerate(chosen):
        left = row if given is None else row[given[place]]
        counted = left if len(left) >= LEAST_COUNTED else row
        whole = len(counted) + 0.5 * len(names)
        counts = np.bincount(counted, minlength=len(names))
        found.append(dict(zip(names, ((counts + 0.5) / whole).tolist(), strict=True)))
    return found


class _State(msgspec.Struct, frozen=True):
    """Where a cascade stands, by sample: as the planner's."""

    wrong: Numbers
    right: Numbers
    all_fail: Numbers
    best_fails: Numbers
    fail: Numbers


class _Sweep:
    """The search of the planner over all samples and worths."""

    def __init__(
        self,
        options: Sequence[Option],
        choice: ChoiceStopped,
        drawn: Mapping[str, Numbers],
        terms: Terms,
        worths: Numbers,
    ) -> None:
        import numpy as np

        self._np, self._rho, self._judge = np, choice.overlap or OVERLAP, terms.judge
        self._names = [each.name for each in options]
        self._chances = [self._chance(drawn[name]) for name in self._names]
        self._costs = [each.cost * terms.pressure for each in options]
        self._worths = np.maximum(worths, 0.0)[:, None]
        self._tries = min(terms.attempts, LONGEST)
        samples = len(self._chances[0])
        one, none = np.ones(samples), np.zeros(samples)
        state = _State(one, none, one, one, one)
        for each in choice.tried:
            tried = drawn.get(each.arm, np.full(samples, each.draw))
            state = self._next(state, self._chance(tried))[0]
        reached = state.wrong + state.right
        self._begin = msgspec.structs.replace(state, wrong=state.wrong / reached, right=state.right / reached)

    def values(self, first: Sequence[str]) -> Numbers:
        """By arm, worth and draw what the best cascade is worth that begins with it.

        The planner leaves out those that another is better than throughout; here they are worth less than that one.
        """
        among = [place for place, name in enumerate(self._names) if name in first]
        return self._np.stack([self._value(place, self._begin, self._tries, frozenset((place,))) for place in among])

    def _value(self, place: int, state: _State, tries: int, used: frozenset[int]) -> Numbers:
        after, gain = self._next(state, self._chances[place])
        value = self._worths * gain - (state.wrong + state.right) * self._costs[place]
        rest: Numbers | None = None
        if tries > 1:
            for other in range(len(self._names)):
                if other not in used:
                    more = self._value(other, after, tries - 1, used | {other})
                    rest = self._np.maximum(more, 0.0 if rest is None else rest)
        return value if rest is None else value + rest

    def _chance(self, drawn: Numbers) -> Numbers:
        """How likely a draft is right, given how often the verdicts on it are wrong."""
        judge: Judge = self._judge
        span = 1 - judge.accepts_wrong - judge.rejects_right
        return self._np.clip((drawn - judge.accepts_wrong) / span, SURE, 1 - SURE)

    def _next(self, state: _State, chance: Numbers) -> tuple[_State, Numbers]:
        """As `planner._next`, of many draws at once."""
        all_fail, best_fails = state.all_fail * (1 - chance), self._np.minimum(state.best_fails, 1 - chance)
        fail = (1 - self._rho) * all_fail + self._rho * best_fails
        still_wrong = state.wrong * fail / state.fail
        is_right = state.wrong - still_wrong + state.right * chance
        kept_out, seen = self._judge.rejects_right, 1 - self._judge.accepts_wrong
        right = is_right * kept_out + state.right * (1 - chance) * seen
        return _State(still_wrong * seen, right, all_fail, best_fails, fail), is_right * (1 - kept_out)
