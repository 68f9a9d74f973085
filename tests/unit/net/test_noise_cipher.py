"""One direction of a Noise channel: order, nonces, rekeying, and hostile ciphertexts."""

from __future__ import annotations

import struct

import pytest
from nacl import bindings

from peernet.errors import ProtocolError
from peernet.net.noise import TAG_BYTES, CipherState

KEY = bytes(range(32))


def pair(rekey_every: int | None = None) -> tuple[CipherState, CipherState]:
    return CipherState(KEY, rekey_every), CipherState(KEY, rekey_every)


def at_nonce(nonce: int, rekey_every: int | None = None) -> CipherState:
    """A cipher that has passed so many messages, which no test can really send."""
    cipher = CipherState(KEY, rekey_every)
    cipher._nonce = nonce
    return cipher


def test_messages_arrive_in_order() -> None:
    send, receive = pair()
    for number in range(5):
        plaintext = bytes([number]) * number
        ciphertext = send.encrypt(b"ad", plaintext)
        assert len(ciphertext) == len(plaintext) + TAG_BYTES
        assert receive.decrypt(b"ad", ciphertext) == plaintext
    assert send.nonce == receive.nonce == 5


def test_the_nonce_is_four_zeros_and_a_little_endian_count() -> None:
    cipher = at_nonce(0x0102030405060708)
    expected = bindings.crypto_aead_chacha20poly1305_ietf_encrypt(
        b"text", b"ad", bytes(4) + bytes([8, 7, 6, 5, 4, 3, 2, 1]), KEY
    )
    assert cipher.encrypt(b"ad", b"text") == expected


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_bytes_are_taken(kind: type) -> None:
    send, receive = pair()
    ciphertext = send.encrypt(b"", kind(b"text"))
    assert receive.decrypt(b"", kind(ciphertext)) == b"text"


@pytest.mark.parametrize("length", range(TAG_BYTES))
def test_a_ciphertext_without_room_for_a_tag_is_refused(length: int) -> None:
    with pytest.raises(ProtocolError, match=f"of {length} bytes has no room"):
        CipherState(KEY).decrypt(b"", bytes(length))


def test_every_altered_bit_is_refused() -> None:
    ciphertext = CipherState(KEY).encrypt(b"ad", b"text")
    for bit in range(len(ciphertext) * 8):
        altered = bytearray(ciphertext)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ProtocolError, match="altered"):
            CipherState(KEY).decrypt(b"ad", bytes(altered))


def test_other_associated_data_is_refused() -> None:
    send, receive = pair()
    with pytest.raises(ProtocolError):
        receive.decrypt(b"other", send.encrypt(b"ad", b"text"))


def test_replayed_dropped_and_swapped_messages_are_refused() -> None:
    send, receive = pair()
    first, second, third = (send.encrypt(b"", b"text") for _ in range(3))
    with pytest.raises(ProtocolError):
        receive.decrypt(b"", second)
    assert receive.decrypt(b"", first) == b"text"
    with pytest.raises(ProtocolError):
        receive.decrypt(b"", first)
    with pytest.raises(ProtocolError):
        receive.decrypt(b"", third)


def test_a_refused_message_does_not_use_up_a_nonce() -> None:
    send, receive = pair()
    ciphertext = send.encrypt(b"", b"text")
    with pytest.raises(ProtocolError):
        receive.decrypt(b"", bytes(20))
    assert receive.decrypt(b"", ciphertext) == b"text"


def test_rekey_is_the_specifications() -> None:
    # Section 4.2: the first 32 bytes of ENCRYPT(k, 2^64-1, no ad, 32 zeros).
    last = struct.pack("<4xQ", 2**64 - 1)
    new = bindings.crypto_aead_chacha20poly1305_ietf_encrypt(bytes(32), b"", last, KEY)[:32]
    cipher = CipherState(KEY)
    cipher.rekey()
    assert cipher.encrypt(b"", b"text") == CipherState(new).encrypt(b"", b"text")


def test_both_sides_rekey_at_the_same_count_and_the_nonce_runs_on() -> None:
    send, receive = pair(rekey_every=3)
    plain = CipherState(KEY)
    for number in range(10):
        if number in (3, 6, 9):
            plain.rekey()
        ciphertext = send.encrypt(b"", b"text")
        assert ciphertext == plain.encrypt(b"", b"text")
        assert receive.decrypt(b"", ciphertext) == b"text"


def test_a_refused_message_at_a_rekeying_rekeys_once() -> None:
    send, receive = pair(rekey_every=1)
    receive.decrypt(b"", send.encrypt(b"", b"one"))
    for _ in range(3):
        with pytest.raises(ProtocolError):
            receive.decrypt(b"", bytes(20))
    # The key has turned by the failed message already; the count has not, and must not turn it again.
    assert receive.decrypt(b"", send.encrypt(b"", b"two")) == b"two"


@pytest.mark.parametrize("rekey_every", [None, 1, 2**20, 2**64])
def test_the_last_nonce_is_never_used(rekey_every: int | None) -> None:
    last = 2**64 - 1
    send, receive = at_nonce(last - 1, rekey_every), at_nonce(last - 1, rekey_every)
    assert receive.decrypt(b"", send.encrypt(b"", b"text")) == b"text"
    for cipher in (send, receive):
        cipher._rekey_at = min(cipher._rekey_at + last, last)  # as after all the rekeyings before
        for _ in range(2):
            with pytest.raises(ProtocolError, match="all nonces"):
                cipher.encrypt(b"", b"text")
            with pytest.raises(ProtocolError, match="all nonces"):
                cipher.decrypt(b"", bytes(20))


def test_rekeying_never_skips_over_the_end() -> None:
    last = 2**64 - 1
    cipher = CipherState(KEY, 2**63)
    cipher._nonce = 2**63
    cipher.encrypt(b"", b"text")
    cipher._nonce = last
    with pytest.raises(ProtocolError, match="all nonces"):
        cipher.encrypt(b"", b"text")


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_of_a_wrong_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        CipherState(bytes(length))


@pytest.mark.parametrize("rekey_every", [0, -1])
def test_rekeying_before_the_first_message_is_refused(rekey_every: int) -> None:
    with pytest.raises(ValueError, match="1 or more"):
        CipherState(KEY, rekey_every)
