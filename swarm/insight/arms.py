"""What is known of each agent@model in each context, as the choice sees it, and how often it was chosen."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from events.log import Entry
from events.trails import EVERYWHERE
from events.types.choice import ChoiceMade
from events.views.trails import TrailsView
from swarm.choice.bounds import bounds
from swarm.choice.question import acceptance_of
from swarm.messages import TIERS, Arm, Tier


class Uses(msgspec.Struct):
    """How often an arm was drawn in a context. `first` counts the first attempts of steps alone."""

    chosen: int = 0
    first: int = 0
    last: int = 0  # microseconds since 1970


class ArmsView(msgspec.Struct):
    """The trails, and the choices beside them. What an archive took of the choices is not counted."""

    trails: TrailsView = msgspec.field(default_factory=TrailsView)
    uses: dict[tuple[str, str], Uses] = {}
    tiers: dict[str, str] = {}  # by agent@model, as its last choice says

    def apply(self, entry: Entry) -> None:
        self.trails.apply(entry)
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


def _tier(name: str) -> Tier:
    return TIERS[TIERS.index(name)] if name in TIERS else TIERS[0]


def of_these(known: list[Known], *, role: str | None, type_: str | None, model: str | None) -> Iterator[Known]:
    """Those of a role, of a type of work, and of models whose name holds the word; None is any."""
    for each in known:
        if (role in (None, each.role)) and (type_ in (None, each.type)) and (not model or model in each.model):
            yield each
