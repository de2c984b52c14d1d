"""Who would take a role's calls: the same choice as in the run, asked without drawing."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from events.types.choice import Candidate, ChoiceMade
from events.views.trails import TrailsView
from swarm.choice.choose import choose, probabilities
from swarm.choice.complexity import Complexity
from swarm.choice.judges import judges
from swarm.choice.question import Question, acceptance_of, context_of, outside
from swarm.cycle import RETRIES_ON_ARM
from swarm.engine.picks import EXPECTED_OUTPUT_TOKENS, errors_on
from swarm.messages import Arm
from swarm.plan import Plan, allowed_arms
from swarm.task import Role, RoleConfig, Task

SAMPLES = 200
"""Draws from which it is counted how likely an arm is chosen."""


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """An arm in the order in which it would be tried, with what the choice expects of it."""

    arm: Arm
    mean_percent: int  # expected share of accepted work
    share_percent: int  # how likely it is drawn among those of its place


class Arms:
    """The arms of one role of a task. What was asked once is kept: a simulation asks often."""

    def __init__(
        self,
        plan: Plan,
        task: Task,
        role: Role,
        complexity: Complexity,
        trails: TrailsView,
        *,
        now: int,
        tokens: int,
        counts: Callable[[str], float],
    ) -> None:
        """`tokens` is our own count of the first request, `counts` by model how many of its tokens one of these is."""
        self.arms, self.excluded = allowed_arms(plan, task, role)
        self._by_name = {arm.name: arm for arm in self.arms}
        self._trails = trails
        self._question = Question(
            role=role,
            context=context_of(role, complexity.type),
            seed="",
            now=now,
            input_tokens=tokens,
            counts={arm.model: counts(arm.model) for arm in self.arms},
            output_tokens=EXPECTED_OUTPUT_TOKENS,
            policy=plan.choice.policy,
            worth=plan.choice.worth,
            judge=errors_on(plan, task, trails),
            free_first=(task.start or plan.choice.start) == "free",
        )
        if role != "validator" and not (task.tiers or task.roles.get(role, RoleConfig()).tiers):
            there = [arm for arm in self.arms if arm.model not in self.excluded]
            self.excluded |= outside(there, *plan.choice.span(complexity.level), complexity.level)
        self._attempts = task.limits.attempts
        self._paid_judge = task.judge == "paid" or plan.judge == "paid"
        self._known: dict[frozenset[str], tuple[Candidate, ...]] = {}
        self._judges: dict[str, Arm | None] = {}

    def candidates(self, without: frozenset[str]) -> tuple[Candidate, ...]:
        """Those that may be chosen once the drafts of some were rejected, with their probability as weight.

        None where nobody may, or one more try is not worth its cost.
        """
        if without not in self._known:
            self._known[without] = tuple(self._asked(without))
        return self._known[without]

    def _asked(self, without: frozenset[str]) -> list[Candidate]:
        drafts = 1 + RETRIES_ON_ARM  # of each arm, before it is left out
        question = msgspec.structs.replace(
            self._question,
            without=tuple(sorted(without)),
            tried=tuple(sorted(without)) * drafts,
            arms=max(1, -(-(self._attempts - drafts * len(without)) // drafts)),
        )
        made = choose(question, self.arms, self._trails.learned, self.excluded)
        if not isinstance(made, ChoiceMade):
            return []
        shares = probabilities(made, SAMPLES)
        drawn = [
            msgspec.structs.replace(each, weight=shares[each.arm]) for each in made.candidates if each.arm in shares
        ]
        return sorted(drawn, key=lambda each: (-each.weight, each.model))

    def arm(self, candidate: Candidate) -> Arm:
        return self._by_name[candidate.arm]

    def ladder(self) -> tuple[Rung, ...]:
        """All arms in the order in which they would be tried."""
        rungs: list[Rung] = []
        tried: frozenset[str] = frozenset()
        while fresh := [each for each in self.candidates(tried) if self.arm(each).name not in tried]:
            whole = sum(each.weight for each in fresh)
            rungs += [
                Rung(
                    arm=self.arm(each),
                    mean_percent=round(each.mean * 100),
                    share_percent=round(each.weight / whole * 100),
                )
                for each in fresh
            ]
            tried |= {self.arm(each).name for each in fresh}
        return tuple(rungs)

    def bench(self, worker_model: str) -> tuple[Arm, ...]:
        """Those who may judge a draft of that model, in the order in which they would be asked."""
        found = judges(self.arms, worker_model, paid=self._paid_judge, excluded=self.excluded)
        return tuple(each.arm for each in found)

    def judge(self, worker_model: str) -> Arm | None:
        """Who would judge a draft of that model; None = nobody."""
        if worker_model not in self._judges:
            self._judges[worker_model] = next(iter(self.bench(worker_model)), None)
        return self._judges[worker_model]

    def mean(self, arm: Arm) -> float:
        """What share of its work the choice expects to be accepted."""
        return acceptance_of(arm, self._question.context, self._trails.learned, self._question.now).mean
