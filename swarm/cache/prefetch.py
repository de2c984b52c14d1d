"""What is likely to be read next, as what was read after it before says: a Markov model of the first order. Pure."""

from __future__ import annotations

import msgspec

from events.views.follows import FIRST, FollowsView, Read

LEAST_SEEN, LEAST_SHARE = 3, 0.2
"""Of what was seen less often, or is less likely, nothing is said."""


class Likely(msgspec.Struct, frozen=True):
    what: Read
    share: float  # of the times that something was read after it, smoothed towards nothing being known


def likely_next(view: FollowsView, project: str, after: Read | None = None, *, most: int = 3) -> list[Likely]:
    """What is likely to be read after something, or first where that is None; the likeliest first, of two alike by name."""
    then = view.counts.get(project, {}).get(after or Read(FIRST, FIRST), {})
    seen = sum(then.values())
    found = [Likely(what, count / (seen + 1)) for what, count in then.items()]
    found = [each for each in found if seen >= LEAST_SEEN and each.share >= LEAST_SHARE]
    return sorted(found, key=lambda each: (-each.share, each.what.tool, each.what.name))[:most]


LEAST_GUESSED, LEAST_HIT = 20, 0.3
"""After so many guesses of which a smaller share was right, nothing is made ready any more."""


def is_worth_it(view: FollowsView) -> bool:
    """Whether guesses were right often enough, as far as anything is known of it."""
    return view.guessed < LEAST_GUESSED or view.hits >= LEAST_HIT * view.guessed


def hit_rate(view: FollowsView) -> float | None:
    """How often the commonest next one came, where something was known; None where nothing was."""
    return view.hits / view.guessed if view.guessed else None


def guessed_said(view: FollowsView) -> str:
    """How often it was guessed what is read next, rightly and wrongly; "" where nothing was known to guess by."""
    if (rate := hit_rate(view)) is None:
        return ""
    off = "" if is_worth_it(view) else ": too few, nothing is read ahead"
    return (
        f"what is read next: guessed {view.guessed:,} times, {view.hits:,} rightly and {view.guessed - view.hits:,} wrongly "
        f"({100 * rate:.0f} %){off}"
    )
