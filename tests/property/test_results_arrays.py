"""The codec with numpy: every array returns as it was, and layout leaves no trace."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peernet.results import decode, encode

from .canonical import altered, refused_or_canonical

np = pytest.importorskip("numpy")
hnp: Any = pytest.importorskip("hypothesis.extra.numpy")

DTYPES = (
    hnp.boolean_dtypes()
    | hnp.integer_dtypes(endianness="?")
    | hnp.unsigned_integer_dtypes(endianness="?")
    | hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64))
    | hnp.complex_number_dtypes(endianness="?", sizes=(64, 128))
)
ARRAYS = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))


@given(ARRAYS)
def test_every_array_returns_as_it_was(value: Any) -> None:
    encoded = encode(value)
    again: Any = decode(encoded)
    assert again.shape == value.shape and again.dtype == value.dtype.newbyteorder("=")
    np.testing.assert_array_equal(again, value)
    assert encode(again) == encoded
    if value.size:
        element = value.reshape(-1)[0]
        assert encode(decode(encode(element))) == encode(element)


@given(ARRAYS.filter(lambda value: value.ndim), st.randoms())
def test_layout_leaves_no_trace(value: Any, random: Any) -> None:
    axes = list(range(value.ndim))
    random.shuffle(axes)
    moved = np.ascontiguousarray(value.transpose(axes)).reshape(value.transpose(axes).shape)
    back = moved.transpose(np.argsort(axes))
    flipped = np.flip(np.flip(value).copy())
    for other in (back, np.asfortranarray(value), value.astype(value.dtype.newbyteorder()), flipped):
        assert encode(other) == encode(value)


@given(ARRAYS, st.data())
def test_a_changed_encoding_is_refused_or_another_canonical_one(value: Any, data: st.DataObject) -> None:
    refused_or_canonical(altered(encode(value), data))
