"""The first chooser: the cheapest tier that is allowed goes first, and inside it a draw weighted by the trails.

A pure function of arms, trails, context and seed. What it was made from stands in the event; a replay reads it there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from events.trails import EVERYWHERE
from events.types.choice import Candidate, ChoiceMade, Excluded
from events.views.trails import TrailsView
from swarm.messages import MILLION, TIERS, Arm

POLICY = "roulette"
ALPHA, BETA = 2.0, 0.25  # weight = mean ^ ALPHA / (1 + cost) ^ BETA within a tier: quality first, price between equals
PRIOR = {
    "local": 0.55,
    "free": 0.55,
    "cheap": 0.7,
    "paid": 0.85,
}  # expected acceptance by tier (notes/routing.md, section 4)
PRIOR_WEIGHT, CONTEXT_WEIGHT = 4.0, 8.0
LOWEST, HIGHEST = 0.02, 0.98
USABLE = 0.2  # a free arm with a lower mean is passed over for the next tier (free first)
STAYED = "another try with feedback"  # why no draw was made


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be chosen for."""

    role: str
    context: str  # role and task type
    seed: str
    now: int  # microseconds since 1970
    input_tokens: int
    output_tokens: int
    stay_on: str = ""  # agent@model that gets another try
    without: tuple[str, ...] = ()  # agent@model that were rejected


def choose(
    question: Question, arms: Sequence[Arm], trails: TrailsView, excluded: Mapping[str, str]
) -> ChoiceMade | None:
    """Choose an arm, or None where none is allowed.

    `excluded` says of models by name why they cannot take part. Arms in `question.without` are left out while there is
    another. Same arguments, same choice.
    """
    ruled_out = [Excluded(arm.model, excluded[arm.model]) for arm in arms if arm.model in excluded]
    allowed = [arm for arm in arms if arm.model not in excluded]
    stayed = [arm for arm in allowed if arm.name == question.stay_on]
    if not stayed:
        fresh = [arm for arm in allowed if arm.name not in question.without]
        if fresh:
            ruled_out += [Excluded(arm.model, "its drafts were rejected") for arm in allowed if arm not in fresh]
            allowed = fresh
    if not allowed:
        return None
    candidates = [_candidate(arm, question, trails) for arm in sorted(allowed, key=lambda arm: arm.name)]
    why = ""
    if stayed:
        why, taken = STAYED, {stayed[0].model}
    else:
        taken = _first_tier(candidates)
    weighed = [_weighed(candidate, candidate.model in taken) for candidate in candidates]
    chosen = _draw(weighed, question.seed)
    return ChoiceMade(
        role=question.role,
        context=question.context,
        agent=chosen.agent,
        model=chosen.model,
        tier=chosen.tier,
        policy=POLICY,
        seed=question.seed,
        candidates=tuple(weighed),
        excluded=tuple(ruled_out),
        why=why,
    )


def decided_again(choice: ChoiceMade) -> ChoiceMade:
    """The choice as it follows from what the event says that it was made from: a replay compares the two."""
    bare = [msgspec.structs.replace(candidate, weight=0.0) for candidate in choice.candidates]
    taken = {choice.model} if choice.why == STAYED else _first_tier(bare)
    weighed = [_weighed(candidate, candidate.model in taken) for candidate in bare]
    drawn = _draw(weighed, choice.seed)
    return msgspec.structs.replace(
        choice, agent=drawn.agent, model=drawn.model, tier=drawn.tier, candidates=tuple(weighed)
    )


def probability(choice: ChoiceMade) -> float:
    """With what probability the chosen arm was drawn: a pure function of the event."""
    total = sum(candidate.weight for candidate in choice.candidates)
    taken = sum(
        candidate.weight
        for candidate in choice.candidates
        if (candidate.agent, candidate.model) == (choice.agent, choice.model)
    )
    return taken / total if total else 0.0


def weighed(candidates: Sequence[Candidate], *, beta: float = BETA, usable: float = USABLE) -> list[Candidate]:
    """The candidates with the weights of the roulette's draw, whatever weights they had; `usable` is what lets a tier go first."""
    taken = _first_tier(candidates, usable)
    bare = [msgspec.structs.replace(candidate, weight=0.0) for candidate in candidates]
    return [_weighed(candidate, candidate.model in taken, beta) for candidate in bare]


def expected_acceptance(arm: Arm, context: str, trails: TrailsView, now: int) -> tuple[float, float, float]:
    """Mean, and the trail's accepted and rejected work."""
    here, (good, bad) = trails.trail(context, arm.name, now), evidence(arm, context, trails, now)
    return min(HIGHEST, max(LOWEST, good / (good + bad))), here.accepted, here.rejected


def evidence(arm: Arm, context: str, trails: TrailsView, now: int) -> tuple[float, float]:
    """What speaks for an arm and what against it, in pieces of work: prior by tier -> the model everywhere -> this context."""
    everywhere, here = trails.trail(EVERYWHERE, arm.name, now), trails.trail(context, arm.name, now)
    prior = PRIOR[arm.tier]
    general = (everywhere.accepted + PRIOR_WEIGHT * prior) / (everywhere.accepted + everywhere.rejected + PRIOR_WEIGHT)
    return here.accepted + CONTEXT_WEIGHT * general, here.rejected + CONTEXT_WEIGHT * (1 - general)


def _candidate(arm: Arm, question: Question, trails: TrailsView) -> Candidate:
    mean, accepted, rejected = expected_acceptance(arm, question.context, trails, question.now)
    cost = 0
    if arm.price is not None:
        rates = arm.price.rates_at(question.input_tokens)
        tokens = question.input_tokens * rates.input_nanos + question.output_tokens * rates.output_nanos
        cost = arm.price.request_nanos + tokens // MILLION
    return Candidate(
        agent=arm.agent,
        model=arm.model,
        tier=arm.tier,
        accepted=round(accepted, 6),
        rejected=round(rejected, 6),
        mean=round(mean, 6),
        cost_nanos=cost,
        weight=0.0,
    )


def _first_tier(candidates: Sequence[Candidate], usable: float = USABLE) -> set[str]:
    """The models of the first tier that is worth a try; of the last one where none is."""
    taken: set[str] = set()
    for tier in TIERS:
        here = {candidate.model for candidate in candidates if candidate.tier == tier}
        if here:
            taken = here
        if any(candidate.mean >= usable for candidate in candidates if candidate.tier == tier):
            break
    return taken


def _weighed(candidate: Candidate, taken: bool, beta: float = BETA) -> Candidate:
    if not taken:
        return candidate
    weight = candidate.mean**ALPHA / (1.0 + candidate.cost_nanos / 1_000_000) ** beta
    return msgspec.structs.replace(candidate, weight=round(weight, 9))


def _draw(candidates: Sequence[Candidate], seed: str) -> Candidate:
    """Whose sector the seed points at: the wheel has one of its weight for each candidate."""
    point = point_of(seed) * sum(candidate.weight for candidate in candidates)
    drawable = [candidate for candidate in candidates if candidate.weight]
    for candidate in drawable:
        point -= candidate.weight
        if point < 0:
            return candidate
    return drawable[-1]


def point_of(seed: str) -> float:
    """Where on a wheel of the size 1 a seed points."""
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:7], "big") / 2**56
