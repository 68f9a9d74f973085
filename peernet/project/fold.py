"""Folding the results of slices into one value while they arrive in any order: those of them that are kept."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Final

from peernet.config.project import MAX_FOLD_PARTIALS
from peernet.errors import JobError
from peernet.project.declare import MISSING
from peernet.project.failed import FailedCall
from peernet.project.users import call_users


class _Nothing(Enum):
    """The type of `_NOTHING`."""

    NOTHING = "nothing"


_NOTHING: Final = _Nothing.NOTHING
"""The value of slices of which nothing is kept; None may be a result."""


class Folder:
    """Applies an associative function in the order of the inputs, however the slices arrive. Runs user code: for
    the job host.

    Slices are the leaves of a binary tree whose shape depends on their numbers alone: two siblings are merged as
    soon as both are there. So floats, whose addition is not quite associative, give one sum in every order of
    arrival. In order at most log2(slices) partial values are held; each gap costs at most as many more.
    """

    def __init__(
        self,
        reduce: Callable[[Any, Any], Any] | None,
        initial: object = MISSING,
        keep_if: Callable[[Any], object] | None = None,
        stop_when: Callable[[Any], object] | None = None,
    ) -> None:
        """reduce: None to make a list of the results. initial: the value where there is nothing to reduce; None
        when MISSING. keep_if: which results to take at all; None for all of them. stop_when: which results end the
        job; None for none."""
        self._reduce = reduce
        self._initial = initial
        self._keep_if = keep_if
        self._stop_when = stop_when
        self._partials: dict[tuple[int, int], Any] = {}
        """(level, index): the value of the slices from index * 2**level on, 2**level of them."""
        self.skipped = 0
        """Calls that failed, of the slices folded so far: they are in no value."""
        self._top = -1
        """The highest level that any of them was on so far: to look for it is O(partials) for each slice."""

    def afresh(self) -> Folder:
        """Return another one for the same function, into which nothing is folded yet."""
        return Folder(self._reduce, self._initial, self._keep_if, self._stop_when)

    @property
    def has_work(self) -> bool:
        """Whether there is anything to do here: a project without any of these has its results as they are."""
        return any(given is not None for given in (self._reduce, self._keep_if, self._stop_when))

    def hits(self, values: Sequence[Any]) -> bool:
        """Whether one of these results ends the job. A call that failed never does.

        Raises:
            TaskError: `stop_when` raised; with its traceback.
        """
        stop_when = self._stop_when
        if stop_when is None:
            return False
        results = [value for value in values if type(value) is not FailedCall]
        return bool(call_users("stop_when", lambda: any(stop_when(result) for result in results)))

    def fold(self, index: int, values: Sequence[Any]) -> None:
        """Take the results of slice `index` (from 0; at least one value). A slice that was taken is ignored.

        Raises:
            TaskError: `keep_if` or `reduce` raised; with its traceback.
            JobError: there are too many gaps to hold the partial values.
        """
        if not values:
            raise ValueError(f"slice {index} has no results")
        if self._has(index):
            return
        if len(self._partials) >= MAX_FOLD_PARTIALS:
            raise JobError(f"more than {MAX_FOLD_PARTIALS} partial results wait for slices that are missing")
        value = self._slice(values)
        level = 0
        while (sibling := (level, index ^ 1)) in self._partials:
            other = self._partials.pop(sibling)
            value = self._merge([other, value] if index & 1 else [value, other])
            level, index = level + 1, index >> 1
        self._partials[level, index] = value
        self._top = max(self._top, level)

    def finish(self, slices: int, *, partial: bool = False) -> Any:
        """The value of the whole input, of so many slices. Of nothing it is `initial`, or None, or an empty list.

        partial: slices may be missing, as in a job that ends early.

        Raises:
            TaskError: `reduce` raised; with its traceback.
            ValueError: a slice is missing; a bug of the caller.
        """
        parts = sorted(self._partials, key=lambda node: node[1] << node[0])
        if not partial and sum(1 << level for level, _ in parts) != slices:
            raise ValueError(f"only {sum(1 << level for level, _ in parts)} of {slices} slices were folded")
        value = self._merge([self._partials[part] for part in parts])
        if value is not _NOTHING:
            return value
        if self._reduce is None:
            return []
        return None if self._initial is MISSING else self._initial

    def _has(self, index: int) -> bool:
        return any((level, index >> level) in self._partials for level in range(self._top + 1))

    def _slice(self, values: Sequence[Any]) -> Any:
        """The value of one slice: of what is kept of it. A call that failed has no result to fold."""
        results = [value for value in values if type(value) is not FailedCall]
        self.skipped += len(values) - len(results)
        if self._keep_if is not None:
            keep_if, all_results = self._keep_if, results
            results = call_users("keep_if", lambda: [result for result in all_results if keep_if(result)])
        if not results:
            return _NOTHING
        return results if self._reduce is None else self._call(self._reduce, results)

    def _merge(self, parts: Sequence[Any]) -> Any:
        """The value of neighbouring parts, in their order."""
        parts = [part for part in parts if part is not _NOTHING]
        if not parts:
            return _NOTHING
        if self._reduce is None:
            return list(itertools.chain.from_iterable(parts))
        return self._call(self._reduce, parts)

    def _call(self, reduce: Callable[[Any, Any], Any], values: Sequence[Any]) -> Any:
        return call_users("reduce", functools.reduce, reduce, values)
