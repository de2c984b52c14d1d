"""A task done many times on paper: who is drawn, how long the answers are, whether drafts are accepted. Same seed, same runs.

The rules are the run's own: the arm of a rejected draft tries once more with feedback, then another is drawn, until one is
accepted or no attempt is left. Failures of providers are left out: what they refuse they do not bill.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

import msgspec

from events.views.history import Doer
from swarm.cycle import RETRIES_ON_ARM
from swarm.estimate.arms import Arms
from swarm.estimate.odds import Chance, Odds, Sizes
from swarm.messages import Arm, Usage
from swarm.money.prices import cost_nanos, counted_tokens
from swarm.plan import MOST_PLANNED
from swarm.task import Role

FEEDBACK_TOKENS = 60  # of what failed checks say; a judge's words are as long as its verdict


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """A task as it is simulated."""

    name: str
    type: str
    level: str
    attempts: int
    explored: bool
    judged: bool  # a judge looks at the last step's draft, where there is one
    inputs: Mapping[Role, int]  # tokens of each role's first prompt, a judge's without the draft


class Spent(msgspec.Struct):
    """What doing it once took."""

    tokens: int = 0
    nanos: int = 0
    drafts: int = 0
    calls: int = 0


class Simulated:
    """Does one task on paper."""

    def __init__(self, work: Work, arms: Mapping[Role, Arms], odds: Odds, counts: Callable[[str], float]) -> None:
        """`counts` says of a model how many tokens of input it counts for one of `work.inputs`."""
        self._work, self._arms, self._odds, self._counts = work, arms, odds, counts
        self._sizes: dict[tuple[Role, str], Sizes] = {}
        self._chances: dict[str, Chance] = {}
        self._steps = odds.steps(work.type, MOST_PLANNED) if work.explored else None

    def sizes(self, role: Role, model: str) -> Sizes:
        """Sizes of the answers of that model in that role."""
        if (role, model) not in self._sizes:
            self._sizes[role, model] = self._odds.sizes(Doer(role, model, self._work.type), self._work.level)
        return self._sizes[role, model]

    @property
    def is_guess(self) -> bool:
        """Whether something that counted was not known from samples."""
        sizes = [*self._sizes.values(), *([self._steps] if self._steps is not None else [])]
        return any(each.guess for each in sizes) or any(each.guess for each in self._chances.values())

    def once(self, seed: str) -> Spent:
        """Do it once. With one more attempt allowed the same seed never takes less."""
        rng, spent = Random(seed), Spent()
        steps = 1
        if self._steps is not None:
            arm = self._drawn("explorer", frozenset(), rng)
            if arm is not None:
                self._call(spent, "explorer", arm, 0, rng)
            steps = _one_of(self._steps, rng)
        earlier = 0
        for number in range(1, steps + 1):
            draft = self._step(spent, earlier, number == steps, rng)
            if draft is None:
                break
            earlier += draft
        return spent

    def _step(self, spent: Spent, earlier: int, last: bool, rng: Random) -> int | None:
        """Draft a step until it is accepted; the tokens of the accepted draft, None where none was."""
        fails: dict[str, int] = {}
        stay: Arm | None = None
        feedback = 0
        for _ in range(self._work.attempts):
            without = frozenset(name for name, count in fails.items() if count > RETRIES_ON_ARM)
            arm = stay or self._drawn("worker", without, rng)
            if arm is None:
                return None
            spent.drafts += 1
            draft = self._call(spent, "worker", arm, earlier + feedback, rng)
            said = self._judged(spent, arm, draft, rng) if self._work.judged or not last else None
            chance = self.chance(arm)
            if rng.randrange(chance.drafts) < chance.accepted:
                return draft
            fails[arm.name] = fails.get(arm.name, 0) + 1
            stay = arm if fails[arm.name] <= RETRIES_ON_ARM else None
            feedback = FEEDBACK_TOKENS if said is None else said
        return None

    def _judged(self, spent: Spent, worker: Arm, draft: int, rng: Random) -> int | None:
        judge = self._arms["validator"].judge(worker.model)
        return None if judge is None else self._call(spent, "validator", judge, draft, rng)

    def _call(self, spent: Spent, role: Role, arm: Arm, beside: int, rng: Random) -> int:
        """Make one call with so many tokens beside the first prompt; return the tokens of its answer."""
        assert arm.price is not None, "an arm without a price is never allowed"
        answer = _one_of(self.sizes(role, arm.model), rng)
        prompt = round(self._work.inputs[role] * self._counts(arm.model))
        usage = Usage(input_tokens=prompt + beside, output_tokens=answer)
        spent.calls += 1
        spent.tokens += counted_tokens(usage)
        spent.nanos += cost_nanos(arm.price, usage)
        return answer

    def _drawn(self, role: Role, without: frozenset[str], rng: Random) -> Arm | None:
        arms = self._arms[role]
        drawable = arms.candidates(without)
        if not drawable:
            return None
        taken = rng.choices(drawable, [each.weight for each in drawable])[0]
        return arms.arm(taken)

    def chance(self, arm: Arm) -> Chance:
        """How often drafts of the arm are accepted."""
        if arm.name not in self._chances:
            mean = self._arms["worker"].mean(arm)
            self._chances[arm.name] = self._odds.acceptance(Doer("worker", arm.model, self._work.type), mean)
        return self._chances[arm.name]


def _one_of(sizes: Sizes, rng: Random) -> int:
    return sizes.values[rng.randrange(len(sizes.values))]
