"""With what probability recorded choices had been made under other values. What does not depend on them is counted once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from events.types.base import NOUGHT
from events.types.choice import FREE_TIERS, Candidate, Choice, ChoiceMade, ChoiceStopped
from swarm.choice.choose import PLANNED, SAMPLES, STAYED, STOPPED, basis_of, probabilities, shape_of
from swarm.choice.question import BALANCED
from swarm.choice.sweep import outcomes, shares
from swarm.cycle import RETRIES_ON_ARM
from swarm.tune.values import WORTHS, Values, escalated, policy_of
from swarm.whatif.policies import Policy, Weights, target
from swarm.whatif.record import Drawn, SessionRecord
from swarm.whatif.weights import Target

if TYPE_CHECKING:
    from swarm.choice.sweep import Given, Numbers, Outcomes

_KEPT = 64  # paths whose draws are kept while a task is looked at

Shapes = tuple[tuple[str, tuple[float, float]], ...]


class _Place(msgspec.Struct, frozen=True, kw_only=True):
    """What a choice alone does not say of the way to it."""

    before: Drawn | None  # the choice before it for the same step, for which the same draws were kept
    shapes: Shapes  # by arm of its step until then, from what it was drawn
    dearest: int  # expected cost of the dearest of them
    free: tuple[str, ...]  # those of them that cost nothing
    attempts: int  # that its task was allowed
    escalations: int  # of its task until then


class Supposed:
    """The choices of some sessions under any values.

    An arm is drawn once for a step, so that what was chosen before says something of its draws: the probability of a choice is
    that among the draws that lead to the choices before it, under the values that are supposed.
    """

    def __init__(self, sessions: Sequence[SessionRecord]) -> None:
        self._places: dict[int, _Place] = {}
        self._own: dict[int, Weights] = {}
        self._draws: dict[tuple[str, tuple[float, float]], Numbers] = {}
        self._tables: dict[object, Sequence[Weights]] = {}
        self._given: dict[tuple[Values, int], Given] = {}
        for session in sessions:
            for name, way in session.choices.items():
                if name in session.tasks:
                    self._note(way, session.tasks[name].attempts)

    def _note(self, way: Sequence[Drawn], attempts: int) -> None:
        seen, last, escalations = dict[int, dict[str, Candidate]](), dict[int, Drawn](), 0
        for drawn in way:
            arms = seen.setdefault(drawn.step, {})
            for each in drawn.choice.candidates:
                arms.setdefault(each.arm, each)
            self._places[drawn.position] = _Place(
                before=last.get(drawn.step),
                shapes=tuple((name, shape_of(each)) for name, each in arms.items()),
                dearest=max((each.cost_nanos for each in arms.values()), default=0),
                free=tuple(name for name, each in arms.items() if each.tier in FREE_TIERS),
                attempts=attempts,
                escalations=escalations,
            )
            escalations += escalated(drawn)
            if not _stayed(drawn.choice):
                last[drawn.step] = drawn

    def recorded(self, drawn: Drawn) -> Weights:
        """As the choice was made."""
        found = self._own.get(drawn.position)
        if found is None:
            planned = not _stayed(drawn.choice) and policy_of(drawn) == "trails"
            found = self._table(Values(), drawn)[-1] if planned else probabilities(drawn.choice)
            self._own[drawn.position] = found
        return found

    def under(self, values: Values) -> Target:
        """As choices had been made under these values."""
        return lambda drawn: self._wanted(values, drawn)

    def _wanted(self, values: Values, drawn: Drawn) -> Weights:
        choice, place = drawn.choice, self._places[drawn.position]
        if values.attempts is not None and drawn.step and drawn.attempt > values.attempts:
            return {STOPPED: 1.0}
        if isinstance(choice, ChoiceMade) and _stayed(choice):
            return self.recorded(drawn) if not values.tiers or choice.tier in values.tiers else {}
        allowed = _allowed(values, drawn, place)
        if not allowed:  # where escalations are used up, those that were rejected had gone on
            return {place.free[0]: 1.0} if place.free and not values.tiers else {}
        policy = values.policy or policy_of(drawn)
        if policy == "trails":
            table = self._table(msgspec.structs.replace(values, worth=None), drawn)
            return table[-1 if values.worth is None else WORTHS.index(values.worth)]
        if policy == policy_of(drawn) and len(allowed) == len(choice.candidates):
            return self.recorded(drawn)
        left = msgspec.structs.replace(choice, candidates=tuple(allowed))
        return target(Policy(policy) if values.policy else Policy(), left, ())

    def _table(self, values: Values, drawn: Drawn) -> Sequence[Weights]:
        """The probabilities by plan for each worth, and last for the recorded one."""
        place = self._places[drawn.position]
        basis = self._basis(values, drawn)
        first = place.before is None
        key = (basis, place.dearest, drawn.choice.worth_nanos) if first else (values, drawn.position)
        found = self._tables.get(key)
        if found is None:
            names, chosen = self._outcomes(basis, drawn)
            given = None if place.before is None else self._leading(values, place.before)
            found = self._tables[key] = shares(names, chosen, given)
        return found

    def _leading(self, values: Values, drawn: Drawn) -> Given:
        """By worth the draws that lead to a choice as it was made, and to those before it."""
        key = (values, drawn.position)
        found = self._given.get(key)
        if found is None:
            names, chosen = self._outcomes(self._basis(values, drawn), drawn)
            found = chosen == (list(names).index(drawn.arm) if drawn.arm in names else -1)
            before = self._places[drawn.position].before
            if before is not None:
                found &= self._leading(values, before)
            if len(self._given) >= _KEPT:
                self._given.clear()
            self._given[key] = found
        return found

    def _outcomes(self, basis: ChoiceStopped, drawn: Drawn) -> tuple[Sequence[str], Outcomes]:
        place = self._places[drawn.position]
        worths = [float(round(worth * place.dearest)) or 1.0 for worth in WORTHS]
        own = float(drawn.choice.worth_nanos) or float(round(BALANCED * place.dearest)) or 1.0
        return outcomes(basis, [*worths, own], self._drawn(place.shapes))

    def _drawn(self, shapes: Shapes) -> Mapping[str, Numbers]:
        """By arm its draws, the same at each asking, and for alike arms of different names different ones."""
        found: dict[str, Numbers] = {}
        for name, shape in shapes:
            known = self._draws.get((name, shape))
            if known is None:
                known = self._draws[name, shape] = draws_of(name, shape)
            found[name] = known
        return found

    def _basis(self, values: Values, drawn: Drawn) -> ChoiceStopped:
        """The choice as a plan makes it under these values, whatever right work is worth."""
        choice, place = drawn.choice, self._places[drawn.position]
        allowed = _allowed(values, drawn, place) or choice.candidates
        bare = tuple(msgspec.structs.replace(each, weight=NOUGHT) for each in allowed)
        basis = basis_of(msgspec.structs.replace(choice, candidates=bare, policy="trails", worth_nanos=0))
        if values.attempts is not None or not basis.arms:
            attempts = min(place.attempts, values.attempts or place.attempts)
            basis = msgspec.structs.replace(basis, arms=_arms_left(attempts, drawn))
        if values.start is not None:
            basis = msgspec.structs.replace(basis, start=PLANNED if values.start == PLANNED else "")
        return basis


def _stayed(choice: Choice) -> bool:
    """Whether a rule of the cycle, which no value changes, kept the arm of the draft before."""
    return isinstance(choice, ChoiceMade) and choice.why == STAYED


def _allowed(values: Values, drawn: Drawn, place: _Place) -> Sequence[Candidate]:
    """The candidates that the values leave."""
    allowed = [each for each in drawn.choice.candidates if not values.tiers or each.tier in values.tiers]
    if values.escalations is not None and place.escalations >= values.escalations and place.free:
        return [each for each in allowed if each.tier in FREE_TIERS]
    return allowed


def draws_of(name: str, shape: tuple[float, float]) -> Numbers:
    """An arm's shares of accepted work, as it may be drawn: the same at each asking."""
    import numpy as np  # only a search needs it

    seed = int.from_bytes(name.encode(), "big")
    return np.random.default_rng(seed).beta(*shape, size=SAMPLES)


def _arms_left(attempts: int, drawn: Drawn) -> int:
    """On how many arms a step can still be tried that is allowed so many attempts, each with another try after feedback."""
    left = attempts - (drawn.attempt - 1 if drawn.step else 0)
    return max(1, -(-left // (1 + RETRIES_ON_ARM)))
