"""Running one slice in the child of a box."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peernet.errors import TaskError
from peernet.project.chance import seeded
from peernet.project.load import LoadedFunction
from peernet.project.pickledresults import pickle_result
from peernet.project.trace import describe, user_traceback


class TaskFailure(TaskError):
    """A call of the user's function raised.

    type_name: of the exception, as "module.Name" (builtins without a module). index: of the call within its slice,
    None when the function had the whole slice. `str()` is its last line, `traceback` the user's frames.
    """

    def __init__(self, message: str, traceback: str, type_name: str, index: int | None) -> None:
        super().__init__(message, traceback)
        self.type_name = type_name
        self.index = index


def run_slice(function: LoadedFunction, inputs: Sequence[Any], seed: bytes = b"") -> list[Any]:
    """Call the function for each input, or once for all where it wants the whole slice.

    seed: of what the calls draw from `rng`, at most 64 bytes.

    Returns:
        The results in order; one of them for a whole slice. Pickles of them where the project asks for that.

    Raises:
        TaskFailure: a call raised, or asked the interpreter to exit.
        CannotEncodeError: a result can't be pickled.
    """
    results: list[Any] = []
    with seeded(seed, results):
        _call(function, inputs, results)
    return [pickle_result(result) for result in results] if function.pickles else results


def _call(function: LoadedFunction, inputs: Sequence[Any], results: list[Any]) -> None:
    try:
        if function.whole_slice:
            results.append(function.call(inputs))
            return
        call, keep = function.call, results.append
        for argument in inputs:
            keep(call(argument))
    except BaseException as error:  # noqa: BLE001 - told next
        # The child is the user's alone: whatever leaves the function, an exit too, is the failure of its call.
        index = None if function.whole_slice else len(results)
        kind = type(error)
        name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        raise TaskFailure(describe(error), user_traceback(error, function.directory), name, index) from None
