"""The functions that a project may bring beside its own: that they are functions."""

from __future__ import annotations

from collections.abc import Mapping

from peernet.errors import ProjectError
from peernet.results import short_repr

_SHAPES = {
    "reduce": "a function of two results, such as operator.add",
    "keep_if": "a function of a result that tells whether to keep it",
    "stop_when": "a function of a result that tells whether to stop",
    "check": "a function of an input and its result, and say True or False",
    "equal": '"allclose", or a function of two results that returns a bool',
}
"""What each of them has to be, in the words of its error."""


def check_callables(given: Mapping[str, object]) -> None:
    """Refuse what is no function. given: by name, as to `parallel`; None is what was not given.

    Raises:
        ProjectError: naming the value, and what it has to be.
    """
    for name, value in given.items():
        known = name == "equal" and isinstance(value, str) and value == "allclose"
        if value is not None and not callable(value) and not known:
            raise ProjectError(f"{name}={short_repr(value)}: it must be {_SHAPES[name]}")
