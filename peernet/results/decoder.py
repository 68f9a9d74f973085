"""The strict decoder: it takes exactly the bytes that `encode` makes, from anybody, in bounded time.

Canonical form is checked while reading (shortest heads, sorted keys, one NaN), so nothing is encoded again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from peernet.config.project import MAX_RESULT_BYTES
from peernet.errors import CannotDecodeError
from peernet.results.reader import Decoder

T = TypeVar("T")


def decode(data: bytes, *, max_bytes: int = MAX_RESULT_BYTES, classes: Iterable[type] = ()) -> object:
    """Decode what `encode` made. Any other bytes are refused: `encode(decode(data)) == data`.

    (Classes that travelled by cloudpickle from a program are called `__main__` elsewhere; in that program itself
    they are encoded under the name of its file.)

    Time is linear in the size (a CPU clock guards against keys made to collide) and memory is at most about 60
    times the size (a byte can be an empty list). Nothing is imported for what the bytes say, but numpy, where they
    hold an array. No code runs but this, and that of classes below: their `__hash__` and `__eq__`, for keys.

    Args:
        data: the encoding, from anybody.
        max_bytes: the largest size to look at.
        classes: enums and dataclasses that may be made, beside those of the project that this process has loaded
            (see `classes.is_own`). Instances are made without `__init__`. What belongs to an unknown class comes
            back as a `Record` or a `Member`, which have its name and its fields.

    Raises:
        CannotDecodeError: the bytes are not canonical, not plain data, too large, too deep or too costly; or they
            need what this machine lacks: numpy, a time zone, another version of the project's classes.
    """
    return read_whole(data, lambda decoder: decoder.read(0), max_bytes=max_bytes, classes=classes)


def read_whole(data: bytes, read: Callable[[Decoder], T], *, max_bytes: int, classes: Iterable[type]) -> T:
    """Return what `read` makes of all these bytes. The one border at which anything but a refusal is a fault.

    Raises:
        CannotDecodeError: as `decode`; and they are too many, or go on after what was read.
    """
    if len(data) > max_bytes:
        raise CannotDecodeError(f"{len(data)} bytes are more than the {max_bytes} allowed")
    decoder = Decoder(data, classes)
    try:
        value = read(decoder)
    except CannotDecodeError:
        raise
    except RecursionError:
        raise CannotDecodeError("the call stack has no room left to decode it") from None
    except Exception as error:
        if not decoder.made_instances:
            raise
        text = f"{type(error).__name__} was raised by a class of the project while its instance became a key"
        raise CannotDecodeError(text) from error
    if decoder.pos != len(data):
        decoder.refuse("bytes after the end of the value")
    return value
