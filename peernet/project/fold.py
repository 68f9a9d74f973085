"""Folding the results of slices into one value while they arrive in any order."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from peernet.config.project import MAX_FOLD_PARTIALS
from peernet.errors import JobError, TaskError
from peernet.project.declare import MISSING
from peernet.project.trace import describe, user_traceback


class Folder:
    """Applies an associative function in the order of the inputs, however the slices arrive. Runs user code: for
    the job host.

    Slices are the leaves of a binary tree whose shape depends on their numbers alone: two siblings are merged as
    soon as both are there. So floats, whose addition is not quite associative, give one sum in every order of
    arrival. In order at most log2(slices) partial values are held; each gap costs at most as many more.
    """

    def __init__(self, reduce: Callable[[Any, Any], Any], initial: object = MISSING) -> None:
        """initial: the value of an empty input; None when MISSING."""
        self._reduce = reduce
        self._initial = initial
        self._partials: dict[tuple[int, int], Any] = {}
        """(level, index): the value of the slices from index * 2**level on, 2**level of them."""

    def afresh(self) -> Folder:
        """Return another one for the same function, into which nothing is folded yet."""
        return Folder(self._reduce, self._initial)

    @property
    def partials(self) -> int:
        """Partial values held now."""
        return len(self._partials)

    def fold(self, index: int, values: Sequence[Any]) -> None:
        """Take the results of slice `index` (from 0; at least one value). A slice that was taken is ignored.

        Raises:
            TaskError: `reduce` raised; with its traceback.
            JobError: there are too many gaps to hold the partial values.
        """
        if not values:
            raise ValueError(f"slice {index} has no results")
        if self._has(index):
            return
        if len(self._partials) >= MAX_FOLD_PARTIALS:
            raise JobError(f"more than {MAX_FOLD_PARTIALS} partial results wait for slices that are missing")
        value = self._call(values)
        level = 0
        while (sibling := (level, index ^ 1)) in self._partials:
            other = self._partials.pop(sibling)
            value = self._call([other, value] if index & 1 else [value, other])
            level, index = level + 1, index >> 1
        self._partials[level, index] = value

    def finish(self, slices: int) -> Any:
        """The value of the whole input, of so many slices. For none it is `initial`, or None.

        Raises:
            TaskError: `reduce` raised; with its traceback.
            ValueError: a slice is missing; a bug of the caller.
        """
        parts = sorted(self._partials, key=lambda node: node[1] << node[0])
        if sum(1 << level for level, _ in parts) != slices:
            raise ValueError(f"only {sum(1 << level for level, _ in parts)} of {slices} slices were folded")
        if not parts:
            return None if self._initial is MISSING else self._initial
        return self._call([self._partials[part] for part in parts])

    def _has(self, index: int) -> bool:
        top = max((level for level, _ in self._partials), default=-1)
        return any((level, index >> level) in self._partials for level in range(top + 1))

    def _call(self, values: Sequence[Any]) -> Any:
        try:
            return functools.reduce(self._reduce, values)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - user code may raise anything
            raise TaskError(f"reduce raised {describe(error)}", user_traceback(error)) from None
