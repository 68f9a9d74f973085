"""numpy's numbers and arrays: dtype, shape, and the elements in C order, little-endian, with one NaN.

numpy is optional. It is not imported to encode (who has an array has it loaded), and to decode only when the bytes
hold an array. Memory layout, byte order and the bits of NaNs leave no trace in the bytes.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

from peernet.config.project import MAX_ARRAY_DIMENSIONS, MAX_EMPTY_ARRAY_BYTES
from peernet.results import tags
from peernet.results.codec import Encoder, Refusal, Writer, head, scalar_bytes
from peernet.results.reader import Decoder

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

_SIZES = {
    "|b1": 1,
    **{f"|{kind}1": 1 for kind in "iu"},
    **{f"<{kind}{size}": size for kind in "iu" for size in (2, 4, 8)},
    "<f2": 2,
    "<f4": 4,
    "<f8": 8,
    "<c8": 8,
    "<c16": 16,
}
"""Bytes of an element by dtype, as numpy's `dtype.str` spells it. Types whose size differs by machine are not
here."""

_FLOATS = {"<f2": ("<f2", "<u2", 0x7E00), "<f4": ("<f4", "<u4", 0x7FC00000), "<f8": ("<f8", "<u8", 0x7FF8 << 48)}
_FLOATS |= {"<c8": _FLOATS["<f4"], "<c16": _FLOATS["<f8"]}
"""Of each dtype with NaNs: the float it is made of, an unsigned integer of that size, and the one NaN's bits."""


def writer_of(kind: type) -> Writer:
    """Return what writes a type of numpy's. Raises Refusal for what derives from it."""
    numpy = sys.modules["numpy"]
    if kind is numpy.ndarray:
        return _write_array
    if issubclass(kind, numpy.ndarray):
        raise Refusal(f"{kind.__module__}.{kind.__qualname__} is a kind of ndarray; return numpy.asarray(…) of it")
    if kind.__module__ == "numpy":
        return _write_scalar
    base = next(base for base in kind.__mro__ if base.__module__ == "numpy")
    raise Refusal(f"{kind.__module__}.{kind.__qualname__} is a kind of {base.__name__}; return .item() of it")


def _write_array(encoder: Encoder, value: Array, depth: int) -> None:
    code = _code_of(value, "an array", "return .astype(…) of it, or .tolist()")
    if value.ndim > MAX_ARRAY_DIMENSIONS:
        raise Refusal(f"an array of {value.ndim} dimensions; at most {MAX_ARRAY_DIMENSIONS}: reshape it")
    if not value.size and _empty_bytes(value.shape, value.itemsize) > MAX_EMPTY_ARRAY_BYTES:
        raise Refusal(f"an empty array of shape {value.shape}, which smaller machines can't have")
    encoder.need(value.nbytes)
    encoder.put(head(6, tags.ARRAY) + head(4, 3) + scalar_bytes(code) + scalar_bytes(list(value.shape)))
    encoder.put(head(2, value.nbytes))
    encoder.put(_elements(value, code))


def _write_scalar(encoder: Encoder, value: Any, depth: int) -> None:
    code = _code_of(value, f"numpy.{type(value).__name__}", "return .item() of it, or float(…)")
    raw = _elements(sys.modules["numpy"].asarray(value), code)
    encoder.put_parts(tags.NUMPY_SCALAR, [code, bytes(raw)])


def _code_of(value: Any, what: str, remedy: str) -> str:
    code: str = value.dtype.newbyteorder("<").str
    if code not in _SIZES or value.dtype.names is not None:
        raise Refusal(f"{what} of dtype {value.dtype!s:.80} is not plain data; {remedy}")
    return code


def _elements(value: Array, code: str) -> memoryview:
    """The bytes of the elements. Copies them only where they are not as they should be."""
    import numpy

    flat = value.astype(code, order="C", copy=False).reshape(-1)
    if code == "|b1":
        bits = flat.view("|u1")
        flat = bits if _at_most_one(bits) else (bits != 0)
    elif code in _FLOATS and _has_nan(flat.view(_FLOATS[code][0])):
        kind, integer, nan = _FLOATS[code]
        flat = flat.copy()
        flat.view(integer)[numpy.isnan(flat.view(kind))] = nan
    return flat.view("|u1").data


def _has_nan(floats: Array) -> bool:
    """Whether a NaN is among them; the least of floats is a NaN if one is."""
    import numpy

    with numpy.errstate(all="ignore"):
        return floats.size > 0 and bool(numpy.isnan(floats.min()))


def _at_most_one(bits: Array) -> bool:
    return not bits.size or int(bits.max()) <= 1


def _empty_bytes(shape: tuple[int, ...], itemsize: int) -> int:
    return math.prod(length or 1 for length in shape) * itemsize


def read_array(decoder: Decoder, depth: int) -> Array:
    if decoder.count() != 3:
        decoder.refuse("an array is not three parts")
    code = decoder.read_part(str)
    count = decoder.count()
    if count > MAX_ARRAY_DIMENSIONS:
        decoder.refuse(f"an array of {count} dimensions; at most {MAX_ARRAY_DIMENSIONS}")
    shape = tuple(decoder.read_part(int) for _ in range(count))
    raw = decoder.read_view()
    _check(decoder, code, shape, len(raw))
    return _array(decoder, code, raw).reshape(shape)


def read_scalar(decoder: Decoder, depth: int) -> object:
    code, raw = decoder.read_parts(str, bytes)
    _check(decoder, code, (), len(raw))
    return _array(decoder, code, memoryview(raw))[0]


def _check(decoder: Decoder, code: str, shape: tuple[int, ...], size: int) -> None:
    if code not in _SIZES:
        decoder.refuse(f"{code!r:.40} is no dtype of plain data")
    if any(length >> 63 for length in shape):
        decoder.refuse("an array with a length that is negative or of more than 63 bits")
    if math.prod(shape) * _SIZES[code] != size:
        decoder.refuse(f"{size} bytes for an array of shape {shape!r:.200} and dtype {code}")
    if not size and _empty_bytes(shape, _SIZES[code]) > MAX_EMPTY_ARRAY_BYTES:
        decoder.refuse(f"an empty array of shape {shape!r:.200}, which smaller machines can't have")


def _array(decoder: Decoder, code: str, raw: memoryview) -> Array:
    """The elements in memory of their own, writable and of the machine's byte order."""
    try:
        import numpy
    except ImportError:
        decoder.refuse("it holds a numpy array, and numpy is not installed here: `pip install numpy`")
    elements: Array = numpy.frombuffer(raw, code).copy() if len(raw) else numpy.empty(0, code)
    if code == "|b1" and not _at_most_one(elements.view("|u1")):
        decoder.refuse("a truth value that is neither 0 nor 1")
    if code in _FLOATS and _has_nan(elements.view(_FLOATS[code][0])):
        kind, integer, nan = _FLOATS[code]
        if (elements.view(integer)[numpy.isnan(elements.view(kind))] != nan).any():
            decoder.refuse("an odd NaN")
    return elements.astype(elements.dtype.newbyteorder("="), copy=False)
