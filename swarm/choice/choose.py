"""Choose the agent@model that takes an attempt: by a plan over several tries, or by the plain roulette.

A pure function of arms, trails, context and seed. All that a choice is decided from stands in its event, and it is decided from
that alone: a replay reads the event and comes to the same, and how likely a choice was is a function of its event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from random import Random
from typing import Any

import msgspec

from events.trails import CONTEXT_WEIGHT, OVERLAP, Acceptance, Trails
from events.types.base import NOUGHT
from events.types.choice import FREE_TIERS, Candidate, Choice, ChoiceMade, ChoiceStopped, Excluded, Rejected
from swarm.choice.planner import TEMPER, USABLE, Cascade, Judge, Option, Terms, drawn_once, free_first, plan
from swarm.choice.question import LEAN_FROM, Question, acceptance_of, candidate_of, cost_of, leaning
from swarm.choice.roulette import spun, weighed
from swarm.messages import Arm

STAYED = "another try with feedback"  # why no draw was made
PLANNED = "planned"
STOPPED = ""
"""Under this name stands how likely it was that no arm was chosen, since one more try was not worth its cost."""

USUAL = Judge()

SAMPLES = 400
"""Draws from which the probability of a planned choice is counted."""

ESCALATED = "the task has gone to paid models as often as it may"
REJECTED = "its drafts were rejected"
ELSEWHERE = "a person pinned the try to the tier "
"""Why an arm was left out, before the name of a tier that is not its own."""


def choose(
    question: Question, arms: Sequence[Arm], trails: Trails, excluded: Mapping[str, str]
) -> ChoiceMade | ChoiceStopped | None:
    """Choose an arm, or none where one more try is not worth its cost; None where no arm is allowed.

    `excluded` says of models by name why they cannot take part. Arms in `question.without` are left out while there is
    another, and so are those of other tiers where a person pinned the try to one: unless nobody of that tier is allowed, which the
    event says. Near a money cap the arm that would get another try gives way to a cheaper one whose work was not rejected yet.
    Same arguments, same choice.
    """
    allowed = [arm for arm in arms if arm.model not in excluded]
    ruled_out = [Excluded(arm.model, excluded[arm.model]) for arm in arms if arm.model in excluded]
    of_tier = [arm for arm in allowed if arm.tier == question.pinned]
    if of_tier:
        ruled_out += [Excluded(arm.model, f"{ELSEWHERE}{question.pinned}") for arm in allowed if arm not in of_tier]
        allowed = of_tier
    stayed = _stayed(question, allowed, trails)
    if not stayed:
        allowed, more = _left(question, allowed)
        ruled_out += more
    if not allowed:
        return None
    worth = max(cost_of(arm, question) for arm in arms if arm.model not in excluded) * question.worth
    allowed = sorted({*allowed, *stayed}, key=lambda arm: arm.name)
    known = {
        arm.name: acceptance_of(arm, question.context, trails, question.now)
        for arm in sorted(arms, key=lambda arm: arm.name)
        if arm in allowed or arm.name in question.tried
    }
    undecided = _undecided(question, allowed, known, trails)
    undecided = msgspec.structs.replace(
        undecided,
        excluded=tuple(ruled_out),
        worth_nanos=round(worth) if undecided.arms else 0,
        missed=_missed(question, arms) if question.pinned and not of_tier else "",
    )
    if stayed:
        return _general(_taken(undecided, stayed[0].name, why=STAYED), known)
    decided = _decided(undecided)
    return _general(decided, known) if isinstance(decided, ChoiceMade) else decided


def decided_again(choice: Choice) -> ChoiceMade | ChoiceStopped:
    """What follows from what the event says that it was made from: a replay compares the two."""
    bare = [msgspec.structs.replace(each, weight=NOUGHT, value_nanos=0) for each in choice.candidates]
    undecided = msgspec.structs.replace(ChoiceStopped(**_shared(choice)), candidates=tuple(bare), skipped=())
    if not isinstance(choice, ChoiceMade):
        return _decided(undecided)
    again = _taken(undecided, choice.arm, why=STAYED) if choice.why == STAYED else _decided(undecided)
    return msgspec.structs.replace(again, general=choice.general) if isinstance(again, ChoiceMade) else again


def probability(choice: ChoiceMade) -> float:
    """With what probability the chosen arm was chosen: a pure function of the event."""
    return probabilities(choice).get(choice.arm, 0.0)


def probabilities(choice: Choice, samples: int = SAMPLES) -> dict[str, float]:
    """With what probability each arm was chosen that could be, by agent@model, and none where that could be.

    Exact for a roulette. For a plan it is counted from so many draws, the same at each asking; draws that were kept from an
    earlier try of the step are drawn anew for it.
    """
    if isinstance(choice, ChoiceMade) and choice.why:
        return {choice.arm: 1.0}
    whole = sum(each.weight for each in choice.candidates)
    if whole:
        return {each.arm: each.weight / whole for each in choice.candidates if each.weight}
    return dict(_counted(basis_of(choice), samples))


def _stayed(question: Question, allowed: Sequence[Arm], trails: Trails) -> list[Arm]:
    """The arm that gets another try, where it may."""
    for arm in allowed:
        if arm.name == question.stay_on:
            others = [each for each in allowed if each.name not in question.without and each != arm]
            cost = cost_of(arm, question)
            cheaper = (each for each in others if cost_of(each, question) < cost)
            worth = (acceptance_of(each, question.context, trails, question.now).mean >= USABLE for each in cheaper)
            return [] if question.leans and any(worth) else [arm]
    return []


def _left(question: Question, allowed: Sequence[Arm]) -> tuple[list[Arm], list[Excluded]]:
    """Whom the draw may take, and why the others are left out."""
    free = [arm for arm in allowed if arm.tier in FREE_TIERS]
    ruled_out: list[Excluded] = []
    if not question.may_escalate and free:
        ruled_out += [Excluded(arm.model, ESCALATED) for arm in allowed if arm not in free]
        allowed = free
    fresh = [arm for arm in allowed if arm.name not in question.without]
    if fresh:
        ruled_out += [Excluded(arm.model, REJECTED) for arm in allowed if arm not in fresh]
    return fresh or list(allowed), ruled_out


def _undecided(
    question: Question, allowed: Sequence[Arm], known: Mapping[str, Acceptance], trails: Trails
) -> ChoiceStopped:
    """The event as far as it says what the choice is made from; `known` is of these arms and of those that were tried."""
    alone = len(allowed) == 1 and not question.tried
    plans = question.policy == "trails" and not alone  # of one arm there is nothing to be drawn, and nothing to say
    draws = drawn_once(known, question.step, question.draws) if plans else dict.fromkeys(known, NOUGHT)
    tried = [
        Rejected(name, round(known[name].mean, 6), round(draws[name], 6) or NOUGHT)
        for name in question.tried
        if name in known
    ]
    return ChoiceStopped(
        role=question.role,
        context=question.context,
        policy=question.policy,
        seed=question.step if question.policy == "trails" else question.seed,
        candidates=tuple(
            candidate_of(
                arm,
                question,
                trails.trail(question.context, arm.name, question.now),
                known[arm.name].mean,
                draws[arm.name],
            )
            for arm in allowed
        ),
        tried=tuple(tried),
        arms=question.arms if plans else 0,
        pressure=_unless(1.0, question.pressure) if plans else NOUGHT,
        overlap=NOUGHT if alone else _unless(OVERLAP, max(1e-6, trails.overlap.rho)),
        accepts_wrong=_unless(USUAL.accepts_wrong, question.judge.accepts_wrong) if plans else NOUGHT,
        rejects_right=_unless(USUAL.rejects_right, question.judge.rejects_right) if plans else NOUGHT,
        start="" if question.free_first else PLANNED,
        spent_scope=question.spent_scope if question.leans else "",
        spent_percent=question.spent_percent if question.leans else 0,
        pinned=question.pinned,
        pin=question.pin,
        asked=question.asked,
    )


def _missed(question: Question, arms: Sequence[Arm]) -> str:
    """Why nobody of the tier takes a try that a person pinned to it; what keeps each model out stands beside it."""
    models = {arm.model for arm in arms if arm.tier == question.pinned}
    if not models:
        return f"no model of the tier {question.pinned} is there for it"
    left_out = "its one model is left out" if len(models) == 1 else f"all of its {len(models)} models are left out"
    return f"of the tier {question.pinned}, {left_out}"


def _unless(usual: float, number: float) -> float:
    """The number as an event has it: none where it is the usual one."""
    return NOUGHT if number == usual else round(number, 6)


def _decided(undecided: ChoiceStopped) -> ChoiceMade | ChoiceStopped:
    """The event with what follows from it."""
    if undecided.policy != "trails":
        leans = undecided.spent_percent >= LEAN_FROM
        wheel = weighed(undecided.candidates, leans=leans)
        whole = msgspec.structs.replace(undecided, candidates=tuple(wheel))
        return _taken(whole, spun(wheel, undecided.seed).arm)
    best = _cascade(undecided, {each.arm: each.draw for each in undecided.candidates})
    models = {each.arm: each.model for each in undecided.candidates}
    candidates = [_valued(each, best) for each in undecided.candidates]
    skipped = [Excluded(models[arm], why) for arm, why in best.skipped.items()]
    whole = msgspec.structs.replace(undecided, candidates=tuple(candidates), skipped=tuple(skipped))
    return whole if best.arm is None else _taken(whole, best.arm)


def _cascade(choice: Choice, draws: Mapping[str, float]) -> Cascade:
    """The plan from an event, with these draws of its candidates."""
    options = options_of(choice)
    means = {each.arm: each.mean for each in choice.tried} | {each.arm: each.mean for each in choice.candidates}
    drawn = {**{each.arm: each.draw for each in choice.tried}, **draws}
    return plan(
        options, means, drawn, choice.overlap or OVERLAP, terms_of(choice), tried=[each.arm for each in choice.tried]
    )


def options_of(choice: Choice) -> list[Option]:
    """The arms among which a plan is made, in the unit of the event's costs."""
    there: Sequence[Candidate] = choice.candidates
    if choice.spent_percent >= LEAN_FROM:
        there = leaning(there, USABLE)
    return [Option(name=each.arm, tier=each.tier, cost=float(each.cost_nanos), prior=each.mean) for each in there]


