"""The parameters that a record says something of: which values can be tried on it, and why others cannot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import msgspec

from events.types.choice import FREE_TIERS, ChoiceMade
from swarm.choice.choose import PLANNED, STAYED
from swarm.choice.question import BALANCED
from swarm.messages import TIERS
from swarm.whatif.record import Drawn, SessionRecord

WORTHS = (1.0, 1.5, 2.0, 3.0, 4.5, 6.5, 9.0, 13.0, 20.0, 28.0, 40.0, 60.0, 90.0, 130.0, 200.0)
"""Worths of right work that are tried: steps of about a half, with the three that have names among them."""

POLICIES = ("trails", "roulette")


class Values(msgspec.Struct, frozen=True, kw_only=True):
    """What is supposed of each parameter; None: as it was recorded."""

    policy: str | None = None
    worth: float | None = None
    start: str | None = None  # "free" or "planned"
    tiers: tuple[str, ...] | None = None  # that take part, of those that did
    attempts: int | None = None  # at the most
    escalations: int | None = None  # at the most

    @property
    def changes(self) -> int:
        """How many parameters are supposed."""
        return sum(getattr(self, name) is not None for name in self.__struct_fields__)

    def without(self, name: str) -> Values:
        return msgspec.structs.replace(self, **{name: None})


class Space(msgspec.Struct, frozen=True, kw_only=True):
    """By parameter the values that can be tried, beside what was recorded; what is not there is `left_out`, with the reason."""

    options: dict[str, tuple[object, ...]]
    left_out: dict[str, str]
    recorded: Values  # what the record was made under, as far as it says so

    def values(self, picked: dict[str, object]) -> Values:
        """The values of a trial, those that would change nothing left out."""
        found = msgspec.convert({name: value for name, value in picked.items() if value is not None}, Values)
        policy = found.policy or self.recorded.policy
        if policy == "roulette":  # it plans nothing
            return msgspec.structs.replace(found, worth=None, start=None)
        if found.policy == "trails" and found.worth is None:
            return msgspec.structs.replace(found, worth=BALANCED)
        return found


def space_of(sessions: Sequence[SessionRecord]) -> Space:
    """What can be tried on these sessions."""
    drawn = [each for session in sessions for way in session.choices.values() for each in way]
    free = [each for each in drawn if not (isinstance(each.choice, ChoiceMade) and each.choice.why == STAYED)]
    options: dict[str, tuple[object, ...]] = {}
    left_out = dict(_NEVER)
    for name, found, reason in (
        ("policy", _policies(free), "choices were made by a policy that is no setting"),
        ("worth", _worths(free), "no choice weighed a paid model against another or against giving up"),
        ("start", _starts(free), "no first choice had both a free and a paid model"),
        ("tiers", _tiers(free), "all models that took part are of one tier"),
        ("attempts", _fewer(drawn), "no step needed a second draft"),
        ("escalations", _escalations(sessions), "no rejected work went to a paid model"),
    ):
        if found:
            options[name] = found
        else:
            left_out[NAMES[name]] = reason
    return Space(options=options, left_out=left_out, recorded=_recorded(sessions, free))


NAMES = {
    "policy": "choice.policy",
    "worth": "choice.value",
    "start": "choice.start",
    "tiers": "tiers",
    "attempts": "limits.attempts",
    "escalations": "limits.escalations",
}
"""By parameter the key with which a user sets it."""

_NEVER = {
    "more than was allowed (tiers, attempts, escalations)": "nothing is recorded of what was never done",
    "judge": "judges are taken by a rule and nothing of theirs is drawn, so that no record says what another had said",
    "limits.answer": "a record does not say what had come of an answer with another limit",
    "budget": "caps are what you allow, not what pays; `swarm whatif --budget` says what one had come to",
    "compression of what is sent": "there is none yet",
}


def escalated(drawn: Drawn) -> bool:
    """Whether a choice took a paid model because work of others was rejected."""
    choice = drawn.choice
    others_failed = any(each.arm != drawn.arm for each in choice.tried)
    return isinstance(choice, ChoiceMade) and others_failed and choice.tier not in FREE_TIERS


def policy_of(drawn: Drawn) -> str:
    """The policy that made a choice; where it drew by weights, it was a roulette, whatever it was called then."""
    choice = drawn.choice
    weighs = any(each.weight for each in choice.candidates)
    return "roulette" if weighs and choice.policy == "trails" else choice.policy


def _policies(drawn: Sequence[Drawn]) -> tuple[object, ...]:
    recorded = {policy_of(each) for each in drawn if len(each.choice.candidates) > 1}
    if not recorded or not recorded <= set(POLICIES):
        return ()
    return tuple(policy for policy in POLICIES if recorded != {policy})


def _worths(drawn: Sequence[Drawn]) -> tuple[object, ...]:
    for each in drawn:
        choice = each.choice
        paid = any(one.cost_nanos for one in choice.candidates)
        if paid and (len(choice.candidates) > 1 or choice.tried):
            return WORTHS
    return ()


def _starts(drawn: Sequence[Drawn]) -> tuple[object, ...]:
    both = [
        each.choice
        for each in drawn
        if not each.choice.tried and len({one.tier in FREE_TIERS for one in each.choice.candidates}) == 2
    ]
    planned = {choice.start == PLANNED for choice in both}
    return tuple(start for start, value in (("free", False), (PLANNED, True)) if planned and planned != {value})


def _tiers(drawn: Sequence[Drawn]) -> tuple[object, ...]:
    seen = tiers_in(drawn)
    return tuple(some for number in range(1, len(seen)) for some in combinations(seen, number))


def tiers_in(drawn: Sequence[Drawn]) -> tuple[str, ...]:
    found = {one.tier for each in drawn for one in each.choice.candidates}
    return tuple(tier for tier in TIERS if tier in found)


def _fewer(drawn: Sequence[Drawn]) -> tuple[object, ...]:
    return tuple(range(1, max((each.attempt for each in drawn if each.step), default=0)))


def _escalations(sessions: Sequence[SessionRecord]) -> tuple[object, ...]:
    most = max((sum(map(escalated, way)) for session in sessions for way in session.choices.values()), default=0)
    return tuple(range(most))


def _recorded(sessions: Sequence[SessionRecord], drawn: Sequence[Drawn]) -> Values:
    return Values(
        policy=_only(policy_of(each) for each in drawn if len(each.choice.candidates) > 1),
        tiers=tiers_in(drawn) or None,
        attempts=max((task.attempts for session in sessions for task in session.tasks.values()), default=None),
    )


def _only(found: Iterator[str]) -> str | None:
    """The one value that there is; None where there are several."""
    values = set(found)
    return values.pop() if len(values) == 1 else None
