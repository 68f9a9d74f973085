"""Nurseries wrap what their tasks raise; callers of a peer want the error itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from peernet.errors import PeernetError


@contextmanager
def unwrapped() -> Iterator[None]:
    """Raise the one PeernetError of an exception group by itself; leave other groups as they are."""
    try:
        yield
    except BaseExceptionGroup as group:
        leaf = _only_leaf(group)
        if isinstance(leaf, PeernetError):
            raise leaf from leaf.__cause__
        raise


def _only_leaf(error: BaseException) -> BaseException | None:
    while isinstance(error, BaseExceptionGroup):
        if len(error.exceptions) != 1:
            return None
        error = error.exceptions[0]
    return error
