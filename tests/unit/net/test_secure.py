"""Records over a stream in memory: sizes, batches, tampering, early ends."""

from __future__ import annotations

import contextlib
import random
from dataclasses import replace

import pytest
import trio

from peernet.config.net import NetConfig
from peernet.errors import ConnectionLostError, HandshakeError, ProtocolError, WrongPeerError
from peernet.identity.keys import KeyPair, verify
from peernet.net.memory import memory_pair
from peernet.net.secure import RECORD_PLAINTEXT, shake_hands

ALICE, BOB, CAROL = (KeyPair.from_seed(bytes([number]) * 32) for number in range(3))
CONFIG = NetConfig()


async def shake(stream, initiator, identity, expected=None, config=CONFIG):
    source = random.Random(f"{initiator}")
    return await shake_hands(
        stream,
        initiator=initiator,
        identity=identity,
        expected=expected,
        secret=source.randbytes,
        verify=verify,
        config=config,
    )


class Counting:
    """A stream that counts what is sent, and can hurt it."""

    def __init__(self, stream) -> None:
        self.stream = stream
        self.sends: list[int] = []
        self.hurt = lambda data: data

    async def send_all(self, data) -> None:
        self.sends.append(len(data))
        await self.stream.send_all(self.hurt(bytes(data)))

    async def receive_some(self, most=None):
        return await self.stream.receive_some(most)

    async def aclose(self) -> None:
        await self.stream.aclose()


async def pair(config=CONFIG, limit=1 << 20):
    """Two secure streams, the first byte exchanged, and the stream that the first one sends on."""
    near, far = memory_pair(limit)
    counting, ends = Counting(near), {}

    async def one() -> None:
        ends["alice"] = await shake(counting, True, ALICE, BOB.peer_id, config)
        await ends["alice"].send(b"first")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one)
        ends["bob"] = await shake(far, False, BOB, None, config)
    assert await ends["bob"].receive() == [b"first"]
    return ends["alice"], ends["bob"], counting


async def test_both_know_who_the_other_is():
    alice, bob, stream = await pair()
    assert (alice.remote, bob.remote) == (BOB.peer_id, ALICE.peer_id)
    # The last message of the handshake left together with the first record.
    assert stream.sends == [32, 160 + 2 + 5 + 16]


@pytest.mark.parametrize("size", [1, RECORD_PLAINTEXT, RECORD_PLAINTEXT + 1, 4 * RECORD_PLAINTEXT, 600_000])
async def test_plaintext_of_any_size_arrives(size):
    alice, bob, stream = await pair(config=replace(CONFIG, rekey_every=2))
    del stream.sends[:]
    data, got = random.Random(size).randbytes(size), bytearray()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(alice.send, data)
        while len(got) < size:
            for record in await bob.receive():
                got += record
    assert got == data
    assert len(stream.sends) == -(-size // (4 * RECORD_PLAINTEXT))
    assert max(stream.sends) <= 4 * 65_537


@pytest.mark.parametrize("place", [0, 1, 2, 10, -1])
async def test_an_altered_byte_is_refused(place):
    alice, bob, stream = await pair()

    def hurt(data: bytes) -> bytes:
        altered = bytearray(data)
        altered[place] ^= 1
        return bytes(altered)

    stream.hurt = hurt
    await alice.send(bytes(30))
    await alice.send(bytes(300))
    await alice.aclose()
    got: list[bytes] = []
    # An altered length may leave a record incomplete: then the end of the stream comes, and no error.
    with contextlib.suppress(ProtocolError):
        while records := await bob.receive():
            got += records
    assert got == []


@pytest.mark.parametrize("record", [b"\x00\x00", b"\x00\x10" + bytes(16), b"\x00\x05hello"])
async def test_records_too_small_to_hold_anything_are_refused(record):
    _, bob, stream = await pair()
    await stream.stream.send_all(record)
    with pytest.raises(ProtocolError):
        await bob.receive()


async def test_the_end_is_seen():
    alice, bob, _ = await pair()
    await alice.aclose()
    assert await bob.receive() == []
    with pytest.raises(ConnectionLostError):
        await alice.receive()


async def test_a_send_that_was_cancelled_ends_the_sending():
    alice, bob, _ = await pair(limit=1000)
    with trio.move_on_after(0) as scope:
        await alice.send(bytes(100_000))
    assert scope.cancelled_caught
    with pytest.raises(ConnectionLostError):
        await alice.send(b"more")
    await bob.aclose()


async def test_another_peer_than_expected_is_told_nothing():
    near, far = memory_pair()
    stream = Counting(near)

    async def bob() -> None:
        with pytest.raises(HandshakeError, match="hung up"):
            await shake(far, False, BOB)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(bob)
        with pytest.raises(WrongPeerError):
            await shake(stream, True, ALICE, CAROL.peer_id)
        assert stream.sends == [32]
        await near.aclose()


@pytest.mark.parametrize("sent", [b"", bytes(31), bytes(32), bytes(33)])
async def test_a_handshake_that_ends_early_or_is_none(sent):
    near, far = memory_pair()
    await near.send_all(sent)
    await near.aclose()
    with pytest.raises(HandshakeError):
        await shake(far, False, BOB)


async def test_no_byte_beyond_the_handshake_is_read():
    near, far = memory_pair()
    await near.send_all(b"\x01" * 1000)
    with pytest.raises(HandshakeError):
        await shake(far, False, BOB)
    assert len(far._in.buffer) >= 1000 - 32 - 160
