"""Running one slice in the child of a box."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from typing import Any

from peernet.errors import CannotDecodeError, TaskError
from peernet.project.chance import seeded
from peernet.project.failed import FailedCall
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


def is_plain(error: BaseException) -> bool:
    """Whether an exception says something about its call only, and not about the process that it ran in."""
    return isinstance(error, Exception) and not isinstance(error, MemoryError)


def _is_plain(_: TaskFailure, error: BaseException) -> bool:
    return is_plain(error)


def run_slice(
    function: LoadedFunction,
    inputs: Sequence[Any],
    seed: bytes = b"",
    goes_on: Callable[[TaskFailure, BaseException], bool] = _is_plain,
    calls: Sequence[int] = (),
) -> list[Any]:
    """Call the function for each input, or once for all where it wants the whole slice.

    seed: of what the calls draw from `rng`, at most 64 bytes. goes_on: is told what a call raised, if
    the function skips errors, and returns whether to go on. calls: of a narrowed slice, the places
    that its inputs have in the whole one; empty for a whole one.

    Returns:
        The results in order, up to the first that ends the job; one of them for a whole slice. A `FailedCall` in
        place of each that was skipped. Pickles of them where the project asks for that.

    Raises:
        CannotDecodeError: there are more inputs than `calls` has places for, or fewer.
        TaskFailure: a call raised, or asked the interpreter to exit.
        CannotEncodeError: a result can't be pickled.
    """
    if calls and (len(calls) != len(inputs) or function.whole_slice):
        raise CannotDecodeError(f"{len(inputs)} inputs came for {len(calls)} calls of a slice")
    results: list[Any] = []
    place = _Place(results, calls) if calls else results
    call, keep, stop_when = function.call, results.append, function.stop_when
    with seeded(seed, place):
        for argument in (inputs,) if function.whole_slice else inputs:
            try:
                keep(call(argument))
            except BaseException as error:  # noqa: BLE001 - told next
                failure = _failure(error, function, len(place))
                if not (function.skips and goes_on(failure, error)):
                    raise failure from None
                keep(FailedCall(failure.type_name, len(place)))
                continue
            if stop_when is not None and _hits(stop_when, function, results):
                break
    return [pickle_result(result) for result in results] if function.pickles else results


class _Place:
    """As long as the current call's place in the whole slice: what `len` says of the results of a whole one."""

    def __init__(self, results: Sized, calls: Sequence[int]) -> None:
        self._results = results
        self._calls = calls

    def __len__(self) -> int:
        return self._calls[min(len(self._results), len(self._calls) - 1)]


def _hits(stop_when: Callable[[Any], object], function: LoadedFunction, results: list[Any]) -> bool:
    """Whether the latest result ends the job. What `stop_when` raises is for the job host to tell of, which asks
    it again; but where memory has run out there is no knowing what it would have said."""
    try:
        return bool(stop_when(results[-1]))
    except MemoryError as error:
        raise _failure(error, function, len(results) - 1) from None
    except BaseException:  # noqa: BLE001 - user code may raise anything
        return False


def _failure(error: BaseException, function: LoadedFunction, call: int) -> TaskFailure:
    """Tell of what a call raised: the child is the user's alone, so whatever leaves the function, an exit too, is
    the failure of its call."""
    index = None if function.whole_slice else call
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return TaskFailure(describe(error), user_traceback(error, function.directory), name, index)
