"""How much more, or less, likely each recorded task had been under another policy, and the arms that the record lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import msgspec

from swarm.choice.choose import probabilities
from swarm.messages import TIERS
from swarm.whatif.policies import Policy, Weights, freed_arms, stops_as_well, target
from swarm.whatif.record import CallRecord, Drawn, SessionRecord

LEAST_DRAWS = (
    1.0  # from so many expected draws on an arm that was never drawn is one that the estimate cannot do without
)


class Weighed(msgspec.Struct, kw_only=True):
    """One session under another policy."""

    weights: dict[str, float] = {}  # by task: how likely its record is, against how likely it was
    impossible: dict[
        str, float
    ] = {}  # arms that could not be drawn where the policy may draw them, with the draws expected
    expected: dict[str, float] = {}  # arms that could be drawn, with the draws expected
    drawn: set[str] = set()  # arms that were

    def add(self, other: Weighed) -> None:
        for mine, theirs in ((self.impossible, other.impossible), (self.expected, other.expected)):
            for arm, draws in theirs.items():
                mine[arm] = mine.get(arm, 0.0) + draws
        self.drawn |= other.drawn

    @property
    def needed(self) -> list[str]:
        """The arms of which the record would have to say more, the most needed first."""
        lacking = {arm: draws for arm, draws in self.expected.items() if draws >= LEAST_DRAWS and arm not in self.drawn}
        for arm, draws in self.impossible.items():
            lacking[arm] = lacking.get(arm, 0.0) + draws
        return sorted(lacking, key=lambda arm: (-lacking[arm], arm))


class _Step(msgspec.Struct, frozen=True, kw_only=True):
    """A choice on the way of a task, as it was made and as the policy had made it."""

    arm: str  # that was drawn
    recorded: Weights
    wanted: Weights
    before: float  # how likely the way up to here is, against how likely it was

    @property
    def after(self) -> float:
        if self.wanted == self.recorded:
            return self.before
        likely = self.recorded.get(self.arm)
        return self.before * self.wanted.get(self.arm, 0.0) / likely if likely else 0.0


def weigh(session: SessionRecord, policy: Policy, tiers: frozenset[str], *, joint: bool) -> Weighed:
    """Weigh a session's tasks by the probabilities of their recorded choices, and those of the tasks that they rest on.

    Where `joint`, each task rests on all of its session: a cap couples them.
    """
    weighed = Weighed()
    ways = {task: _way(session.choices.get(task, ()), policy, tiers) for task in session.tasks}
    ratios = {task: way[-1].after if way else 1.0 for task, way in ways.items()}
    whole = prod(ratios.values())
    for task in session.tasks:
        reached = prod(ratios[name] for name in session.before(task) - {task})
        weighed.weights[task] = whole if joint else ratios[task] * reached
        if reached:
            for step in ways[task]:
                _look(step, tiers, reached, weighed)
        for stop in session.stops.get(task, ()) if weighed.weights[task] else ():
            if not stops_as_well(policy, stop, tiers):
                _add(weighed.impossible, "a try that was not worth its cost", weighed.weights[task])
    if tiers:
        for call in session.calls.values():
            if call.role == "validator" and weighed.weights.get(call.task):
                _look_at_judge(session, call, tiers, weighed)
    return weighed


def _way(choices: Sequence[Drawn], policy: Policy, tiers: frozenset[str]) -> list[_Step]:
    """The choices of a task as far as the policy can come."""
    way: list[_Step] = []
    for drawn in choices:
        before = way[-1].after if way else 1.0
        if not before:
            break
        wanted, recorded = target(policy, drawn.choice, tiers), probabilities(drawn.choice)
        way.append(_Step(arm=drawn.choice.arm, recorded=recorded, wanted=wanted, before=before))
    return way


def _look(step: _Step, tiers: frozenset[str], reached: float, weighed: Weighed) -> None:
    """Note what was drawn, what the policy had drawn, and what could not be."""
    weighed.drawn.add(step.arm)
    if step.wanted == step.recorded:
        return
    likely = step.before * reached
    if not step.wanted and tiers:
        _add(weighed.impossible, f"an arm of tier {' or '.join(sorted(tiers))}", likely)
    elif step.arm not in step.recorded:
        _add(weighed.impossible, f"{step.arm} with the probability of its draw", likely)
    for arm, probability in step.wanted.items():
        _add(weighed.expected if arm in step.recorded else weighed.impossible, arm, likely * probability)


def _look_at_judge(session: SessionRecord, call: CallRecord, tiers: frozenset[str], weighed: Weighed) -> None:
    """A judge is taken by a rule: the first of those allowed. Another set of tiers may have another one."""
    ratio = weighed.weights[call.task]
    if call.tier not in tiers:
        _add(weighed.impossible, f"another judge than {call.arm}", ratio)
        return
    freed = {arm for drawn in session.choices.get(call.task, ()) for arm in freed_arms(drawn.choice, tiers)}
    for model, tier in freed:
        if TIERS.index(tier) <= TIERS.index(call.tier):
            _add(weighed.impossible, f"{model} as judge", ratio)


def _add(draws: dict[str, float], arm: str, more: float) -> None:
    draws[arm] = draws.get(arm, 0.0) + more


def groups_of(session: SessionRecord, *, joint: bool) -> Mapping[str, str]:
    """By task the name of its group: tasks that rest on each other are in one, all of the session where `joint`."""
    if joint:
        return dict.fromkeys(session.tasks, "")
    group = {task: task for task in session.tasks}
    for task in session.tasks:
        together = {group[name] for name in session.before(task)}
        if len(together) > 1:
            first = min(together)
            group = {name: first if own in together else own for name, own in group.items()}
    return group
