"""A breaker: who fails to answer gets no work for a while, and then one piece of it to show itself.

Errors of a provider say nothing of how good its answers are, so they never touch a trail. The clock is the caller's: a run
counts microseconds (`swarm/cooldowns.py`), a simulation its tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

TASKS = (4, 8, 16, 32, 64)
"""For how many tasks a breaker stays open where tasks are the clock: longer at each failure in a row."""


class Breaker(msgspec.Struct, frozen=True):
    """Closed where `step` is 0. Else nobody is let through before `until`, and then one: it closes it or opens it for longer."""

    until: int = 0
    step: int = 0  # failures in a row, up to the length of the ladder


def failed(breaker: Breaker, now: int, ladder: Sequence[int] = TASKS) -> Breaker:
    """The breaker after no answer, open for the next pause of the ladder."""
    step = min(breaker.step + 1, len(ladder))
    return Breaker(until=now + ladder[step - 1], step=step)


def answered(breaker: Breaker) -> Breaker:
    """The breaker after an answer, whatever it was worth."""
    return Breaker() if breaker.step else breaker


def lets_through(breakers: Iterable[tuple[str, Breaker]], now: int) -> set[str]:
    """The arms that may work now; all of them where no breaker would let any through."""
    arms = list(breakers)
    return {name for name, breaker in arms if breaker.until <= now} or {name for name, _ in arms}
