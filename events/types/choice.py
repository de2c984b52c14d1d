"""Choices: which agent@model takes an attempt, or that none does, and everything that this was decided from."""

from __future__ import annotations

import msgspec

from events.types.base import NOUGHT, Event

FREE_TIERS = ("local", "free")

TRAILS = "trails"
"""The topic of what persons say of trails."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An arm that was allowed, with what the choice saw of it."""

    agent: str
    model: str
    tier: str
    accepted: float = NOUGHT  # the trail of accepted work, evaporated to the moment of the choice
    rejected: float = NOUGHT
    mean: float  # expected share of accepted work, from trail and prior
    cost_nanos: int = 0  # expected cost of one try, a paid judge included
    weight: float = NOUGHT  # of a roulette: what it drew with; 0 where another tier went first
    draw: float = NOUGHT  # of a plan: its share of accepted work as it was drawn, once for a step
    value_nanos: int = 0  # of a plan: what the best cascade that begins with it is worth; 0 where nobody had to know

    @property
    def arm(self) -> str:
        return f"{self.agent}@{self.model}"


class Rejected(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An arm whose draft of the same step was rejected before; one for each draft."""

    arm: str  # agent@model
    mean: float
    draw: float = NOUGHT


class Excluded(msgspec.Struct, frozen=True, gc=False):
    model: str
    rule: str  # why it could not be drawn, or not have the first try


class ChoiceMade(Event, frozen=True, kw_only=True, tag="choice.made"):
    """An arm was chosen. How likely that was is a pure function of the event."""

    role: str
    context: str  # of the trails: role and task type
    agent: str
    model: str
    tier: str
    policy: str
    seed: str
    candidates: tuple[Candidate, ...]
    excluded: tuple[Excluded, ...] = ()
    why: str = ""  # where a rule and no draw decided
    spent_scope: str = (
        ""  # the scope above the call that is nearest to its money cap, where cheaper arms went first for that
    )
    spent_percent: int = 0  # of that cap, when the choice was made
    skipped: tuple[Excluded, ...] = ()  # free arms that were allowed and could not have the first try
    tried: tuple[Rejected, ...] = ()
    worth_nanos: int = 0  # of a plan: what work that is right is worth; 0 where every arm is free
    arms: int = 0  # of a plan: how many may still be tried, this one included
    pressure: float = NOUGHT  # of a plan: what prices were multiplied by, so that a budget lasts; 0 is 1
    overlap: float = (
        NOUGHT  # how far failures of arms go together, above 0 to 1; 0 is the usual, as long as nothing is known
    )
    accepts_wrong: float = NOUGHT  # of a plan: the shares of verdicts that it took to be wrong; 0 is the usual
    rejects_right: float = NOUGHT
    start: str = ""  # "planned" where no rule had a free arm go first
    general: float = NOUGHT  # the share of accepted work that was expected of its model in all contexts
    pinned: str = ""  # the tier to which a person had pinned the try
    pin: int = 0  # position of what says so
    missed: str = ""  # why no model of that tier could take it, and the choice was made as without the pin
    asked: int = 0  # position of a person's word that the task is tried again: the try is made whatever it is worth

    @property
    def arm(self) -> str:
        return f"{self.agent}@{self.model}"


class ChoiceStopped(Event, frozen=True, kw_only=True, tag="choice.stopped"):
    """No arm was chosen: one more try is not worth what it costs.

    All is said of it that is said of a choice; the fields stand twice, since those of a choice keep the order in which they
    are stored for ever.
    """

    role: str
    context: str
    policy: str
    seed: str
    candidates: tuple[Candidate, ...]
    excluded: tuple[Excluded, ...] = ()
    skipped: tuple[Excluded, ...] = ()
    tried: tuple[Rejected, ...] = ()
    worth_nanos: int = 0
    arms: int = 0
    pressure: float = NOUGHT
    overlap: float = NOUGHT
    accepts_wrong: float = NOUGHT
    rejects_right: float = NOUGHT
    start: str = ""
    spent_scope: str = ""
    spent_percent: int = 0
    pinned: str = ""
    pin: int = 0
    missed: str = ""
    asked: int = 0


Choice = ChoiceMade | ChoiceStopped


class TrailsExcluded(Event, frozen=True, kw_only=True, tag="trails.excluded"):
    """A person found that the verdicts of a period say nothing of what models are worth: no trail is made of them."""

    since: int  # microseconds since 1970
    until: int  # the first moment that counts again
    model: str = ""  # of this one alone
    lifted: bool = False  # True: the same period counts again
    by: str = ""
    reason: str = ""
