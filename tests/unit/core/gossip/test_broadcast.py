"""Whole networks: how many copies it takes, who is reached, and when, with losses, mute peers and crashes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from peernet.wire.gossip import MAX_DEPTH, MAX_HOPS

IN_TIME = 4.0  # Seconds within which everybody is to hear a rumour, at latencies of 20 to 100 ms.


def settled(make_world: Any, count: int, seed: int = 1) -> tuple[Any, list[Any], Any]:
    """A network whose tree is laid, and an author."""
    world = make_world(seed)
    nodes = world.grow(count)
    author = nodes[0]
    for _ in range(3):
        assert world.broadcast(author, MAX_HOPS).missed == 0
    return world, nodes, author


def test_a_thousand_peers_hear_it_once(make_world: Any) -> None:
    world, nodes, author = settled(make_world, 1000)
    for source in (author, author, nodes[500]):
        heard = world.broadcast(source, MAX_HOPS)
        assert heard.missed == 0
        assert heard.copies <= 1.1
        assert heard.last < IN_TIME
        assert heard.depth < MAX_DEPTH / 2


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_everyone_is_reached_at_five_percent_loss(make_world: Any, seed: int) -> None:
    world, nodes, _ = settled(make_world, 200, seed)
    world.loss = 0.05
    heard = [world.broadcast(world.random.choice(nodes), MAX_HOPS) for _ in range(8)]
    assert all(one.missed == 0 and one.last < IN_TIME for one in heard), heard
    assert sum(one.copies for one in heard) / len(heard) <= 1.4
    assert sum(one.sent["Graft"] for one in heard) > 0, "nothing was lost"


@pytest.mark.parametrize("mute_first", [True, False])
@pytest.mark.parametrize("loss", [0.0, 0.05])
def test_everyone_is_reached_with_thirty_percent_mute(make_world: Any, mute_first: bool, loss: float) -> None:
    world = make_world(4)
    nodes = world.grow(200)
    author = nodes[0]
    mutes = world.random.sample(nodes[1:], 60)
    if not mute_first:
        world.broadcast(author, MAX_HOPS)
        world.broadcast(author, MAX_HOPS)
    for node in mutes:
        node.mute = True
    world.loss = loss
    for _ in range(5):
        heard = world.broadcast(author, MAX_HOPS)
        assert heard.missed == 0
        assert heard.last < IN_TIME


def test_the_tree_mends_itself_after_crashes(make_world: Any, components: Any) -> None:
    world, nodes, author = settled(make_world, 200)
    for node in world.random.sample(nodes[1:], 60):
        world.kill(node)
    for _ in range(4):
        heard = world.broadcast(author, MAX_HOPS)
        assert heard.missed == 0
    assert heard.copies <= 1.1
    assert components(nodes) == 1
    assert min(len(node.active) for node in nodes if node.up) >= world.config.near


def test_rings_widen_hop_by_hop_and_cost_one_copy_each(make_world: Any) -> None:
    world, nodes, author = settled(make_world, 200)
    near = set(author.active)
    rings = []
    for reach in range(1, MAX_HOPS + 1):
        before = {node.peer: len(node.offers) for node in nodes}
        heard = world.broadcast(author, reach)
        rings.append({node.peer for node in nodes if len(node.offers) > before[node.peer]} - {author.peer})
        assert heard.copies <= 1.01
    assert rings[0] == near
    second = near.union(*(world.nodes[peer].active for peer in near)) - {author.peer}
    assert rings[1] == second
    assert all(inner <= outer for inner, outer in pairwise(rings))
    assert len(rings[-1]) == 199


def test_rings_do_not_change_the_tree(make_world: Any) -> None:
    world, nodes, _ = settled(make_world, 100)
    tree = [[nb.eager for nb in node.active.values()] for node in nodes]
    for reach in range(1, MAX_HOPS):
        world.broadcast(nodes[50], reach)
    assert tree == [[nb.eager for nb in node.active.values()] for node in nodes]


def test_one_seed_is_one_trace(make_world: Any) -> None:
    def trace() -> list[Any]:
        world, nodes, _ = settled(make_world, 60)
        world.loss = 0.05
        times = [sorted(world.broadcast(node, MAX_HOPS).sent.items()) for node in nodes[:5]]
        return [times, [list(node.active) for node in nodes], [list(node.offers.values()) for node in nodes]]

    assert trace() == trace()


def test_tables_stay_within_their_bounds(make_world: Any) -> None:
    world, nodes, author = settled(make_world, 100)
    world.loss = 0.1
    for _ in range(5):
        world.broadcast(author, MAX_HOPS)
    world.run(300.0)
    config = world.config
    for node in nodes:
        hood = node.gossip.neighbourhood
        assert len(hood.active) <= config.limit
        assert len(hood.passive) <= config.passive
        assert len(node.gossip._store) <= config.seen
        assert len(node.gossip._tree._missing) == 0
        assert all(neighbour.announced == 0 for neighbour in hood.active.values())
