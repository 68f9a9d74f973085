"""numpy's numbers and arrays: equal values give equal bytes whatever their layout, and odd bytes are refused."""

from __future__ import annotations

import math
import subprocess
import sys
import tracemalloc
from typing import Any

import pytest

from peernet.errors import CannotDecodeError, CannotEncodeError
from peernet.results import decode, encode, tags, to_json
from peernet.results.codec import head

np = pytest.importorskip("numpy")

DTYPES = ["?", *(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)), "f2", "f4", "f8", "c8", "c16"]


def same(left: Any, right: Any) -> bool:
    return (
        type(left) is type(right)
        and left.dtype == right.dtype
        and left.shape == right.shape
        and left.tobytes() == right.tobytes()
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_and_scalars_of_each_dtype_return_as_they_were(dtype: str) -> None:
    values = np.arange(24).astype(dtype).reshape(2, 3, 4)
    for value in (values, values[0, 0, 0], values[:0], values[0, 0, 1:2].reshape(()), values[:, :, 0]):
        again: Any = decode(encode(value))
        assert same(again, np.ascontiguousarray(value).reshape(value.shape) if value.ndim else value)
        assert encode([again, value]) == encode([value, again])
    assert decode(encode({values[1, 1, 1]: 1})) == {values[1, 1, 1]: 1}


@pytest.mark.parametrize("dtype", DTYPES)
def test_layout_leaves_no_trace(dtype: str) -> None:
    value = (np.arange(24) % 5).astype(dtype).reshape(4, 6)
    twice = np.repeat(np.repeat(value, 2, axis=0), 2, axis=1)
    unaligned = np.frombuffer(b"\0" + value.tobytes(), value.dtype, offset=1).reshape(4, 6)
    for other in (
        np.asfortranarray(value),
        value.astype(value.dtype.newbyteorder(">")),
        twice[::2, ::2],
        value[::-1, ::-1][::-1, ::-1],
        np.ascontiguousarray(value.T).T,
        unaligned,
    ):
        assert (other == value).all()
        assert encode(other) == encode(value)
    assert encode(np.broadcast_to(value[0], (4, 6))) == encode(np.array([value[0]] * 4))
    assert encode(np.longlong(5)) == encode(np.int64(5)) or np.longlong(0).itemsize != 8


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "c8", "c16"])
def test_all_nans_are_one(dtype: str) -> None:
    plain = np.array([1, math.nan, math.inf, -0.0], dtype)
    odd = plain.copy()
    bits = odd.view(f"u{odd.real.itemsize}")
    bits[np.isnan(odd.view(odd.real.dtype))] |= 5
    before = odd.tobytes()
    assert encode(odd) == encode(plain)
    assert odd.tobytes() == before != plain.tobytes()
    assert encode(odd[1]) == encode(plain[1])
    assert same(decode(encode(odd)), plain)


def test_truth_is_one_bit() -> None:
    odd = np.array([0, 1, 2, 255], "u1").view("?")
    assert encode(odd) == encode(np.array([False, True, True, True]))


def test_shapes_dtypes_and_kinds_stay_apart() -> None:
    zero = np.zeros(4, "f8")
    values = [
        *(zero, zero.reshape(2, 2), zero.reshape(4, 1), zero.astype("f4"), zero.astype("i8"), zero[:0]),
        *(zero[0], np.array(0.0), np.array(-0.0), 0.0, [0.0], zero[:0].reshape(0, 3), np.zeros((3, 0))),
    ]
    assert len({encode(value) for value in values}) == len(values)


def test_what_comes_back_is_the_receivers_own() -> None:
    data = encode(np.arange(5.0))
    first: Any = decode(data)
    first += 1
    assert first.flags.writeable and first.flags.aligned
    assert decode(data)[0] == 0  # type: ignore[index]


class Mine(np.float64):  # type: ignore[name-defined, misc]
    pass


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.array([object()]), r"an array of dtype object is not plain data; return .astype"),
        (np.array(["a"]), "an array of dtype <U1"),
        (np.array([b"a"]), r"an array of dtype \|S1"),
        (np.array(["2024"], "M8[s]"), r"an array of dtype datetime64\[s\]"),
        (np.zeros(2, [("a", "f8")]), "an array of dtype"),
        (np.zeros(2, "g"), "an array of dtype float128|longdouble"),
        (np.datetime64("2024"), r"numpy.datetime64 of dtype datetime64\[Y\].*return .item"),
        (np.str_("a"), "numpy.str_ of dtype <U1"),
        (np.longdouble(1), "numpy.longdouble of dtype"),
        (np.ma.masked_array([1, 2]), r"MaskedArray is a kind of ndarray; return numpy.asarray"),
        (Mine(1), "Mine is a kind of float64; return .item"),
        (np.zeros((1,) * 33), "33 dimensions; at most 32") if np.__version__ >= "2" else (np.array([None]), ""),
        (np.zeros((0, 2**20, 2**12)), "an empty array of shape"),
        (np.dtype("f8"), "not plain data"),
        (np.random.default_rng(1), "not plain data"),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_refusals(value: Any, words: str) -> None:
    with pytest.raises(CannotEncodeError, match=rf"^result\[1\]\['k'\]: .*({words})"):
        encode([0, {"k": value}])


