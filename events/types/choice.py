"""Choices: which agent@model takes an attempt, and everything that it was chosen from."""

from __future__ import annotations

import msgspec

from events.types.base import NOUGHT, Event


class Candidate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An arm that was allowed, with what the draw saw of it."""

    agent: str
    model: str
    tier: str
    accepted: float = NOUGHT  # the trail of accepted work, evaporated to the moment of the choice
    rejected: float = NOUGHT
    mean: float  # expected share of accepted work, from trail and prior
    cost_nanos: int = 0  # expected cost of the call
    weight: float  # what it drew with; 0 where a cheaper tier went first


class Excluded(msgspec.Struct, frozen=True, gc=False):
    model: str
    rule: str  # why it could not be drawn


class ChoiceMade(Event, frozen=True, kw_only=True, tag="choice.made"):
    """Its probability is a pure function of the event: the chosen weight over the sum of weights."""

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
