"""The codec of results: round trips, one encoding a value, and nothing else accepted."""

from __future__ import annotations

import base64
import io
import json
import math
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st

from peernet.errors import CannotDecodeError
from peernet.results import decode, encode, to_json, write_json, write_json_list
from peernet.results.items import join, split

from .canonical import altered, refused_at_any_other_length, refused_or_canonical

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
INTEGERS = (
    st.integers()
    | st.integers(-(2**70), 2**70)
    | st.sampled_from([2**n + d for n in (8, 16, 32, 64) for d in (-1, 0, 1)])
)
FLOATS = st.floats() | st.floats(width=32) | st.floats(width=16)
SCALARS = st.none() | st.booleans() | INTEGERS | FLOATS | TEXTS | st.binary(max_size=40)
KEYS = st.recursive(SCALARS, lambda inner: st.tuples(inner) | st.tuples(inner, inner), max_leaves=3)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=20)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=5)
        | st.sets(KEYS, max_size=5)
    ),
    max_leaves=30,
)


def one_nan(value: Any) -> bool:
    """Whether no set or dict holds two NaNs, which have one encoding."""
    if isinstance(value, (set, dict)):
        keys = [encode(key) for key in value]
        if len(set(keys)) != len(keys):
            return False
    if isinstance(value, dict):
        return all(map(one_nan, value.values()))
    return not isinstance(value, (list, tuple)) or all(map(one_nan, value))


def same(left: Any, right: Any) -> bool:
    """Equal with equal types all the way down; NaN is NaN, -0.0 is not 0.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return math.isnan(left) == math.isnan(right) and (
            math.isnan(left) or (left == right and math.copysign(1, left) == math.copysign(1, right))
        )
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, (set, dict)):
        by_bytes = {encode(key): key for key in left}, {encode(key): key for key in right}
        if by_bytes[0].keys() != by_bytes[1].keys():
            return False
        return isinstance(left, set) or all(
            same(left[key], right[by_bytes[1][at]]) for at, key in by_bytes[0].items()
        )
    return bool(left == right)


@given(VALUES)
@example([1.5, 100000.0, 5e-324, 2.0**-149, 65504.0, 65505.0, math.inf, -math.inf, math.nan, -0.0, 0.1])
@example(
    [0, 23, 24, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**64 - 1, 2**64, -1, -24, -25, -(2**64), -(2**64) - 1]
)
@example(["", "x" * 23, "x" * 24, b"", b"x" * 23, b"x" * 24, "é", None, True, False])
def test_every_plain_value_returns_as_it_was(value: Any) -> None:
    assume(one_nan(value))
    encoded = encode(value)
    assert same(decode(encoded), value)
    assert encode(decode(encoded)) == encoded


@given(st.lists(st.tuples(KEYS, SCALARS), max_size=8, unique_by=lambda pair: pair[0]), st.randoms())
def test_order_of_insertion_leaves_no_trace(pairs: list[tuple[Any, Any]], random: Any) -> None:
    assume(one_nan(dict(pairs)))
    shuffled = list(pairs)
    random.shuffle(shuffled)
    assert encode(dict(pairs)) == encode(dict(shuffled))
    assert encode({key for key, _ in pairs}) == encode({key for key, _ in shuffled})


@given(VALUES, VALUES)
def test_equal_bytes_mean_the_same_value(left: Any, right: Any) -> None:
    assume(one_nan(left) and one_nan(right))
    assert (encode(left) == encode(right)) == same(left, right)


@given(st.binary(max_size=60))
def test_what_is_accepted_is_canonical(data: bytes) -> None:
    refused_or_canonical(data)


@given(VALUES, st.data())
def test_a_changed_encoding_is_refused_or_another_canonical_one(value: Any, data: st.DataObject) -> None:
    assume(one_nan(value))
    refused_or_canonical(altered(encode(value), data))


@given(VALUES, st.data())
def test_a_truncated_or_longer_encoding_is_refused(value: Any, data: st.DataObject) -> None:
    assume(one_nan(value))
    refused_at_any_other_length(encode(value), data)


def from_json(form: Any) -> Any:
    """What a program in another language would read: tuples are gone, everything else is back."""
    if isinstance(form, list):
        return [from_json(item) for item in form]
    if not isinstance(form, dict):
        return form
    match form:
        case {"$float": str(text)}:
            return float(text)
        case {"$bytes": str(text)}:
            return base64.b64decode(text, validate=True)
        case {"$set": members}:
            return ["set", *map(from_json, members)]
        case {"$dict": pairs}:
            return ["dict", *([from_json(key), from_json(item)] for key, item in pairs)]
    return {key: from_json(item) for key, item in form.items()}


def flattened(value: Any) -> Any:
    """A value as `from_json` gives it back."""
    match value:
        case list() | tuple():
            return [flattened(item) for item in value]
        case set():
            return ["set", *(flattened(item) for item in sorted(value, key=encode))]
        case dict():
            if all(isinstance(key, str) and not key.startswith("$") for key in value):
                return {key: flattened(item) for key, item in value.items()}
            return ["dict", *([flattened(key), flattened(value[key])] for key in sorted(value, key=encode))]
    return value


@given(VALUES)
@example({"$bytes": "no bytes"})
@example({"": 1, "$": 2})
def test_the_json_form_is_json_and_loses_only_tuples(value: Any) -> None:
    assume(one_nan(value))
    text = to_json(value)
    assert text.isascii()
    assert same(from_json(json.loads(text, parse_constant=str)), flattened(value))
    stream = io.StringIO()
    write_json(value, stream)
    assert stream.getvalue() == text


@given(st.lists(VALUES, max_size=5))
def test_a_streamed_list_is_the_same_json(values: list[Any]) -> None:
    assume(one_nan(values))
    stream = io.StringIO()
    write_json_list(iter(values), stream)
    assert json.dumps(json.loads(stream.getvalue())) == json.dumps(json.loads(to_json(values)))


@given(st.lists(VALUES, max_size=12), st.integers(0, 11), VALUES)
def test_a_list_is_its_items_and_one_can_be_replaced(values: list[Any], place: int, other: Any) -> None:
    assume(all(map(one_nan, (*values, other))))
    items = split(encode(values))
    assert items == [encode(value) for value in values]
    assume(values)
    items[place % len(values)] = encode(other)
    values[place % len(values)] = other
    assert join(items) == encode(values)


@given(st.binary(max_size=200))
def test_bytes_of_anybody_are_taken_apart_as_they_are_decoded(data: bytes) -> None:
    try:
        value = decode(data)
    except CannotDecodeError:
        value = None
    try:
        assert join(split(data)) == data and isinstance(value, list)
    except CannotDecodeError:
        assert not isinstance(value, list)
