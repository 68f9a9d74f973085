"""What hostile bytes of the further types may cost: processor time is bounded, and memory by the size."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from peernet.errors import CannotDecodeError
from peernet.results import decode, encode, reader, tags
from peernet.results.codec import head

PRIME = sys.hash_info.modulus


@dataclass(frozen=True)
class Key:
    x: Any


@pytest.mark.parametrize(
    ("make", "tag"),
    [
        (Fraction, tags.FROZENSET),
        (Decimal, tags.SET),
        (Key, None),
        (lambda number: frozenset({number}), None),
    ],
    ids=["fraction", "decimal", "dataclass", "frozenset"],
)
def test_keys_made_to_collide_are_refused(
    make: Callable[[int], Any], tag: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "DECODE_CPU_BASE", 0.5)

    def keyed(step: int) -> bytes:
        keys = sorted(encode(make(number * step)) for number in range(1, 30_000))
        if tag is None:
            return head(5, len(keys)) + b"\0".join(keys) + b"\0"
        return head(6, tag) + head(4, len(keys)) + b"".join(keys)

    assert len({hash(make(number * PRIME)) for number in range(1, 50)}) == 1
    assert len(decode(keyed(PRIME + 2))) == 29_999  # type: ignore[arg-type]
    with pytest.raises(CannotDecodeError, match="costs too much"):
        decode(keyed(PRIME))


@pytest.mark.parametrize(
    "item",
    [
        head(6, tags.DATACLASS) + head(4, 3) + encode("a") + encode("B") + encode({}),
        head(6, tags.ENUM) + encode(["a", "B", 1]),
        head(6, tags.SET) + b"\x80",
        head(6, tags.FROZENSET) + b"\x80",
        head(6, tags.PATH) + encode(["", "a"]),
        head(6, tags.FRACTION) + encode([1, 2]),
        head(6, tags.DECIMAL) + encode(["1"]),
        head(6, tags.COMPLEX) + encode([0.0, 0.0]),
        head(6, tags.TIME) + encode([0, 0, 0, 0, 0, "UTC"]),
    ],
    ids=lambda item: f"{item[1:3].hex()}",
)
def test_memory_is_a_small_multiple_of_the_size(item: bytes) -> None:
    count = 20_000
    data = head(4, count) + item * count
    decode(head(4, 1) + item)  # what loads once is not counted
    tracemalloc.start()
    try:
        value = decode(data)
        assert tracemalloc.get_traced_memory()[0] < 70 * len(data)
    finally:
        tracemalloc.stop()
    assert len(value) == count  # type: ignore[arg-type]
