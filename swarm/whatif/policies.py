"""Policies that a what-if can ask about: each gives the probability of every candidate of a recorded choice."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches

import msgspec

from events.types.base import NOUGHT
from events.types.choice import Candidate, Choice, ChoiceMade
from swarm.choice.choose import STAYED, STOPPED, probabilities
from swarm.choice.planner import USABLE
from swarm.choice.question import LEAN_FROM, PRIOR
from swarm.choice.roulette import BETA, weighed
from swarm.errors import UsageError
from swarm.plan import tier_ruled_out
from swarm.units import shortened

RECORDED = "recorded"
_MOST = {"trails": 10_000.0, "free-first": 1.0}
"""Up to which number a policy's value goes; 100 of those that are not named."""

Weights = Mapping[str, float]
"""By agent@model what a policy draws with, and by STOPPED that it makes no more try; what it cannot draw is left out."""


class Policy(msgspec.Struct, frozen=True):
    """A policy by its name, and its value where it has one."""

    name: str = RECORDED
    value: str = ""

    def __str__(self) -> str:
        return f"{self.name}={self.value}" if self.value else self.name


def _first(candidates: Sequence[Candidate], key: Callable[[Candidate], float]) -> Weights:
    """All the weight on the candidates with the least key, in equal parts."""
    least = min(map(key, candidates), default=0.0)
    return {each.arm: 1.0 for each in candidates if key(each) == least}


def _wheel(candidates: Sequence[Candidate]) -> Weights:
    return {each.arm: each.weight for each in candidates if each.weight}


def _trails(choice: Choice, candidates: Sequence[Candidate], value: str) -> Weights:
    worth = float(value) * max((each.cost_nanos for each in candidates), default=0) if value else choice.worth_nanos
    arms = choice.arms or _CASCADE
    unweighed = tuple(msgspec.structs.replace(each, weight=NOUGHT) for each in candidates)  # it may be of a roulette
    planned = {"policy": "trails", "candidates": unweighed, "worth_nanos": round(worth), "arms": arms}
    return probabilities(msgspec.structs.replace(choice, **planned)) if candidates else {}


def _roulette(choice: Choice, candidates: Sequence[Candidate], value: str) -> Weights:
    leans = choice.spent_percent >= LEAN_FROM and not value
    return _wheel(weighed(candidates, beta=float(value) if value else BETA, leans=leans))


def _free_first(choice: Choice, candidates: Sequence[Candidate], value: str) -> Weights:
    return _wheel(weighed(candidates, usable=float(value) if value else USABLE))


def _uniform(choice: Choice, candidates: Sequence[Candidate], value: str) -> Weights:
    return {each.arm: 1.0 for each in candidates}


def _cheapest(choice: Choice, candidates: Sequence[Candidate], value: str) -> Weights:
    return _first(candidates, lambda each: each.cost_nanos)


def _best(choice: Choice, candidates: Sequence[Candidate], value: str) -> Weights:
    return _first(candidates, lambda each: -each.mean)


def _prefer(choice: Choice, candidates: Sequence[Candidate], value: str) -> Weights:
    wanted = {each.arm: 1.0 for each in candidates if each.model == value}
    return wanted or _as_recorded(choice, candidates)


def _as_recorded(choice: Choice, candidates: Sequence[Candidate]) -> Weights:
    """What the choice's own policy draws with among these."""
    recorded = probabilities(choice)
    if recorded.keys() <= {STOPPED, *(each.arm for each in candidates)} and len(candidates) <= len(choice.candidates):
        return recorded  # what was left out had no weight: the draw is the same
    own = _OWN.get(choice.policy)
    if own is not None:
        return own(choice, candidates, "")
    left = {arm: share for arm, share in recorded.items() if any(each.arm == arm for each in candidates)}
    return left or _roulette(choice, candidates, "")


_CASCADE = 2  # arms that a choice had at least that does not say how many

_OWN: Mapping[str, Callable[[Choice, Sequence[Candidate], str], Weights]] = {
    "trails": _trails,
    "roulette": _roulette,
}

