"""Active and passive views: filling, asking, forcing, replacing, shuffling."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from peernet.config.gossip import GossipConfig
from peernet.core.effects import Call, Hold, Send
from peernet.wire.gossip import Befriend, Befriended, IHave, Prune, Shuffle, Shuffled, Unfriend
from peernet.wire.kad import WireContact

SMALL = replace(GossipConfig(), near=2, random=1, limit=4)


def sent(effects: list[Any], kind: type) -> list[Any]:
    return [effect for effect in effects if isinstance(effect, Send) and isinstance(effect.body, kind)]


def ask(node: Any, asker: Any, *, urgent: bool = False) -> Befriended:
    answers: list[Any] = []
    node.world.link(node, asker)
    node.do(lambda: answers.append(node.handlers[Befriend](asker.peer, Befriend(urgent))))
    return answers[0]


def test_neighbours_are_mutual_and_enough(make_world: Any, components: Any) -> None:
    world = make_world()
    nodes = world.grow(60, seconds=60.0)
    for node in nodes:
        assert world.config.near + world.config.random <= len(node.active) <= world.config.limit
        assert all(node.peer in world.nodes[peer].active for peer in node.active)
        by_chance = sum(neighbour.by_chance for neighbour in node.active.values())
        assert by_chance >= world.config.random or len(node.active) == world.config.limit
    assert components(nodes) == 1


def test_the_chosen_are_near_except_for_the_random_floor(make_world: Any) -> None:
    world = make_world()
    content = replace(GossipConfig(), near=0, random=0)
    nodes = [world.add(), *(world.add(config=content) for _ in range(39))]
    for other in nodes[1:]:
        world.link(nodes[0], other)
    world.run(5.0)
    rtts = {peer: link.rtt for peer, link in nodes[0].ctx.links.items()}
    near = [p for p, neighbour in nodes[0].active.items() if neighbour.chosen and not neighbour.by_chance]
    assert len(near) == world.config.near
    assert len(nodes[0].active) == world.config.near + world.config.random
    others = [rtt for peer, rtt in rtts.items() if peer not in nodes[0].active]
    assert max(rtts[peer] for peer in near) <= min(others)


def test_a_full_neighbourhood_refuses_and_names_others(make_world: Any) -> None:
    world = make_world(config=SMALL)
    alice, *others = (world.add() for _ in range(7))
    assert [ask(alice, other).accepted for other in others] == [True] * 4 + [False] * 2
    answer = ask(alice, others[5])
    assert {contact.peer for contact in answer.others} == {other.peer for other in others[:4]}


def test_a_peer_with_nobody_is_taken_but_not_many_at_once(make_world: Any) -> None:
    world = make_world(config=SMALL)
    alice, *others = (world.add() for _ in range(8))
    for other in others[:4]:
        ask(alice, other)
    assert ask(alice, others[4], urgent=True).accepted
    assert len(alice.active) == SMALL.limit
    assert not ask(alice, others[5], urgent=True).accepted
    gone = [other for other in others[:4] if other.peer not in alice.active]
    assert len(gone) == 1
    assert gone[0].peer in alice.gossip.neighbourhood.passive.peers()
    world.now += SMALL.forced_seconds
    assert ask(alice, others[5], urgent=True).accepted


def test_everyone_finds_a_neighbour_through_one_door(make_world: Any, components: Any) -> None:
    world = make_world(config=replace(GossipConfig(), near=3, random=2, limit=8))
    door, *others = (world.add() for _ in range(60))
    for other in others:
        other.kad.contacts = [door.peer]
        world.link(other, door)
    world.run(60.0)
    assert all(node.active for node in world.nodes.values())
    assert components(world.nodes.values()) == 1


def test_a_lost_neighbour_is_replaced_from_the_passive_view(make_world: Any) -> None:
    world = make_world(config=SMALL)
    alice, *others = (world.add() for _ in range(6))
    for other in others[:3]:
        world.befriend(alice, other)
    spare = WireContact(others[4].peer, others[4].addresses)
    alice.gossip.neighbourhood.passive.learn((spare,))
    world.kill(others[0])
    world.run(1.0)
    assert others[4].peer in alice.active
    assert alice.peer in others[4].active
    assert others[4].peer not in alice.gossip.neighbourhood.passive.peers()


def test_an_isolated_peer_recovers_through_the_dht(make_world: Any) -> None:
    world = make_world(config=SMALL)
    alice, *others = (world.add() for _ in range(5))
    world.befriend(alice, others[0])
    world.kill(others[0])
    world.run(1.0)
    assert not alice.active
    alice.kad.contacts = [other.peer for other in others[1:]]
    world.run(4 * SMALL.lonely_seconds)
    assert len(alice.active) == 3


def test_a_candidate_that_does_not_answer_is_forgotten(make_world: Any) -> None:
    world = make_world(config=SMALL)
    alice, dead = world.add(), world.add()
    dead.up = False
    hood = alice.gossip.neighbourhood
    hood.passive.learn((WireContact(dead.peer, dead.addresses),))
    world.run(2 * SMALL.lonely_seconds)
    assert dead.peer not in hood.passive.peers()
    assert dead.peer not in alice.active


def test_a_much_nearer_peer_takes_the_farthest_ones_place(make_world: Any) -> None:
    world = make_world(config=replace(SMALL, random=0))
    alice, *others = (world.add() for _ in range(3))
    for other in others:
        world.befriend(alice, other)
    far = others[1]
    others.append(world.add(config=replace(SMALL, near=0, random=0)))
    world.link(alice, others[2])
    for other, rtt in zip(others, (0.05, 0.1, 0.01), strict=True):
        alice.ctx.links[other.peer].rtt = rtt
    world.run(2 * SMALL.swap_seconds)
    assert others[2].peer in alice.active
    assert far.peer not in alice.active


def test_the_farthest_stays_when_the_nearer_one_refuses(make_world: Any) -> None:
    world = make_world(config=replace(SMALL, random=0))
    alice, *others = (world.add() for _ in range(3))
    for other in others:
        world.befriend(alice, other)
    full = world.add(config=replace(SMALL, near=0, random=0, limit=1))
    world.befriend(full, world.add(config=replace(SMALL, near=0, random=0)))
    world.link(alice, full)
    alice.ctx.links[full.peer].rtt = 0.001
    world.run(2 * SMALL.swap_seconds)
    assert world.sent["Unfriend"] == 0
    assert set(alice.active) == {other.peer for other in others}


def test_a_few_are_asked_at_a_time(make_world: Any) -> None:
    world = make_world()
    content = replace(GossipConfig(), near=0, random=0)
    alice, *others = world.add(), *(world.add(config=content) for _ in range(30))
    for other in others:
        world.link(alice, other)
    asked: list[int] = []
    for _ in range(100):
        world.run(0.05)
        asked.append(len(alice.gossip.neighbourhood._asking))
    assert max(asked) == world.config.asked_at_once
    assert len(alice.active) == world.config.near + world.config.random


def test_a_settled_neighbourhood_looks_for_others_only_when_clearly_fewer_are_left(make_world: Any) -> None:
    world = make_world()
    content = replace(GossipConfig(), near=0, random=0)
    alice, *others = world.add(), *(world.add(config=content) for _ in range(30))
    for other in others:
        world.link(alice, other)
    world.run(10.0)
    wanted = len(alice.active)
    near = [peer for peer, neighbour in alice.active.items() if not neighbour.by_chance]
    for count, peer in enumerate(near[: world.config.slack + 1], start=1):
        world.kill(world.nodes[peer])
        world.run(5.0)
        assert len(alice.active) == (wanted - count if count <= world.config.slack else wanted)


def test_what_was_refused_is_forgotten_in_time(pair: Any, world: Any) -> None:
    alice, bob = pair
    candidates = alice.gossip.neighbourhood._candidates
    alice.hear(bob, Unfriend())
    assert candidates.refused_any
    world.run(world.config.refused_seconds + 2 * world.config.tend_seconds)
    assert not candidates.refused_any


def test_shuffles_feed_the_passive_views(make_world: Any) -> None:
    world = make_world()
    nodes = world.grow(100)
    known = sum(len(node.gossip.neighbourhood.passive) for node in nodes)
    world.run(300.0)
    later = [len(node.gossip.neighbourhood.passive) for node in nodes]
    assert sum(later) > known
    assert min(later) > world.config.passive / 4
    assert all(not set(node.active) & set(node.gossip.neighbourhood.passive.peers()) for node in nodes)


def test_a_walk_goes_on_and_ends(make_world: Any) -> None:
    world = make_world()
    alice, bob, carol, stranger = (world.add() for _ in range(4))
    world.befriend(alice, bob)
    world.befriend(bob, carol)
    contacts = (WireContact(stranger.peer, stranger.addresses),)
    effects = bob.hear(alice, Shuffle(alice.peer, 1, contacts))
    assert [effect.body for effect in sent(effects, Shuffle)] == [Shuffle(alice.peer, 0, contacts)]
    assert stranger.peer not in bob.gossip.neighbourhood.passive.peers()
    world.run(0.2)
    assert stranger.peer in carol.gossip.neighbourhood.passive.peers()


def test_the_end_of_a_walk_answers_only_over_a_standing_connection(make_world: Any) -> None:
    world = make_world()
    alice, bob, victim = (world.add() for _ in range(3))
    world.befriend(alice, bob)
    contacts = (WireContact(victim.peer, victim.addresses),)
    effects = bob.hear(alice, Shuffle(victim.peer, 0, contacts))
    assert not [effect for effect in effects if isinstance(effect, Send | Call)]
    assert sent(bob.hear(alice, Shuffle(alice.peer, 0, contacts)), Shuffled)


def test_answers_that_nobody_asked_for_are_refused(pair: Any) -> None:
    alice, bob = pair
    contacts = (WireContact(b"x" * 32, ("/ip4/10.0.0.1/tcp/1",)),)
    bob.hear(alice, Shuffled(contacts))
    assert bob.refused("shuffle: out of turn") == 1
    assert len(bob.gossip.neighbourhood.passive) == 0


def test_shuffles_of_one_neighbour_are_rationed(pair: Any) -> None:
    alice, bob = pair
    for _ in range(10):
        bob.hear(alice, Shuffle(alice.peer, 0, ()))
    assert bob.refused("shuffle: too many") == 6


def test_the_passive_view_is_bounded(world: Any) -> None:
    alice = world.add()
    for number in range(200):
        peer = number.to_bytes(32, "big")
        alice.gossip.neighbourhood.passive.learn((WireContact(peer, ("/ip4/10.0.0.1/tcp/1",)),))
    assert len(alice.gossip.neighbourhood.passive) == world.config.passive


def test_a_stranger_that_gossips_is_told_that_it_is_one(world: Any) -> None:
    alice, bob = world.add(), world.add()
    world.link(alice, bob)
    for body in (IHave(()), Prune()):
        assert sent(alice.hear(bob, body), Unfriend)
    alice.hear(bob, Shuffle(bob.peer, 0, ()))
    assert alice.refused("shuffle: not a neighbour") == 1


def test_leaving_tells_all_and_lets_go(pair: Any) -> None:
    alice, bob = pair
    effects = alice.do(alice.gossip.leave)
    assert [effect.peer for effect in sent(effects, Unfriend)] == [bob.peer]
    assert [effect.on for effect in effects if isinstance(effect, Hold)] == [False]
    bob.world.run(0.15)
    assert alice.peer not in bob.active


def test_a_peer_that_is_back_after_a_cut_is_asked_although_nobody_is_missing(make_world: Any) -> None:
    world = make_world()
    content = replace(GossipConfig(), near=0, random=0, limit=2)
    alice, bob, carol, dave = (world.add(config=content) for _ in range(4))
    for other in (bob, carol, dave):
        world.link(alice, other)
    for other in (bob, bob, carol, dave):
        alice.do(lambda other=other: alice.kad.reunited(other.peer))
        world.run(1.0)
    assert set(alice.active) == {bob.peer, carol.peer}, "as many as there is room for"
    assert bob.active[alice.peer].chosen is False
