"""Results taken apart call by call, and put together again."""

from __future__ import annotations

import pytest

from peernet.config.project import MAX_RESULT_DEPTH
from peernet.errors import CannotDecodeError
from peernet.results import decode, encode
from peernet.results.items import join, split


@pytest.mark.parametrize(
    "values", [[], [1], [1.5] * 300, list(range(70_000)), [[1], {"a": (2,)}, None], ["x" * 300, b"y"], [{1, 2}]]
)
def test_a_list_is_its_items(values):
    data = encode(values)
    assert split(data) == [encode(value) for value in values]
    assert join(split(data)) == data


def test_one_item_can_be_replaced():
    items = split(encode([1, "two", 3.0]))
    items[1] = encode([2, 2])
    assert decode(join(items)) == [1, [2, 2], 3.0]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "are a list"),
        (encode("no list"), "are a list"),
        (encode((1, 2)), "are a list"),
        (encode([1, 2])[:-1], "ends in the middle|ends before"),
        (encode([1, 2]) + b"\x00", "after the end"),
        (b"\x9f\x01\xff", "indefinite"),
        (b"\x82\x18\x01\x02", "longer than it needs"),
        (b"\x9b" + b"\xff" * 8, "items announced"),
        (b"\x81" * (MAX_RESULT_DEPTH + 2) + b"\x01", "nested deeper"),
    ],
)
def test_what_is_no_canonical_list_is_refused(data, told):
    with pytest.raises(CannotDecodeError, match=told):
        split(data)


def test_more_bytes_than_are_allowed_are_refused():
    with pytest.raises(CannotDecodeError, match="4 bytes are more than the 3"):
        split(encode([1, 2, 3]), max_bytes=3)
