"""How far a share is known from a sample of it.

After C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
binomial", Biometrika 26 (1934): the exact interval, which covers the truth at least as often as it says. Its ends
are quantiles of beta distributions, whose distribution function is computed by the continued fraction of the NIST
Digital Library of Mathematical Functions, 8.17.22.
"""

from __future__ import annotations

import math

_STEPS = 60
"""Halvings: as exact as a float."""

_TERMS = 10_000
"""Of the continued fraction, at most: about the root of the sample's size is needed."""

_TINY = 1e-300
_ENOUGH = 1e-14


def upper_bound(wrong: float, sample: float, certainty: float = 0.95) -> float:
    """Return the share that is not exceeded, with this certainty, where so many of a sample are wrong."""
    if wrong >= sample:
        return 1.0
    return _quantile(certainty, wrong + 1, sample - wrong)


def interval(wrong: float, sample: float, certainty: float = 0.95) -> tuple[float, float]:
    """Return the two shares between which the true one lies with this certainty."""
    tail = (1 - certainty) / 2
    low = 0.0 if wrong <= 0 else _quantile(tail, wrong, sample - wrong + 1)
    return low, upper_bound(wrong, sample, 1 - tail)


def _quantile(probability: float, a: float, b: float) -> float:
    """The value below which a variable of the beta distribution lies with this probability."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _beta(middle, a, b) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function."""
    if not 0.0 < x < 1.0:
        return float(x >= 1.0)
    if x > (a + 1) / (a + b + 2):  # where the fraction converges slowly, the other end's does not
        return 1.0 - _beta(1.0 - x, b, a)
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(scale) / a / _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction 1 + d1/(1 + d2/(1 + ...)), from its front by Lentz's method."""
    value, c, d = 1.0, 1.0, 0.0
    for term in range(1, _TERMS):
        m = term // 2
        if term % 2:
            part = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            part = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1.0 / _not_nothing(1.0 + part * d)
        c = _not_nothing(1.0 + part / c)
        value *= c * d
        if abs(c * d - 1.0) < _ENOUGH:
            break
    return value


def _not_nothing(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