_KNOWN: Mapping[str, tuple[str, str, Callable[[Choice, Sequence[Candidate], str], Weights]]] = {
    "trails": ("NUMBER", "the plan, right work being worth so many calls of the dearest arm", _trails),
    "roulette": ("NUMBER", "the roulette, with this exponent of the price inside a tier", _roulette),
    "free-first": ("SHARE", "the roulette, a tier passed over below this expected acceptance", _free_first),
    "uniform": ("", "every allowed arm alike, whatever its tier", _uniform),
    "cheapest": ("", "the arm with the least expected cost", _cheapest),
    "best": ("", "the arm with the highest expected acceptance", _best),
    "prefer": ("MODEL", "this model wherever it may be drawn, else as recorded", _prefer),
}
"""By name: the value that it takes, what it does, and its weights."""


def described() -> str:
    """The policies with their values, for a help text and for who named another."""
    return ", ".join([RECORDED, *(_form(name) for name in _KNOWN)])


def parse_policy(text: str) -> Policy:
    """Read NAME or NAME=VALUE. Raises UsageError with the list."""
    name, given, value = text.strip().partition("=")
    value = value.strip()
    if name == RECORDED and not given:
        return Policy()
    if name not in _KNOWN:
        near = get_close_matches(name, [RECORDED, *_KNOWN], n=1)
        guess = f"did you mean {near[0]}? " if near else ""
        raise UsageError(f"--policy {shortened(text)}: there is no such policy; {guess}known are {described()}")
    form = _KNOWN[name][0]
    if (given and not (form and value)) or (form == "MODEL" and not value):
        raise UsageError(f"--policy {shortened(text)}: it is written {_form(name)}; {name} is {_KNOWN[name][1]}")
    if value and form in ("NUMBER", "SHARE"):
        _require_number(text, value, most=_MOST.get(name, 100.0))
    return Policy(name, value)


def require_model(policy: Policy, choices: Iterable[Choice]) -> None:
    """Raises UsageError where the policy names a model that no choice knows: it would change nothing."""
    if _form_of(policy.name) != "MODEL":
        return
    known: set[str] = set()
    for choice in choices:
        known |= {each.model for each in choice.candidates} | {each.model for each in choice.excluded}
    if policy.value not in known:
        listed = ", ".join(sorted(known)) or "none"
        raise UsageError(f"--policy {policy}: no choice of these sessions had such a model; known are {listed}")


def target(policy: Policy, choice: Choice, tiers: Collection[str]) -> Weights:
    """The probabilities with which the policy had drawn at a recorded choice, among the arms of `tiers` (none named: all).

    Arms that only the task's own tiers ruled out take part where their tier is named; nothing is known of them but what is
    expected of their tier. Empty where no arm is left.
    """
    allowed = [each for each in choice.candidates if not tiers or each.tier in tiers]
    freed = [_unseen(choice, model, tier) for model, tier in freed_arms(choice, tiers)]
    if isinstance(choice, ChoiceMade) and choice.why == STAYED:  # a rule of the cycle, which no policy changes
        weights: Weights = {each.arm: 1.0 for each in allowed if each.model == choice.model}
    elif policy.name == RECORDED:
        weights = _as_recorded(choice, [*allowed, *freed])
    else:
        weights = _KNOWN[policy.name][2](choice, [*allowed, *freed], policy.value)
    total = sum(weights.values())
    return {arm: weight / total for arm, weight in weights.items()} if total else {}


def freed_arms(choice: Choice, tiers: Collection[str]) -> list[tuple[str, str]]:
    """Models that only the task's own tiers ruled out and whose tier is among `tiers`, with that tier."""
    found = [(each.model, tier_ruled_out(each.rule)) for each in choice.excluded]
    return [(model, tier) for model, tier in found if tier and tier in tiers]


def _unseen(choice: Choice, model: str, tier: str) -> Candidate:
    return Candidate(
        agent=choice.candidates[0].agent if choice.candidates else "", model=model, tier=tier, mean=PRIOR[tier]
    )


def _form_of(name: str) -> str:
    """The value that a policy takes: NUMBER, SHARE, MODEL or none."""
    return _KNOWN[name][0] if name in _KNOWN else ""


def _form(name: str) -> str:
    form = _form_of(name)
    return f"{name}={form}" if form == "MODEL" else f"{name}[={form}]" if form else name


def _require_number(text: str, value: str, *, most: float) -> None:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number <= most:  # NaN, too
        raise UsageError(f"--policy {shortened(text)}: a number from 0 to {most:,g} is expected behind the =")
