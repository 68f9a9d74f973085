"""Base58 with the Bitcoin alphabet, as libp2p writes peer ids (draft-msporny-base58)."""

from __future__ import annotations

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUES = {letter: value for value, letter in enumerate(ALPHABET)}


def base58_encode(data: bytes) -> str:
    """The base58 text of these bytes; every leading zero byte is a leading `1`. Quadratic: for short bytes."""
    letters: list[str] = []
    number = int.from_bytes(data, "big")
    while number:
        number, value = divmod(number, 58)
        letters.append(ALPHABET[value])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return ALPHABET[0] * zeros + "".join(reversed(letters))


def base58_decode(text: str) -> bytes:
    """The bytes of a base58 text. Quadratic: the caller bounds the length.

    Raises ValueError, naming the character, where one is not in the alphabet (0, O, I and l are not).
    """
    number = 0
    for letter in text:
        value = _VALUES.get(letter)
        if value is None:
            raise ValueError(f"{letter!r} is not a base58 character")
        number = number * 58 + value
    zeros = len(text) - len(text.lstrip(ALPHABET[0]))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
