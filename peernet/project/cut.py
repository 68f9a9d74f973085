"""Cutting the input of a project into slices, and opening them where they are computed."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from peernet.config.project import MAX_INPUT_BYTES
from peernet.errors import CannotDecodeError, CannotEncodeError, CannotTravelError, ProjectError
from peernet.project.declare import is_iterable
from peernet.project.trace import describe
from peernet.project.users import call_users
from peernet.results import decode, digest_of, encode
from peernet.types import Digest

_RANGE, _VALUES, _PICKLED = b"R", b"V", b"P"
_REPR_LIMIT = 80


@dataclass(frozen=True, slots=True)
class Cut:
    """One slice of the input. calls: inputs in it, at least 1. data: a byte for the kind, then the inputs."""

    calls: int
    data: bytes


class Cutter:
    """Cuts an input into slices, in order, as many calls at a time as asked. Runs user code: for the job host.

    A range travels as a range, plain data by the codec of results, anything else by cloudpickle. A pickle of a set
    of strings depends on the hash seed, so a host has to run with a fixed PYTHONHASHSEED (boxes set 0); `replay`
    would else see another input after a restart.
    """

    def __init__(self, over: Any, whole_slice: bool = False) -> None:
        """over: an iterable, or a function of no arguments that returns one, called here.

        Raises:
            ProjectError: that function raised, or returned no iterable.
        """
        self.whole_slice = whole_slice
        self._position = 0
        self._slices = 0
        inputs = over if is_iterable(over) else call_users("making the input", over, error=ProjectError)
        if not is_iterable(inputs):
            kind = type(inputs)
            raise ProjectError(f"over returned {kind.__module__}.{kind.__qualname__}, which is not an iterable")
        self._range: range | None = inputs if type(inputs) is range else None
        self.length: int | None = _length(inputs)
        """Calls in all, as far as the input says so; None for one that does not, which may have no end."""
        self._iterator: Iterator[Any] = (
            iter(()) if self._range is not None else call_users("input", iter, inputs, error=ProjectError)
        )

    def cut(self, calls: int) -> Cut | None:
        """The next slice, of at most so many calls (at least 1); None at the end of the input.

        Raises:
            ProjectError: the iterable raised; with its traceback.
            CannotTravelError: an argument can't be sent, named by its position; or the slice is too large.
        """
        if calls < 1:
            raise ValueError(f"a slice of {calls} calls")
        batch: Sequence[Any]
        if self._range is not None:
            batch = self._range[self._position : self._position + calls]
            taken = range_length(batch)
        else:
            batch = call_users(
                "reading the input", lambda: list(itertools.islice(self._iterator, calls)), error=ProjectError
            )
            taken = len(batch)
        if not taken:
            return None
        data = self._encode(batch)
        if len(data) > MAX_INPUT_BYTES:
            raise CannotTravelError(_too_large(self._position, taken, len(data)))
        self._position += taken
        self._slices += 1
        return Cut(taken, data)

    def replay(self, cuts: Iterable[tuple[int, Digest]]) -> None:
        """Walk past slices that were cut before a restart: (calls, SHA-256 of the data) each, in order.

        Raises:
            ProjectError: the input is not what it was.
        """
        for calls, digest in cuts:
            number = self._slices
            again = self.cut(calls)
            if again is None or again.calls != calls or digest_of(again.data) != digest:
                how = "is missing" if again is None else "differs"
                raise ProjectError(
                    f"the input of the project is not deterministic: slice {number} {how} after the restart; "
                    "over must give the same inputs each time (fix random seeds, sort sets and folders)"
                )

    def _encode(self, batch: Sequence[Any]) -> bytes:
        try:
            return encode_input(batch)
        except CannotTravelError as error:
            raise self._culprit(batch, error.__cause__ or error) from None

    def _culprit(self, batch: Sequence[Any], failure: BaseException) -> CannotTravelError:
        for index, argument in enumerate(batch):
            try:
                _pickle(argument)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 - user code may raise anything
                kind = type(argument)
                return CannotTravelError(
                    f"argument {self._position + index} of the input can't travel to other peers: "
                    f"{_repr(argument)} of type {kind.__module__}.{kind.__qualname__}: {describe(error)}"
                )
        return CannotTravelError(
            f"the arguments from {self._position} to {self._position + len(batch) - 1} of the input can't travel "
            f"together: {describe(failure)}"
        )


def encode_input(batch: Sequence[Any]) -> bytes:
    """Return the inputs of a slice as they travel. Runs user code: for the job host.

    Raises:
        CannotTravelError: they can't be pickled; its cause is what was raised.
    """
    if isinstance(batch, range):
        return _RANGE + encode([batch.start, batch.stop, batch.step])
    try:
        # Instances of classes are pickled: a function may get more of them than fields, and any class.
        return _VALUES + encode(batch, max_bytes=MAX_INPUT_BYTES, classes=None)
    except CannotEncodeError:
        pass
    try:
        return _PICKLED + _pickle(batch)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise CannotTravelError(f"the arguments can't travel together: {describe(error)}") from error


def open_input(data: bytes) -> Sequence[Any]:
    """The inputs of a slice. Pickles are loaded: call it in the child of a box only.

    Raises:
        CannotDecodeError: the bytes are no input.
        CannotTravelError: a pickle can't be loaded on this machine (a package is missing, say).
    """
    kind, rest = data[:1], data[1:]
    if kind == _RANGE:
        bounds = decode(rest)
        if type(bounds) is not list or [type(bound) for bound in bounds] != [int, int, int] or bounds[2] == 0:
            raise CannotDecodeError("an input is not a range")
        return range(*bounds)
    if kind == _VALUES:
        values = decode(rest, max_bytes=MAX_INPUT_BYTES)
    elif kind == _PICKLED:
        try:
            values = pickle.loads(rest)  # noqa: S301 - only ever called inside a box
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - user code may raise anything
            raise CannotTravelError(f"the arguments can't be loaded on the worker: {describe(error)}") from None
    else:
        raise CannotDecodeError("an input begins with an unknown byte")
    if type(values) is not list:
        raise CannotDecodeError("an input is not a list")
    return values


def range_length(numbers: Sequence[Any]) -> int:
    """`len` of a sequence, also of a range of more than sys.maxsize numbers."""
    if not isinstance(numbers, range):
        return len(numbers)
    if not numbers:
        return 0
    return (numbers[-1] - numbers[0]) // numbers.step + 1


def _length(inputs: Any) -> int | None:
    if isinstance(inputs, range):
        return range_length(inputs)
    if not hasattr(type(inputs), "__len__"):
        return None
    length: int = call_users("asking the input for its length", len, inputs, error=ProjectError)
    return length


def _pickle(value: object) -> bytes:
    import cloudpickle

    pickled: bytes = cloudpickle.dumps(value, protocol=5)  # type: ignore[no-untyped-call]
    return pickled


def _repr(value: object) -> str:
    """A short repr of an object whose `__repr__` may do anything."""
    try:
        text = repr(value)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - user code may raise anything
        return f"<an object whose repr raises {type(error).__name__}>"
    return text if len(text) <= _REPR_LIMIT else text[: _REPR_LIMIT - 1] + "…"


def _too_large(position: int, calls: int, size: int) -> str:
    if calls == 1:
        return f"argument {position} of the input is {size} bytes; at most {MAX_INPUT_BYTES} travel: send less"
    return f"a slice of {calls} arguments is {size} bytes; at most {MAX_INPUT_BYTES}: use a smaller slice_size"
