"""The first chooser: the cheapest tier that is allowed goes first, and inside it a draw weighted by the trails.

A pure function of arms, trails, context and seed. What it was made from stands in the event; a replay reads it there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from events.trails import CONTEXT_WEIGHT, EVERYWHERE, HIGHEST, LOWEST, share_of
from events.types.base import NOUGHT
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
USABLE = 0.2  # a free arm with a lower mean is passed over for the next tier (free first)
STAYED = "another try with feedback"  # why no draw was made
LEAN_FROM = 80
"""From this share of a money cap on, in percent, the cheapest paid arm that is worth a try goes first."""


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
    spent_scope: str = ""  # the scope above the call that is nearest to its money cap
    spent_percent: int = 0  # of that cap

    @property
    def leans(self) -> bool:
        """Whether the dearer of the paid arms give way."""
        return self.spent_percent >= LEAN_FROM


def choose(
    question: Question, arms: Sequence[Arm], trails: TrailsView, excluded: Mapping[str, str]
) -> ChoiceMade | None:
    """Choose an arm, or None where none is allowed.

    `excluded` says of models by name why they cannot take part. Arms in `question.without` are left out while there is
    another. Near a money cap the arm that would get another try gives way to a cheaper one whose work was not rejected yet.
    Same arguments, same choice.
    """
    ruled_out = [Excluded(arm.model, excluded[arm.model]) for arm in arms if arm.model in excluded]
    allowed = [arm for arm in arms if arm.model not in excluded]
    fresh = [arm for arm in allowed if arm.name not in question.without]
    stayed = [arm for arm in allowed if arm.name == question.stay_on]
    if question.leans and stayed and _has_cheaper(stayed[0], fresh, question, trails):
        stayed = []
    if not stayed and fresh:
        ruled_out += [Excluded(arm.model, "its drafts were rejected") for arm in allowed if arm not in fresh]
        allowed = fresh
    if not allowed:
        return None
    candidates = [_candidate(arm, question, trails) for arm in sorted(allowed, key=lambda arm: arm.name)]
    if stayed:
        weighed = [_weighed(each, _is(each, stayed[0].agent, stayed[0].model)) for each in candidates]
    else:
        taken = _taken(candidates, leans=question.leans)
        weighed = [_weighed(each, each.model in taken) for each in candidates]
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
        why=STAYED if stayed else "",
        spent_scope=question.spent_scope if question.leans else "",
        spent_percent=question.spent_percent if question.leans else 0,
    )


def decided_again(choice: ChoiceMade) -> ChoiceMade:
    """The choice as it follows from what the event says that it was made from: a replay compares the two."""
    bare = [msgspec.structs.replace(candidate, weight=0.0) for candidate in choice.candidates]
    if choice.why == STAYED:
        weighed = [_weighed(each, _is(each, choice.agent, choice.model)) for each in bare]
    else:
        taken = _taken(bare, leans=choice.spent_percent >= LEAN_FROM)
        weighed = [_weighed(each, each.model in taken) for each in bare]
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


def weighed(
    candidates: Sequence[Candidate], *, beta: float = BETA, usable: float = USABLE, leans: bool = False
) -> list[Candidate]:
    """The candidates with the weights of the roulette's draw, whatever weights they had.

    `usable` is what lets a tier go first; with `leans` the draw is that near a money cap.
    """
    taken = _taken(candidates, usable, leans=leans)
    bare = [msgspec.structs.replace(candidate, weight=0.0) for candidate in candidates]
    return [_weighed(candidate, candidate.model in taken, beta) for candidate in bare]


def expected_acceptance(arm: Arm, context: str, trails: TrailsView, now: int) -> tuple[float, float, float]:
    """Mean, and the trail's accepted and rejected work."""
    here, (good, bad) = trails.trail(context, arm.name, now), evidence(arm, context, trails, now)
    return min(HIGHEST, max(LOWEST, good / (good + bad))), here.accepted, here.rejected


def evidence(arm: Arm, context: str, trails: TrailsView, now: int) -> tuple[float, float]:
    """What speaks for an arm and what against it, in pieces of work: prior by tier -> the model everywhere -> this context."""
    everywhere, here = trails.trail(EVERYWHERE, arm.name, now), trails.trail(context, arm.name, now)
    general = share_of(everywhere, PRIOR[arm.tier])
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
        accepted=round(accepted, 6) or NOUGHT,
        rejected=round(rejected, 6) or NOUGHT,
        mean=round(mean, 6),
        cost_nanos=cost,
        weight=0.0,
    )


def _has_cheaper(stayed: Arm, fresh: Sequence[Arm], question: Question, trails: TrailsView) -> bool:
    """Whether another arm that is worth a try is expected to cost less; what is free gives way to none."""
    most = _candidate(stayed, question, trails).cost_nanos
    others = [_candidate(arm, question, trails) for arm in fresh if arm != stayed]
    return any(each.cost_nanos < most and each.mean >= USABLE for each in others)


def _taken(candidates: Sequence[Candidate], usable: float = USABLE, *, leans: bool = False) -> set[str]:
    """The models that are drawn from: those of the first tier, or near a money cap the cheapest of all where these are paid."""
    first = _first_tier(candidates, usable)
    if not leans or any(each.cost_nanos == 0 for each in candidates if each.model in first):
        return first
    worth = [each for each in candidates if each.mean >= usable] or list(candidates)
    least = min(each.cost_nanos for each in worth)
    return {each.model for each in worth if each.cost_nanos == least}


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


def _is(candidate: Candidate, agent: str, model: str) -> bool:
    return (candidate.agent, candidate.model) == (agent, model)


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
