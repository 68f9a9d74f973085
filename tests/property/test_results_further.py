"""The codec with all its types: round trips, one encoding a value in every process, and nothing else accepted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from peernet.errors import CannotEncodeError
from peernet.results import decode, encode, to_json

from .canonical import altered, refused_at_any_other_length, refused_or_canonical
from .rich_values import NEAR_MISSES, VALUES, Colour, Pair


def encoded_of(value: Any) -> bytes:
    """The encoding, but for what Python alone takes for two keys: NaNs."""
    try:
        return encode(value)
    except CannotEncodeError as error:
        assume("two keys with one encoding" not in str(error))
        raise


@given(VALUES)
def test_every_value_returns_as_it_was(value: Any) -> None:
    encoded = encoded_of(value)
    again = decode(encoded)
    assert type(again) is type(value)
    assert encode(again) == encoded
    json.loads(to_json(value))
    assert to_json(again) == to_json(decode(encoded))


@given(VALUES, VALUES)
def test_equal_bytes_mean_equal_values(left: Any, right: Any) -> None:
    if encoded_of(left) == encoded_of(right) and "nan" not in repr(left).lower():
        assert left == right


@given(NEAR_MISSES | st.binary(max_size=80))
def test_what_is_accepted_is_canonical(data: bytes) -> None:
    refused_or_canonical(data)


@given(VALUES, st.data())
def test_a_changed_encoding_is_refused_or_another_canonical_one(value: Any, data: st.DataObject) -> None:
    refused_or_canonical(altered(encoded_of(value), data))


@given(VALUES, st.data())
def test_a_truncated_or_longer_encoding_is_refused(value: Any, data: st.DataObject) -> None:
    refused_at_any_other_length(encoded_of(value), data)


ECHO = """
import sys
from peernet.results import decode, encode
for line in sys.stdin:
    print(encode(decode(bytes.fromhex(line))).hex(), flush=True)
"""


@contextmanager
def another_process(seed: str) -> Iterator[subprocess.Popen[str]]:
    """A process that decodes and encodes again, with its own order of sets and none of the classes."""
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    command = [sys.executable, "-c", ECHO]
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    with process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
    assert process.returncode == 0


@pytest.fixture(scope="module", params=["0", "1", "4242"])
def echo(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    with another_process(request.param) as process:
        yield process


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(value=VALUES)
def test_bytes_do_not_depend_on_the_process(echo: subprocess.Popen[str], value: Any) -> None:
    encoded = encoded_of([value, {Pair("k", Colour.RED), "k", 5, ("x", None)}])
    assert echo.stdin is not None and echo.stdout is not None
    echo.stdin.write(encoded.hex() + "\n")
    assert bytes.fromhex(echo.stdout.readline()) == encoded
