"""A breaker for each arm: who fails to answer gets no work for a while, and then one piece of it to show itself.

Errors of a provider say nothing of how good its answers are, so they never touch a trail.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

SHORTEST, LONGEST = 4, 64  # tasks for which a breaker stays open: doubled at each failure in a row


class Breaker(msgspec.Struct, frozen=True):
    """Closed where `until` has passed; then one task is let through, and closes it or opens it for longer."""

    until: int = 0  # the number of the first task that is let through
    pause: int = 0  # for how many tasks it was opened last; 0 = it is closed


def failed(breaker: Breaker, task: int) -> Breaker:
    """The breaker after no answer to a call of this task."""
    pause = min(LONGEST, 2 * breaker.pause) if breaker.pause else SHORTEST
    return Breaker(until=task + pause + 1, pause=pause)


def answered(breaker: Breaker) -> Breaker:
    """The breaker after an answer, whatever it was worth."""
    return Breaker() if breaker.pause else breaker


def lets_through(breakers: Iterable[tuple[str, Breaker]], task: int) -> set[str]:
    """The arms that may work for this task; all of them where no breaker would let any through."""
    arms = list(breakers)
    return {name for name, breaker in arms if breaker.until <= task} or {name for name, _ in arms}
