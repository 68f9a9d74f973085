"""The Noise handshake itself: the specification's steps, and published vectors."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nacl import bindings

from peernet.errors import HandshakeError
from peernet.net.noise.cipher import CipherState
from peernet.net.noise.handshake import XX, XX_PSK0, CurveKey, HandshakeState, Pattern
from peernet.net.noise.symmetric import hkdf

INITIATOR_STATIC, INITIATOR_EPHEMERAL, RESPONDER_STATIC, RESPONDER_EPHEMERAL = (
    CurveKey.from_seed(hashlib.sha256(name).digest()) for name in (b"is", b"ie", b"rs", b"re")
)
PSK = hashlib.sha256(b"psk").digest()


def both(psk: bytes | None = None, prologues: tuple[bytes, bytes] = (b"", b"")) -> list[HandshakeState]:
    pattern = XX if psk is None else XX_PSK0
    return [
        HandshakeState(pattern, initiator=True, prologue=prologues[0], static=INITIATOR_STATIC,
                       ephemeral=INITIATOR_EPHEMERAL, psk=psk),
        HandshakeState(pattern, initiator=False, prologue=prologues[1], static=RESPONDER_STATIC,
                       ephemeral=RESPONDER_EPHEMERAL, psk=psk),
    ]  # fmt: skip


def run(initiator: HandshakeState, responder: HandshakeState) -> Iterator[bytes]:
    """Every message of a handshake; the payloads are the numbers 0 to 2."""
    for number in range(3):
        writer, reader = (initiator, responder) if number % 2 == 0 else (responder, initiator)
        message = writer.write(b"%d" % number)
        assert reader.read(message) == b"%d" % number
        yield message


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()


def hkdf3(key: bytes, material: bytes) -> tuple[bytes, bytes, bytes]:
    temporary = hmac_sha256(key, material)
    first = hmac_sha256(temporary, b"\x01")
    second = hmac_sha256(temporary, first + b"\x02")
    return first, second, hmac_sha256(temporary, second + b"\x03")


def hkdf2(key: bytes, material: bytes) -> tuple[bytes, bytes]:
    return hkdf3(key, material)[:2]


def aead(key: bytes, nonce: int, ad: bytes, text: bytes) -> bytes:
    packed = bytes(4) + nonce.to_bytes(8, "little")
    return bindings.crypto_aead_chacha20poly1305_ietf_encrypt(text, ad, packed, key)


def dh(own: CurveKey, other: CurveKey) -> bytes:
    return bindings.crypto_scalarmult(own.secret, other.public)


def test_xx_is_what_the_specification_says_step_by_step() -> None:
    """The whole XX handshake written out from sections 5 and 7.5, with no state objects and no tokens."""
    ie, re, is_, rs = INITIATOR_EPHEMERAL, RESPONDER_EPHEMERAL, INITIATOR_STATIC, RESPONDER_STATIC
    h = ck = b"Noise_XX_25519_ChaChaPoly_SHA256"  # 32 bytes, so it is its own hash

    def mix(data: bytes) -> bytes:
        return hashlib.sha256(h + data).digest()

    h = mix(b"prologue")
    h = mix(ie.public)
    h = mix(b"0")
    first = ie.public + b"0"
    h = mix(re.public)
    ck, k = hkdf2(ck, dh(re, ie))
    static = aead(k, 0, h, rs.public)
    h = mix(static)
    ck, k = hkdf2(ck, dh(rs, ie))
    payload = aead(k, 0, h, b"1")
    h = mix(payload)
    second = re.public + static + payload
    static = aead(k, 1, h, is_.public)
    h = mix(static)
    ck, k = hkdf2(ck, dh(is_, re))
    payload = aead(k, 0, h, b"2")
    h = mix(payload)
    third = static + payload
    forth, back = hkdf2(ck, b"")

    initiator, responder = both(prologues=(b"prologue", b"prologue"))
    assert list(run(initiator, responder)) == [first, second, third]
    assert initiator.hash == responder.hash == h
    for (send, receive), (own, other) in (
        (initiator.split(), (forth, back)),
        (responder.split(), (back, forth)),
    ):
        assert send.encrypt(b"", b"text") == aead(own, 0, b"", b"text")
        assert receive.decrypt(b"", aead(other, 0, b"", b"text")) == b"text"


def test_message_1_with_a_shared_key_is_what_the_specification_says_step_by_step() -> None:
    """Section 9: the psk goes into key and transcript, and then e into the key as well."""
    name = b"Noise_XXpsk0_25519_ChaChaPoly_SHA256"  # longer than 32 bytes, so it is hashed
    ck = hashlib.sha256(name).digest()
    h = hashlib.sha256(ck).digest()  # an empty prologue
    ck, said, _ = hkdf3(ck, PSK)
    h = hashlib.sha256(h + said).digest()
    h = hashlib.sha256(h + INITIATOR_EPHEMERAL.public).digest()
    ck, k = hkdf2(ck, INITIATOR_EPHEMERAL.public)
    assert both(PSK)[0].write(b"0") == INITIATOR_EPHEMERAL.public + aead(k, 0, h, b"0")


def test_hkdf_is_rfc_5869_without_info() -> None:
    # RFC 5869, test case 3 has no salt and no info; Noise's HKDF is that construction with the salt as its key.
    keys = hkdf(b"", bytes([0x0B]) * 22, 2)
    expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    assert (keys[0] + keys[1]).hex().startswith(expected)


@pytest.mark.parametrize("psk", [None, PSK])
def test_both_sides_agree_on_transcript_keys_and_statics(psk: bytes | None) -> None:
    initiator, responder = both(psk)
    sizes = [len(message) for message in run(initiator, responder)]
    assert sizes == [33 if psk is None else 49, 97, 65]
    assert initiator.hash == responder.hash
    assert initiator.remote_static == RESPONDER_STATIC.public
    assert responder.remote_static == INITIATOR_STATIC.public
    (send, receive), (back, forth) = initiator.split(), responder.split()
    assert forth.decrypt(b"", send.encrypt(b"", b"there")) == b"there"
    assert receive.decrypt(b"", back.encrypt(b"", b"here")) == b"here"


def test_the_two_directions_have_different_keys() -> None:
    initiator, responder = both()
    list(run(initiator, responder))
    send, receive = initiator.split()
    assert send.encrypt(b"", b"text") != receive.encrypt(b"", b"text")


def test_another_prologue_is_noticed() -> None:
    initiator, responder = both(prologues=(b"one", b"two"))
    responder.read(initiator.write(b""))
    with pytest.raises(HandshakeError, match="does not decrypt"):
        initiator.read(responder.write(b""))


@pytest.mark.parametrize("other", [bytes(32), PSK[::-1]])
def test_a_stranger_to_the_shared_key_is_refused_at_message_1(other: bytes) -> None:
    stranger, _ = both(other)
    _, responder = both(PSK)
    with pytest.raises(HandshakeError, match="does not decrypt"):
        responder.read(stranger.write(b""))


def test_messages_out_of_turn_are_refused() -> None:
    initiator, responder = both()
    with pytest.raises(HandshakeError, match="out of turn"):
        responder.write(b"")
    with pytest.raises(HandshakeError, match="out of turn"):
        initiator.read(bytes(32))
    with pytest.raises(HandshakeError, match="not complete"):
        initiator.split()
    list(run(initiator, responder))
    for side in (initiator, responder):
        with pytest.raises(HandshakeError, match="out of turn"):
            side.write(b"")
        with pytest.raises(HandshakeError, match="out of turn"):
            side.read(bytes(64))


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
def test_a_curve_key_of_a_wrong_length_is_refused(length: int) -> None:
    with pytest.raises(HandshakeError, match=f"32 bytes, the other side's has {length}"):
        INITIATOR_STATIC.exchange(bytes(length))
    with pytest.raises(ValueError, match="32 bytes"):
        CurveKey.from_seed(bytes(length))


# The u-coordinates of small order on Curve25519 and its twist (RFC 7748, section 7, warns of the zero result).
LOW_ORDER = [
    0,
    1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
    2**255 - 20,
    2**255 - 19,
    2**255 - 18,
]


@pytest.mark.parametrize("point", LOW_ORDER)
def test_low_order_points_are_refused(point: int) -> None:
    with pytest.raises(HandshakeError, match="low-order"):
        INITIATOR_STATIC.exchange(point.to_bytes(32, "little"))


def test_a_secret_does_not_show() -> None:
    assert repr(INITIATOR_STATIC.secret) not in repr(INITIATOR_STATIC)


@pytest.mark.parametrize(("pattern", "psk"), [(XX, PSK), (XX_PSK0, None), (XX_PSK0, b"short")])
def test_a_shared_key_that_does_not_fit_the_pattern_is_refused(pattern: Pattern, psk: bytes | None) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        HandshakeState(pattern, initiator=True, prologue=b"", static=INITIATOR_STATIC,
                       ephemeral=INITIATOR_EPHEMERAL, psk=psk)  # fmt: skip


PUBLISHED = json.loads((Path(__file__).parent / "vectors" / "noise_xx.json").read_text())["vectors"]


@pytest.mark.parametrize("vector", PUBLISHED, ids=lambda vector: vector["handshake"])
def test_published_vectors_hold(vector: dict[str, Any]) -> None:
    initiator, responder = vector_side(vector, "init"), vector_side(vector, "resp")
    messages = [(bytes.fromhex(one["payload"]), bytes.fromhex(one["ciphertext"])) for one in vector["messages"]]
    assert len(messages) > 3
    for number, (payload, ciphertext) in enumerate(messages[:3]):
        writer, reader = (initiator, responder) if number % 2 == 0 else (responder, initiator)
        assert writer.write(payload) == ciphertext
        assert reader.read(ciphertext) == payload
    sides: list[tuple[CipherState, CipherState]] = [initiator.split(), responder.split()]
    for number, (payload, ciphertext) in enumerate(messages[3:], start=3):
        sender = (number - 3) % 2
        assert sides[sender][0].encrypt(b"", payload) == ciphertext
        assert sides[1 - sender][1].decrypt(b"", ciphertext) == payload


def vector_side(vector: dict[str, Any], role: str) -> HandshakeState:
    psk = bytes.fromhex(vector["psk"])
    return HandshakeState(
        XX_PSK0 if psk else XX,
        initiator=role == "init",
        prologue=bytes.fromhex(vector["prologue"]),
        static=CurveKey.from_seed(bytes.fromhex(vector[f"{role}_static"])),
        ephemeral=CurveKey.from_seed(bytes.fromhex(vector[f"{role}_ephemeral"])),
        psk=psk or None,
    )
