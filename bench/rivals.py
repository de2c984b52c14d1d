"""Ways to choose an arm: ours, and those it is compared with. All may try again, with another arm, after a rejection."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping, Sequence
from random import Random
from typing import Protocol

from events.trails import Expected, Trails
from swarm.choice.breaker import Breaker, answered, failed, lets_through
from swarm.choice.planner import Option, Terms, choose


class Task(Protocol):
    """What a policy sees of a task."""

    @property
    def number(self) -> int: ...
    @property
    def type(self) -> str: ...
    @property
    def options(self) -> Sequence[Option]: ...
    @property
    def worth(self) -> float: ...
    @property
    def attempts(self) -> int: ...


class Policy(ABC):
    """Chooses, and hears of verdicts and of providers that fail."""

    @abstractmethod
    def choose(self, task: Task, tried: Sequence[str]) -> str | None:
        """The next arm; None stops."""

    def judged(self, task: Task, arm: str, accepted: bool) -> None:
        """A verdict; who does not learn hears nothing of it."""
        return

    def silent(self, task: Task, arm: str) -> None:
        """The provider did not answer."""
        return


class Planning(Policy):
    """Ours."""

    def __init__(self, seed: int, *, free_first: bool = False, rejected: float = 1.0, breaks: bool = True) -> None:
        self.trails = Trails()
        self._seed, self._free_first, self._rejected, self._breaks = seed, free_first, rejected, breaks
        self._breakers: dict[str, Breaker] = {}
        self._task = -1
        self._draws: Mapping[str, float] = {}
        self._expected: dict[str, Expected] = {}

    def choose(self, task: Task, tried: Sequence[str]) -> str | None:
        if task.number != self._task:
            self._task, self._draws, self._expected = task.number, dict[str, float](), {}
        options = task.options
        if self._breaks:
            through = lets_through(
                [(each.name, self._breakers.get(each.name, Breaker())) for each in options], task.number
            )
            options = [each for each in options if each.name in through]
        terms = Terms(
            worth=task.worth,
            attempts=task.attempts - len(tried),
            rejected=self._rejected,
            free_first=self._free_first,
        )
        found = choose(
            options, self.trails, task.type, terms, f"{self._seed}/{task.number}", tried=tried, draws=self._draws
        )
        if found is None or found.arm is None or found.expected is None:
            return None
        self._draws, self._expected[found.arm] = found.draws, found.expected
        return found.arm

    def judged(self, task: Task, arm: str, accepted: bool) -> None:
        self._breakers[arm] = answered(self._breakers.get(arm, Breaker()))
        self.trails.learn(self._expected[arm], accepted, 0)

    def silent(self, task: Task, arm: str) -> None:
        self._breakers[arm] = failed(self._breakers.get(arm, Breaker()), task.number + 1)


class InOrder(Policy):
    """One arm after the other, in a fixed order."""

    def __init__(self, order: Sequence[str]) -> None:
        self._order = order

    def choose(self, task: Task, tried: Sequence[str]) -> str | None:
        there = {each.name for each in task.options}
        return next((name for name in self._order if name in there and name not in tried), None)


class ByLength(Policy):
    """A static rule: what is dear to read goes to the best arm at once, the rest from the cheapest on."""

    def __init__(self, cheapest_first: Sequence[str], dear_from: float) -> None:
        self._order, self._dear_from = cheapest_first, dear_from

    def choose(self, task: Task, tried: Sequence[str]) -> str | None:
        best = self._order[-1]
        dear = next((each.cost for each in task.options if each.name == best), 0.0) >= self._dear_from
        order = (best, *self._order[:-1]) if dear else self._order
        there = {each.name for each in task.options}
        return next((name for name in order if name in there and name not in tried), None)


class Counting(Policy):
    """What those share that count verdicts by type and arm, and forget nothing."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.counts: defaultdict[tuple[str, str], list[float]] = defaultdict(lambda: [1.0, 1.0])

    def judged(self, task: Task, arm: str, accepted: bool) -> None:
        self.counts[task.type, arm][not accepted] += 1

    def silent(self, task: Task, arm: str) -> None:
        self.judged(task, arm, False)  # none of them knows another place for it

    def choose(self, task: Task, tried: Sequence[str]) -> str | None:
        left = [each for each in task.options if each.name not in tried]
        return max(left, key=lambda each: self.score(task, each)).name if left else None

    @abstractmethod
    def score(self, task: Task, option: Option) -> float:
        """The arm with the greatest is tried next."""


class Thompson(Counting):
    def score(self, task: Task, option: Option) -> float:
        accepted, rejected = self.counts[task.type, option.name]
        return task.worth * self.random.betavariate(accepted, rejected) - option.cost


class EpsilonGreedy(Counting):
    EPSILON = 0.1

    def score(self, task: Task, option: Option) -> float:
        accepted, rejected = self.counts[task.type, option.name]
        if self._explores:
            return self.random.random()
        return task.worth * accepted / (accepted + rejected) - option.cost

    def choose(self, task: Task, tried: Sequence[str]) -> str | None:
        self._explores = self.random.random() < self.EPSILON
        return super().choose(task, tried)


class Roulette(Policy):
    """trail * (1 / cost) ^ beta, in proportion; a trail loses a tenth at each use, and gains 1 where the work was accepted."""

    def __init__(self, seed: int, beta: float) -> None:
        self._random, self._beta = Random(seed), beta
        self._trails: defaultdict[tuple[str, str], float] = defaultdict(lambda: 1.0)

    def choose(self, task: Task, tried: Sequence[str]) -> str | None:
        left = [each for each in task.options if each.name not in tried]
        if not left:
            return None
        weights = [max(0.01, self._trails[task.type, each.name]) / max(1e-6, each.cost) ** self._beta for each in left]
        return self._random.choices([each.name for each in left], weights)[0]

    def judged(self, task: Task, arm: str, accepted: bool) -> None:
        self._trails[task.type, arm] = 0.9 * self._trails[task.type, arm] + accepted

    def silent(self, task: Task, arm: str) -> None:
        self.judged(task, arm, False)
