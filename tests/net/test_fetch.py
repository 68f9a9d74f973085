"""Blobs between pools: in chunks, in order, resumed over a new connection."""

from __future__ import annotations

import hashlib
import random

import pytest
import trio
import trio.lowlevel

from peernet.errors import BlobMissingError, ConnectionLostError, ProtocolError, RemoteCallError, StorageError
from peernet.net.blobs import CHUNK
from peernet.types import Digest
from peernet.wire.kad import Alive
from peernet.wire.link import BlobChunk, BlobGet, BlobGone, Refusal


def blob(size: int) -> tuple[Digest, bytes]:
    data = random.Random(size).randbytes(size)
    return Digest(hashlib.sha256(data).digest()), data


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 7 * CHUNK + 12345])
async def test_a_blob_arrives_whole_and_in_order(world, autojump_clock, size):
    alice, bob = await world.node(), await world.node()
    digest, data = blob(size)
    bob.blobs.held[digest] = data
    got = bytearray()
    await alice.pool.fetch(bob.peer, bob.addresses, digest, size, got.extend)
    assert got == data


async def test_a_blob_from_an_offset_on(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    digest, data = blob(3 * CHUNK)
    bob.blobs.held[digest] = data
    got = bytearray()
    await alice.pool.fetch(bob.peer, bob.addresses, digest, len(data), got.extend, offset=CHUNK + 5)
    assert got == data[CHUNK + 5 :]


async def test_a_blob_that_the_peer_does_not_hold(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    with pytest.raises(BlobMissingError):
        await alice.pool.fetch(bob.peer, bob.addresses, Digest(bytes(32)), 10, bytearray().extend)


async def test_a_blob_of_another_size(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    digest, data = blob(100)
    bob.blobs.held[digest] = data
    for size in (99, 101):
        with pytest.raises(ProtocolError):
            await alice.pool.fetch(bob.peer, bob.addresses, digest, size, bytearray().extend)


async def test_a_blob_is_resumed_over_a_new_connection(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    digest, data = blob(20 * CHUNK)
    bob.blobs.held[digest] = data
    asked = []

    def cut_once(offset: int) -> None:
        asked.append(offset)
        if len(asked) == 10:
            bob.pool._links.get(alice.peer).abort("cut")

    bob.blobs.on_read = cut_once
    got = bytearray()
    await alice.pool.fetch(bob.peer, bob.addresses, digest, len(data), got.extend)
    assert got == data
    assert alice.connections == ["PeerConnected", "PeerLost", "PeerConnected"]
    assert len(asked) < 20 + 1 + 2 * 4


async def test_a_blob_over_connections_that_always_break(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    digest, data = blob(20 * CHUNK)
    bob.blobs.held[digest] = data
    bob.blobs.on_read = lambda offset: bob.pool._links.get(alice.peer).abort("cut")
    with pytest.raises(ConnectionLostError):
        await alice.pool.fetch(bob.peer, bob.addresses, digest, len(data), bytearray().extend)
    assert len(bob.connections) == 6


async def test_a_sink_that_raises_ends_the_fetch_and_the_connection_goes_on(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    digest, data = blob(10 * CHUNK)
    bob.blobs.held[digest] = data

    def full(chunk: bytes) -> None:
        raise StorageError("the disk is full")

    with pytest.raises(StorageError):
        await alice.pool.fetch(bob.peer, bob.addresses, digest, len(data), full)
    await trio.sleep(1)
    assert await alice.probe(bob) == Alive()
    assert alice.pool._links.all()[0].idle


async def test_calls_go_ahead_of_bulk(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    digest, data = blob(200 * CHUNK)
    bob.blobs.held[digest] = data
    got = bytearray()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(alice.pool.fetch, bob.peer, bob.addresses, digest, len(data), got.extend)
        while not got:
            await trio.lowlevel.checkpoint()
        before = len(got)
        assert await alice.probe(bob) == Alive()
        # What was asked for before, and at most what was asked for while the call was under way.
        assert len(got) - before <= 8 * CHUNK
    assert got == data


async def test_several_blobs_at_once(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    got: dict[int, bytearray] = {}
    async with trio.open_nursery() as nursery:
        for size in range(100_000, 110_000, 1000):
            digest, data = blob(size)
            bob.blobs.held[digest] = data
            got[size] = bytearray()
            nursery.start_soon(alice.pool.fetch, bob.peer, bob.addresses, digest, size, got[size].extend)
    assert all(bytes(data) == blob(size)[1] for size, data in got.items())


async def test_too_many_requests_for_chunks_are_refused(world, autojump_clock):
    node = await world.node(blob_gets=3)
    digest, data = blob(1000)
    node.blobs.held[digest] = data
    raw = await world.raw(node)
    await raw.send(*(BlobGet(call, digest, 0, 1000) for call in range(5)))
    await trio.sleep(1)
    frames = await raw.receive()
    assert [type(frame) for frame in frames].count(Refusal) == 2
    while sum(isinstance(frame, BlobChunk) for frame in frames) < 3:
        frames += await raw.receive()
    await raw.greeted.secure.aclose()


async def test_requests_beyond_the_end(world, autojump_clock):
    node = await world.node()
    digest, data = blob(1000)
    node.blobs.held[digest] = data
    raw = await world.raw(node)
    await raw.send(BlobGet(1, digest, 900, 500), BlobGet(2, digest, 1001, 1), BlobGet(3, Digest(bytes(32)), 0, 1))
    frames = []
    while len(frames) < 3:
        frames += await raw.receive()
    assert frames[0] == BlobChunk(1, 1000, data[900:])
    assert frames[1] == Refusal(2, "the blob has 1000 bytes")
    assert frames[2] == BlobGone(3)
    await raw.greeted.secure.aclose()


async def test_a_peer_that_answers_with_something_else(world, autojump_clock):
    node = await world.node()
    raw = await world.raw(node)
    await trio.sleep(0.1)
    digest, _ = blob(1000)
    errors = []

    async def fetch() -> None:
        try:
            await node.pool.fetch(node.pool.peers[0], (), digest, 1000, bytearray().extend)
        except (ProtocolError, RemoteCallError) as error:
            errors.append(type(error))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(fetch)
        (get,) = await raw.receive()
        await raw.send(BlobChunk(get.call, 1000, b"short"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fetch)
        (get,) = await raw.receive()
        await raw.send(Refusal(get.call, "no"))
    assert errors == [ProtocolError, RemoteCallError]
    await raw.greeted.secure.aclose()
