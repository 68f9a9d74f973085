"""Long runs of floats, all at once: a float is a byte 0xfb and eight bytes, wherever no shorter form is exact.

`struct` writes and reads them with a gap for the head, and strided slices look at the heads and at certain bytes
of all of them without a step of the interpreter for each float. Which floats have a shorter form is seen by their
last three bytes: they are zero in each of those, and in few others.
"""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Callable, Iterator, Sequence

import cbor2

from peernet.config.project import MIN_FLOAT_RUN

_SIZE = 9
"""Bytes of a float with its head."""

_DOUBLE = b"\xfb"
_BLOCK = 2048
"""Floats that are encoded together: one with a shorter form costs its whole block the fast way. A `struct` of more
is not faster."""

_TRIES = 64
"""Floats that are looked at one by one, as they may have a shorter form. Random ones almost never do."""

_SINGLE = struct.Struct(">f")


def encode_floats(items: Sequence[float]) -> Iterator[bytes]:
    """Yield the encodings of floats, one after another, in chunks."""
    for start in range(0, len(items), _BLOCK):
        block = items[start : start + _BLOCK]
        yield _encode_doubles(block) or _encode_mixed(block)


def decode_doubles(data: bytes, start: int, count: int) -> list[float] | None:
    """Return `count` floats whose encodings begin at `start`, all of eight bytes and canonical; None if they may
    be anything else."""
    end = start + _SIZE * count
    if count < MIN_FLOAT_RUN or len(data) < end or data[start:end:_SIZE].count(_DOUBLE) != count:
        return None
    body = data[start:end]
    doubles: list[float] = []
    for at in range(0, count, _BLOCK):
        doubles += _gapped(min(_BLOCK, count - at)).unpack_from(body, _SIZE * at)
    return doubles if _none_is_shorter(body, count, doubles.__getitem__) else None


@functools.lru_cache(maxsize=64)
def _gapped(count: int) -> struct.Struct:
    """So many doubles, each after a byte that is left out."""
    return struct.Struct(">" + "xd" * count)


def _encode_mixed(items: Sequence[float]) -> bytes:
    """The encodings of floats of any size."""
    head = 1 if len(items) < 24 else 2 if len(items) < 256 else 3  # of the list that cbor2 is given
    return cbor2.dumps(items, canonical=True)[head:]


def _encode_doubles(items: Sequence[float]) -> bytes | None:
    """The encodings of floats none of which has a shorter form; None where one may have."""
    encoded = bytearray(_gapped(len(items)).pack(*items))
    if not _none_is_shorter(encoded, len(items), items.__getitem__):
        return None
    encoded[::_SIZE] = _DOUBLE * len(items)
    return bytes(encoded)


def _none_is_shorter(body: bytes | bytearray, count: int, value_at: Callable[[int], float]) -> bool:
    """Whether no float fits in a smaller format, and none is a NaN. body: the floats with their heads."""
    firsts = body[1::_SIZE]
    if firsts.count(0x7F) or firsts.count(0xFF):  # beyond 1e303, infinities, NaNs: too rare to be told apart
        return False
    lows = (int.from_bytes(body[last::_SIZE], "little") for last in (6, 7, 8))
    bits = functools.reduce(int.__or__, lows).to_bytes(count, "little")
    at = bits.find(0)
    tried = 0
    while at >= 0:
        tried += 1
        if tried > _TRIES or _fits_single(value_at(at)):
            return False
        at = bits.find(0, at + 1)
    return True


def _fits_single(value: float) -> bool:
    """Whether a float32 (so perhaps a float16) is exactly this."""
    try:
        single: float = _SINGLE.unpack(_SINGLE.pack(value))[0]
    except OverflowError:
        return False
    return single == value or math.isnan(value)
