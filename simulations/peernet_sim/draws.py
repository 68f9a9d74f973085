"""Distributions that a scenario may name where a value differs from peer to peer."""

from __future__ import annotations

import math
import random
from bisect import bisect
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Protocol

from peernet_sim.schema import Table


class Draw(Protocol):
    """A distribution."""

    def __call__(self, rng: random.Random) -> float:
        """Draw a value."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    """Always the same."""

    value: float

    def __call__(self, rng: random.Random) -> float:
        """Return the value; `rng` is left alone."""
        return self.value


@dataclass(frozen=True, slots=True)
class Uniform:
    """Between two bounds, each value as likely as the other."""

    least: float
    most: float

    def __call__(self, rng: random.Random) -> float:
        """Draw a value."""
        return rng.uniform(self.least, self.most)


@dataclass(frozen=True, slots=True)
class Lognormal:
    """Around a median, more often far above than far below. sigma: of the logarithm, 0.3 is a third up or down."""

    median: float
    sigma: float

    def __call__(self, rng: random.Random) -> float:
        """Draw a value."""
        return self.median * math.exp(rng.gauss(0.0, self.sigma))


class Choice:
    """One of some values, by weight."""

    def __init__(self, values: tuple[float, ...], weights: tuple[float, ...]) -> None:
        self._values = values
        self._sums = list(accumulate(weights))

    def __call__(self, rng: random.Random) -> float:
        """Draw a value."""
        at = bisect(self._sums, rng.random() * self._sums[-1])
        return self._values[min(at, len(self._values) - 1)]


def read_draw(table: Table, key: str, default: Draw) -> Draw:
    """Return the distribution that stands at a key: a number, or a table that names one.

    `2`, `{ uniform = [1, 8] }`, `{ lognormal = { median = 1.0, sigma = 0.3 } }` or
    `{ choice = [1, 2, 4], weights = [1, 2, 1] }`. All values are above 0.
    """
    if not table.has(key):
        return default
    if not isinstance(table.values[key], dict):
        return Constant(table.above(key))
    inner = table.table(key)
    if inner.has("uniform"):
        draw: Draw = _uniform(inner)
    elif inner.has("lognormal"):
        spec = inner.table("lognormal")
        draw = Lognormal(spec.above("median"), spec.number("sigma", most=3.0))
        spec.done()
    elif inner.has("choice"):
        draw = _choice(inner)
    elif inner.has("constant"):
        draw = Constant(inner.above("constant"))
    else:
        inner.all_keys()
        table.wrong(key, "names no distribution: write a number, or one of constant, uniform, lognormal, choice")
    inner.done()
    return draw


def _uniform(table: Table) -> Uniform:
    bounds = _numbers(table, "uniform")
    if len(bounds) != 2 or bounds[0] > bounds[1]:
        table.wrong("uniform", "takes two numbers, the lower one first, like [1, 8]")
    return Uniform(bounds[0], bounds[1])


def _choice(table: Table) -> Choice:
    values = _numbers(table, "choice")
    weights = _numbers(table, "weights") if table.has("weights") else (1.0,) * len(values)
    if len(weights) != len(values):
        table.wrong("weights", f"has {len(weights)} numbers for {len(values)} choices: give one for each")
    return Choice(values, weights)


def _numbers(table: Table, key: str) -> tuple[float, ...]:
    value: Any = table.raw(key)
    if not isinstance(value, list) or not value or not all(_positive(item) for item in value):
        table.wrong(key, f"is {value!r}; write an array of numbers above 0")
    return tuple(float(item) for item in value)


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf
