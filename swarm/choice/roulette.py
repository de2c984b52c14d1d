"""The plain roulette: the cheapest tier that is worth a try goes first, and inside it a wheel is weighted by trail and price.

Its probabilities are exact: the sectors of the wheel stand in the event, and none that may be drawn is narrower than a floor.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from events.types.base import NOUGHT
from events.types.choice import Candidate
from swarm.choice.planner import USABLE
from swarm.messages import TIERS

ALPHA, BETA = 2.0, 0.25  # mean ^ ALPHA / (1 + cost) ^ BETA within a tier: quality first, price between equals
FLOOR = 0.02  # of the wheel, for each arm that may be drawn


def weighed(
    candidates: Sequence[Candidate], *, beta: float = BETA, usable: float = USABLE, leans: bool = False
) -> list[Candidate]:
    """The candidates with their sectors of the wheel, which is 1, whatever weights they had.

    `usable` is what lets a tier go first; with `leans` the draw is that near a money cap.
    """
    taken = _taken(candidates, usable, leans=leans)
    parts = {each.arm: _part(each, beta) for each in candidates if each.arm in taken}
    whole, floor = sum(parts.values()), min(FLOOR, 1 / max(1, len(parts)))
    rest = 1 - floor * len(parts)
    sectors = {arm: floor + rest * part / whole for arm, part in parts.items()}
    return [
        msgspec.structs.replace(each, weight=round(sectors.get(each.arm, NOUGHT), 9) or NOUGHT) for each in candidates
    ]


def spun(candidates: Sequence[Candidate], seed: str) -> Candidate:
    """Whose sector the seed points at."""
    point = point_of(seed) * sum(each.weight for each in candidates)
    drawable = [each for each in candidates if each.weight]
    for candidate in drawable:
        point -= candidate.weight
        if point < 0:
            return candidate
    return drawable[-1]


def point_of(seed: str) -> float:
    """Where on a wheel of the size 1 a seed points."""
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:7], "big") / 2**56


def _taken(candidates: Sequence[Candidate], usable: float, *, leans: bool) -> set[str]:
    """The arms that are drawn from: those of the first tier, or near a money cap the cheapest of all where these are paid."""
    first = _first_tier(candidates, usable)
    if leans and all(each.cost_nanos for each in first):
        worth = [each for each in candidates if each.mean >= usable] or list(candidates)
        least = min(each.cost_nanos for each in worth)
        first = [each for each in worth if each.cost_nanos == least]
    return {each.arm for each in first}


def _first_tier(candidates: Sequence[Candidate], usable: float) -> list[Candidate]:
    """The first tier that is worth a try; the last one where none is."""
    here: list[Candidate] = []
    for tier in TIERS:
        here = [each for each in candidates if each.tier == tier] or here
        if any(each.mean >= usable for each in here if each.tier == tier):
            break
    return here


def _part(candidate: Candidate, beta: float) -> float:
    return float(candidate.mean**ALPHA / (1.0 + candidate.cost_nanos / 1_000_000) ** beta)
