"""Neighbours that forge, mislead, withhold, waste or flood: refused, counted, and in the end dropped."""

from __future__ import annotations

from typing import Any

from peernet.core.effects import Hold, Send
from peernet.core.gossip.neighbour import Neighbour
from peernet.core.gossip.store import rumour_id
from peernet.types import JobId
from peernet.wire.gossip import MAX_DEPTH, MAX_HAVES, Befriend, Graft, Have, IHave, Rumour, Unfriend


def test_a_forged_envelope_is_not_passed_on_and_two_end_the_neighbourhood(pair: Any, world: Any) -> None:
    alice, bob = pair
    carol = world.add()
    world.befriend(bob, carol)
    for number in range(2):
        forged = alice.offer(number=number)[:-1] + b"?"
        effects = bob.hear(alice, Rumour(forged, 1, MAX_DEPTH))
        assert not [e for e in effects if isinstance(e, Send) and isinstance(e.body, Rumour)]
    assert bob.refused("rumour: signature") == 2
    assert alice.peer not in bob.active
    assert any(isinstance(e, Send) and e.body == Unfriend() for e in effects)
    assert [e.on for e in effects if isinstance(e, Hold)] == [False]
    answer = bob.handlers[Befriend](alice.peer, Befriend(urgent=True))
    assert not answer.accepted, "it is not taken again for some time"
    world.run(world.config.blame_seconds + world.config.refused_seconds)
    bob.ctx.now = world.clock()
    assert bob.handlers[Befriend](alice.peer, Befriend()).accepted


def test_blame_decays() -> None:
    neighbour = Neighbour(chosen=True, by_chance=False)
    assert neighbour.add_blame(10.0, 0.0, 60.0) == 10.0
    assert neighbour.add_blame(10.0, 60.0, 60.0) == 15.0


def test_rubbish_counts_as_forged(pair: Any) -> None:
    alice, bob = pair
    bob.hear(alice, Rumour(b"rubbish", 0, 1))
    assert bob.refused("rumour: undecodable") == 1
    bob.hear(alice, Rumour(alice.seal("peernet/nothing/1", b""), 0, 1))
    assert bob.refused("rumour: unknown domain") == 1
    assert alice.peer not in bob.active


def test_an_expired_offer_is_no_forgery(pair: Any, world: Any) -> None:
    alice, bob = pair
    old = alice.offer()
    world.run(120.0)
    for _ in range(3):
        bob.hear(alice, Rumour(old, 1, MAX_DEPTH))
    assert bob.refused("rumour: expired") == 1, "the same bytes are not opened twice"
    assert alice.peer in bob.active


def test_a_foreign_reply_address_is_refused_and_does_not_hide_the_true_offer(pair: Any, world: Any) -> None:
    alice, bob = pair
    carol = world.add()
    world.befriend(bob, carol)
    aimed = alice.offer(("/ip4/192.0.2.1/tcp/80",))
    bob.hear(alice, Rumour(aimed, 0, MAX_DEPTH))
    assert bob.refused("offer: foreign reply address") == 1
    replayed = carol.offer(carol.addresses)
    bob.hear(alice, Rumour(replayed, 0, MAX_DEPTH))
    assert bob.refused("offer: foreign reply address") == 2
    assert not bob.offers
    bob.hear(carol, Rumour(replayed, 0, MAX_DEPTH))
    assert len(bob.offers) == 1


def test_another_ones_advert_is_refused(pair: Any, world: Any) -> None:
    alice, bob = pair
    bob.hear(alice, Rumour(world.add().seal("peernet/advert/1", b""), 0, 1))
    assert bob.refused("advert: not its author's") == 1
    assert bob.adverts.taken == []


