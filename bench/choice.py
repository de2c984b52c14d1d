"""How well arms are chosen: over real outcomes of models, and in a world that drifts.

`python -m bench.choice` prints both. The real outcomes are read from the folder that SWARM_BENCH_DATA names; without it that
part is left out, and said to be.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from statistics import mean
from time import perf_counter

from bench.options import parser_of, to_its_end
from bench.outcomes import DROP, FOLDER, JOINS, OUTAGE, REAL, Outcomes, drifting, real
from bench.rivals import ByLength, EpsilonGreedy, InOrder, Planning, Policy, Roulette, Task, Thompson
from bench.table import Bar, Figure, show
from events.trails import Trails
from events.types.choice import FREE_TIERS
from swarm.choice.planner import Option, Terms, choose

TRIES = 3
JUDGE = 0.9  # of its verdicts are right
TASKS = 2_000
WORTHS = (1.0, 3.0, 8.0, 20.0, 60.0, 200.0)  # of a success, in calls of the dearest arm
BETAS = (0.0, 0.25, 0.5, 1.0, 1.5)
LENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)  # quantiles of the cost from which on a task goes to the best arm at once
GOOD = 0.95  # of the best arm's success
OURS = "trails (ours)"
BARS = {REAL[0]: Bar(22.0, 19.0), REAL[1]: Bar(105.0)}  # cost in percent of always asking the best arm
AROUND = 25  # tasks over which a share of first choices is taken


@dataclass(frozen=True)
class Row:
    """A task as a policy sees it."""

    number: int
    type: str
    options: Sequence[Option]
    worth: float
    attempts: int = TRIES


@dataclass
class Run:
    """What became of the tasks, in their order."""

    right: list[bool] = field(default_factory=list[bool])
    cost: list[float] = field(default_factory=list[float])
    first: list[str] = field(default_factory=list[str])
    free: list[bool] = field(default_factory=list[bool])  # accepted, and nothing was paid

    def utility(self, worth: float, *, after: int = 0, until: int | None = None) -> float:
        return worth * mean(self.right[after:until]) - mean(self.cost[after:until])


def run(world: Outcomes, policy: Policy, rows: Sequence[int], worth: float, seed: int, joins: int = 0) -> Run:
    """Let a policy work through these rows. A stop delivers the last draft, and it counts by its truth."""
    judge, done = Random(f"judge {seed}"), Run()
    for number, row in enumerate(rows):
        there = len(world.arms) - (number < joins)
        costs = world.cost[row]
        options = [
            Option(name=world.arms[k], tier=world.tiers[k], cost=float(costs[k]), prior=world.priors[k])
            for k in range(there)
        ]
        _one(world, policy, Row(number, world.types[row], options, worth), row, judge, done)
    return done


def _one(world: Outcomes, policy: Policy, task: Row, row: int, judge: Random, done: Run) -> None:
    tried: list[str] = []
    right, cost, free, first = False, 0.0, False, ""
    while len(tried) < TRIES:
        arm = policy.choose(task, tried)
        if arm is None:
            break
        first = first or arm
        k = world.arms.index(arm)
        if not world.answers[row, k]:
            policy.silent(task, arm)
            task = replace(task, options=[each for each in task.options if each.name != arm])
            continue
        cost += float(world.cost[row, k])
        right = bool(world.right[row, k])
        accepted = (judge.random() < JUDGE) == right
        policy.judged(task, arm, accepted)
        tried.append(arm)
        if accepted:
            free = all(world.tiers[world.arms.index(each)] in FREE_TIERS for each in tried)
            break
    done.right.append(right)
    done.cost.append(cost)
    done.first.append(first)
    done.free.append(free)


def cheapest_at(points: Sequence[tuple[float, float]], success: float) -> float | None:
    """The least cost at which points (cost, success), or mixtures of two of them, reach a success; None where none does."""
    reached = [cost for cost, found in points if found >= success]
    for cost, found in points:
        for more, better in points:
            if found < success <= better and better > found:
                reached.append(cost + (more - cost) * (success - found) / (better - found))
    return min(reached, default=None)


def on_real(world: Outcomes, seeds: int) -> list[Figure]:
    """Cost at 95 % of the best arm's success, in percent of always asking that arm."""
    best, dearest = world.best, float(world.cost.mean(0).max())
    order = _by_price(world)
    of_dearest = sorted(world.cost[:, world.arms.index(order[-1])].tolist())
    edges = {each: of_dearest[min(len(of_dearest) - 1, int(each * len(of_dearest)))] for each in LENGTHS}
    ways: list[tuple[str, Sequence[float], Callable[[int, float], Policy]]] = [
        (OURS, WORTHS, lambda seed, _: Planning(seed)),
        ("cheapest first", (1.0,), lambda seed, _: InOrder(order)),
        ("static rules", LENGTHS, lambda seed, edge: ByLength(order, edges[edge] if edge < 1 else float("inf"))),
        ("epsilon-greedy", WORTHS, lambda seed, _: EpsilonGreedy(seed)),
        ("Thompson", WORTHS, lambda seed, _: Thompson(seed)),
        ("plain roulette", BETAS, lambda seed, beta: Roulette(seed, beta)),
    ]
    figures: list[Figure] = []
    success, always = float(world.right[:, best].mean()), float(world.cost[:, best].mean())
    for what, knobs, policy in ways:
        points: list[tuple[float, float]] = []
        for knob in knobs:
            worth = dearest * (knob if knobs is WORTHS else 20.0)
            runs = [run(world, policy(seed, knob), rows_of(world, seed), worth, seed) for seed in range(seeds)]
            points.append((mean(mean(each.cost) for each in runs), mean(mean(each.right) for each in runs)))
        at = cheapest_at(points, GOOD * success)
        of = 100 * at / always if at is not None else float("nan")
        bar = BARS.get(world.name) if what == OURS else None
        reach = f"best {100 * max(found for _, found in points) / success:.1f} % of its success"
        figures.append(Figure(f"{world.name}: {what}", of, "%", reach, bar))
    return figures


