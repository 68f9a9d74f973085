"""Long runs of floats, all at once: a float is a byte 0xfb and eight bytes, wherever no shorter form is exact.

The strided slices below put the heads between the bytes of an array and take them out again without a step of
the interpreter for each float. Which floats have a shorter form is seen by their last three bytes: they are zero
in each of those, and in few others.
"""

from __future__ import annotations

import functools
import math
import operator
import struct
import sys
from array import array
from collections.abc import Iterator, Sequence

import cbor2

from peernet.config.project import MIN_FLOAT_RUN

_DOUBLE = 0xFB
_BLOCK = 2048
"""Floats that are looked at together: one with a shorter form costs its whole block the fast way."""

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
    body = data[start : start + 9 * count]
    if count < MIN_FLOAT_RUN or len(body) < 9 * count or body[::9].count(_DOUBLE) != count:
        return None
    raw = bytearray(8 * count)
    for at in range(8):
        raw[at::8] = body[at + 1 :: 9]
    doubles = array("d", bytes(raw))
    if sys.byteorder == "little":
        doubles.byteswap()
    return doubles.tolist() if _none_is_shorter(doubles, raw) else None


def _encode_mixed(items: Sequence[float]) -> bytes:
    """The encodings of floats of any size."""
    head = 1 if len(items) < 24 else 2 if len(items) < 256 else 3  # of the list that cbor2 is given
    return cbor2.dumps(items, canonical=True)[head:]


def _encode_doubles(items: Sequence[float]) -> bytes | None:
    """The encodings of floats none of which has a shorter form; None where one may have."""
    doubles = array("d", items)
    swapped = doubles[:]
    if sys.byteorder == "little":
        swapped.byteswap()
    raw = swapped.tobytes()
    if not _none_is_shorter(doubles, raw):
        return None
    encoded = bytearray(b"\xfb" * (9 * len(items)))
    for at in range(8):
        encoded[at + 1 :: 9] = raw[at::8]
    return bytes(encoded)


def _none_is_shorter(doubles: array[float], raw: bytes | bytearray) -> bool:
    """Whether no float fits in a smaller format, and none is a NaN. raw: their bytes, the highest first."""
    firsts = raw[::8]
    if firsts.count(0x7F) or firsts.count(0xFF):  # beyond 1e303, infinities, NaNs: too rare to be told apart
        return False
    lows = (int.from_bytes(raw[last::8]) for last in (5, 6, 7))
    bits = functools.reduce(operator.or_, lows).to_bytes(len(doubles))
    at = bits.find(0)
    tried = 0
    while at >= 0:
        tried += 1
        if tried > _TRIES or _fits_single(doubles[at]):
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
