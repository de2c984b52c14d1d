"""What is known of each agent@model in each context, as the choice sees it, and how often it was chosen."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import msgspec

from events.log import Entry
from events.trails import (
    CONTEXT_WEIGHT,
    EVERYWHERE,
    HIGHEST,
    LOWEST,
    MODEL_WEIGHT,
    OFFSET_WEIGHT,
    Offset,
    Trail,
    model_of,
    share_of,
)
from events.types.choice import ChoiceMade
from events.types.task import StepAccepted, StepRejected, TaskAccepted, TaskFailed
from events.views.trails import TrailsView
from swarm.choice.bounds import bounds
from swarm.choice.question import PRIOR, acceptance_of
from swarm.insight.reason import Reason
from swarm.messages import TIERS, Arm, Tier


class Uses(msgspec.Struct):
    """How often an arm was drawn in a context. `first` counts the first attempts of steps alone."""

    chosen: int = 0
    first: int = 0
    last: int = 0  # microseconds since 1970


LAST = 8  # verdicts of an arm in a context that are told


class Verdict(msgspec.Struct, frozen=True):
    """One verdict on an arm's work."""

    position: int
    at: int
    accepted: bool
    after_others: bool  # the same work had been rejected before
    counts: bool  # False: its period is excluded


def _said(entry: Entry) -> bool | None:
    """How work was judged by the entry; None where nobody judged it."""
    match entry.event:
        case StepAccepted(unjudged=False) | TaskAccepted(unjudged=False):
            return True
        case StepRejected() | TaskFailed(cause="rejected"):
            return False
        case _:
            return None


class ArmsView(msgspec.Struct):
    """The trails, and the choices beside them. What an archive took of the choices is not counted."""

    trails: TrailsView = msgspec.field(default_factory=TrailsView)
    uses: dict[tuple[str, str], Uses] = {}
    verdicts: dict[tuple[str, str], deque[Verdict]] = {}  # the last of each, by context and arm
    tiers: dict[str, str] = {}  # by agent@model, as its last choice says

    @property
    def outdated(self) -> bool:
        return self.trails.outdated

    def learn_from(self, before: ArmsView) -> None:
        self.trails.learn_from(before.trails)

    def apply(self, entry: Entry) -> None:
        expected = self.trails.awaited(entry)
        self.trails.apply(entry)
        if expected is not None and (said := _said(entry)) is not None:
            counts = self.trails.counts(model_of(expected.arm), entry.at)
            place = expected.context, expected.arm
            verdict = Verdict(entry.position, entry.at, said, not expected.first, counts)
            self.verdicts.setdefault(place, deque(maxlen=LAST)).append(verdict)
        if isinstance(entry.event, ChoiceMade):
            choice = entry.event
            for each in choice.candidates:
                self.tiers[f"{each.agent}@{each.model}"] = each.tier
            uses = self.uses.setdefault((choice.context, f"{choice.agent}@{choice.model}"), Uses())
            uses.chosen += 1
            uses.first += entry.attempt <= 1
            uses.last = entry.at


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """An arm in a context. `accepted` and `rejected` are what time and use have left of its verdicts."""

    context: str  # role/type
    agent: str
    model: str
    tier: str
    mean: float  # as the choice reckons with it
    low: float  # 95 % of what the evidence allows lie between these
    high: float
    accepted: float
    rejected: float
    chosen: int
    first: int
    firsts: int  # first choices in the context, of any arm
    used_at: int  # of its last choice, 0 = none is in the log
    judged_at: int  # of its last verdict, 0 = none

    @property
    def role(self) -> str:
        return self.context.partition("/")[0]

    @property
    def type(self) -> str:
        return self.context.partition("/")[2]


