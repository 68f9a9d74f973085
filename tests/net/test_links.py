"""Second connections of a peer, cloned keys, restarts, and who makes room."""

from __future__ import annotations

import pytest
import trio

from peernet.config.net import NetConfig
from peernet.core.events import PeerConnected, PeerLost, Received, Requested
from peernet.errors import BusyError, WrongPeerError
from peernet.identity.multiaddr import Multiaddr
from peernet.net import MemoryTransport
from peernet.net.greeting import greet
from peernet.wire.kad import Alive, FindNode, Nodes, Probe
from peernet.wire.link import KeyCloned, Notice, Request, Response

# Both orders of the two ids, so that either side is the one whose dial is kept.
both_orders = pytest.mark.parametrize("swapped", [False, True])


@both_orders
@pytest.mark.parametrize("lead", [0.0, 0.0005, 0.002])
async def test_peers_that_dial_each_other_end_with_one_connection(world, autojump_clock, swapped, lead):
    alice, bob = await world.node(), await world.node()
    if swapped:
        alice, bob = bob, alice
    answers = []

    async def talk(one, other, wait) -> None:
        await trio.sleep(wait)
        for _ in range(50):
            answers.append(await one.probe(other))
            await trio.sleep(0.0001)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(talk, alice, bob, 0.0)
        nursery.start_soon(talk, bob, alice, lead)
    await trio.sleep(60)
    assert answers == [Alive()] * 100
    assert alice.connections == bob.connections == ["PeerConnected"]
    assert len(alice.pool._links.all()) == len(bob.pool._links.all()) == 1
    (kept,) = alice.pool._links.all()
    if alice.pool.counters["crossed"]:
        assert kept.greeted.inbound == (bob.peer < alice.peer)
    assert await alice.probe(bob) == Alive()


