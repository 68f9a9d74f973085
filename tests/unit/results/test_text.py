"""The JSON form."""

from __future__ import annotations

import io
import json
import math
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from peernet.errors import CannotEncodeError
from peernet.results import to_json, write_json_list


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"hello", '{"$bytes": "aGVsbG8="}'),
        (math.nan, '{"$float": "nan"}'),
        ([math.inf, -math.inf, -0.0, 1e300], '[{"$float": "inf"}, {"$float": "-inf"}, -0.0, 1e+300]'),
        ((1, (2, "x")), '[1, [2, "x"]]'),
        ({3, 1, "a"}, '{"$set": [1, 3, "a"]}'),
        ({"b": 1, "a": None}, '{"b": 1, "a": null}'),
        ({2: "two", 1: "one"}, '{"$dict": [[1, "one"], [2, "two"]]}'),
        ({"$x": 1, "a": 2}, '{"$dict": [["a", 2], ["$x", 1]]}'),
        ({}, "{}"),
        ([], "[]"),
        (set(), '{"$set": []}'),
        ([True, None, 'q"\n', "é"], '[true, null, "q\\"\\n", "\\u00e9"]'),
    ],
)
def test_known_forms(value: Any, text: str) -> None:
    assert to_json(value) == text


@pytest.mark.parametrize("digits", [4299, 4300, 4301, 50_000])
@pytest.mark.parametrize("sign", [1, -1])
def test_integers_are_exact_beyond_the_interpreters_limit(digits: int, sign: int) -> None:
    value = sign * (7 * 10**digits + 123)
    expected = ("-" if sign < 0 else "") + "7" + "123".rjust(digits, "0")
    assert to_json(value) == expected
    assert to_json([1, value, "x"]) == f'[1, {expected}, "x"]'
    assert to_json({"k": value}) == f'{{"k": {expected}}}'


def test_a_million_digits_take_no_quadratic_time() -> None:
    began = time.thread_time()
    text = to_json((1 << 3_321_928) - 1)
    assert time.thread_time() - began < 5
    assert len(text) == 1_000_000 and int(text[-9:]) == ((1 << 3_321_928) - 1) % 10**9
    assert sys.get_int_max_str_digits() == 4300


def test_a_list_is_written_while_it_arrives() -> None:
    stream = io.StringIO()
    written = []

    def arriving() -> Iterator[int]:
        for number in range(5000):
            written.append(len(stream.getvalue()))
            yield number

    write_json_list(arriving(), stream)
    assert json.loads(stream.getvalue()) == list(range(5000))
    assert 0 < written[2000] < written[4000]


def test_an_empty_list_is_one() -> None:
    stream = io.StringIO()
    write_json_list([], stream)
    assert json.loads(stream.getvalue()) == []


def test_other_types_and_cycles_are_refused() -> None:
    with pytest.raises(CannotEncodeError, match=r"builtins\.object"):
        to_json([object()])
    knot: list[Any] = []
    knot.append(knot)
    with pytest.raises(CannotEncodeError, match="contains itself"):
        to_json(knot)
