"""What the codec refuses, and how it says so."""

from __future__ import annotations

import collections
import enum
import hashlib
import math
import os
import subprocess
import sys
import time
from typing import Any

import cbor2
import pytest

from peernet.config.project import MAX_RESULT_DEPTH
from peernet.errors import CannotDecodeError, CannotEncodeError
from peernet.results import decode, digest_of, encode, tags
from peernet.results.codec import head


class Colour(enum.IntEnum):
    RED = 1


class Name(str):
    pass


Point = collections.namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "encoded"),
    [  # RFC 8949, appendix A
        (0, "00"),
        (24, "1818"),
        (1000000000000, "1b000000e8d4a51000"),
        (18446744073709551616, "c249010000000000000000"),
        (-18446744073709551617, "c349010000000000000000"),
        (-1000, "3903e7"),
        (1.1, "fb3ff199999999999a"),
        (100000.0, "fa47c35000"),
        (5.960464477539063e-8, "f90001"),
        (-0.0, "f98000"),
        (math.inf, "f97c00"),
        (math.nan, "f97e00"),
        (False, "f4"),
        (None, "f6"),
        (b"\1\2\3\4", "4401020304"),
        ("水", "63e6b0b4"),
        ([1, [2, 3], [4, 5]], "8301820203820405"),
        ({1: 2, 3: 4}, "a201020304"),
        ({"a": 1, "b": [2, 3]}, "a26161016162820203"),
    ],
)
def test_known_encodings(value: Any, encoded: str) -> None:
    assert encode(value).hex() == encoded
    assert repr(decode(bytes.fromhex(encoded))) == repr(value)


def test_keys_are_sorted_bytewise_not_by_length() -> None:
    # RFC 8949, section 4.2.1: the example of its core deterministic order.
    value = dict.fromkeys([False, (-1,), (100,), "aa", "z", -1, 100, 10])
    ordered = [encode(key) for key in decode(encode(value))]  # type: ignore[attr-defined]
    assert ordered == sorted(map(encode, value))
    assert ordered.index(encode(100)) < ordered.index(encode(-1))  # two bytes before one


def test_types_stay_apart() -> None:
    assert len({encode(value) for value in ([1], (1,), {1}, {1: 1}, [True], [1.0], ["1"], [b"1"])}) == 8


def test_all_nans_are_one() -> None:
    import struct

    odd = struct.unpack(">d", bytes.fromhex("fff8000000000123"))[0]
    assert encode(odd) == encode(math.nan) and encode([odd] * 3) == encode([math.nan] * 3)


@pytest.mark.parametrize(
    ("value", "place", "words"),
    [
        (Name("x"), "result", "Name is a kind of str"),
        ([1, Point(1, 2)], "result[1]", "Point is a named tuple, a kind of tuple; return tuple(…) or ._asdict()"),
        (collections.OrderedDict(a=1), "result", "collections.OrderedDict is a kind of dict"),
        ([0, 1, 2, {"x": object()}], "result[3]['x']", "builtins.object is not plain data"),
        ({"k": [(1, ...)]}, "result['k'][0][1]", "builtins.ellipsis"),
        ({(1, range(2)): 1}, "result.key(<builtins.tuple>)[1]", "builtins.range"),
        (["ok", "\ud800"], "result[1]", "lone surrogate"),
        ({"\ud800": 1}, "result.key('\\ud800')", "lone surrogate"),
        ({1, (2, range(3))}, "result.key(<builtins.tuple>)[1]", "builtins.range"),
        ((i for i in ()), "result", "builtins.generator"),
        (bytearray(b"x"), "result", "builtins.bytearray"),
        ({math.nan: 1, float("nan"): 2}, "result", "two keys with one encoding"),
    ],
)
def test_refusals_name_the_type_and_the_place(value: Any, place: str, words: str) -> None:
    with pytest.raises(CannotEncodeError) as refused:
        encode(value)
    assert str(refused.value).startswith(f"{place}: ")
    assert words in str(refused.value)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_depth_is_bounded_both_ways() -> None:
    assert decode(encode(nested(MAX_RESULT_DEPTH))) == nested(MAX_RESULT_DEPTH)
    with pytest.raises(CannotEncodeError, match="nested deeper"):
        encode(nested(MAX_RESULT_DEPTH + 1))
    with pytest.raises(CannotDecodeError, match="nested deeper"):
        decode(b"\x81" * MAX_RESULT_DEPTH + b"\x80")
    with pytest.raises(CannotDecodeError, match="nested deeper"):
        decode(b"\x81" * 1_000_000 + b"\x80")


def test_a_value_that_contains_itself_is_refused() -> None:
    knot: list[Any] = []
    knot.extend([knot] * 10)
    with pytest.raises(CannotEncodeError, match="contains itself"):
        encode(knot)