def terms_of(choice: Choice) -> Terms:
    """What is at stake, as the event says it."""
    judge = Judge(choice.accepts_wrong or USUAL.accepts_wrong, choice.rejects_right or USUAL.rejects_right)
    return Terms(
        worth=float(choice.worth_nanos) or 1.0,
        attempts=max(1, choice.arms),
        judge=judge,
        pressure=choice.pressure or 1.0,
        free_first=choice.start != PLANNED,
        may_stop=not is_insisted_on(choice),
    )


def is_insisted_on(choice: Choice) -> bool:
    """Whether a person wanted the try, which is then made whatever it is worth."""
    return bool(choice.asked or (choice.pinned and not choice.missed))


def _valued(candidate: Candidate, best: Cascade) -> Candidate:
    return msgspec.structs.replace(candidate, value_nanos=round(best.values.get(candidate.arm, 0.0)))


def _taken(undecided: ChoiceStopped, arm: str, why: str = "") -> ChoiceMade:
    """The choice of an arm of the candidates; where a rule chose it, the wheel is all its own."""
    chosen = next(each for each in undecided.candidates if each.arm == arm)
    shared = _shared(undecided)
    if why and undecided.policy != "trails":
        wheel = (
            msgspec.structs.replace(each, weight=1.0 if each is chosen else NOUGHT) for each in undecided.candidates
        )
        shared["candidates"] = tuple(wheel)
    return ChoiceMade(**shared, agent=chosen.agent, model=chosen.model, tier=chosen.tier, why=why)


