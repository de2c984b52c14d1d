"""How much more, or less, likely each recorded task had been under another policy, and the arms that the record lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import prod

import msgspec

from swarm.choice.choose import STOPPED, probabilities
from swarm.choice.roulette import point_of
from swarm.messages import TIERS
from swarm.whatif.policies import Weights, freed_arms
from swarm.whatif.record import CallRecord, Drawn, SessionRecord

LEAST_DRAWS = (
    1.0  # from so many expected draws on an arm that was never drawn is one that the estimate cannot do without
)
RARE, RARE_SHARE, LEAST_HITS = 10.0, 0.01, 3.0
"""Where a policy draws an arm more than ten times as often as was done, and that is more than 1 % of its draws, the record has
to have had three such draws to expect: with fewer there may be none, and then nothing, not even the weights, would tell."""

Target = Callable[[Drawn], Weights]
"""The probabilities with which a choice is made."""


def _recorded(drawn: Drawn) -> Weights:
    return probabilities(drawn.choice)


class Weighed(msgspec.Struct, kw_only=True):
    """One session under another policy."""

    weights: dict[str, float] = {}  # by task: how likely its record is, against how likely it was
    impossible: dict[
        str, float
    ] = {}  # arms that could not be drawn where the policy may draw them, with the draws expected
    expected: dict[str, float] = {}  # arms that could be drawn, with the draws expected
    rare: dict[
        str, float
    ] = {}  # arms where the policy draws them RARE times as often as was done, with the draws expected
    rare_then: dict[str, float] = {}  # and with those that were to be expected of the record there
    drawn: set[str] = set()  # arms that were
    ends: dict[str, int] = {}  # by task the position from which it had made no more try, or had waited in vain

    def add(self, other: Weighed) -> None:
        for mine, theirs in (
            (self.impossible, other.impossible),
            (self.expected, other.expected),
            (self.rare, other.rare),
            (self.rare_then, other.rare_then),
        ):
            for arm, draws in theirs.items():
                mine[arm] = mine.get(arm, 0.0) + draws
        self.drawn |= other.drawn

    @property
    def needed(self) -> list[str]:
        """The arms of which the record would have to say more, the most needed first."""
        lacking = {arm: draws for arm, draws in self.expected.items() if draws >= LEAST_DRAWS and arm not in self.drawn}
        least = max(LEAST_DRAWS, RARE_SHARE * sum(self.expected.values()))
        lacking |= {
            arm: draws for arm, draws in self.rare.items() if draws >= least and self.rare_then[arm] < LEAST_HITS
        }
        for arm, draws in self.impossible.items():
            lacking[arm] = lacking.get(arm, 0.0) + draws
        return sorted(lacking, key=lambda arm: (-lacking[arm], arm))


class _Step(msgspec.Struct, frozen=True, kw_only=True):
    """A choice on the way of a task, as it was made and as the policy had made it."""

    drawn: Drawn
    recorded: Weights
    wanted: Weights
    before: float  # how likely the way up to here is, against how likely it was
    point: float  # from 0 to 1, by chance

    @property
    def stops(self) -> bool:
        """Whether the policy had made no more try here, where the record has one.

        What had come of that is known, so that the record need hold no such end: of the tries that it has, chance ends as many
        as are lacking.
        """
        return self.drawn.arm != STOPPED and self.point < self._more_stops

    @property
    def after(self) -> float:
        more = self._more_stops
        if self.wanted == self.recorded or (more and self.drawn.arm == STOPPED) or self.stops:
            return self.before
        likely = self.recorded.get(self.drawn.arm, 0.0) * (1 - more)
        return self.before * self.wanted.get(self.drawn.arm, 0.0) / likely if likely else 0.0

    @property
    def _more_stops(self) -> float:
        """Of the tries that the record has, the share that the policy had not made."""
        was = self.recorded.get(STOPPED, 0.0)
        return max(0.0, (self.wanted.get(STOPPED, 0.0) - was) / (1 - was)) if was < 1 else 0.0


def weigh(
    session: SessionRecord,
    wanted: Target,
    tiers: frozenset[str] = frozenset(),
    *,
    joint: bool = False,
    recorded: Target = _recorded,
) -> Weighed:
    """Weigh a session's tasks by the probabilities of their recorded choices, and those of the tasks that they rest on.

    Where `joint`, each task rests on all of its session: a cap couples them. `tiers` are those that take part, as `wanted` has
    them already: they say who else could have judged.
    """
    ways = {task: list(_way(session, task, wanted, recorded)) for task in session.tasks}
    ends = {task: way[-1].drawn.position for task, way in ways.items() if way and way[-1].stops}
    if ends:
        waits = session.waiting()
        for task, position in sorted(ends.items(), key=lambda end: end[1]):
            for name in waits.get(task, ()):
                ends[name] = min(position, ends.get(name, position))
        ways = {
            task: [step for step in way if step.drawn.position <= ends.get(task, step.drawn.position)]
            for task, way in ways.items()
        }
    weighed = Weighed(ends=ends)
    ratios = {task: way[-1].after if way else 1.0 for task, way in ways.items()}
    whole = prod(ratios.values())
    for task in session.tasks:
        reached = prod(ratios[name] for name in session.before(task) - {task})
        weighed.weights[task] = whole if joint else ratios[task] * reached
        if reached:
            for step in ways[task]:
                _look(step, tiers, reached, weighed)
    if tiers:
        for call in session.calls.values():
            if call.role == "validator" and weighed.weights.get(call.task):
                _look_at_judge(session, call, tiers, weighed)
    return weighed


def _way(session: SessionRecord, task: str, wanted: Target, recorded: Target) -> Iterator[_Step]:
    """The choices of a task as far as the policy can come."""
    before = 1.0
    for drawn in session.choices.get(task, ()):
        step = _Step(
            drawn=drawn,
            recorded=recorded(drawn),
            wanted=wanted(drawn),
            before=before,
            point=point_of(f"{session.number}/{drawn.position}"),
        )
        yield step
        before = step.after
        if step.stops or not before:
            break


def _look(step: _Step, tiers: frozenset[str], reached: float, weighed: Weighed) -> None:
    """Note what was drawn, what the policy had drawn, and what could not be."""
    weighed.drawn.add(step.drawn.arm)
    if step.wanted == step.recorded:
        return
    likely = step.before * reached
    if not step.wanted and tiers:
        _add(weighed.impossible, f"an arm of tier {' or '.join(sorted(tiers))}", likely)
    elif step.drawn.arm not in step.recorded:
        _add(weighed.impossible, f"{step.drawn.arm} with the probability of its draw", likely)
    for arm, probability in step.wanted.items():
        if arm == STOPPED:  # what comes of it is known
            continue
        _add(weighed.expected if arm in step.recorded else weighed.impossible, arm, likely * probability)
        then = step.recorded.get(arm, 0.0)
        if then and probability > RARE * then:
            _add(weighed.rare, arm, likely * probability)
            _add(weighed.rare_then, arm, likely * then)


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
