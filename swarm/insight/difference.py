"""By how much the share of passed work differs between two ways of doing it, and between what that lies. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

import msgspec

from swarm.choice.bounds import bounds

METHOD = (
    "difference of the shares within like work, weighted by how much there is of both (Mantel-Haenszel); "
    "95 % interval by Newcombe's method from Jeffreys intervals of each share"
)
"""Newcombe, "Interval estimation for the difference between independent proportions" (1998), method 10, with the intervals of
Brown, Cai and DasGupta (2001) in the place of Wilson's, and the weights of the strata as in Yan and Su (2010)."""

_PRIOR = 0.5  # of Jeffreys


class Count(msgspec.Struct, frozen=True):
    """Pieces of work that passed, and that did not."""

    passed: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        return self.passed + self.failed

    @property
    def share(self) -> float:
        return self.passed / self.total if self.total else 0.0


class Stratum(msgspec.Struct, frozen=True):
    """Like work, one way and the other."""

    one: Count
    other: Count

    @property
    def weight(self) -> float:
        """Nothing where there is only one way."""
        both = self.one.total + self.other.total
        return self.one.total * self.other.total / both if both else 0.0


class Difference(msgspec.Struct, frozen=True):
    """The share of the one less that of the other, and between what it lies."""

    mean: float
    low: float
    high: float


def difference(strata: Iterable[Stratum]) -> Difference | None:
    """By how much the one way passes more often; None where no like work was done both ways."""
    weighed = [(stratum, stratum.weight) for stratum in strata if stratum.weight]
    whole = sum(weight for _, weight in weighed)
    if not whole:
        return None
    mean, below, above = 0.0, 0.0, 0.0
    for stratum, weight in weighed:
        share = weight / whole
        one, other = stratum.one.share, stratum.other.share
        (one_low, one_high), (other_low, other_high) = _between(stratum.one), _between(stratum.other)
        mean += share * (one - other)
        below += share**2 * ((one - one_low) ** 2 + (other_high - other) ** 2)
        above += share**2 * ((one_high - one) ** 2 + (other - other_low) ** 2)
    return Difference(mean, max(-1.0, mean - sqrt(below)), min(1.0, mean + sqrt(above)))


def _between(count: Count) -> tuple[float, float]:
    """Where all passed or none did, the interval ends there."""
    low, high = bounds(count.passed + _PRIOR, count.failed + _PRIOR)
    return low if count.passed else 0.0, high if count.failed else 1.0
