"""Connections that nobody needs are closed after a while, and the core is told that the peer itself is well."""

from __future__ import annotations

import trio

from peernet.core.events import PeerConnected, PeerLost
from peernet.wire.kad import Probe
from peernet.wire.link import Goodbye


async def hub(world, peers=3, **bounds):
    """A node that keeps one spare connection, and peers that it has called, one after another."""
    node = await world.node(spare_connections=1, **bounds)
    others = []
    for _ in range(peers):
        others.append(await world.node())
        await node.probe(others[-1])
        await trio.sleep(1)
    return node, others


async def test_the_least_recently_used_ones_are_closed_beyond_what_is_kept(world, autojump_clock):
    node, others = await hub(world)
    await trio.sleep(55)
    assert len(node.pool.peers) == 3
    await trio.sleep(30)
    assert node.pool.peers == (others[2].peer,)
    assert [lost.peer for lost in node.told(PeerLost)] == [others[0].peer, others[1].peer]
    for lost in (*node.told(PeerLost), *others[0].told(PeerLost)):
        assert lost.clean and lost.spare and lost.reason == "nobody needs it"
    assert node.pool.counters["closed unused"] == 2
    await node.probe(others[0])
    assert len(others[0].told(PeerConnected)) == 2


async def test_one_that_is_used_stays(world, autojump_clock):
    node, others = await hub(world, 2)
    for _ in range(10):
        await trio.sleep(30)
        await others[0].probe(node)
        await node.probe(others[1])
    assert not node.told(PeerLost)


async def test_what_either_side_holds_stays(world, autojump_clock):
    node, others = await hub(world, 4)
    node.pool.hold(others[0].peer, "neighbour", True)
    others[1].pool.hold(node.peer, "worker", True)
    await trio.sleep(120)
    assert node.pool.peers == (others[0].peer, others[1].peer, others[3].peer)
    node.pool.hold(others[0].peer, "neighbour", False)
    others[1].pool.hold(node.peer, "worker", False)
    await trio.sleep(30)
    assert node.pool.peers == (others[3].peer,)


async def test_a_hold_of_before_the_connection_counts(world, autojump_clock):
    node = await world.node(spare_connections=0)
    other = await world.node()
    node.pool.hold(other.peer, "owner", True)
    await node.probe(other)
    await trio.sleep(300)
    assert node.pool.peers == (other.peer,)


async def test_a_call_under_way_keeps_its_connection(world, autojump_clock):
    node, others = await hub(world, 2)
    others[0].answer = lambda body: None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(node.pool.call, others[0].peer, (), Probe(), 200.0)
        await trio.sleep(1)
        await node.probe(others[1])
        await trio.sleep(150)
        assert len(node.pool.peers) == 2
        nursery.cancel_scope.cancel()
    await trio.sleep(30)
    assert node.pool.peers == (others[1].peer,)


async def test_making_room_says_that_the_peer_stays(world, autojump_clock):
    node = await world.node(connections=1)
    first, second = await world.node(), await world.node()
    await node.probe(first)
    await node.probe(second)
    await trio.sleep(1)
    for lost in (*node.told(PeerLost), *first.told(PeerLost)):
        assert lost.spare and lost.reason == "no room"


async def test_a_peer_that_leaves_does_not_stay(world, autojump_clock):
    node = await world.node()
    raw = await world.raw(node)
    await raw.send(Goodbye("so long"))
    await trio.sleep(1)
    (lost,) = node.told(PeerLost)
    assert lost.clean and not lost.spare
