"""The answer of a search: a proposal that held where it was not searched, that nothing better was found, or what is lacking."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from typing import Literal

import msgspec

from swarm.tune.compare import Compared, Half, halves
from swarm.tune.search import LEAST_GROUPS, Found, Terms, search
from swarm.tune.supposed import Supposed
from swarm.tune.values import Space, space_of
from swarm.whatif.record import SessionRecord

Kind = Literal["proposed", "nothing better", "too little"]

_MOST_MORE = 100_000  # tasks; what would need more is not worth waiting for


class Tuned(msgspec.Struct, frozen=True, kw_only=True):
    kind: Kind
    why: str  # a sentence; where nothing is proposed, the reason
    more: int = 0  # tasks that would say it, about; 0 = nobody knows
    sessions: int
    tasks: int
    searched: int = 0  # tasks of the half that was searched
    measured: int = 0  # of the other
    space: Space
    found: Found | None = None


def tune(sessions: Sequence[SessionRecord], terms: Terms, *, told: Callable[[int], None] = lambda done: None) -> Tuned:
    """Search the values under which the finished `sessions` had cost less and been accepted as often."""
    supposed, space = Supposed(sessions), space_of(sessions)
    first, second = (Half(side, supposed) for side in halves(sessions))
    tuned = Tuned(
        kind="too little",
        why="",
        sessions=len(sessions),
        tasks=first.tasks + second.tasks,
        searched=first.tasks,
        measured=second.tasks,
        space=space,
    )
    least = min(first.groups, second.groups)
    if least < LEAST_GROUPS:
        more = 2 * (LEAST_GROUPS - least)
        why = f"{first.groups} and {second.groups} independent tasks are in the two halves, and {LEAST_GROUPS} are needed in each"
        return msgspec.structs.replace(tuned, why=why, more=more)
    if not first.spent and not second.spent:
        return msgspec.structs.replace(
            tuned, kind="nothing better", why="everything that is recorded was free of charge"
        )
    if not space.options:
        return msgspec.structs.replace(tuned, why="in no recorded choice was there anything to choose")
    found = search(first, second, space, terms, told=told)
    return _judged(msgspec.structs.replace(tuned, found=found), found, terms.margin)


def _judged(tuned: Tuned, found: Found, margin: float) -> Tuned:
    """The answer to what was found: it counts where the half that was not searched confirms it."""
    if found.best is None:
        why = "no values that were tried certainly cost less and keep acceptance in the half that was searched"
        return msgspec.structs.replace(tuned, kind="nothing better", why=why)
    measured = found.best.measured
    if measured is not None and measured.holds(margin) and measured.saves():
        return msgspec.structs.replace(tuned, kind="proposed", why="it holds in the half that was not searched")
    why = "the best in the half that was searched is not confirmed by the other half"
    more = 0 if measured is None else _more(measured, margin)
    return msgspec.structs.replace(tuned, kind="nothing better", why=why, more=more)


def _more(measured: Compared, margin: float) -> int:
    """About how many tasks more would confirm what the other half has, if it is as it looks; 0 where it does not look so.

    An interval is as wide as one over the root of the tasks.
    """
    cost, accepted = measured.cost_change, measured.accepted_change
    if not measured.identified or cost.value >= 0 or accepted.value <= -margin:
        return 0
    times = (
        max((cost.high - cost.value) / -cost.value, (accepted.value - accepted.low) / (accepted.value + margin)) ** 2
    )
    more = ceil(2 * measured.groups * max(0.0, times - 1) / 10) * 10
    return more if more <= _MOST_MORE else 0
