"""How many tokens an answer will have at the most: a high quantile of the answers before it, by how many there were.

Where answers come in no particular order, the next one is no longer than the k-th shortest of n with a probability of at least
k / (n + 1), whatever their distribution is (the rule of conformal prediction). So with few answers the longest of them is
taken, and with fewer still what the role is allowed holds. An answer that was cut counts as longer than any.
"""

from __future__ import annotations

from events.types.call import Foreseen
from events.views.sizes import Kind, Sizes, SizesView

SHARE = 99
"""Percent of the answers that are to fit, once there are enough of them. Measured by `python -m bench.limits`, as all four."""

LEAST_ANSWERS = 39
"""With fewer of them the longest is passed by more than one in forty."""

LEAST_TOKENS = 48
"""No answer gets less room: that would save nothing, and a word more would cut it."""

PART = 2
"""A limit is foreseen where it is at most 1/2 of what is allowed. A smaller gain is not worth the answers that it cuts."""


def foresee(sizes: SizesView, kind: Kind) -> Foreseen | None:
    """What such an answer will have at the most; None where too little is known, or too many were cut.

    Where the model gave too few answers to such tasks, those of all models speak for it, then those to tasks of any type; but
    never for less than it needed itself.
    """
    own = sizes.of(kind) or Sizes()
    for like, group in zip(("model", "type", "role"), (kind, *kind.wider), strict=True):
        known = sizes.of(group)
        if known is None or (answers := known.answers) < LEAST_ANSWERS:
            continue
        most = quantile(known, SHARE)
        if most is None or (group != kind and own.cut):
            return None
        needed = max(own.whole, default=0) if group != kind else 0
        return Foreseen(max(most, needed, LEAST_TOKENS), answers, like)
    return None


def quantile(sizes: Sizes, percent: int) -> int | None:
    """The size that the next answer does not pass in so many of a hundred cases, else the largest; None where that was cut.

    >>> quantile(Sizes({10: 98, 15: 1}), 99), quantile(Sizes({10: 4, 20: 1}), 99), quantile(Sizes({10: 40}, cut=1), 99)
    (15, 20, None)
    """
    answers, passed = sizes.answers, 0
    rank = min(answers, -(-(answers + 1) * percent // 100))
    for size in sorted(sizes.whole):
        passed += sizes.whole[size]
        if passed >= rank:
            return size
    return None


def fitting(foreseen: Foreseen | None, allowed: int) -> Foreseen | None:
    """What limits an answer that is allowed so many tokens; None: what it is allowed."""
    return foreseen if foreseen is not None and foreseen.tokens <= allowed // PART else None
