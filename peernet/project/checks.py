"""Results that prove themselves: the project's own `check`, applied to what peers returned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from peernet.errors import TaskError
from peernet.project.users import call_users

_TRUTHS = ("bool", "bool_")
"""Names of the types of truth: of Python, and of either numpy."""


class Checker:
    """Applies a `check` to the calls of a slice. Runs user code: for the job host."""

    def __init__(
        self,
        check: Callable[[Any, Any], object],
        whole_slice: bool,
        hits: Callable[[Sequence[Any]], bool] = lambda _: False,
    ) -> None:
        """check: a function of an input and its result. whole_slice: of the batch and its one value. hits: whether
        one of these results ends the job, and with it its slice."""
        self._check = check
        self._hits = hits
        self._whole_slice = whole_slice

    def proves(self, inputs: Sequence[Any], values: Sequence[Any]) -> bool:
        """Whether there is one result for each call, or for each up to one that ends the job, and each is right.
        The first wrong one decides.

        Raises:
            TaskError: `check` or `stop_when` raised, with its traceback, or `check` returned neither True nor
                False.
        """
        given: Sequence[Any] = [inputs] if self._whole_slice else inputs
        if not 0 < len(values) <= len(given):
            return False
        if not all(self._is_right(argument, value) for argument, value in zip(given, values, strict=False)):
            return False
        return len(values) == len(given) or self._hits(values[-1:])

    def _is_right(self, argument: Any, value: Any) -> bool:
        return truth("check", call_users("check", self._check, argument, value))


def truth(what: str, verdict: object) -> bool:
    """Return what a function of the user's has said. what: its name.

    Raises:
        TaskError: it is neither True nor False. Who forgets to return something must not blame peers.
    """
    if type(verdict).__name__ not in _TRUTHS:
        kind = type(verdict)
        raise TaskError(f"{what} returned {kind.__module__}.{kind.__qualname__}: it must return True or False")
    return bool(verdict)