def test_a_broadcast_array_is_refused_before_it_is_copied() -> None:
    value = np.broadcast_to(np.float64(1), (10**6, 10**6))
    with pytest.raises(CannotEncodeError, match="larger than"):
        encode(value)


def array(code: Any, shape: Any, raw: Any) -> bytes:
    return head(6, tags.ARRAY) + head(4, 3) + encode(code) + encode(shape) + encode(raw)


NAN = bytes.fromhex("000000000000f87f")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (array("<f8", [2], b"x" * 8), "8 bytes for an array of shape"),
        (array("<f8", [2**40, 2**40], b"x" * 8), "8 bytes for an array of shape"),
        (array("<f8", [-1, -1], b"x" * 8), "negative or of more than 63 bits"),
        (array("<f8", [2**9000], b"x" * 8), "negative or of more than 63 bits"),
        (array("<f8", [True], b"x" * 8), "bool where int"),
        (array("<f8", [0, 2**40], b""), "an empty array of shape"),
        (array("<f8", [1] * 33, b"x" * 8), "33 dimensions"),
        (array("<f8", (1,), b"x" * 8), "not followed by an array"),
        (array(">f8", [1], b"x" * 8), "no dtype"),
        (array("f8", [1], b"x" * 8), "no dtype"),
        (array("|O", [1], b"x" * 8), "no dtype"),
        (array("<f16", [1], b"x" * 16), "no dtype"),
        (array("f8,f8", [1], b"x" * 16), "no dtype"),
        (array(1, [1], b"x" * 8), "int where str"),
        (array("<f8", [1], "x" * 8), "a byte string is missing"),
        (array("<f8", [1], bytes.fromhex("010000000000f87f")), "an odd NaN"),
        (array("<f8", [1], bytes.fromhex("000000000000f8ff")), "an odd NaN"),
        (array("<f8", [2], NAN + bytes.fromhex("010000000000f07f")), "an odd NaN"),
        (array("<c8", [1], bytes.fromhex("000000000100c07f")), "an odd NaN"),
        (array("|b1", [1], b"\2"), "neither 0 nor 1"),
        (head(6, tags.ARRAY) + encode(["<f8", 1]), "not three parts"),
        (head(6, tags.NUMPY_SCALAR) + encode(["<f8", b"x"]), "1 bytes for an array of shape"),
        (head(6, tags.NUMPY_SCALAR) + encode(["|b1", b"\3"]), "neither 0 nor 1"),
        (head(5, 1) + array("<f8", [], b"x" * 8) + b"\0", "a key is a ndarray"),
        (head(6, tags.ARRAY) + b"\x83\x63<f8\x81\x01\x5b" + b"\xff" * 8, "ends in the middle"),
    ],
)
def test_hostile_bytes_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(CannotDecodeError, match=words):
        decode(data)


def test_announced_shapes_cost_no_memory() -> None:
    tracemalloc.start()
    try:
        for shape in ([2**31], [2**60], [0] + [2**40] * 31, [2**62] * 32):
            with pytest.raises(CannotDecodeError):
                decode(array("<f8", shape, b""))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.array([[0.5], [math.nan]]), '{"$array": ["float64", [2, 1], [0.5, {"$float": "nan"}]]}'),
        (np.asfortranarray([[1, 2], [3, 4]], "i4"), '{"$array": ["int32", [2, 2], [1, 2, 3, 4]]}'),
        (np.array(1j), '{"$array": ["complex128", [], [{"$complex": [0.0, 1.0]}]]}'),
        (np.float32(0.5), '{"$numpy": ["float32", 0.5]}'),
        (np.bool_(True), '{"$numpy": ["bool", true]}'),
    ],
)
def test_json_forms(value: Any, text: str) -> None:
    assert to_json(value) == text


WITHOUT = """
import sys
from peernet.results import decode, encode
encode([1.5, {1: 2}, frozenset(), 1j])
assert "numpy" not in sys.modules
sys.modules["numpy"] = None
from peernet.errors import CannotDecodeError
try:
    decode(bytes.fromhex(sys.argv[1]))
except CannotDecodeError as error:
    print(error)
"""


def test_without_numpy_the_error_says_what_to_install() -> None:
    for value in (np.zeros(3), np.int8(1)):
        command = [sys.executable, "-c", WITHOUT, encode(value).hex()]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "numpy is not installed here: `pip install numpy`" in run.stdout
