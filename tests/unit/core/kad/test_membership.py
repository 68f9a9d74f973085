"""Coming into a network, coming back to it, and what is remembered for that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from peernet.config.kad import KadConfig
from peernet.core.context import Link
from peernet.core.effects import Note
from peernet.core.events import Failure
from peernet.core.kad.contact import Contact, place
from peernet.core.kad.records import record_key
from peernet.core.records import ContactRecord
from peernet.identity.multiaddr import Multiaddr
from peernet.types import Instance, PeerId
from peernet.wire.kad import FindNode, Nodes, Probe, WireContact

World = Any
MakeWorld = Callable[..., World]


def test_joining_where_nobody_answers_says_so_and_names_the_addresses(world: World) -> None:
    node = world.add()
    nowhere = ["/ip4/127.0.0.1/tcp/9", "/ip4/127.0.0.1/tcp/10"]
    failure = world.join(node, nowhere)
    assert isinstance(failure, Failure)
    assert failure.kind == "unreachable"
    assert all(address in failure.message for address in nowhere)


def test_joining_through_another_peer_than_the_named_one_is_refused(world: World) -> None:
    node, other = world.add(), world.add()
    named = str(Multiaddr.parse(other.address).with_peer(PeerId(b"n" * 32)))
    failure = world.join(node, [named])
    assert failure.kind == "wrong-peer"
    assert named in failure.message


def test_one_address_that_answers_is_enough(world: World) -> None:
    node, other = world.add(), world.add()
    nameless = str(Multiaddr.parse(other.address).with_peer(None))
    assert world.join(node, ["/ip4/127.0.0.1/tcp/9", nameless, nameless]) is None
    assert [contact.peer for contact in node.kad.view()] == [other.peer]
    world.run(5)


def test_joining_through_oneself_is_no_join(world: World) -> None:
    node = world.add()
    failure = world.join(node, [node.address])
    assert failure.kind == "unreachable"
    assert "this peer's own" in failure.message


@pytest.mark.parametrize(
    ("addresses", "text"),
    [([], "not 0"), (["nonsense"], "nonsense"), ([f"/ip4/127.0.0.1/tcp/{port}" for port in range(1, 40)], "39")],
)
def test_a_wish_that_makes_no_sense_is_the_users_mistake(world: World, addresses: list[str], text: str) -> None:
    failure = world.join(world.add(), addresses)
    assert failure.kind == "usage"
    assert text in failure.message


def test_peers_that_are_known_to_live_need_no_join(world: World) -> None:
    others = [world.add(number) for number in range(1, 30)]
    node = world.add(0)
    node.do(lambda: node.kad.met(Contact.of(other.peer, other.addresses) for other in others))
    assert sorted(contact.peer for contact in node.kad.table.contacts()) == sorted(other.peer for other in others)
    assert {contact.last_seen for contact in node.kad.table.contacts()} == {world.mono}
    node.kad.table.check()
    target = others[4].peer
    found = world.ask(lambda then: node.do(lambda: node.kad.find_node(place(target)[0], then)))
    assert found[0].peer == target
    assert world.calls == {"FindNode": node.kad.table.ksize}, "the nearest are there to answer; no calls before"


def test_of_peers_that_are_known_to_live_some_are_remembered(make_world: MakeWorld) -> None:
    world = make_world(config=replace(KadConfig(), saved_contacts=3))
    others = [world.add(number) for number in range(1, 9)]
    node = world.add(0)
    node.do(lambda: node.kad.met(Contact.of(other.peer, other.addresses) for other in others))
    assert len(node.saved) == 3
    world.kill(node)
    world.reboot(node)
    world.run(5)
    assert sorted(contact.peer for contact in node.kad.table.contacts()) == sorted(node.saved)


def test_only_for_who_looks_for_peers_the_oldest_of_a_full_bucket_is_probed(
    make_world: MakeWorld,
) -> None:
    """A probe opens a connection as well: if that led to a probe by the other side, they would never end."""
    world = make_world(config=replace(KadConfig(), k=4))
    others = [world.add(number) for number in range(1, 60)]
    node = world.add(0)
    node.do(lambda: node.kad.met(Contact.of(other.peer, other.addresses) for other in others))
    for contact in node.kad.table.contacts():
        contact.last_seen -= 2 * world.config.crowded_seconds
    table = node.kad.table
    comer = next(o for o in others if o.peer not in table and not table.wants(o.peer, o.address))
    oldest = table.bucket_for(place(comer.peer)[1]).head()
    assert oldest is not None

    host, announced = "127.0.0.1", comer.addresses
    node.ctx.links[comer.peer] = Link(
        Instance(b"i" * 16), (), host, host, inbound=True, rtt=0.1, since=world.mono, announced=announced
    )
    node.do(lambda: node.kad.on_connected(comer.peer))
    node.do(lambda: node.handlers[Probe](comer.peer, Probe()))
    assert not world.calls
    for _ in range(2):
        node.do(lambda: node.handlers[FindNode](comer.peer, FindNode(place(comer.peer)[0])))
        assert world.calls == {"Probe": 1}, "once for a connection"
    began = world.mono
    world.run(2)
    assert oldest.last_seen == began, "it lives"


def test_a_join_brings_contacts_into_all_buckets(make_world: MakeWorld) -> None:
    world = make_world(seed=21)
    world.grow(80)
    newcomer = world.add()
    assert world.join(newcomer, [next(iter(world.nodes.values())).address]) is None
    world.run(60)
    assert all(bucket.healthy() >= 2 for bucket in newcomer.kad.table.buckets)
    assert all(bucket.refresh_at > world.mono for bucket in newcomer.kad.table.buckets)


def test_a_bucket_is_refreshed_about_every_hour(make_world: MakeWorld) -> None:
    world = make_world(seed=22)
    nodes = world.grow(5)
    world.run(60)
    world.calls.clear()
    world.run(2000)
    assert world.calls["FindNode"] == 0
    world.run(2600)
    assert all(node.kad.table.buckets[0].refresh_at > world.mono for node in nodes)
    assert world.calls["FindNode"] >= 5 * 4


def test_a_peer_comes_back_by_itself_through_cached_contacts(make_world: MakeWorld) -> None:
    world = make_world(seed=23)
    nodes = world.grow(12)
    world.run(30)
    back = nodes[5]
    assert len(back.saved) == 11
    world.kill(back)
    world.run(100)
    world.reboot(back)
    world.run(10)
    assert len(back.kad.table) == 11
    target = world.target()
    assert world.find(back, target) == world.true_nearest(target, without=back)


def test_a_peer_that_was_alone_at_its_start_tries_again_with_growing_pauses(make_world: MakeWorld) -> None:
    world = make_world(seed=24)
    node, other = world.grow(2)
    world.run(30)
    world.kill(other)
    world.kill(node)
    world.reboot(node)
    node.effects.clear()
    world.run(1000)
    tries = node.effects["Call"]
    assert 5 <= tries <= 25
    world.reboot(other)
    world.run(400)
    assert other.peer in node.ctx.links


def test_without_any_connection_nobody_is_dropped_or_forgotten(make_world: MakeWorld) -> None:
    world = make_world(seed=25)
    nodes = world.grow(6)
    world.run(30)
    node = nodes[0]
    for other in nodes[1:]:
        world.kill(other)
    world.run(2000)
    assert len(node.kad.table) + len(node.saved) >= 5
    world.reboot(nodes[3])
    world.run(400)
    assert nodes[3].peer in node.ctx.links
    world.run(400)
    assert {nodes[3].peer} == {contact.peer for contact in node.kad.table.contacts()}


def test_contacts_are_saved_seldom_and_in_bounded_number(make_world: MakeWorld) -> None:
    world = make_world(seed=26, config=replace(KadConfig(), saved_contacts=10))
    nodes = world.grow(30)
    node = nodes[0]
    world.run(30)
    assert len(node.saved) == 10
    node.effects.clear()
    for _ in range(20):
        world.find(node, world.target())
    assert node.effects["Save"] == 0
    world.run(600)
    for _ in range(20):
        world.find(node, world.target())
    assert node.effects["Save"] == 10
    assert len(node.saved) == 10


def test_more_contacts_than_may_be_kept_leave_the_journal(world: World) -> None:
    node = world.add(config=replace(KadConfig(), saved_contacts=3))
    records = [ContactRecord(PeerId(bytes([each]) * 32), (), float(each)) for each in range(8)]
    node.saved = {record.key(): record for record in records}
    node.do(lambda: node.kad.restore(iter(records)))
    assert list(node.saved.values()) == records[5:]


def test_more_lookups_than_there_is_room_for_fail_at_once(make_world: MakeWorld) -> None:
    world = make_world(seed=27, config=replace(KadConfig(), lookups=2, lookups_queued=3))
    nodes = world.grow(10)
    world.run(30)
    node = nodes[0]
    answers: list[int] = []
    targets = [world.target() for _ in range(6)]

    def start() -> None:
        for target in targets:
            node.kad.find_node(target, lambda found: answers.append(len(found)))

    node.do(start)
    assert answers == [0, 0, 0]
    world.run(10)
    assert answers == [0, 0, 0, 9, 9, 9]
    assert node.ctx.counters["kad: lookups refused"] == 3


def test_too_many_own_records_and_bad_ones_are_the_callers_mistake(make_world: MakeWorld) -> None:
    world = make_world(seed=28, config=replace(KadConfig(), own_records=1))
    node = world.add()

    def put(name: str, data: bytes) -> None:
        node.do(lambda: node.kad.put("peernet/note/1", name, lambda: data))

    with pytest.raises(ValueError, match="undecodable"):
        put("", b"nonsense")
    put("", node.seal(b"", 1))
    with pytest.raises(ValueError, match="as many as are allowed"):
        put("second", node.seal(b"", 1))


def test_a_lone_peer_reads_its_own_record_and_stores_it_when_others_come(make_world: MakeWorld) -> None:
    world = make_world(seed=29)
    node = world.add()
    sequence = iter(range(1, 100))
    key = record_key("peernet/note/1", node.peer)
    held = world.ask(
        lambda then: node.do(
            lambda: node.kad.put("peernet/note/1", "", lambda: node.seal(b"mine", next(sequence)), then)
        )
    )
    assert held == 0
    opened = world.ask(lambda then: node.do(lambda: node.kad.get(key, "peernet/note/1", then)))
    assert [each.body for each in opened] == [b"mine"]
    other = world.add()
    assert world.join(node, [other.address]) is None
    world.run(5)
    assert other.kad.store.get(key, world.now()) is not None


def test_a_peer_is_found_although_a_liar_names_it_with_useless_addresses(make_world: MakeWorld) -> None:
    world = make_world(seed=30)
    nodes = world.grow(4)
    hub, liar, wanted, seeker = nodes[0], nodes[1], nodes[2], world.add()
    lie = Nodes((WireContact(wanted.peer, ("nonsense",)),))
    liar.handlers[FindNode] = lambda peer, body: lie
    assert world.join(seeker, [liar.address]) is None
    assert world.join(seeker, [hub.address]) is None
    assert world.find(seeker, place(wanted.peer)[0])[0] == wanted.peer


def test_samples_and_views_show_living_contacts(make_world: MakeWorld) -> None:
    world = make_world(seed=31)
    nodes = world.grow(8)
    node = nodes[0]
    sample = node.kad.sample(5)
    assert len(set(sample)) == 5
    assert len(node.kad.sample(50)) == 7
    assert all(node.ctx.book.get(peer) for peer in sample)
    world.cut(node, nodes[3])
    assert nodes[3].peer not in node.kad.sample(50)
    views = node.kad.view()
    assert {view.peer for view in views} == {other.peer for other in nodes[1:]}
    assert [view.age for view in views] == sorted(view.age for view in views)
    assert any(view.peer == nodes[3].peer and view.failures == 1 and not view.linked for view in views)
    assert Note("peers", peer=nodes[3].peer) in world.notes
    assert place(node.peer)[0] not in {place(view.peer)[0] for view in views}
