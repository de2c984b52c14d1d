"""What a choice is asked, and what is known of each arm that may be chosen. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import msgspec

from events.trails import Acceptance, Trail, Trails
from events.types.base import NOUGHT
from events.types.choice import Candidate
from swarm.choice.planner import Judge
from swarm.messages import MILLION, TIERS, Arm, Tier

Policy = Literal["trails", "roulette"]
POLICIES: tuple[Policy, ...] = get_args(Policy)

PRIOR = {"local": 0.55, "free": 0.55, "cheap": 0.7, "paid": 0.85}
"""Expected share of accepted work by tier, while nothing is known."""

BALANCED = 20.0
"""What right work is worth unless settings say it, in calls of the dearest arm that is allowed."""

LEAN_FROM = 80
"""From this share of a money cap on, in percent, the cheapest paid arm that is worth a try goes first."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be chosen for."""

    role: str
    context: str  # role and task type
    seed: str  # of this draw
    step: str = ""  # what the draws of a plan are kept for: the same for each try of a step
    now: int  # microseconds since 1970
    input_tokens: int  # by our own count
    counts: Mapping[str, float] = {}  # by model how many of its tokens one of these is; not there: one
    output_tokens: int
    policy: Policy = "trails"
    worth: float = BALANCED
    arms: int = 1  # that may still be tried, this one included
    pressure: float = 1.0
    judge: Judge = Judge()
    judging: Mapping[str, int] = {}  # by model what a judge of its work will probably cost, in nano-dollars
    free_first: bool = True
    stay_on: str = ""  # agent@model that gets another try
    tried: tuple[str, ...] = ()  # agent@model of each draft of the step that was rejected, in their order
    without: tuple[str, ...] = ()  # agent@model that get no other try
    draws: Mapping[str, float] = {}  # by agent@model, as they were drawn for an earlier try of the step
    may_escalate: bool = True  # False: paid arms give way to free ones, whose work was rejected before
    pinned: str = ""  # the tier to which a person pinned the try, by the event at `pin`
    pin: int = 0
    asked: int = 0  # position of a person's word that the task is tried again: the try is made whatever it is worth
    spent_scope: str = ""  # the scope above the call that is nearest to its money cap
    spent_percent: int = 0  # of that cap

    @property
    def leans(self) -> bool:
        """Whether the dearer of the paid arms give way."""
        return self.spent_percent >= LEAN_FROM


def context_of(role: str, type_: str) -> str:
    """The context of a choice's trails."""
    return f"{role}/{type_}"


def acceptance_of(arm: Arm, context: str, trails: Trails, now: int) -> Acceptance:
    """How likely the arm's work is to be accepted: prior of its tier -> its model everywhere -> this context."""
    return trails.acceptance(context, arm.name, PRIOR[arm.tier], now)


def candidate_of(arm: Arm, question: Question, here: Trail, mean: float, draw: float) -> Candidate:
    """The arm as the event of a choice has it, with its trail `here`. What is decided is decided from these rounded numbers."""
    return Candidate(
        agent=arm.agent,
        model=arm.model,
        tier=arm.tier,
        accepted=round(here.accepted, 6) or NOUGHT,
        rejected=round(here.rejected, 6) or NOUGHT,
        mean=round(mean, 6),
        cost_nanos=cost_of(arm, question),
        draw=round(draw, 6) or NOUGHT,
    )


def cost_of(arm: Arm, question: Question) -> int:
    """What one try will probably cost, its judge included, in nano-dollars."""
    cost = question.judging.get(arm.model, 0)
    if arm.price is None:
        return cost
    given = round(question.input_tokens * question.counts.get(arm.model, 1.0))
    rates = arm.price.rates_at(given)
    tokens = given * rates.input_nanos + question.output_tokens * rates.output_nanos
    return cost + arm.price.request_nanos + tokens // MILLION


def outside(arms: Sequence[Arm], start: Tier, ceiling: Tier, level: str) -> dict[str, str]:
    """By model why it is left out of work of a level that begins at one tier and goes up to another.

    Where no arm is of such a tier, the next one above counts as it, else the one below: somebody is always left.
    """
    ranks = sorted({TIERS.index(arm.tier) for arm in arms})
    if not ranks:
        return {}
    first = next((rank for rank in ranks if rank >= TIERS.index(start)), ranks[-1])
    last = next((rank for rank in ranks if rank >= max(first, TIERS.index(ceiling))), ranks[-1])
    found: dict[str, str] = {}
    for arm in arms:
        rank = TIERS.index(arm.tier)
        if rank < first:
            found[arm.model] = f"{level} work begins at the tier {TIERS[first]}"
        elif rank > last:
            found[arm.model] = f"{level} work goes up to the tier {TIERS[last]}"
    return found


def leaning(candidates: Sequence[Candidate], usable: float) -> list[Candidate]:
    """Those that may be chosen near a money cap: of the paid ones the cheapest of those that are worth a try."""
    free = [each for each in candidates if each.cost_nanos == 0]
    paid = [each for each in candidates if each.cost_nanos > 0]
    worth = [each for each in paid if each.mean >= usable] or paid
    least = min((each.cost_nanos for each in worth), default=0)
    return free + [each for each in worth if each.cost_nanos == least]