async def test_dials_that_cross_are_met_by_the_tests_above(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(alice.probe, bob)
        nursery.start_soon(bob.probe, alice)
    assert alice.pool.counters["crossed"] == bob.pool.counters["crossed"] == 1


async def test_many_peers_that_all_dial_each_other(world, autojump_clock):
    nodes = [await world.node() for _ in range(6)]
    async with trio.open_nursery() as nursery:
        for one in nodes:
            for other in nodes:
                if one is not other:
                    nursery.start_soon(one.probe, other)
    await trio.sleep(60)
    for node in nodes:
        assert node.connections == ["PeerConnected"] * 5
        assert len(node.pool._links.all()) == 5


@both_orders
async def test_what_is_under_way_on_the_connection_that_is_not_kept_is_answered(
    world, raw_peer, autojump_clock, swapped
):
    node = await world.node()
    node.answer = lambda body: None
    me = world.me()
    while (me.identity.peer_id < node.peer) is swapped:
        me = world.me()
    outcomes = []
    async with trio.open_nursery() as nursery:
        listener = await MemoryTransport(world.network, "10.1.0.1").listen("10.1.0.1", 7, 1)
        address = Multiaddr("10.1.0.1", 7, me.identity.peer_id)
        nursery.start_soon(node.pool.dial, address)
        stream, host = await listener.accept()
        first = raw_peer(await greet(stream, host, me, (), NetConfig(), dialled=None))
        await first.send(Request(1, Probe()))
    node.pool.call_soon(me.identity.peer_id, (), Probe(), 50, outcomes.append)
    second = await world.raw(node, me)
    await second.send(Request(1, FindNode(bytes(20))))
    await trio.sleep(0.5)
    assert node.pool.counters["crossed"] == 1
    kept, _ = node.pool._links.all()
    assert kept.greeted.inbound == (me.identity.peer_id < node.peer)
    for asked in node.told(Requested):
        node.pool.reply(asked.peer, asked.call, Alive() if asked.body == Probe() else Nodes(()))
    await trio.sleep(0.5)
    seen = await first.receive()
    await first.send(*(Response(frame.call, Alive()) for frame in seen if isinstance(frame, Request)))
    await trio.sleep(0.5)
    assert outcomes == [Alive()]
    assert Response(1, Alive()) in seen
    assert Response(1, Nodes(())) in await second.receive()
    assert node.connections == ["PeerConnected"]
    await first.greeted.secure.aclose()
    await second.greeted.secure.aclose()
    await listener.aclose()


async def test_a_cloned_key_is_noticed_and_both_are_told(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    clone = await world.node(key=alice.key)
    await alice.probe(bob)
    await clone.pool.dial(bob.address)
    await trio.sleep(5)
    assert bob.connections == ["PeerConnected"]
    assert bob.pool.counters["clones"] == 1
    assert alice.connections == ["PeerConnected"]
    assert [told.body.host for told in alice.told(Received)] == [clone.host]
    assert [told.body.other for told in alice.told(Received)] == [clone.pool._me.instance]
    assert clone.connections == ["PeerConnected", "PeerLost"]
    assert [told.body for told in clone.told(Received)] == [KeyCloned(alice.pool._me.instance, alice.host)]
    assert await alice.probe(bob) == Alive()


async def test_clones_that_meet_are_both_told(world, autojump_clock):
    alice = await world.node()
    clone = await world.node(key=alice.key)
    with pytest.raises(WrongPeerError, match="uses the key of this one"):
        await clone.pool.dial(alice.address)
    await trio.sleep(2)
    assert [(told.peer, told.body) for told in alice.told(Received)] == [
        (alice.peer, KeyCloned(clone.pool._me.instance, clone.host))
    ]
    assert [(told.peer, told.body) for told in clone.told(Received)] == [
        (alice.peer, KeyCloned(alice.pool._me.instance, alice.host))
    ]
    assert alice.connections == clone.connections == []


async def test_a_peer_that_was_restarted_replaces_its_dead_connection(world, autojump_clock):
    node = await world.node()
    me = world.me()
    await world.raw(node, me)  # It answers no ping: killed, with the connection still standing.
    await trio.sleep(0.1)
    start = trio.current_time()
    restarted = world.me(me.identity)
    again = await world.raw(node, restarted)
    await again.send(Request(1, Probe()))
    assert (await again.receive())[-1] == Response(1, Alive())
    assert trio.current_time() - start <= 2.1
    assert node.connections == ["PeerConnected", "PeerLost", "PeerConnected"]
    assert [event.instance for event in node.told(PeerConnected)] == [me.instance, restarted.instance]


async def test_a_peer_that_dials_again_replaces_its_connection(world, autojump_clock):
    node = await world.node()
    me = world.me()
    first = await world.raw(node, me)
    await trio.sleep(0.1)
    second = await world.raw(node, me)
    await second.send(Request(1, Probe()))
    assert await second.receive() == [Response(1, Alive())]
    assert await first.receive() == []
    assert node.connections == ["PeerConnected", "PeerLost", "PeerConnected"]


async def test_a_third_run_under_one_key_has_to_wait(world, autojump_clock):
    node = await world.node()
    me = world.me()
    await world.raw(node, me)
    await trio.sleep(0.1)
    raws = [await world.raw(node, world.me(me.identity)) for _ in range(3)]
    await trio.sleep(5)
    assert node.pool.counters["not admitted"] == 2
    assert node.connections == ["PeerConnected", "PeerLost", "PeerConnected"]
    assert len(raws) == 3


async def test_the_least_recently_used_makes_room(world, autojump_clock):
    node = await world.node(connections=3)
    others = [await world.node() for _ in range(4)]
    for other in others[:3]:
        await other.probe(node)
        await trio.sleep(0.1)
    await others[0].probe(node)
    node.pool.hold(others[1].peer, "work", True)
    await others[3].probe(node)
    await trio.sleep(2)
    # The second is held, the first was used last.
    assert [event.peer for event in node.told(PeerLost)] == [others[2].peer]
    assert len(node.pool.peers) == 3
    assert others[2].told(PeerLost)[0].reason == "no room"


async def test_when_all_are_held_the_newcomer_is_refused(world, autojump_clock):
    node = await world.node(connections=2)
    others = [await world.node() for _ in range(3)]
    for other in others[:2]:
        await other.probe(node)
        node.pool.hold(other.peer, "work", True)
    node.pool.hold(others[0].peer, "neighbour", True)
    node.pool.hold(others[0].peer, "work", False)
    with pytest.raises(BusyError):
        await node.pool.dial(others[2].address)
    await others[2].pool.dial(node.address)
    await trio.sleep(2)
    assert others[2].connections == ["PeerConnected", "PeerLost"] * 2
    assert set(node.pool.peers) == {others[0].peer, others[1].peer}
    node.pool.hold(others[0].peer, "neighbour", False)
    assert await others[2].probe(node) == Alive()
    assert set(node.pool.peers) == {others[1].peer, others[2].peer}


async def test_holds_are_bounded(world, autojump_clock):
    node = await world.node(holds=1)
    node.pool.hold(bytes(32), "work", True)
    node.pool.hold(bytes(31) + b"1", "work", True)
    node.pool.hold(bytes(31) + b"2", "work", False)
    assert node.pool.counters["holds refused"] == 1


async def test_nothing_is_heard_of_a_connection_after_its_loss(world, autojump_clock):
    node = await world.node()
    raw = await world.raw(node)
    await trio.sleep(0.1)
    node.pool.disconnect(raw_peer := node.pool.peers[0], "enough")
    await raw.send(Notice(KeyCloned(bytes(16), "x")))
    await trio.sleep(3)
    assert node.connections == ["PeerConnected", "PeerLost"]
    assert node.told(Received) == []
    assert node.told(PeerLost)[0].peer == raw_peer
