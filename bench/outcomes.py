"""Outcomes to choose on: which arm does which task right and what that costs, of real models or of a world that drifts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDER = "SWARM_BENCH_DATA"
REAL = ("routellm_mmlu", "routerarena2")


@dataclass(frozen=True)
class Outcomes:
    """Of each task (a row) and each arm (a column)."""

    name: str
    arms: tuple[str, ...]
    tiers: tuple[str, ...]
    types: list[str]  # by task
    right: NDArray[np.bool_]
    cost: NDArray[np.float64]  # US dollars
    answers: NDArray[np.bool_]  # False: the provider fails
    known: NDArray[np.float64] | None = None  # the true chance to be right; None = nobody knows it
    priors: tuple[float, ...] = ()

    @property
    def best(self) -> int:
        """The arm that is right most often."""
        return int(self.right.mean(0).argmax())


def real(name: str) -> Outcomes | None:
    """Recorded answers of real models from the folder that the environment names; None where they are not there."""
    folder = os.environ.get(FOLDER, "")
    path = Path(folder) / f"{name}.npz"
    if not folder or not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as data:
        right = data["correct"].astype(bool)
        cost = data["cost"].astype(np.float64)
        names = [str(each) for each in data["type_names"]]
        numbers: list[int] = data["type_id"].tolist()
        types = [names[each] for each in numbers]
        arms = tuple(str(each) for each in data["models"])
    return Outcomes(
        name=name,
        arms=arms,
        tiers=("cheap",) * len(arms),
        types=types,
        right=right,
        cost=cost,
        answers=np.ones_like(right),
        priors=priors_by_price(cost.mean(0)),
    )


def priors_by_price(prices: NDArray[Any]) -> tuple[float, ...]:
    """From .55 for the cheapest to .85 for the dearest, by the logarithm of the price."""
    logs = np.log(np.maximum(prices, 1e-9))
    span = float(logs.max() - logs.min()) or 1.0
    return tuple(float(0.55 + 0.30 * (each - logs.min()) / span) for each in logs)


LENGTH = 4_000
OUTAGE = (1_000, 1_400)
DROP = (2_000, 2_600)
JOINS = 3_000
_WORLD = (  # arm, tier, dollars a task, how often it is right on average
    ("pocket", "local", 0.0, 0.52),
    ("alder", "free", 0.0, 0.68),
    ("birch", "free", 0.0, 0.62),
    ("cedar", "cheap", 0.0004, 0.74),
    ("doyen", "paid", 0.004, 0.86),
    ("elder", "paid", 0.012, 0.90),
    ("fresh", "free", 0.0, 0.80),  # joins late
)
_TYPES = ("extraction", "writing", "code", "review", "analysis")
_TOGETHER = 0.5  # of failures that arms share (the median over real families of tasks)


def drifting(seed: int) -> Outcomes:
    """A world of tiers and task types in which the free favourite fails for a while, later gets worse in silence, and a new
    free model joins."""
    random = Random(seed)
    arms, tiers, prices, means = zip(*_WORLD, strict=True)
    effect = {(arm, each): random.gauss(0, 0.08) for arm in arms for each in _TYPES}
    types = [random.choice(_TYPES) for _ in range(LENGTH)]
    known = np.array(
        [[min(0.98, max(0.05, means[k] + effect[arm, each])) for k, arm in enumerate(arms)] for each in types]
    )
    favourite = 1
    known[DROP[0] : DROP[1], favourite] = 0.3
    right = np.zeros_like(known, dtype=bool)
    for row in range(LENGTH):
        shared = random.random()
        for k in range(len(arms)):
            luck = shared if random.random() < _TOGETHER else random.random()
            right[row, k] = luck < known[row, k]
    answers = np.ones_like(right)
    answers[OUTAGE[0] : OUTAGE[1], favourite] = False
    cost = np.tile(np.array(prices), (LENGTH, 1)) * np.array([[random.uniform(0.5, 1.5)] for _ in range(LENGTH)])
    return Outcomes(
        name="drifting tiers",
        arms=arms,
        tiers=tiers,
        types=types,
        right=right,
        cost=cost,
        answers=answers,
        known=known,
        priors=(0.55, 0.55, 0.55, 0.7, 0.85, 0.85, 0.55),
    )
