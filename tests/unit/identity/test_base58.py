"""Base58 by the vectors of draft-msporny-base58, section 5."""

from __future__ import annotations

import pytest

from peernet.identity.base58 import base58_decode, base58_encode

VECTORS = [
    (b"Hello World!", "2NEpo7TZRRrLZSi2U"),
    (
        b"The quick brown fox jumps over the lazy dog.",
        "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z",
    ),
    (bytes.fromhex("0000287fb4cd"), "11233QC4"),
    (b"", ""),
    (bytes(3), "111"),
]


@pytest.mark.parametrize(("data", "text"), VECTORS)
def test_vectors_hold_both_ways(data: bytes, text: str) -> None:
    assert base58_encode(data) == text
    assert base58_decode(text) == data


@pytest.mark.parametrize("letter", ["0", "O", "I", "l", " ", "é", "١"])
def test_other_letters_are_named(letter: str) -> None:
    with pytest.raises(ValueError, match=f"'{letter}' is not a base58 character"):
        base58_decode("2NEp" + letter)
