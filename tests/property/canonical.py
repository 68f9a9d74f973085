"""What holds of any canonical encoding, whatever the values: what the property tests of the codec share."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from peernet.errors import CannotDecodeError
from peernet.results import decode, encode


def refused_or_canonical(data: bytes) -> None:
    """Bytes are refused, or the only encoding of what they mean."""
    try:
        value = decode(data)
    except CannotDecodeError:
        return
    assert encode(value) == data


def altered(encoded: bytes, data: st.DataObject) -> bytes:
    """The same bytes but for one to three places."""
    changed = bytearray(encoded)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    return bytes(changed)


def refused_at_any_other_length(encoded: bytes, data: st.DataObject) -> None:
    """Bytes that end too early or too late are no encoding."""
    for wrong in (encoded[: data.draw(st.integers(0, len(encoded) - 1))], encoded + b"\0"):
        with pytest.raises(CannotDecodeError):
            decode(wrong)