def test_size_is_bounded_even_where_memory_is_shared() -> None:
    value: list[Any] = ["x" * 100]
    for _ in range(50):
        value = [value, value]
    with pytest.raises(CannotEncodeError, match="larger than 10000 bytes"):
        encode(value, max_bytes=10_000)
    with pytest.raises(CannotDecodeError, match="more than the 3 allowed"):
        decode(encode("abc"), max_bytes=3)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("", "ends in the middle"),
        ("1801", "longer than it needs"),
        ("190018", "longer than it needs"),
        ("1b0000000100", "ends in the middle"),
        ("c24101", "longer than it needs"),
        ("c2490001000000000000ff", "longer than it needs"),
        ("c201", "not a byte string"),
        ("fa3fc00000", "shortest form"),
        ("fb3ff8000000000000", "shortest form"),
        ("f97e01", "odd NaN"),
        ("fb7ff8000000000000", "odd NaN"),
        ("f97dff", "odd NaN"),
        ("f7", "simple value"),
        ("e0", "simple value"),
        ("f818", "simple value"),
        ("5f4101ff", "indefinite"),
        ("9fff", "indefinite"),
        ("bfff", "indefinite"),
        ("1c", "indefinite length or a reserved head"),
        ("ff", "simple value"),
        ("61ff", "not UTF-8"),
        ("63eda080", "not UTF-8"),
        ("8261ff6161", "not UTF-8"),
        ("0000", "after the end"),
        ("a201020102", "not sorted"),
        ("a202010101", "not sorted"),
        ("a18001", "can't be one"),
        ("a1d970018180" + "00", "can't be one"),
        ("a20100f500", "equal"),
        ("c074323031332d30332d32315432303a30343a30305a", "tag 0"),
        ("d8236161", "tag 35"),
        ("d81c8101", "tag 28"),
        ("d81d00", "tag 29"),
        ("d9010081" + "01", "tag 256"),
        ("d9010281" + "01", "tag 258"),
        ("d9d9f701", "tag 55799"),
        ("d9700101", "not followed by an array"),
        ("d97002820202", "not sorted"),
        ("d9700282018000", "can't be one"),
        ("9bffffffffffffffff", "announced"),
        ("bb0fffffffffffffff", "announced"),
        ("7bffffffffffffffff", "ends in the middle"),
        ("c25bffffffffffffffff", "ends in the middle"),
        ("d970029bffffffffffffffff", "announced"),
    ],
)
def test_hostile_bytes_are_refused(data: str, words: str) -> None:
    with pytest.raises(CannotDecodeError, match=words):
        decode(bytes.fromhex(data))


@pytest.mark.parametrize(
    "odd", ["1801", "fa3fc00000", "fb3ff8000000000000", "f97e01", "f7", "d81d00", "61ff", "c24101", "5f4101ff"]
)
@pytest.mark.parametrize("count", [3, 40, 1000])
def test_one_odd_item_in_a_long_list_is_found(odd: str, count: int) -> None:
    for at in (0, count // 2, count):
        items = [b"\x05"] * count
        items.insert(at, bytes.fromhex(odd))
        with pytest.raises(CannotDecodeError):
            decode(head(4, len(items)) + b"".join(items))


def test_the_two_encoders_agree() -> None:
    # The whole-list path and the item-by-item path; a nested item forces the second.
    flat: list[Any] = [0, -1, 2**40, 2**80, 1.5, 0.1, math.nan, "a" * 30, b"b", None, True]
    assert encode([*flat, []])[1:-1] == encode(flat)[1:]
    assert encode(flat) == cbor2.dumps(flat, canonical=True)


@pytest.mark.parametrize("tag", [tags.SET, None])
def test_keys_made_to_collide_cost_bounded_time(tag: int | None) -> None:
    prime = sys.hash_info.modulus
    keys = [encode(2**64 + at * prime) for at in range(60_000)]
    data = (
        head(6, tag) + head(4, len(keys)) + b"".join(keys)
        if tag
        else head(5, len(keys)) + b"\0".join(keys) + b"\0"
    )
    began = time.thread_time()
    with pytest.raises(CannotDecodeError, match="costs too much"):
        decode(data)
    assert time.thread_time() - began < 8


def test_large_integers_cost_linear_time() -> None:
    large = (1 << 8_000_000) - 12345
    began = time.thread_time()
    assert decode(encode([large, -large])) == [large, -large]
    assert time.thread_time() - began < 2


def test_bytes_do_not_depend_on_the_hash_seed() -> None:
    program = (
        "from peernet.results import encode; words = [str(n) for n in range(50)];"
        "print(encode([set(words), {w: {(w, 1)} for w in words}]).hex())"
    )
    seen = set()
    for seed in ("0", "1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        run = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        seen.add(run.stdout)
    assert len(seen) == 1


def test_the_digest_is_sha256() -> None:
    assert digest_of(b"abc") == hashlib.sha256(b"abc").digest()


def test_tags_are_the_private_ones() -> None:
    assert encode((1,)) == head(6, tags.TUPLE) + b"\x81\x01"
    assert encode({1}) == head(6, tags.SET) + b"\x81\x01"
