"""The tree between a few peers, one message at a time."""

from __future__ import annotations

from typing import Any

import pytest

from peernet.core.effects import Send
from peernet.core.gossip.store import rumour_id
from peernet.wire.gossip import MAX_DEPTH, MAX_HOPS, Graft, Have, IHave, Prune, Rumour


def bodies(effects: list[Any], kind: type) -> list[tuple[Any, Any]]:
    return [(e.peer, e.body) for e in effects if isinstance(e, Send) and isinstance(e.body, kind)]


@pytest.fixture
def trio(world: Any) -> tuple[Any, Any, Any]:
    """Bob with two neighbours, whose links are eager."""
    alice, bob, carol = world.add(), world.add(), world.add()
    world.befriend(alice, bob)
    world.befriend(carol, bob)
    for peer in (alice, carol):
        bob.active[peer.peer].eager = True
    return alice, bob, carol


def test_a_rumour_is_pushed_to_eager_and_named_to_lazy_neighbours(trio: Any, world: Any) -> None:
    alice, bob, carol = trio
    dave = world.add()
    world.befriend(dave, bob)
    bob.active[dave.peer].eager = False
    envelope = alice.offer(alice.addresses)
    effects = bob.hear(alice, Rumour(envelope, 0, MAX_DEPTH))
    assert bodies(effects, Rumour) == [(carol.peer, Rumour(envelope, 1, MAX_DEPTH))]
    seen = world.sent["IHave"]
    world.run(1.1 * (world.config.lazy_seconds + world.config.lazy_second_seconds))  # whoever is to name first
    assert world.sent["IHave"] == seen + 1
    assert len(bob.offers) == 1


def test_a_second_copy_prunes_and_the_first_does_not(trio: Any) -> None:
    alice, bob, carol = trio
    rumour = Rumour(alice.offer(), 3, MAX_DEPTH)
    assert not bodies(bob.hear(alice, rumour), Prune)
    assert bodies(bob.hear(carol, rumour), Prune) == [(carol.peer, Prune())]
    assert not bob.active[carol.peer].eager
    assert bob.active[alice.peer].eager
    assert not bodies(bob.hear(alice, rumour), Prune), "the link that brought it first is the tree's"


def test_what_is_named_and_does_not_come_is_asked_for_and_the_tree_grows(trio: Any, world: Any) -> None:
    alice, bob, carol = trio
    bob.active[carol.peer].eager = False
    name = rumour_id(alice.offer())
    effects = bob.hear(carol, IHave((Have(name, 2, MAX_DEPTH),)))
    assert not bodies(effects, Graft)
    grafts = world.sent["Graft"]
    world.run(2 * world.config.missing_seconds)
    assert world.sent["Graft"] > grafts
    assert bob.active[carol.peer].eager
    assert carol.active[bob.peer].eager


def test_nothing_waits_for_a_rumour_that_has_come(trio: Any) -> None:
    alice, bob, carol = trio
    bob.active[carol.peer].eager = False
    envelopes = [alice.offer(number=number) for number in (1, 2)]
    for envelope in envelopes:
        bob.hear(carol, IHave((Have(rumour_id(envelope), 2, MAX_DEPTH),)))
    for envelope in envelopes:
        assert bob.gossip._tree._missing._timer is not None
        bob.hear(alice, Rumour(envelope, 1, MAX_DEPTH))
    assert bob.gossip._tree._missing._timer is None


def test_an_eager_neighbour_that_names_is_asked_at_once_without_growing(trio: Any) -> None:
    alice, bob, _ = trio
    name = rumour_id(alice.offer())
    effects = bob.hear(alice, IHave((Have(name, 2, MAX_DEPTH),)))
    assert bodies(effects, Graft) == [(alice.peer, Graft((name,), False))]


def test_what_was_asked_for_is_named_onward_and_its_copies_prune_nothing(trio: Any) -> None:
    alice, bob, carol = trio
    envelope = alice.offer()
    bob.hear(alice, IHave((Have(rumour_id(envelope), 2, MAX_DEPTH),)))
    effects = bob.hear(alice, Rumour(envelope, 2, MAX_DEPTH))
    assert not bodies(effects, Rumour)
    assert not bodies(bob.hear(carol, Rumour(envelope, 2, MAX_DEPTH)), Prune)
    assert bob.active[carol.peer].eager


def test_a_ring_is_asked_for_at_once_and_not_named_beyond_its_reach(trio: Any, world: Any) -> None:
    alice, bob, carol = trio
    bob.active[alice.peer].eager = False
    envelope = alice.offer()
    effects = bob.hear(alice, IHave((Have(rumour_id(envelope), 1, 2),)))
    assert bodies(effects, Graft) == [(alice.peer, Graft((rumour_id(envelope),), False))]
    bob.hear(alice, Rumour(envelope, 1, 2))
    named = world.sent["IHave"]
    world.run(1.0)
    assert world.sent["IHave"] == named
    assert not bodies(bob.hear(carol, Graft((rumour_id(envelope),), False)), Rumour)


