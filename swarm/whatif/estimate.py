"""Ratios of weighted sums with their 95 % intervals: self-normalised importance sampling over groups of tasks.

A ratio is R = sum(a) / sum(b) over groups that are independent of each other, a and b weighted. Its variance is that of the
jackknife (each group left out once); for an amount the interval is corrected for skewness (Hall 1992, "On the removal of
skewness by transformation", JRSS B 54), for a share it is Clopper's and Pearson's at the number of draws that the variance
speaks of (Korn and Graubard 1998, Survey Methodology 24). Quantiles are Student's for the effective sample size (Kong 1992).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

TAIL = 0.025  # of the distribution beyond each end of an interval
Z = 1.959963984540054  # the normal quantile of 1 - TAIL
LEAST_SAMPLE = 30.0  # effective sample size below which nothing is said


class Sum(msgspec.Struct, frozen=True):
    """What one group adds to a ratio: both parts are weighted."""

    above: float
    below: float


class Interval(msgspec.Struct, frozen=True):
    value: float
    low: float
    high: float


def effective_sample(weights: Sequence[float]) -> float:
    """How many equally weighted draws are worth as much: (sum w)^2 / sum w^2; 0 where all weights are 0."""
    largest = max(weights, default=0.0)
    if not largest:
        return 0.0
    scaled = [weight / largest for weight in weights]  # whose squares cannot underflow all
    return sum(scaled) ** 2 / sum(weight * weight for weight in scaled)


def amount(groups: Sequence[Sum], sample: float) -> Interval:
    """The ratio of two amounts, neither of which is negative; `sample` is the effective sample size."""
    value, left_out = _jackknife(groups)
    found = _skewed(value, left_out, sample)
    return Interval(value, max(0.0, found.low), found.high)


def amount_difference(groups: Sequence[Sum], others: Sequence[Sum], sample: float) -> Interval:
    """By how much the first ratio of two amounts is above the second; both are of the same groups, in one order."""
    value, left_out = _jackknife(groups)
    other, left_out_there = _jackknife(others)
    moved = [here - there for here, there in zip(left_out, left_out_there, strict=True)]
    return _skewed(value - other, moved, sample)


def share_difference(groups: Sequence[Sum], others: Sequence[Sum], sample: float, others_sample: float) -> Interval:
    """By how much the first share is above the second, from -1 to 1; both are of the same groups, in one order.

    The ends are put together from those of the two shares (Newcombe 1998, Statistics in Medicine 17, for proportions that go
    together), so that shares which were always or never so are bounded as well.
    """
    first, second = share(groups, sample), share(others, others_sample)
    left_out, left_out_there = _jackknife(groups)[1], _jackknife(others)[1]
    errors = _error(left_out) * _error(left_out_there)
    number, together = len(left_out), sum(here * there for here, there in zip(left_out, left_out_there, strict=True))
    correlation = max(-1.0, min(1.0, (number - 1) / number * together / errors)) if errors else 0.0

    def apart(one: float, other: float) -> float:
        return math.sqrt(max(0.0, one * one - 2 * correlation * one * other + other * other))

    value = first.value - second.value
    low = value - apart(first.value - first.low, second.high - second.value)
    high = value + apart(first.high - first.value, second.value - second.low)
    return Interval(value, max(-1.0, low), min(1.0, high))


def _skewed(value: float, left_out: Sequence[float], sample: float) -> Interval:
    """The interval of an amount of which leaving out each group moves it so far."""
    error = _error(left_out)
    if not error:
        return Interval(value, value, value)
    largest = max(map(abs, left_out))  # what is divided by it keeps its squares above 0
    scaled = [each / largest for each in left_out]
    skewness = sum(each**3 for each in scaled) / sum(each**2 for each in scaled) ** 1.5
    quantile = student(sample - 1)
    low = value - error * _unskewed(quantile, skewness)
    high = value - error * _unskewed(-quantile, skewness)
    return Interval(value, low, high)


def share(groups: Sequence[Sum], sample: float) -> Interval:
    """The share that `above` is of `below`, from 0 to 1."""
    value, left_out = _jackknife(groups)
    value, error = min(1.0, max(0.0, value)), _error(left_out)
    draws = min(sample, value * (1 - value) / error**2) if error else sample
    draws *= (Z / student(sample - 1)) ** 2
    hits, misses = value * draws, (1 - value) * draws
    low = beta_quantile(TAIL, hits, misses + 1) if hits else 0.0
    high = beta_quantile(1 - TAIL, hits + 1, misses) if misses else 1.0
    return Interval(value, min(low, value), max(high, value))


def student(freedom: float) -> float:
    """The quantile .975 of Student's distribution, by its expansion around the normal one (Abramowitz and Stegun 26.7.5)."""
    first = (Z**3 + Z) / 4
    second = (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96
    return Z + first / freedom + second / freedom**2


def beta_quantile(probability: float, a: float, b: float) -> float:
    """Below what share a Beta(a, b) lies with that probability; found by halving."""
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        if beta_below(middle, a, b) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def beta_below(x: float, a: float, b: float) -> float:
    """The probability that a Beta(a, b) lies below x, by its continued fraction (DLMF 8.17.22)."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    if x > (a + 1) / (a + b + 2):  # where the fraction is slow
        return 1 - beta_below(1 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    fraction = 1.0
    for term in range(_terms(a, b), 0, -1):
        m = term // 2
        if term % 2:
            step = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            step = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        fraction = 1 + step / fraction
    return front / fraction


def _terms(a: float, b: float) -> int:
    """So many terms of the fraction are enough: it needs of the order of the root of the greater parameter."""
    return 20 + 3 * math.isqrt(math.ceil(max(a, b)))


def _jackknife(groups: Sequence[Sum]) -> tuple[float, list[float]]:
    """The ratio, and by group how far it moves where that group is left out."""
    above, below = sum(each.above for each in groups), sum(each.below for each in groups)
    value = above / below
    left_out = [
        (each.above - value * each.below) / (below - each.below) if below > each.below else 0.0 for each in groups
    ]
    return value, left_out


def _error(left_out: Sequence[float]) -> float:
    number = len(left_out)
    return math.sqrt((number - 1) / number * sum(each * each for each in left_out))


def _unskewed(quantile: float, skewness: float) -> float:
    """The quantile of the studentised ratio whose distribution has that skewness (already divided by the root of n)."""
    if abs(skewness) < 1e-6:
        return quantile
    return 3 / skewness * (math.cbrt(1 + skewness * (quantile - skewness / 6)) - 1)
