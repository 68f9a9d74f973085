"""The handshake of two peers: who they prove to be, and everything that a stranger may try."""

from __future__ import annotations

import hashlib

import pytest

from peernet.errors import HandshakeError, WrongPeerError
from peernet.identity.keys import KeyPair, verify
from peernet.net.noise import SecureHandshake
from peernet.net.noise.handshake import XX, CurveKey, HandshakeState
from peernet.types import PeerId

ALICE = KeyPair.from_seed(bytes([1]) * 32)
BOB = KeyPair.from_seed(bytes([2]) * 32)
MALLORY = KeyPair.from_seed(bytes([3]) * 32)
PSK = bytes([4]) * 32
CONTEXT = b"noise-libp2p-static-key:"


def seed(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def alice(expected: PeerId | None = BOB.peer_id, **more: object) -> SecureHandshake:
    return SecureHandshake(
        True, ALICE, seed("ae"), seed("as"), expected=expected, verify=verify, **more  # type: ignore[arg-type]
    )  # fmt: skip


def bob(expected: PeerId | None = None, **more: object) -> SecureHandshake:
    return SecureHandshake(
        False, BOB, seed("be"), seed("bs"), expected=expected, verify=verify, **more  # type: ignore[arg-type]
    )  # fmt: skip


def connect(initiator: SecureHandshake, responder: SecureHandshake) -> list[bytes]:
    messages = []
    for writer, reader in ((initiator, responder), (responder, initiator), (initiator, responder)):
        messages.append(writer.write())
        reader.read(messages[-1])
    return messages


def flipped(message: bytes, bit: int) -> bytes:
    altered = bytearray(message)
    altered[bit // 8] ^= 1 << bit % 8
    return bytes(altered)


def assert_dead(side: SecureHandshake) -> None:
    """After a failure nothing more can be had from a side."""
    assert not side.done
    for use in (side.write, side.split, lambda: side.read(bytes(192)), lambda: side.remote):
        with pytest.raises(HandshakeError):
            use()


def test_two_peers_prove_who_they_are() -> None:
    initiator, responder = alice(), bob()
    messages = connect(initiator, responder)
    assert [len(message) for message in messages] == [32, 192, 160]
    assert initiator.done and responder.done
    assert (initiator.remote, responder.remote) == (BOB.peer_id, ALICE.peer_id)
    (send, receive), (back, forth) = initiator.split(), responder.split()
    assert forth.decrypt(b"", send.encrypt(b"", b"there")) == b"there"
    assert receive.decrypt(b"", back.encrypt(b"", b"here")) == b"here"


def test_anybody_may_answer_where_nobody_is_expected() -> None:
    initiator, responder = alice(expected=None), bob()
    connect(initiator, responder)
    assert initiator.remote == BOB.peer_id


def test_a_peer_can_meet_its_own_key() -> None:
    # Two machines with one cloned key must get this far to notice it.
    twin = SecureHandshake(False, ALICE, seed("te"), seed("ts"), expected=None, verify=verify)
    initiator = alice(expected=None)
    connect(initiator, twin)
    assert initiator.remote == twin.remote == ALICE.peer_id


def test_the_same_seeds_give_the_same_handshake() -> None:
    assert connect(alice(), bob()) == connect(alice(), bob())


def test_a_reader_knows_the_size_of_what_comes() -> None:
    initiator, responder = alice(), bob()
    assert (initiator.next_read_size, responder.next_read_size) == (192, 32)
    responder.read(initiator.write())
    assert (initiator.next_read_size, responder.next_read_size) == (192, 160)
    initiator.read(responder.write())
    assert (initiator.next_read_size, responder.next_read_size) == (0, 160)
    responder.read(initiator.write())
    assert (initiator.next_read_size, responder.next_read_size) == (0, 0)


def test_a_shared_key_makes_the_first_message_48_bytes() -> None:
    initiator, responder = alice(psk=PSK), bob(psk=PSK)
    assert responder.next_read_size == 48
    assert [len(message) for message in connect(initiator, responder)] == [48, 192, 160]


def test_a_stranger_to_the_shared_key_is_refused_at_message_1() -> None:
    responder = bob(psk=PSK)
    with pytest.raises(HandshakeError, match="does not decrypt"):
        responder.read(alice(psk=bytes(32)).write())
    assert_dead(responder)
    with pytest.raises(HandshakeError, match="32 bytes, 48 were expected"):
        bob(psk=PSK).read(alice().write())


def test_the_wrong_peer_is_noticed_before_message_3_is_written() -> None:
    initiator, responder = alice(expected=MALLORY.peer_id), bob()
    responder.read(initiator.write())
    with pytest.raises(WrongPeerError, match="answered in place of"):
        initiator.read(responder.write())
    assert_dead(initiator)


def test_a_listener_may_expect_somebody_too() -> None:
    initiator, responder = alice(), bob(expected=MALLORY.peer_id)
    responder.read(initiator.write())
    initiator.read(responder.write())
    with pytest.raises(WrongPeerError):
        responder.read(initiator.write())
    assert_dead(responder)


@pytest.mark.parametrize("bit", range(256))
def test_no_bit_of_message_1_may_change(bit: int) -> None:
    # Nothing protects message 1 but the transcript, so its reader may go on and its writer notices.
    initiator, responder = alice(), bob()
    with pytest.raises(HandshakeError):
        responder.read(flipped(initiator.write(), bit))
        initiator.read(responder.write())


@pytest.mark.parametrize("bit", range(0, 192 * 8, 5))
def test_no_bit_of_message_2_may_change(bit: int) -> None:
    initiator, responder = alice(), bob()
    responder.read(initiator.write())
    with pytest.raises(HandshakeError):
        initiator.read(flipped(responder.write(), bit))
    assert_dead(initiator)


@pytest.mark.parametrize("bit", range(0, 160 * 8, 5))
def test_no_bit_of_message_3_may_change(bit: int) -> None:
    initiator, responder = alice(), bob()
    responder.read(initiator.write())
    initiator.read(responder.write())
    with pytest.raises(HandshakeError):
        responder.read(flipped(initiator.write(), bit))
    assert_dead(responder)


@pytest.mark.parametrize("size", [0, 1, 31, 33, 48, 191, 192, 65535])
def test_a_first_message_of_another_size_is_refused(size: int) -> None:
    responder = bob()
    with pytest.raises(HandshakeError, match=f"{size} bytes, 32 were expected"):
        responder.read(bytes(size))
    assert_dead(responder)


@pytest.mark.parametrize("change", [-192, -176, -112, -96, -16, -1, 1, 16])
def test_a_later_message_of_another_size_is_refused(change: int) -> None:
    initiator, responder = alice(), bob()
    responder.read(initiator.write())
    message = responder.write()
    resized = message[:change] if change < 0 else message + bytes(change)
    with pytest.raises(HandshakeError, match="192 were expected"):
        initiator.read(resized)
    assert_dead(initiator)


@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31), (2**255 - 20).to_bytes(32, "little")])
def test_low_order_points_are_refused(point: bytes) -> None:
    responder = bob()
    with pytest.raises(HandshakeError):
        responder.read(point)
        responder.write()
    assert_dead(responder)
    initiator = alice()
    initiator.write()
    with pytest.raises(HandshakeError):
        initiator.read(point + bytes(160))
    assert_dead(initiator)