def rows_of(world: Outcomes, seed: int) -> list[int]:
    return Random(f"rows {seed}").sample(range(len(world.types)), min(TASKS, len(world.types)))


def in_a_drifting_world(seeds: int, calls: float) -> list[Figure]:
    """What an outage, a silent drop and a new arm do, where a success is worth so many calls of the dearest arm.

    Regret is what who knows the truth has more of, and takes the arm of most use; planned retries can be of more use than that.
    """
    found: dict[str, list[tuple[float, float, float]]] = {}
    outages: list[tuple[float, float, float]] = []
    for seed in range(seeds):
        world = drifting(seed)
        dearest = float(world.cost.mean(0).max())
        worth, rows = calls * dearest, range(len(world.types))
        knows = run(world, Knowing(world), rows, worth, seed, JOINS).utility(worth)
        for name, policy in _rivals(world, seed).items():
            done = run(world, policy, rows, worth, seed, JOINS)
            regret = 100 * (knows - done.utility(worth)) / worth
            found.setdefault(name, []).append((regret, 100 * mean(done.cost) / dearest, 100 * mean(done.free)))
            if name == OURS:
                outages.append(_around(done, world))
    where = f"a success is worth {calls:.0f} calls"
    figures: list[Figure] = []
    for name, each in found.items():
        regret, cost, free = (mean(column) for column in zip(*each, strict=True))
        beside = f"cost {cost:.0f} % of the dearest arm, {free:.0f} % of the tasks accepted on free tiers"
        figures.append(Figure(f"{where}: regret, {name}", regret, "%", beside))
    left, back, lost = (mean(each) for each in zip(*outages, strict=True))
    return [
        *figures,
        Figure("outage of the favourite: left after", left, "tasks", bar=Bar(25.0)),
        Figure("outage of the favourite: used again after", back, "tasks", bar=Bar(150.0)),
        Figure("outage of the favourite: success lost", 100 * lost, "points", bar=Bar(3.0)),
    ]


def _rivals(world: Outcomes, seed: int) -> dict[str, Policy]:
    return {
        OURS: Planning(seed, free_first=True),
        "ours with free first lifted": Planning(seed),
        "fixed cascade": InOrder(_by_price(world)),
        "epsilon-greedy": EpsilonGreedy(seed),
        "Thompson that forgets nothing": Thompson(seed),
        "plain roulette": Roulette(seed, 0.25),
    }


def _by_price(world: Outcomes) -> list[str]:
    return [world.arms[k] for k in world.cost.mean(0).argsort(kind="stable").tolist()]


def speed(arms: int, rounds: int = 300) -> Figure:
    """How long a choice takes where each arm is dearer and better than the one before, so that none can be left out."""
    options = [
        Option(name=f"arm {number}", tier="paid", cost=10 ** (number / 3), prior=0.5 + 0.04 * number)
        for number in range(arms)
    ]
    terms, trails = Terms(worth=20_000.0), Trails()
    began = perf_counter()
    for number in range(rounds):
        choose(options, trails, "worker/code", terms, f"{number}")
    bar = Bar(1_000.0 if arms > 4 else 250.0)
    return Figure(f"a choice among {arms} arms", (perf_counter() - began) / rounds * 1e6, "us", bar=bar)


class Knowing(Policy):
    """Knows how likely each arm is to be right, and who answers; takes the arm of most use."""

    def __init__(self, world: Outcomes) -> None:
        self._world = world

    def choose(self, task: Task, tried: Sequence[str]) -> str | None:
        assert self._world.known is not None
        answers = self._world.answers[task.number]
        chances = dict(zip(self._world.arms, self._world.known[task.number].tolist(), strict=True))
        left = [each for each in task.options if each.name not in tried and answers[self._world.arms.index(each.name)]]
        return max(left, key=lambda each: task.worth * chances[each.name] - each.cost).name if left else None


def _around(done: Run, world: Outcomes) -> tuple[float, float, float]:
    """After how many tasks of the outage the favourite was left, after how many behind it used again; what success was lost."""
    begins, ends = OUTAGE
    before = done.first[begins - 200 : begins]
    favourite = max(set(before), key=before.count)
    if favourite != world.arms[1]:
        return 0.0, 0.0, mean(done.right[begins - 200 : begins]) - mean(done.right[begins:ends])
    half = before.count(favourite) / len(before) / 2
    left = next((n for n in range(ends - begins) if _share(done, favourite, begins + n) <= half), ends - begins)
    back = next((n for n in range(DROP[0] - ends) if favourite in done.first[ends + n : ends + n + 1]), DROP[0] - ends)
    return float(left), float(back), mean(done.right[begins - 400 : begins]) - mean(done.right[begins:ends])


def _share(done: Run, arm: str, at: int) -> float:
    return done.first[at : at + AROUND].count(arm) / AROUND


def main() -> None:
    parser = parser_of(__doc__, "two seeds in place of eight")
    args = parser.parse_args()
    seeds = args.rounds or (2 if args.quick else 8)
    figures: list[Figure] = []
    for name in REAL:
        world = real(name)
        if world is None:
            sys.stderr.write(f"{name}: left out; name the folder of its outcomes in {FOLDER}\n")
        else:
            figures += on_real(world, seeds)
    for calls in (3.0, 20.0):
        figures += in_a_drifting_world(seeds, calls)
    figures += [speed(4), speed(11)]
    show("Choice", figures, as_json=args.json)


if __name__ == "__main__":
    to_its_end(main)
