"""Keys sign, verify and keep their secret."""

from __future__ import annotations

import copy
import pickle

import pytest

from peernet.errors import KeyFileError
from peernet.identity.keys import KeyPair, verify
from peernet.types import PeerId

# RFC 8032, section 7.1, TEST 1: the empty message.
RFC_SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
RFC_PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
RFC_SIGNATURE = bytes.fromhex(
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
)

ALICE = KeyPair.from_seed(bytes([1]) * 32)
BOB = KeyPair.from_seed(bytes([2]) * 32)


def test_a_key_is_what_rfc_8032_says() -> None:
    key = KeyPair.from_seed(RFC_SEED)
    assert key.peer_id == RFC_PUBLIC
    assert key.sign(b"") == RFC_SIGNATURE
    assert verify(PeerId(RFC_PUBLIC), b"", RFC_SIGNATURE)


def test_the_seed_comes_back_for_the_key_file() -> None:
    assert KeyPair.from_seed(RFC_SEED).seed == RFC_SEED


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_seed_of_another_length_is_refused_with_a_remedy(length: int) -> None:
    with pytest.raises(KeyFileError, match=f"32 bytes, this one has {length}: restore"):
        KeyPair.from_seed(bytes(length))


def test_a_signature_holds_for_its_peer_and_its_bytes_only() -> None:
    signature = ALICE.sign(b"hello")
    assert len(signature) == 64
    assert verify(ALICE.peer_id, b"hello", signature)
    assert not verify(BOB.peer_id, b"hello", signature)
    assert not verify(ALICE.peer_id, b"hellp", signature)
    assert not verify(ALICE.peer_id, b"hello", BOB.sign(b"hello"))


def test_no_bit_of_a_signature_may_change() -> None:
    signature = ALICE.sign(b"hello")
    for bit in range(512):
        altered = bytearray(signature)
        altered[bit // 8] ^= 1 << bit % 8
        assert not verify(ALICE.peer_id, b"hello", bytes(altered)), bit


@pytest.mark.parametrize("length", [0, 1, 31, 33, 64])
def test_a_peer_id_of_a_wrong_length_verifies_nothing(length: int) -> None:
    padded = (ALICE.peer_id + bytes(32))[:length]
    assert not verify(PeerId(padded), b"hello", ALICE.sign(b"hello"))


@pytest.mark.parametrize("length", [0, 1, 63, 65, 128])
def test_a_signature_of_a_wrong_length_is_none(length: int) -> None:
    assert not verify(ALICE.peer_id, b"hello", bytes(length))


def test_a_signature_can_not_take_bytes_from_the_message() -> None:
    signature = ALICE.sign(b"hello")
    assert not verify(ALICE.peer_id, b"ello", signature + b"h")
    assert not verify(ALICE.peer_id, signature[-1:] + b"hello", signature[:-1])


@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31), b"\xff" * 32])
def test_small_order_and_invalid_points_verify_nothing(point: bytes) -> None:
    # With a key of small order, an all-zero scalar under the same point would hold for every message.
    assert not verify(PeerId(point), b"hello", point + bytes(32))


def test_the_secret_does_not_show() -> None:
    shown = repr(ALICE) + str(ALICE)
    assert ALICE.seed.hex() not in shown
    assert repr(ALICE.seed) not in shown
    assert shown.startswith("KeyPair(12D3…")


def test_a_key_does_not_travel() -> None:
    with pytest.raises(TypeError, match="secret key"):
        pickle.dumps(ALICE)
    with pytest.raises(TypeError, match="secret key"):
        copy.copy(ALICE)