def test_a_message_that_comes_back_is_refused() -> None:
    initiator = alice()
    own = initiator.write()
    with pytest.raises(HandshakeError, match="own key back"):
        initiator.read(own + bytes(160))
    assert_dead(initiator)

    responder, other = bob(), alice()
    responder.read(other.write())
    answer = responder.write()
    with pytest.raises(HandshakeError):
        responder.read(answer[32:])
    assert_dead(responder)


def test_a_recorded_answer_does_not_fit_another_dial() -> None:
    _, answer, proof = connect(alice(), bob())
    again = SecureHandshake(True, ALICE, seed("ae2"), seed("as"), expected=None, verify=verify)
    again.write()
    with pytest.raises(HandshakeError):
        again.read(answer)
    fresh = SecureHandshake(False, BOB, seed("be2"), seed("bs"), expected=None, verify=verify)
    fresh.read(alice().write())
    fresh.write()
    with pytest.raises(HandshakeError):
        fresh.read(proof)


def answer_with(payload: bytes) -> HandshakeError:
    """What a dialler says to a responder that follows Noise but proves who it is with this payload."""
    initiator = alice()
    rogue = HandshakeState(
        XX,
        initiator=False,
        prologue=b"",
        static=CurveKey.from_seed(seed("ms")),
        ephemeral=CurveKey.from_seed(seed("me")),
    )
    rogue.read(initiator.write())
    with pytest.raises(HandshakeError) as caught:
        initiator.read(rogue.write(payload))
    assert_dead(initiator)
    return caught.value