def _shared(choice: Choice) -> dict[str, Any]:
    """What every choice has."""
    return {name: getattr(choice, name) for name in ChoiceStopped.__struct_fields__}


def _general(choice: ChoiceMade, known: Mapping[str, Acceptance]) -> ChoiceMade:
    """The choice with what was expected of its model in all contexts: a verdict says by how much this context is harder."""
    return msgspec.structs.replace(choice, general=round(known[choice.arm].general, 6))


def basis_of(choice: Choice) -> ChoiceStopped:
    """The choice without what says nothing of its probability, so that equal ones are counted once."""
    candidates = [msgspec.structs.replace(each, draw=NOUGHT, value_nanos=0) for each in choice.candidates]
    return msgspec.structs.replace(
        ChoiceStopped(**_shared(choice)),
        candidates=tuple(candidates),
        excluded=(),
        skipped=(),
        seed="",
        role="",
        context="",
        pinned="",
        pin=0,
        missed="",
        asked=int(is_insisted_on(choice)),
    )


@lru_cache(maxsize=4096)
def _counted(choice: ChoiceStopped, samples: int) -> Mapping[str, float]:
    options = options_of(choice)
    means = {each.arm: each.mean for each in choice.candidates}
    first = (
        free_first(options, means)[0] if terms_of(choice).free_first and not choice.tried else [o.name for o in options]
    )
    may_stop = terms_of(choice).may_stop and bool(choice.tried) and any(each.tier not in FREE_TIERS for each in options)
    outcomes = [*first, STOPPED] if may_stop else first
    if len(outcomes) == 1:
        return {first[0]: 1.0}
    alike = not choice.tried and len({each.cost for each in options if each.name in first}) == 1
    shapes = {each.arm: shape_of(each) for each in choice.candidates}
    counts, random = dict.fromkeys(outcomes, 0.5), Random("samples")
    for _ in range(samples):
        draws = {arm: random.betavariate(*shape) for arm, shape in shapes.items()}
        # among arms of one price the best draw leads, whatever may follow
        arm = max(first, key=draws.__getitem__) if alike else _cascade(choice, draws).arm
        counts[STOPPED if arm is None else arm] += 1
    whole = samples + 0.5 * len(outcomes)
    return {arm: count / whole for arm, count in counts.items()}


def shape_of(candidate: Candidate) -> tuple[float, float]:
    """The beta distribution from which the candidate's share was drawn: its mean, of as many verdicts as it is known by."""
    known = TEMPER * (candidate.accepted + candidate.rejected + CONTEXT_WEIGHT)
    return known * candidate.mean, known * (1 - candidate.mean)
