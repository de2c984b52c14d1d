"""Between what the share of accepted work lies, as far as the evidence for it goes: quantiles of a beta distribution."""

from __future__ import annotations

from math import exp, lgamma, log

_STEPS = 60  # halvings of [0, 1]: finer than a float is
_TERMS, _CLOSE, _TINY = 300, 1e-12, 1e-300


def bounds(good: float, bad: float, *, outside: float = 0.05) -> tuple[float, float]:
    """The middle part of Beta(good, bad), half of `outside` on either side of it."""
    return _quantile(outside / 2, good, bad), _quantile(1 - outside / 2, good, bad)


def _quantile(share: float, a: float, b: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if below(middle, a, b) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def below(x: float, a: float, b: float) -> float:
    """The share of Beta(a, b) that lies below x: the regularised incomplete beta function (DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # where the fraction converges slowly, its mirror does not
        return 1 - below(1 - x, b, a)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(1 - x)) / a
    return front / _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """1 + d1/(1 + d2/(1 + ..)), by the method of Lentz."""
    value, upper, lower = 1.0, 1.0, 0.0
    for number in range(1, _TERMS):
        m = number // 2
        if number % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        lower = 1 / _not_zero(1 + term * lower)
        upper = _not_zero(1 + term / upper)
        value *= upper * lower
        if abs(upper * lower - 1) < _CLOSE:
            break
    return value


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
