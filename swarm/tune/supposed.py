"""With what probability recorded choices had been made under other values. What does not depend on them is counted once."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from events.types.base import NOUGHT
from events.types.choice import FREE_TIERS, Candidate, ChoiceMade, ChoiceStopped
from swarm.choice.choose import PLANNED, STAYED, STOPPED, basis_of, probabilities
from swarm.choice.question import BALANCED
from swarm.choice.sweep import swept
from swarm.cycle import RETRIES_ON_ARM
from swarm.tune.values import WORTHS, Values, escalated, policy_of
from swarm.whatif.policies import Policy, Weights, target
from swarm.whatif.record import Drawn, SessionRecord
from swarm.whatif.weights import Target


class _Place(msgspec.Struct, frozen=True):
    """What a choice alone does not say of the way to it."""

    dearest: int  # expected cost of the dearest arm of its step until then
    attempts: int  # that its task was allowed
    escalations: int  # of its task until then
    free: tuple[str, ...]  # arms of its step until then that cost nothing


class Supposed:
    """The choices of some sessions under any values."""

    def __init__(self, sessions: Sequence[SessionRecord]) -> None:
        self._places: dict[int, _Place] = {}
        self._own: dict[int, Weights] = {}
        self._tables: dict[tuple[ChoiceStopped, int, int], Sequence[Weights]] = {}
        for session in sessions:
            for name, way in session.choices.items():
                if name in session.tasks:
                    self._note(way, session.tasks[name].attempts)

    def _note(self, way: Sequence[Drawn], attempts: int) -> None:
        seen, escalations = dict[int, dict[str, Candidate]](), 0
        for drawn in way:
            arms = seen.setdefault(drawn.step, {})
            arms.update((each.arm, each) for each in drawn.choice.candidates)
            dearest = max((each.cost_nanos for each in arms.values()), default=0)
            free = tuple(name for name, each in arms.items() if each.tier in FREE_TIERS)
            self._places[drawn.position] = _Place(dearest, attempts, escalations, free)
            escalations += escalated(drawn)

    def recorded(self, drawn: Drawn) -> Weights:
        """As the choice was made."""
        found = self._own.get(drawn.position)
        if found is None:
            found = self._own[drawn.position] = self._as_it_was(drawn)
        return found

    def under(self, values: Values) -> Target:
        """As choices had been made under these values."""
        return lambda drawn: self._wanted(values, drawn)

    def _as_it_was(self, drawn: Drawn) -> Weights:
        choice = drawn.choice
        stayed = isinstance(choice, ChoiceMade) and choice.why
        if stayed or policy_of(drawn) != "trails":
            return probabilities(choice)
        return self._table(_planned(drawn, choice.candidates), drawn)[-1]

    def _wanted(self, values: Values, drawn: Drawn) -> Weights:
        choice, place = drawn.choice, self._places[drawn.position]
        if values.attempts is not None and drawn.step and drawn.attempt > values.attempts:
            return {STOPPED: 1.0}
        if isinstance(choice, ChoiceMade) and choice.why == STAYED:
            return self.recorded(drawn) if not values.tiers or choice.tier in values.tiers else {}
        allowed = [each for each in choice.candidates if not values.tiers or each.tier in values.tiers]
        if values.escalations is not None and place.escalations >= values.escalations and place.free:
            allowed = [each for each in allowed if each.tier in FREE_TIERS]
            if not allowed:  # those that were rejected had gone on
                return {place.free[0]: 1.0}
        if not allowed:
            return {}
        policy = values.policy or policy_of(drawn)
        if policy == "trails":
            return self._by_plan(values, drawn, allowed)
        if policy == policy_of(drawn) and len(allowed) == len(choice.candidates):
            return self.recorded(drawn)
        left = msgspec.structs.replace(choice, candidates=tuple(allowed))
        return target(Policy(policy) if values.policy else Policy(), left, ())

    def _by_plan(self, values: Values, drawn: Drawn, allowed: Sequence[Candidate]) -> Weights:
        basis, attempts = _planned(drawn, allowed), self._places[drawn.position].attempts
        if values.attempts is not None or not basis.arms:
            basis = msgspec.structs.replace(basis, arms=_arms_left(min(attempts, values.attempts or attempts), drawn))
        if values.start is not None:
            basis = msgspec.structs.replace(basis, start=PLANNED if values.start == PLANNED else "")
        table = self._table(basis, drawn)
        return table[-1 if values.worth is None else WORTHS.index(values.worth)]

    def _table(self, basis: ChoiceStopped, drawn: Drawn) -> Sequence[Weights]:
        """The probabilities for each worth, and last for the recorded one."""
        dearest, own = self._places[drawn.position].dearest, drawn.choice.worth_nanos
        key = (basis, dearest, own)
        found = self._tables.get(key)
        if found is None:
            worths = [float(round(worth * dearest)) or 1.0 for worth in WORTHS]
            last = float(own) or float(round(BALANCED * dearest)) or 1.0
            found = self._tables[key] = swept(basis, [*worths, last])
        return found


def _planned(drawn: Drawn, allowed: Sequence[Candidate]) -> ChoiceStopped:
    """The choice among these as a plan makes it, whatever it is worth."""
    bare = tuple(msgspec.structs.replace(each, weight=NOUGHT) for each in allowed)
    return basis_of(msgspec.structs.replace(drawn.choice, candidates=bare, policy="trails", worth_nanos=0))


def _arms_left(attempts: int, drawn: Drawn) -> int:
    """On how many arms a step can still be tried that is allowed so many attempts, each with another try after feedback."""
    left = attempts - (drawn.attempt - 1 if drawn.step else 0)
    return max(1, -(-left // (1 + RETRIES_ON_ARM)))
