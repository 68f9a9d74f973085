"""Calls, notices and their failures between two pools, in memory on a virtual clock."""

from __future__ import annotations

import itertools

import pytest
import trio

from peernet.core.events import PeerConnected, PeerLost, Received, Requested
from peernet.errors import (
    BusyError,
    CallTimeoutError,
    ConnectionLostError,
    PeernetError,
    RemoteCallError,
    UnreachableError,
    UsageError,
    WrongPeerError,
)
from peernet.identity.multiaddr import Multiaddr
from peernet.types import PeerId
from peernet.wire.gossip import Unfriend
from peernet.wire.kad import Alive, FindNode, Nodes, Probe
from peernet.wire.link import Goodbye, Notice, Refusal, Request, Response


async def test_a_dial_tells_both_sides_who_is_there(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    assert await alice.pool.dial(bob.address) == bob.peer
    await alice.probe(bob)
    (to_bob,), (to_alice,) = alice.told(PeerConnected), bob.told(PeerConnected)
    assert (to_bob.peer, to_bob.host, to_bob.inbound) == (bob.peer, bob.host, False)
    assert (to_alice.peer, to_alice.host, to_alice.inbound) == (alice.peer, alice.host, True)
    assert to_bob.observed == alice.host
    assert to_alice.observed == bob.host
    assert to_bob.addresses == bob.addresses
    assert to_alice.addresses == alice.addresses
    assert to_bob.rtt >= 0


async def test_a_dial_without_a_peer_id_takes_who_answers(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    assert await alice.pool.dial(Multiaddr(bob.host, bob.port)) == bob.peer
    assert alice.pool.peers == (bob.peer,)


async def test_calls_go_both_ways_over_one_connection(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    alice.answer = lambda body: Nodes(())
    assert await alice.probe(bob) == Alive()
    # Bob is given no address: he calls over the connection that Alice has opened.
    assert await bob.pool.call(alice.peer, (), FindNode(bytes(20)), 5) == Nodes(())
    assert bob.pool.counters["dials"] == 0


async def test_many_calls_at_once_each_get_their_own_answer(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    bob.answer = lambda body: f"refused {body.target.hex()}"
    answers: dict[int, str] = {}

    async def ask(number: int) -> None:
        with pytest.raises(RemoteCallError) as caught:
            await alice.pool.call(bob.peer, bob.addresses, FindNode(number.to_bytes(20)), 5)
        answers[number] = str(caught.value)

    async with trio.open_nursery() as nursery:
        for number in range(500):
            nursery.start_soon(ask, number)
    assert answers == {number: f"refused {number.to_bytes(20).hex()}" for number in range(500)}
    assert bob.pool.counters["accepted"] == 1


async def test_what_is_sent_is_counted_by_type(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    assert await alice.probe(bob) == Alive()
    assert await alice.probe(bob) == Alive()
    alice.pool.send(bob.peer, (), Unfriend())
    assert alice.pool.sent == {"Probe": 2, "Unfriend": 1}
    assert bob.pool.sent == {"Alive": 2}
    bob.answer = lambda body: "no"
    with pytest.raises(RemoteCallError):
        await alice.probe(bob)
    assert bob.pool.sent == {"Alive": 2}


async def test_a_call_without_an_answer_times_out_and_the_connection_goes_on(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    bob.answer = lambda body: None
    start = trio.current_time()
    with pytest.raises(CallTimeoutError):
        await alice.probe(bob, timeout=3.0)
    assert trio.current_time() - start == pytest.approx(3.0)
    bob.answer = lambda body: Alive()
    assert await alice.probe(bob) == Alive()
    late = bob.told(Requested)[0]
    bob.pool.reply(alice.peer, late.call, Alive())
    await alice.probe(bob)
    assert alice.pool.counters["late answers"] == 1


async def test_the_timeout_covers_the_dial(world, autojump_clock):
    alice = await world.node()
    listener = await alice.pool._transport.listen(alice.host, 7, 8)
    peer = PeerId(bytes(range(32)))
    start = trio.current_time()
    with pytest.raises(CallTimeoutError):
        await alice.pool.call(peer, (str(Multiaddr(alice.host, 7, peer)),), Probe(), 1.0)
    assert trio.current_time() - start == pytest.approx(1.0)
    await listener.aclose()


async def test_a_refusal_carries_its_text_bounded_and_without_control_characters(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    bob.answer = lambda body: "no\x1b[2J\n" + "x" * 900
    with pytest.raises(RemoteCallError) as caught:
        await alice.probe(bob)
    assert str(caught.value) == "no [2J " + "x" * 505 + "…"


async def test_a_handler_that_raises_costs_its_call_only(world, autojump_clock):
    alice, bob = await world.node(), await world.node()

    def fail(body):
        raise UsageError("this went wrong")

    bob.answer = fail
    with pytest.raises(RemoteCallError, match="this went wrong"):
        await alice.probe(bob)
    bob.answer = lambda body: Alive()
    assert await alice.probe(bob) == Alive()
    assert alice.connections == ["PeerConnected"]


async def test_call_soon_tells_the_answer_and_the_error(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    outcomes = []

    def then(outcome: object) -> None:
        outcomes.append(outcome)

    alice.pool.call_soon(bob.peer, bob.addresses, Probe(), 5, then)
    assert outcomes == []
    await trio.sleep(1)
    alice.pool.call_soon(bob.peer, (), Probe(), 5, then)
    assert outcomes == [Alive()]
    await trio.sleep(1)
    bob.answer = lambda body: None
    alice.pool.call_soon(bob.peer, (), Probe(), 5, then)
    alice.pool.call_soon(PeerId(bytes(32)), (), Probe(), 5, then)
    await trio.sleep(6)
    assert outcomes[:2] == [Alive(), Alive()]
    assert sorted(type(outcome).__name__ for outcome in outcomes[2:]) == ["CallTimeoutError", "UnreachableError"]


async def test_a_cancelled_call_leaves_nothing_behind(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    await alice.pool.dial(bob.address)
    bob.answer = lambda body: None
    with trio.move_on_after(1):
        await alice.probe(bob, timeout=100)
    (connection,) = alice.pool._links.all()
    assert connection.idle


async def test_calls_over_the_limit_are_busy(world, autojump_clock):
    alice, bob = await world.node(calls=2), await world.node()
    bob.answer = lambda body: None
    await alice.pool.dial(bob.address)
    outcomes: list[object] = []
    for _ in range(2):
        alice.pool.call_soon(bob.peer, (), Probe(), 50, outcomes.append)
    with pytest.raises(BusyError):
        await alice.probe(bob)
    assert outcomes == []


async def test_requests_over_the_limit_are_refused(world, autojump_clock):
    alice, bob = await world.node(), await world.node(calls=2)
    bob.answer = lambda body: None
    await alice.pool.dial(bob.address)
    outcomes: list[object] = []
    for _ in range(5):
        alice.pool.call_soon(bob.peer, (), Probe(), 50, outcomes.append)
    await trio.sleep(1)
    assert [type(outcome) for outcome in outcomes] == [RemoteCallError] * 3
    assert bob.pool.counters["requests refused"] == 3
    for asked in bob.told(Requested):
        bob.pool.reply(alice.peer, asked.call, Alive())
    await trio.sleep(1)
    assert outcomes[3:] == [Alive(), Alive()]


async def test_notices_arrive_in_order_after_the_connection(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    for hops in range(5):
        alice.pool.send(bob.peer, bob.addresses, FindNode(hops.to_bytes(20)))
    await trio.sleep(1)
    alice.pool.send(bob.peer, (), Unfriend())
    await trio.sleep(1)
    told = bob.told(PeerConnected, Received)
    assert isinstance(told[0], PeerConnected)
    bodies = [event.body for event in told[1:]]
    assert bodies == [*(FindNode(hops.to_bytes(20)) for hops in range(5)), Unfriend()]


async def test_notices_to_nobody_are_dropped_and_counted(world, autojump_clock):
    alice, bob = await world.node(dial_notices=2), await world.node()
    alice.pool.send(PeerId(bytes(32)), (), Unfriend())
    assert alice.pool.counters["notices dropped"] == 1
    for _ in range(5):
        alice.pool.send(bob.peer, bob.addresses, Unfriend())
    assert alice.pool.counters["notices dropped"] == 4
    await trio.sleep(1)
    assert len(bob.told(Received)) == 2


async def test_a_peer_that_does_not_read_costs_bounded_memory(world, autojump_clock):
    node = await world.node(queue_bytes=10_000)
    raw = await world.raw(node)
    await trio.sleep(0.1)
    peer = node.pool.peers[0]
    for _ in range(40_000):
        node.pool.send(peer, (), FindNode(bytes(20)))
    assert node.pool.counters["notices dropped"] > 30_000
    with pytest.raises(BusyError):
        await node.pool.call(peer, (), Probe(), 1)
    await raw.greeted.secure.aclose()


async def test_a_peer_that_asks_without_reading_is_ended(world, autojump_clock):
    node = await world.node(queue_bytes=2_000)
    node.answer = lambda body: "x" * 500
    raw = await world.raw(node)
    with pytest.raises(PeernetError):
        for call in range(10_000):
            await raw.send(Request(call, Probe()))
    await trio.sleep(1)
    (lost,) = node.told(PeerLost)
    assert not lost.clean
    assert node.pool.counters["protocol broken"] == 1


async def test_calls_under_way_fail_when_the_connection_is_lost(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    bob.answer = lambda body: bob.pool.disconnect(alice.peer, "enough")
    with pytest.raises(ConnectionLostError, match="enough"):
        await alice.probe(bob)
    assert alice.connections == bob.connections == ["PeerConnected", "PeerLost"]
    assert alice.told(PeerLost)[0].reason == "enough"
    assert alice.told(PeerLost)[0].clean


async def test_a_reply_for_a_connection_that_is_gone_is_dropped(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    bob.answer = lambda body: None
    with pytest.raises(CallTimeoutError):
        await alice.probe(bob, timeout=1)
    alice.pool.disconnect(bob.peer, "bye")
    await trio.sleep(5)
    bob.pool.reply(alice.peer, bob.told(Requested)[0].call, Alive())
    assert len(bob.pool._asked) == 0


async def test_nobody_at_the_address(world, autojump_clock):
    alice = await world.node()
    with pytest.raises(UnreachableError, match="nobody answers"):
        await alice.pool.dial(Multiaddr("10.9.9.9", 1))


async def test_no_address_known(world, autojump_clock):
    alice = await world.node()
    with pytest.raises(UnreachableError, match="no address"):
        await alice.pool.call(PeerId(bytes(32)), (), Probe(), 1)


async def test_another_peer_at_the_address(world, autojump_clock):
    alice, bob, carol = await world.node(), await world.node(), await world.node()
    with pytest.raises(WrongPeerError):
        await alice.pool.dial(bob.address.with_peer(carol.peer))
    assert alice.connections == bob.connections == []


async def test_the_second_address_is_tried_when_the_first_is_dead(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    addresses = ("garbage", "/ip4/10.9.9.9/tcp/1", *bob.addresses)
    assert await alice.pool.call(bob.peer, addresses, Probe(), 5) == Alive()


async def test_this_peer_itself(world, autojump_clock):
    alice = await world.node()
    with pytest.raises(UnreachableError, match="itself"):
        await alice.pool.dial(alice.address)
    assert alice.connections == []


async def test_calls_to_one_peer_share_a_dial(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(alice.probe, bob)
    assert alice.pool.counters["dials"] == 1
    assert alice.connections == ["PeerConnected"]


async def test_an_address_that_failed_is_left_alone_for_longer_each_time(world, autojump_clock):
    alice = await world.node(backoff_first=1.0, backoff_limit=8.0)
    peer = PeerId(bytes(range(32)))
    address = str(Multiaddr("10.9.9.9", 1, peer))

    async def call() -> None:
        with pytest.raises(UnreachableError):
            await alice.pool.call(peer, (address,), Probe(), 1)

    dialled_at = []
    for _ in range(200):
        before = alice.pool.counters["dials"]
        await call()
        if alice.pool.counters["dials"] > before:
            dialled_at.append(trio.current_time())
        await trio.sleep(0.25)
    pauses = [later - earlier for earlier, later in itertools.pairwise(dialled_at)]
    assert 0.5 <= pauses[0] <= 1.25
    assert max(pauses) <= 8.25
    assert all(pause >= 4.0 for pause in pauses[3:])
    # What the user asks for is tried all the same.
    before = alice.pool.counters["dials"]
    with pytest.raises(UnreachableError):
        await alice.pool.dial(Multiaddr.parse(address))
    assert alice.pool.counters["dials"] == before + 1


async def test_dials_over_the_limit_are_busy(world, autojump_clock):
    alice = await world.node(dials=2)
    listener = await alice.pool._transport.listen(alice.host, 7, 8)
    outcomes: list[object] = []
    for number in range(3):
        peer = PeerId(bytes([number]) * 32)
        alice.pool.call_soon(peer, (str(Multiaddr(alice.host, 7, peer)),), Probe(), 1, outcomes.append)
    await trio.sleep(0.5)
    assert [type(outcome) for outcome in outcomes] == [BusyError]
    await listener.aclose()


async def test_closing_says_goodbye_to_all(world, autojump_clock):
    alice, bob, carol = await world.node(), await world.node(), await world.node()
    await alice.probe(bob)
    await alice.probe(carol)
    await alice.pool.aclose()
    await trio.sleep(0.1)
    for other in (bob, carol):
        assert [lost.clean for lost in other.told(PeerLost)] == [True]
    assert [lost.clean for lost in alice.told(PeerLost)] == [True, True]
    with pytest.raises(UnreachableError):
        await bob.pool.dial(alice.address)
    with pytest.raises(UnreachableError):
        await alice.probe(bob)


async def test_a_cancelled_pool_tells_of_every_loss(new_world, autojump_clock):
    async with trio.open_nursery() as nursery:
        world = new_world(nursery)
        alice, bob = await world.node(), await world.node()
        await alice.probe(bob)
        nursery.cancel_scope.cancel()
    assert alice.connections == bob.connections == ["PeerConnected", "PeerLost"]


async def test_a_raw_peer_sees_the_frames_of_the_protocol(world, autojump_clock):
    node = await world.node()
    raw = await world.raw(node)
    await raw.send(Request(7, Probe()), Notice(Unfriend()))
    assert await raw.receive() == [Response(7, Alive())]
    node.answer = lambda body: "no"
    await raw.send(Request(8, Probe()), Goodbye("that was it"))
    frames = await raw.receive()
    assert frames in ([Refusal(8, "no")], [])
    await trio.sleep(1)
    assert node.told(PeerLost)[0].reason == "that was it"
    assert node.told(PeerLost)[0].clean


async def test_a_knock_sees_whether_anybody_listens_and_leaves_no_connection(world, autojump_clock):
    alice, bob = await world.node(), await world.node()
    await alice.pool.knock(bob.address)
    await trio.sleep(1)
    assert alice.told(PeerConnected) == bob.told(PeerConnected) == []
    with pytest.raises(UnreachableError):
        await alice.pool.knock(Multiaddr(bob.address.host, 9))


async def test_knocks_over_the_limit_are_busy(world, autojump_clock):
    alice, bob = await world.node(knocks=0), await world.node()
    with pytest.raises(BusyError):
        await alice.pool.knock(bob.address)