def test_the_next_holder_is_asked_when_the_first_gives_nothing(trio: Any, world: Any) -> None:
    alice, bob, carol = trio
    envelope = alice.offer()
    name = rumour_id(envelope)
    bob.hear(alice, IHave((Have(name, 1, MAX_DEPTH),)))
    bob.hear(carol, IHave((Have(name, 1, MAX_DEPTH),)))
    asked: list[Any] = []
    carol.handlers = {**carol.handlers, Graft: lambda peer, body: asked.append(body)}
    world.run(1.0)
    assert asked[0] == Graft((name,), True)
    assert bob.refused("rumour: withheld") >= 1


def test_a_rumour_that_nobody_gives_is_given_up(trio: Any, world: Any) -> None:
    alice, bob, _ = trio
    bob.hear(alice, IHave((Have(b"n" * 16, 1, MAX_DEPTH),)))
    world.run(30.0)
    assert len(bob.gossip._tree._missing) == 0
    assert bob.refused("rumour: withheld") == world.config.graft_tries
    assert bob.active[alice.peer].announced == 0


def test_a_much_shorter_way_takes_the_trees_place(trio: Any) -> None:
    alice, bob, carol = trio
    bob.active[carol.peer].eager = False
    envelope = alice.offer()
    bob.hear(alice, Rumour(envelope, 9, MAX_DEPTH))
    name = rumour_id(envelope)
    assert not bob.hear(carol, IHave((Have(name, 6, MAX_DEPTH),)))
    effects = bob.hear(carol, IHave((Have(name, 2, MAX_DEPTH),)))
    assert bodies(effects, Graft) == [(carol.peer, Graft((), True))]
    assert bodies(effects, Prune) == [(alice.peer, Prune())]
    assert bob.active[carol.peer].eager
    assert not bob.active[alice.peer].eager


def test_who_named_a_rumour_is_not_sent_it(trio: Any, world: Any) -> None:
    alice, bob, carol = trio
    envelope = alice.offer()
    bob.active[carol.peer].eager = False
    bob.hear(carol, IHave((Have(rumour_id(envelope), 1, MAX_DEPTH),)))
    named = world.sent["IHave"]
    assert not bodies(bob.hear(alice, Rumour(envelope, 1, MAX_DEPTH)), Rumour)
    world.run(1.0)
    assert world.sent["IHave"] == named


def test_an_author_without_links_of_the_tree_lays_it_anew(trio: Any) -> None:
    alice, bob, carol = trio
    for peer in (alice, carol):
        bob.active[peer.peer].eager = False
    effects = bob.do(lambda: bob.gossip.spread(lambda addresses: bob.offer(addresses), MAX_HOPS))
    assert [peer for peer, _ in bodies(effects, Rumour)] == [alice.peer, carol.peer]
    assert all(neighbour.eager for neighbour in bob.active.values())


def test_neighbours_get_the_address_that_they_can_check(world: Any) -> None:
    alice, bob, carol = (world.add() for _ in range(3))
    for other, host in ((bob, "10.0.0.1"), (carol, "192.0.2.7")):
        world.link(alice, other, observed=host)
        world.befriend(alice, other)
    made: list[tuple[str, ...]] = []

    def make(addresses: tuple[str, ...]) -> bytes:
        made.append(addresses)
        return alice.offer(addresses)

    effects = alice.do(lambda: alice.gossip.spread(make, 1))
    assert [addresses[0].split("/")[2] for addresses in made if addresses] == ["10.0.0.1", "192.0.2.7"]
    assert made[0] == ()
    assert [peer for peer, _ in bodies(effects, Rumour)] == [bob.peer, carol.peer]
    assert len(alice.offers) == 1, "its own worker hears of it once"


def test_adverts_go_to_neighbours_only(trio: Any) -> None:
    alice, bob, carol = trio
    envelope = alice.seal("peernet/advert/1", b"")
    alice.do(lambda: alice.gossip.spread_advert(envelope))
    alice.world.run(2.0)
    assert bob.adverts.taken == [(alice.peer, alice.peer)]
    assert carol.adverts.taken == []


def test_a_new_neighbour_hears_the_advert(world: Any) -> None:
    alice, bob = world.add(), world.add()
    alice.adverts.envelope = alice.seal("peernet/advert/1", b"")
    world.befriend(alice, bob)
    assert (alice.peer, alice.peer) in bob.adverts.taken