def test_a_tombstone_stops_the_offers_of_its_job_only(pair: Any, world: Any) -> None:
    alice, bob = pair
    carol = world.add()
    world.befriend(bob, carol)
    tombstone = alice.tombstone()
    effects = bob.hear(alice, Rumour(tombstone, 1, MAX_DEPTH))
    assert bob.tombstones == [(alice.peer, b"j" * 32)]
    effects = bob.hear(alice, Rumour(alice.offer(), 1, MAX_DEPTH))
    assert not bob.offers
    assert not [e for e in effects if isinstance(e, Send)]
    bob.hear(alice, Rumour(alice.offer(job=JobId(b"k" * 32)), 1, MAX_DEPTH))
    bob.hear(alice, Rumour(carol.offer(), 1, MAX_DEPTH))
    assert len(bob.offers) == 2
    bob.hear(alice, Rumour(alice.tombstone(), 1, MAX_DEPTH))
    assert len(bob.tombstones) == 1


def test_one_that_names_and_withholds_is_dropped(pair: Any, world: Any) -> None:
    alice, bob = pair
    for start in range(0, 40, 4):
        names = [b"%016d" % number for number in range(start, start + 4)]
        bob.hear(alice, IHave(tuple(Have(name, 1, MAX_DEPTH) for name in names)))
        world.run(1.0)
    assert bob.refused("neighbour: dropped") == 1
    assert alice.peer not in bob.active


def test_bad_luck_drops_nobody(make_world: Any) -> None:
    world = make_world()
    nodes = world.grow(60)
    world.loss = 0.1
    for _ in range(10):
        world.broadcast(world.random.choice(nodes), 6)
    assert sum(node.refused("rumour: withheld") for node in nodes) > 0
    assert sum(node.refused("neighbour: dropped") for node in nodes) == 0


def test_names_of_one_neighbour_are_bounded(pair: Any, world: Any) -> None:
    alice, bob = pair
    for start in range(0, 3 * MAX_HAVES, MAX_HAVES):
        items = [Have(b"%016d" % number, 1, MAX_DEPTH) for number in range(start, start + MAX_HAVES)]
        bob.hear(alice, IHave(tuple(items)))
    assert len(bob.gossip._tree._missing) == world.config.missing
    assert bob.refused("neighbour: dropped") == 1


def test_a_neighbour_that_floods_is_stopped(pair: Any, world: Any) -> None:
    alice, bob = pair
    for number in range(int(world.config.burst) + 30):
        bob.hear(alice, Rumour(alice.offer(number=number), 1, 2))
    assert len(bob.offers) == world.config.burst
    assert bob.refused("neighbour: dropped") == 1


def test_one_that_asks_without_end_is_stopped(pair: Any, world: Any) -> None:
    alice, bob = pair
    envelope = alice.offer()
    bob.hear(alice, Rumour(envelope, 1, MAX_DEPTH))
    rumours = world.sent["Rumour"]
    for _ in range(int(world.config.burst) + 50):
        bob.hear(alice, Graft((rumour_id(envelope),), False))
    assert world.sent["Rumour"] - rumours == world.config.burst
    assert alice.peer not in bob.active


def test_one_that_pushes_after_prune_scores_down(pair: Any, world: Any) -> None:
    alice, bob = pair
    carol = world.add()
    world.befriend(bob, carol)
    bob.active[alice.peer].eager = False
    alice.up = False  # It does nothing but what is put in its mouth.
    for number in range(3):
        rumour = Rumour(carol.offer(number=number), 1, MAX_DEPTH)
        bob.hear(carol, rumour)
        bob.hear(alice, rumour)
        world.run(2 * world.config.prune_grace)
    assert bob.refused("rumour: pushed after prune") == 3
    assert bob.active[alice.peer].blame > 0.0


def test_rumours_beyond_their_reach_or_of_strangers_are_refused(pair: Any, world: Any) -> None:
    alice, bob = pair
    bob.hear(alice, Rumour(alice.offer(), 2, 2))
    assert bob.refused("rumour: beyond its reach") == 1
    carol = world.add()
    world.link(bob, carol)
    bob.hear(carol, Rumour(carol.offer(), 0, 1))
    assert bob.refused("rumour: not a neighbour") == 1
    assert not bob.offers