def test_the_rogue_of_these_tests_can_pass_with_an_honest_proof() -> None:
    static = CurveKey.from_seed(seed("ms")).public
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        answer_with(BOB.peer_id + BOB.sign(CONTEXT + static))


@pytest.mark.parametrize(
    ("peer", "signature"),
    [
        (BOB.peer_id, bytes(64)),
        (BOB.peer_id, MALLORY.sign(CONTEXT + CurveKey.from_seed(seed("ms")).public)),
        (BOB.peer_id, BOB.sign(CONTEXT + CurveKey.from_seed(seed("bs")).public)),
        (BOB.peer_id, BOB.sign(CurveKey.from_seed(seed("ms")).public)),
        (BOB.peer_id, BOB.sign(b"peernet-envelope/1:" + CurveKey.from_seed(seed("ms")).public)),
        (PeerId(bytes(32)), bytes(64)),
        (PeerId(b"\xff" * 32), bytes(64)),
    ],
    ids=["none", "another's", "of another static", "without context", "of another domain", "zero", "no point"],
)
def test_a_wrong_signature_is_refused(peer: PeerId, signature: bytes) -> None:
    assert "did not prove to be 12D3…" in str(answer_with(peer + signature))


@pytest.mark.parametrize("length", [0, 32, 95, 97, 200])
def test_a_payload_of_another_size_is_refused(length: int) -> None:
    assert "192 were expected" in str(answer_with(bytes(length)))


def test_a_proof_is_of_no_use_to_whom_it_was_shown() -> None:
    # Bob dials Mallory, who shows Bob's proof to Alice: it is about another static key than Mallory's.
    dialler = SecureHandshake(True, BOB, seed("b2e"), seed("b2s"), expected=None, verify=verify)
    listener = HandshakeState(XX, initiator=False, prologue=b"", static=CurveKey.from_seed(seed("ms")),
                              ephemeral=CurveKey.from_seed(seed("me")))  # fmt: skip
    listener.read(dialler.write())
    payload = MALLORY.peer_id + MALLORY.sign(CONTEXT + CurveKey.from_seed(seed("ms")).public)
    dialler.read(listener.write(payload))
    stolen = listener.read(dialler.write())
    assert stolen[:32] == BOB.peer_id
    assert "did not prove to be" in str(answer_with(stolen))


def test_no_one_is_proven_too_early() -> None:
    initiator, responder = alice(), bob()
    responder.read(initiator.write())
    message = responder.write()
    for side in (initiator, responder):
        assert not side.done
        with pytest.raises(HandshakeError, match="has not proven"):
            assert side.remote
        with pytest.raises(HandshakeError, match="not complete"):
            side.split()
    initiator.read(message)
    assert initiator.remote == BOB.peer_id
    assert not initiator.done


def test_the_ciphers_are_given_out_once() -> None:
    initiator, responder = alice(), bob()
    connect(initiator, responder)
    initiator.split()
    with pytest.raises(HandshakeError, match="taken already"):
        initiator.split()


def test_writing_out_of_turn_ends_the_handshake() -> None:
    responder = bob()
    with pytest.raises(HandshakeError, match="out of turn"):
        responder.write()
    assert_dead(responder)


def test_the_ciphers_rekey_by_the_count_that_was_given() -> None:
    initiator, responder = alice(rekey_every=2), bob(rekey_every=2)
    connect(initiator, responder)
    plain_initiator, plain_responder = alice(), bob()
    connect(plain_initiator, plain_responder)
    send, plain = initiator.split()[0], plain_initiator.split()[0]
    _, receive = responder.split()
    same = []
    for _ in range(4):
        ciphertext = send.encrypt(b"", b"text")
        same.append(ciphertext == plain.encrypt(b"", b"text"))
        assert receive.decrypt(b"", ciphertext) == b"text"
    assert same == [True, True, False, False]


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_a_buffer_may_be_read_from(kind: type) -> None:
    initiator, responder = alice(), bob()
    for writer, reader in ((initiator, responder), (responder, initiator), (initiator, responder)):
        reader.read(kind(writer.write()))
    assert initiator.done and responder.done


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_seed_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        SecureHandshake(True, ALICE, bytes(length), seed("s"), expected=None, verify=verify)
    with pytest.raises(ValueError, match="32 bytes"):
        SecureHandshake(True, ALICE, seed("e"), bytes(length), expected=None, verify=verify)


def test_secrets_do_not_show() -> None:
    side = alice()
    for secret in (seed("ae"), seed("as"), ALICE.seed):
        assert repr(secret) not in repr(side)
        assert secret.hex() not in repr(side)
