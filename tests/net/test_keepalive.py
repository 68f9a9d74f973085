"""Silence, frozen peers, broken streams: the default bounds, on a virtual clock."""

from __future__ import annotations

import pytest
import trio
import trio.lowlevel
import trio.testing

from peernet.core.events import PeerConnected, PeerLost
from peernet.errors import ConnectionLostError
from peernet.wire.kad import FindNode, Probe
from peernet.wire.link import Goodbye, Hello, Ping, Pong


async def test_a_frozen_peer_is_noticed_within_ten_seconds(world, autojump_clock):
    node = await world.node()
    await world.raw(node)
    await trio.sleep(0.1)
    node.pool.hold(node.pool.peers[0], "neighbour", True)
    await trio.sleep(7.8)
    assert not node.told(PeerLost)
    await trio.sleep(2)
    (lost,) = node.told(PeerLost)
    assert not lost.clean
    assert "silent for 8 s" in lost.reason


async def test_one_that_nobody_needs_is_noticed_later_and_pinged_seldom(world, autojump_clock):
    node = await world.node()
    raw = await world.raw(node)
    with trio.move_on_after(9.9) as quiet:
        await raw.receive()
    assert quiet.cancelled_caught
    await trio.sleep(6.0)
    assert not node.told(PeerLost)
    await trio.sleep(0.3)
    assert len(node.told(PeerLost)) == 1


async def test_a_quiet_peer_is_pinged_at_once_when_it_is_needed(world, autojump_clock):
    node = await world.node()
    raw = await world.raw(node)
    await trio.sleep(9)
    node.pool.hold(node.pool.peers[0], "owner", True)
    await trio.sleep(0.1)
    (ping,) = await raw.receive()
    assert isinstance(ping, Ping) and ping.needed
    await trio.sleep(5.5)
    assert not node.told(PeerLost)
    await trio.sleep(1)
    assert len(node.told(PeerLost)) == 1


async def test_a_call_to_a_quiet_frozen_peer_finds_that_out(world, autojump_clock):
    node = await world.node()
    await world.raw(node)
    await trio.sleep(9)
    began = trio.current_time()
    with pytest.raises(ConnectionLostError, match="silent"):
        await node.pool.call(node.pool.peers[0], (), Probe(), 60)
    assert 5.9 < trio.current_time() - began < 6.3


async def test_a_frozen_peer_is_noticed_while_being_sent_to(world, autojump_clock):
    node = await world.node()
    raw = await world.raw(node)
    await trio.sleep(0.1)
    start = trio.current_time()
    for _ in range(4000):
        node.pool.send(node.pool.peers[0], (), FindNode(bytes(20)))
    with pytest.raises(ConnectionLostError, match="silent"):
        await node.pool.call(node.pool.peers[0], (), Probe(), 60)
    assert trio.current_time() - start < 10
    await raw.greeted.secure.aclose()


async def test_idle_peers_stay_connected(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    await alice.probe(bob)
    await trio.sleep(3600)
    assert alice.connections == bob.connections == ["PeerConnected"]
    assert alice.pool.rtt(bob.peer) is not None


async def test_any_byte_is_a_sign_of_life(world, autojump_clock):
    node = await world.node()
    raw = await world.raw(node)
    for _ in range(20):
        await trio.sleep(7)
        await raw.send(Pong(999))
    assert node.connections == ["PeerConnected"]
    assert node.pool.peers


async def test_pings_come_only_in_silence_and_are_answered(world, autojump_clock):
    node = await world.node()
    raw = await world.raw(node)
    for nonce in range(100, 110):
        await trio.sleep(1)
        await raw.send(Ping(nonce))
        assert await raw.receive() == [Pong(nonce)]
    await trio.sleep(5)
    assert {type(frame) for frame in await raw.receive()} == {Ping}


async def test_the_own_pause_is_not_held_against_the_peer(world, mock_clock):
    alice, bob = await world.node(), await world.node()
    await alice.probe(bob)
    mock_clock.jump(60)  # As after a suspend: both wake up late, with nothing read meanwhile.
    await trio.testing.wait_all_tasks_blocked()
    mock_clock.jump(0.5)
    await trio.testing.wait_all_tasks_blocked()
    assert alice.connections == bob.connections == ["PeerConnected"]


async def test_an_end_without_a_goodbye_is_a_truncation(world, autojump_clock):
    node = await world.node()
    raw = await world.raw(node)
    await trio.sleep(0.1)
    await raw.greeted.secure.aclose()
    await trio.sleep(0.1)
    (lost,) = node.told(PeerLost)
    assert not lost.clean
    assert lost.reason == "it ended without a goodbye"


async def test_a_goodbye_is_a_clean_end(world, autojump_clock):
    node = await world.node()
    raw = await world.raw(node)
    await raw.send(Goodbye("so long\x07"))
    assert await raw.receive() == []
    await trio.sleep(1)
    (lost,) = node.told(PeerLost)
    assert lost.clean
    assert lost.reason == "so long "


@pytest.mark.parametrize(
    "garbage", [b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x00\x00\x00\x01\xc1", b"\x00\x00\x00\x02\x91\x63"]
)
async def test_what_does_not_decode_ends_the_connection_and_is_counted(world, autojump_clock, garbage):
    node = await world.node()
    raw = await world.raw(node)
    await raw.greeted.secure.send(garbage)
    assert await raw.receive() == []
    await trio.sleep(1)
    (lost,) = node.told(PeerLost)
    assert not lost.clean
    assert lost.reason.startswith("it broke the protocol")
    assert node.pool.counters["protocol broken"] == 1


async def test_a_second_hello_is_out_of_turn(world, autojump_clock):
    node = await world.node()
    raw = await world.raw(node)
    await raw.send(Hello("/peernet/1", bytes(16), (), "x", 0.0, ""))
    assert await raw.receive() == []
    await trio.sleep(1)
    assert node.pool.counters["protocol broken"] == 1


async def test_an_altered_record_ends_the_connection(world, autojump_clock):
    node = await world.node()
    raw = await world.raw(node)
    await raw.greeted.secure._stream.send_all(b"\x00\x20" + bytes(32))
    assert await raw.receive() == []
    await trio.sleep(1)
    assert node.pool.counters["protocol broken"] == 1


async def test_keys_are_renewed_on_both_sides(world, autojump_clock):
    alice, bob = await world.node(rekey_every=3), await world.node(rekey_every=3)
    for _ in range(30):
        await alice.probe(bob)
    assert alice.connections == ["PeerConnected"]
    assert len(bob.told(PeerConnected)) == 1
