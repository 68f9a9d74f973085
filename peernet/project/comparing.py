"""Results that count as equal although their bytes differ: the project's own `equal`, and groups made by it.

Closeness is not transitive, but votes have to be. So the distinct results of a slice are put into groups around
medoids: of those that are left, the one that is equal to most of the others is a medoid, the one with the smaller
digest among several; it and its equals are a group, and so on with the rest. Two results are equal when all their
calls are; of each pair `equal` gets the one with the smaller digest first. So the groups depend on the set of
results alone, never on the order in which they came, and every member of a group is equal to its medoid.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any, Literal

from peernet.errors import ProjectError
from peernet.project.checks import truth
from peernet.project.failed import FailedCall
from peernet.project.users import call_users

Equal = Callable[[Any, Any], object] | Literal["allclose"]


def medoids(names: Sequence[bytes], equal: Callable[[int, int], bool]) -> tuple[int, ...]:
    """Return for each of the distinct results which one is its group's medoid.

    names: the results' digests. equal: of two of them, by their places in `names`.
    """
    left = sorted(range(len(names)), key=lambda place: names[place])
    near: dict[int, set[int]] = {place: {place} for place in left}
    for position, one in enumerate(left):
        for other in left[position + 1 :]:
            if equal(one, other):
                near[one].add(other)
                near[other].add(one)
    found = [0] * len(names)
    while left:
        medoid = max(left, key=lambda place: len(near[place].intersection(left)))
        for place in near[medoid].intersection(left):
            found[place] = medoid
        left = [place for place in left if place not in near[medoid]]
    return tuple(found)


class Comparer:
    """Applies an `equal` to the results of a slice. Runs user code: for the job host."""

    def __init__(self, equal: Equal) -> None:
        """equal: a function of two results of a call, or "allclose".

        Raises:
            ProjectError: it is "allclose", and numpy is not installed here.
        """
        if equal == "allclose" and importlib.util.find_spec("numpy") is None:
            raise ProjectError('equal="allclose": numpy is not installed here; install it, or give a function')
        self._equal: Callable[[Any, Any], object] = _close if equal == "allclose" else equal

    def medoids(self, names: Sequence[bytes], results: Sequence[Sequence[Any] | None]) -> tuple[int, ...]:
        """As `medoids`. results: the values of each; None is equal to nothing.

        Raises:
            TaskError: `equal` raised, with its traceback, or returned neither True nor False.
        """
        return medoids(names, lambda one, other: self._are_equal(results[one], results[other]))

    def _are_equal(self, one: Sequence[Any] | None, other: Sequence[Any] | None) -> bool:
        if one is None or other is None or len(one) != len(other):
            return False
        return all(self._is_equal(first, second) for first, second in zip(one, other, strict=True))

    def _is_equal(self, first: Any, second: Any) -> bool:
        if type(first) is FailedCall or type(second) is FailedCall:
            return type(first) is type(second) and bool(first == second)  # no results of the user's function
        return truth("equal", call_users("equal", self._equal, first, second))


def _close(first: Any, second: Any) -> bool:
    """Whether numbers, or arrays and lists of them, have one shape and are close; a peer may return anything."""
    import numpy

    try:
        one, other = numpy.asarray(first), numpy.asarray(second)
        return one.shape == other.shape and bool(numpy.allclose(one, other, equal_nan=True))
    except (TypeError, ValueError, ArithmeticError):
        return False  # no numbers