def known_arms(view: ArmsView, now: int) -> list[Known]:
    """Every arm that was judged or chosen, by context, the best first."""
    places = {*view.trails.learned.rows, *view.uses}
    firsts: dict[str, int] = {}
    for (context, _), uses in view.uses.items():
        firsts[context] = firsts.get(context, 0) + uses.first
    found = [_known(view, context, arm, firsts, now) for context, arm in places if context != EVERYWHERE]
    return sorted(found, key=lambda each: (each.context, -each.mean, each.agent, each.model))


def _known(view: ArmsView, context: str, name: str, firsts: dict[str, int], now: int) -> Known:
    agent, _, model = name.partition("@")
    arm = Arm(agent=agent, model=model, tier=_tier(view.tiers.get(name, "")), price=None)
    learned, uses = view.trails.learned, view.uses.get((context, name), Uses())
    acceptance, here = acceptance_of(arm, context, learned, now), learned.trail(context, name, now)
    low, high = bounds(acceptance.accepted, acceptance.rejected)
    trail = learned.rows.get((context, name))
    return Known(
        context=context,
        agent=agent,
        model=model,
        tier=arm.tier,
        mean=acceptance.mean,
        low=low,
        high=high,
        accepted=here.accepted,
        rejected=here.rejected,
        chosen=uses.chosen,
        first=uses.first,
        firsts=firsts.get(context, 0),
        used_at=uses.last,
        judged_at=trail.at if trail is not None else 0,
    )


def why_arm(view: ArmsView, known: Known, now: int) -> Reason:
    """How the mean of an arm comes about: from its tier to its model everywhere, to the context, to its own verdicts."""
    learned, name = view.trails.learned, f"{known.agent}@{known.model}"
    everywhere, here = learned.trail(EVERYWHERE, known.model, now), learned.trail(known.context, name, now)
    offset = learned.offsets.get(known.context, Offset())
    prior, general = PRIOR[known.tier], share_of(everywhere, PRIOR[known.tier])
    harder = offset.more / (offset.verdicts + OFFSET_WEIGHT)
    expected = min(HIGHEST, max(LOWEST, general + harder))
    verdicts = view.verdicts.get((known.context, name), ())
    steps = (
        f"{prior:.2f} is expected of the tier {known.tier}, worth {MODEL_WEIGHT:g} verdicts",
        f"{known.model} everywhere: {_amounts(everywhere)}, which makes {general:.2f}",
        f"{known.context} is {'easier' if harder >= 0 else 'harder'} than other work by {abs(harder):.2f}, by "
        f"{offset.verdicts:.1f} verdicts; so {expected:.2f} is expected here, worth {CONTEXT_WEIGHT:g} verdicts",
        f"{name} here: {_amounts(here)}, which makes {known.mean:.2f}",
    )
    return Reason(
        said=f"{name} in {known.context}: mean {known.mean:.2f}, 95 % from {known.low:.2f} to {known.high:.2f}",
        facts={"context": known.context, "arm": name, "prior": prior, "general": general, "expected": expected},
        because=(*(Reason(said=step) for step in steps), *map(_told, verdicts)),
    )


def _amounts(trail: Trail) -> str:
    return f"{trail.accepted:.1f} accepted and {trail.rejected:.1f} rejected are left"


def _told(verdict: Verdict) -> Reason:
    said = "accepted" if verdict.accepted else "rejected"
    after = " after another draft had been rejected" if verdict.after_others else ""
    out = "" if verdict.counts else ", which counts for nothing: its period is excluded"
    return Reason(
        said=said + after + out,
        event=verdict.position,
        tone="faint" if not verdict.counts else "good" if verdict.accepted else "warn",
        facts={"accepted": verdict.accepted, "counts": verdict.counts, "at": verdict.at},
    )


def _tier(name: str) -> Tier:
    return TIERS[TIERS.index(name)] if name in TIERS else TIERS[0]


def of_these(known: list[Known], *, role: str | None, type_: str | None, model: str | None) -> Iterator[Known]:
    """Those of a role, of a type of work, and of models whose name holds the word; None is any."""
    for each in known:
        if (role in (None, each.role)) and (type_ in (None, each.type)) and (not model or model in each.model):
            yield each
