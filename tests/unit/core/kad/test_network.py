"""Many DHTs on one virtual clock: joins, exact lookups, records that survive churn, and hostile answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from peernet.config.kad import KadConfig
from peernet.core.effects import Call
from peernet.core.events import Failure
from peernet.core.kad import record_key
from peernet.core.kad.contact import place
from peernet.identity.envelope import seal
from peernet.types import DhtKey, PeerId
from peernet.wire.kad import Alive, FindNode, FindValue, Nodes, Probe, Store, Stored, Values, WireContact

NOTE = "peernet/note/1"
World = Any
Node = Any
MakeWorld = Callable[..., World]


def put(world: World, node: Node, body: bytes, lifetime: float = 7200.0) -> DhtKey:
    """Publish a record of a node, renewed by it as long as it lives; check that somebody holds it."""
    sequence = iter(range(1, 1000))
    make = lambda: node.seal(body, next(sequence), lifetime=lifetime)  # noqa: E731
    holders = world.ask(lambda then: node.do(lambda: node.kad.put(NOTE, "", make, then)))
    assert holders > 0
    return record_key(NOTE, node.peer)


def get(world: World, node: Node, key: DhtKey) -> list[bytes]:
    opened = world.ask(lambda then: node.do(lambda: node.kad.get(key, NOTE, then)))
    return [each.body for each in opened]


def refusals(node: Node) -> dict[str, int]:
    return {kind: times for kind, times in node.ctx.counters.items() if kind.startswith(("record", "kad"))}


def test_every_lookup_in_a_hundred_peers_finds_the_true_nearest(hundred: World) -> None:
    nodes = list(hundred.nodes.values())
    before = sum(hundred.calls.values())
    for _ in range(60):
        node, target = hundred.random.choice(nodes), hundred.target()
        assert hundred.find(node, target) == hundred.true_nearest(target, without=node)
    assert (sum(hundred.calls.values()) - before) / 60 <= 25
    hundred.check()


def test_every_peer_is_found_by_its_id(hundred: World) -> None:
    nodes = list(hundred.nodes.values())
    for node in nodes[:20]:
        contact = hundred.contacts_near(nodes[-1], place(node.peer)[0])[0]
        assert contact.peer == node.peer
        assert contact.addresses == node.addresses


def test_in_a_chain_of_introductions_everybody_finds_everybody(world: World) -> None:
    nodes = world.grow(12, through="last")
    world.run(30)
    for node in nodes:
        target = world.target()
        assert world.find(node, target) == world.true_nearest(target, without=node)
    assert all(len(node.kad.table) == 11 for node in nodes)
    world.check()


def test_the_first_of_a_chain_may_die_and_a_newcomer_joins_through_the_fourth(world: World) -> None:
    nodes = world.grow(5, through="last")
    world.kill(nodes[0])
    world.run(60)
    newcomer = world.add()
    assert world.join(newcomer, [nodes[3].address]) is None
    world.run(60)
    for node in (*nodes[1:], newcomer):
        assert nodes[0].peer not in node.kad.table
        assert len(node.kad.table) == 4


def test_one_seed_gives_one_trace(make_world: MakeWorld) -> None:
    def trace() -> tuple[object, ...]:
        world = make_world(seed=3)
        nodes = world.grow(15)
        world.run(120)
        tables = tuple(tuple(contact.peer for contact in node.kad.table.contacts()) for node in nodes)
        return (world.mono, dict(world.calls), len(world.notes), tables)

    assert trace() == trace()


def test_dead_contacts_leave_every_table_and_lookups_stay_exact(make_world: MakeWorld) -> None:
    world = make_world(seed=4)
    nodes = world.grow(60)
    world.run(60)
    for node in nodes[10:40]:
        world.kill(node)
    world.run(300)
    live = [node for node in nodes if node.state == "up"]
    dead = {node.peer for node in nodes[10:40]}
    for node in live:
        assert not dead & {contact.peer for contact in node.kad.table.contacts()}
        assert not dead & set(node.saved)
    for _ in range(20):
        node, target = world.random.choice(live), world.target()
        assert world.find(node, target) == world.true_nearest(target, without=node)
    world.check()


def test_peers_that_said_goodbye_leave_too(make_world: MakeWorld) -> None:
    world = make_world(seed=5)
    nodes = world.grow(10)
    world.kill(nodes[4], clean=True)
    world.run(200)
    assert all(nodes[4].peer not in node.kad.table for node in nodes if node is not nodes[4])


def test_a_frozen_peer_does_not_hold_up_a_lookup(make_world: MakeWorld) -> None:
    world = make_world(seed=6)
    nodes = world.grow(20)
    world.run(30)
    world.freeze(nodes[7])
    begin = world.mono
    found = world.find(nodes[3], nodes[7].kad.table.node.id)
    assert world.mono - begin < 3.0
    assert found == world.true_nearest(nodes[7].kad.table.node.id, without=nodes[3])


def test_peers_that_cannot_be_dialled_use_the_dht_but_are_in_no_table(make_world: MakeWorld) -> None:
    world = make_world(seed=8)
    nodes = world.grow(25)
    shy = world.add(dialable=False)
    assert world.join(shy, [nodes[3].address]) is None
    world.run(60)
    target = world.target()
    assert world.find(shy, target) == world.true_nearest(target)
    key = put(world, shy, b"from the shy one")
    assert get(world, nodes[20], key) == [b"from the shy one"]
    assert all(shy.peer not in node.kad.table for node in nodes)
    assert shy.peer not in world.find(nodes[1], place(shy.peer)[0])


def test_a_record_is_held_by_the_true_nearest_and_found_by_all(make_world: MakeWorld) -> None:
    world = make_world(seed=9)
    nodes = world.grow(50)
    world.run(30)
    key = put(world, nodes[7], b"hello")
    holders = {node.peer for node in nodes if node.kad.store.get(key, world.now())}
    assert holders == {*world.true_nearest(key, without=nodes[7]), nodes[7].peer}
    for node in nodes[::7]:
        assert get(world, node, key) == [b"hello"]
    assert get(world, nodes[0], record_key(NOTE, nodes[1].peer)) == []


def test_the_owner_renews_its_record_until_it_withdraws_it(make_world: MakeWorld) -> None:
    world = make_world(seed=10)
    nodes = world.grow(15)
    key = put(world, nodes[2], b"hello", lifetime=100.0)
    world.run(500)
    assert get(world, nodes[9], key) == [b"hello"]
    nodes[2].do(lambda: nodes[2].kad.withdraw(NOTE, ""))
    world.run(101)
    assert get(world, nodes[9], key) == []
    assert all(len(node.kad.store) == 0 for node in nodes)


def test_records_outlive_their_owner_and_every_first_holder_by_being_stored_again(make_world: MakeWorld) -> None:
    world = make_world(seed=11, config=replace(KadConfig(), republish_seconds=120.0))
    nodes = world.grow(40)
    keys = [put(world, owner, b"of %d" % index, lifetime=80_000.0) for index, owner in enumerate(nodes[:5])]
    first = list(nodes)
    for begin in range(0, len(first), 8):
        # A fifth of the peers leaves at once and newcomers take their places, until nobody of the first is left.
        for node in first[begin : begin + 8]:
            world.kill(node)
        for _ in range(8):
            newcomer = world.add()
            assert world.join(newcomer, [nodes[-1].address]) is None
            nodes.append(newcomer)
        world.run(200)
    assert all(node.state == "down" for node in first)
    assert [get(world, nodes[-1], key) for key in keys] == [[b"of %d" % index] for index in range(5)]
    world.check()


def test_newcomers_near_a_key_soon_hold_its_record_and_so_do_those_who_come_back(make_world: MakeWorld) -> None:
    world = make_world(seed=14)
    nodes = world.grow(40)
    key = put(world, nodes[0], b"hello")
    newcomers = [world.add() for _ in range(15)]
    for newcomer in newcomers:
        assert world.join(newcomer, [nodes[1].address]) is None
    back = next(node for node in nodes[2:] if node.kad.store.get(key, world.now()))
    world.kill(back)
    world.run(5)
    world.reboot(back)
    world.run(20)
    near = world.true_nearest(key)[: world.config.k]
    lacking = [peer for peer in near if not world.nodes[peer].kad.store.get(key, world.now())]
    assert any(newcomer.peer in near for newcomer in newcomers)
    assert lacking == []
    assert back.kad.store.get(key, world.now())
    world.calls.clear()
    for node in near:
        world.find(nodes[1], place(node)[0])
    world.run(20)
    assert world.calls["Store"] == 0, "who looks for others is no newcomer"


def test_a_call_whose_connection_is_closed_under_it_is_made_again(make_world: MakeWorld) -> None:
    world = make_world(seed=6)
    nodes = world.grow(20)
    world.run(30)
    honest, parting = nodes[3], nodes[7]
    closed: list[PeerId] = []
    call = world._call

    def close(node: Node, wanted: Call) -> None:
        if closed or node is not honest or wanted.peer != parting.peer:
            call(node, wanted)
            return
        closed.append(wanted.peer)
        world.cut(honest, parting, clean=True)
        world._settle(honest, wanted.id, Failure("lost", "nobody needs it"), 0.0)

    world._call = close
    assert world.find(honest, place(parting.peer)[0])[0] == parting.peer
    assert closed == [parting.peer]
    assert honest.kad.table.get(parting.peer).failures == 0


def test_an_advert_is_stored_seldom_and_the_latest_wins(make_world: MakeWorld) -> None:
    from peernet.wire.signed import ADVERT

    world = make_world(seed=12)
    nodes = world.grow(8)
    owner = nodes[3]
    world.calls.clear()
    for sequence in range(1, 11):
        envelope = owner.seal(b"%d" % sequence, sequence, lifetime=120.0, domain=ADVERT)
        owner.do(lambda envelope=envelope: owner.kad.put_advert(envelope))
    world.run(5)
    assert world.calls["Store"] == 7
    world.run(20)
    assert world.calls["Store"] == 14
    key = record_key(ADVERT, owner.peer)
    opened = world.ask(lambda then: nodes[6].do(lambda: nodes[6].kad.get(key, ADVERT, then)))
    assert [each.body for each in opened] == [b"10"]


def test_an_advert_is_held_by_the_peers_nearest_to_its_author_and_nobody_searches_for_them(
    make_world: MakeWorld,
) -> None:
    from peernet.wire.signed import ADVERT

    world = make_world(seed=12)
    nodes = world.grow(60)
    owner = nodes[31]
    world.run(30)
    world.calls.clear()
    owner.do(lambda: owner.kad.put_advert(owner.seal(b"here", 1, lifetime=1800.0, domain=ADVERT)))
    world.run(5)
    assert (world.calls["FindNode"], world.calls["Store"]) == (0, world.config.advert_holders)
    key = record_key(ADVERT, owner.peer)
    assert key == place(owner.peer)[0]
    holders = {node.peer for node in nodes if node is not owner and node.kad.store.get(key, world.now())}
    assert holders == set(world.true_nearest(key, without=owner)[: world.config.advert_holders])
    opened = world.ask(lambda then: nodes[6].do(lambda: nodes[6].kad.get(key, ADVERT, then)))
    assert [each.body for each in opened] == [b"here"]


@pytest.fixture
def liars(make_world: MakeWorld) -> tuple[World, Node, list[Node]]:
    """A network small enough that each lookup asks all; an honest peer, and three whose answers a test chooses."""
    world = make_world(seed=13)
    nodes = world.grow(18)
    world.run(30)
    return world, nodes[0], nodes[1:4]


def test_answers_of_the_wrong_type_are_counted_and_cost_the_place(liars: tuple[World, Node, list[Node]]) -> None:
    world, honest, bad = liars
    for node in bad:
        node.handlers[FindNode] = lambda peer, body: Alive()
        node.handlers[Probe] = lambda peer, body: Stored("")
    for _ in range(2):
        target = world.target()
        found = world.find(honest, target)
        expected = world.true_nearest(target, without=honest)
        assert found == [peer for peer in expected if peer not in {node.peer for node in bad}]
    assert honest.ctx.counters["kad: wrong answer"] == 6
    assert all(node.peer not in honest.kad.table for node in bad)


def test_fake_ever_nearer_contacts_end_within_the_bounds(liars: tuple[World, Node, list[Node]]) -> None:
    world, honest, bad = liars
    target = place(bad[0].peer)[0]
    made = iter(range(10**6))

    def lie(peer: PeerId, body: FindNode) -> Nodes:
        fakes = [PeerId(next(made).to_bytes(32, "big")) for _ in range(20)]
        return Nodes(tuple(WireContact(fake, (f"/ip4/127.0.0.1/tcp/{60_000}",)) for fake in fakes))

    for node in bad:
        node.handlers[FindNode] = lie
    before = world.calls["FindNode"]
    found = world.find(honest, target)
    assert world.calls["FindNode"] - before <= KadConfig().lookup_calls
    assert {node.peer for node in bad} <= set(found) <= set(world.nodes)


def test_the_own_id_and_useless_addresses_in_replies_are_ignored(liars: tuple[World, Node, list[Node]]) -> None:
    world, honest, bad = liars
    fakes = {PeerId(bytes([each]) * 32): text for each, text in enumerate(("", "nonsense", bad[1].address))}
    contacts = (
        WireContact(honest.peer, ("/ip4/127.0.0.1/tcp/1",)),
        *(WireContact(peer, (text,)) for peer, text in fakes.items()),
    )
    for node in bad:
        node.handlers[FindNode] = lambda peer, body: Nodes(contacts)
    found = world.find(honest, place(bad[0].peer)[0])
    assert honest.peer not in found
    assert not set(fakes) & set(found)
    assert honest.ctx.book.get(honest.peer) == ()
    assert all(honest.ctx.book.get(fake) == () for fake in fakes)
    assert refusals(honest)["kad: no address"] >= 2
    assert refusals(honest)["kad: another's address"] >= 1


def test_hearsay_never_replaces_proven_addresses(liars: tuple[World, Node, list[Node]]) -> None:
    world, honest, _ = liars
    victim = next(iter(honest.ctx.links))
    lie = ("/ip4/127.0.0.1/tcp/9",)
    proven = honest.ctx.book.get(victim)
    honest.do(lambda: honest.kad.heard_of(WireContact(victim, lie)))
    assert honest.ctx.book.get(victim) == proven
    world.cut(honest, world.nodes[victim], clean=True)
    honest.do(lambda: honest.kad.heard_of(WireContact(victim, lie)))
    assert honest.ctx.book.get(victim) == proven
    stranger = PeerId(b"s" * 32)
    honest.do(lambda: honest.kad.heard_of(WireContact(stranger, lie * 8)))
    others = tuple(f"/ip4/127.0.0.1/tcp/{port}" for port in range(10, 18))
    honest.do(lambda: honest.kad.heard_of(WireContact(stranger, others)))
    kept = honest.ctx.book.get(stranger)
    assert len(kept) == KadConfig().addresses
    assert kept[0].startswith(lie[0])


def test_forged_stale_replayed_and_misplaced_records_are_refused_and_counted(
    liars: tuple[World, Node, list[Node]],
) -> None:
    world, honest, (bad, *_) = liars
    owner = list(world.nodes.values())[9]
    key = record_key(NOTE, owner.peer)
    old, new = owner.seal(b"old", 1), owner.seal(b"new", 2)
    wall = world.now().wall
    forged = seal(bad.ctx.sign, owner.peer, NOTE, b"forged", sequence=9, issued=wall, lifetime=100.0)
    expired = seal(owner.ctx.sign, owner.peer, NOTE, b"", sequence=9, issued=wall - 200.0, lifetime=100.0)
    handle = honest.handlers[Store]

    def store(key: DhtKey, data: bytes, name: str = "") -> str:
        answer = handle(bad.peer, Store(key, name, data))
        assert isinstance(answer, Stored)
        return answer.refused

    assert store(key, new) == ""
    assert store(key, old) == "stale"
    assert store(key, owner.seal(b"twin", 2)) == "two of one sequence"
    assert store(key, forged) == "signature"
    assert store(key, expired) == "expired"
    assert store(record_key(NOTE, bad.peer), new) == "domain"
    assert store(key, owner.seal(b"", 3), "another name") == "key"
    assert store(key, b"nonsense") == "undecodable"
    counted = {kind: times for kind, times in refusals(honest).items() if kind.startswith("record")}
    assert counted == {
        f"record: {why}": 1
        for why in ("stale", "two of one sequence", "signature", "expired", "domain", "key", "undecodable")
    }
    held = honest.kad.store.get(key, world.now())
    assert held is not None and held.raw == new


def test_holders_that_lie_can_neither_hide_nor_forge_the_newest_record(
    liars: tuple[World, Node, list[Node]],
) -> None:
    world, honest, bad = liars
    owner = list(world.nodes.values())[9]
    key = put(world, owner, b"genuine")
    stale = seal(owner.ctx.sign, owner.peer, NOTE, b"stale", sequence=0, issued=world.now().wall, lifetime=100.0)
    wall = world.now().wall
    forged = seal(bad[0].ctx.sign, owner.peer, NOTE, b"forged", sequence=99, issued=wall, lifetime=100.0)
    misplaced = bad[1].seal(b"misplaced", 99)
    honest.kad.store.drop(key)
    for node in bad:
        node.handlers[FindValue] = lambda peer, body: Values((stale, forged, misplaced), ())
    assert get(world, honest, key) == [b"genuine"]
    counted = refusals(honest)
    assert counted["record: signature"] == counted["record: domain"] == 2 * len(bad), (
        "asked again, as holders disagree"
    )
