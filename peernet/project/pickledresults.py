"""Results that are pickles: any value, but only from peers that are one's own, since loading one runs its code.

In the box each result is pickled into bytes, which the codec carries like any others. Whoever loads them is the
caller's own process or the job host, never the peer.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from typing import Any

from peernet.errors import CannotDecodeError, CannotEncodeError
from peernet.project.trace import describe
from peernet.results import short_repr


def pickle_result(value: object) -> bytes:
    """Return a result as a pickle; functions and classes that were made interactively travel within it.

    Raises:
        CannotEncodeError: it can't be pickled; names its type.
    """
    import cloudpickle

    try:
        return bytes(cloudpickle.dumps(value, protocol=5))  # type: ignore[no-untyped-call]
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - the value's own methods may raise anything
        kind = type(value)
        raise CannotEncodeError(
            f"a result of type {kind.__module__}.{kind.__qualname__} can't be pickled: {describe(error)}"
        ) from None


def load_result(data: object) -> Any:
    """Return the value of a pickled result. Runs the code of whoever made it.

    Raises:
        CannotDecodeError: it is no pickle, or can't be loaded here.
    """
    if type(data) is not bytes:
        raise CannotDecodeError(f"{short_repr(data)} is not a pickled result, as the project asks for")
    try:
        return pickle.loads(data)  # noqa: S301 - of own peers only, in the caller's process or the job host
    except Exception as error:  # noqa: BLE001 - loading runs the user's code
        raise CannotDecodeError(f"a pickled result can't be loaded here: {describe(error)}") from None


def load_results(values: Iterable[object]) -> list[Any]:
    """Return the values of pickled results. Raises as `load_result`."""
    return [load_result(data) for data in values]
