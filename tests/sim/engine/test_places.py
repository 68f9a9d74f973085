"""Where peers stand: what is found by bisection is what a walk over all of them finds."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from peernet.core.kad.contact import ID_BITS, place
from peernet.types import PeerId
from peernet_sim.looking import LiveWorld
from peernet_sim.places import Places


@dataclass
class Peer:
    id: PeerId


@dataclass
class World:
    """As much of a world as is looked at."""

    machines: list[Peer] = field(default_factory=list)
    by_id: dict[PeerId, Peer] = field(default_factory=dict)

    def key(self, peer: Peer, key: bytes) -> None:
        peer.id = PeerId(key)
        self.by_id[peer.id] = peer


def world_of(count: int, chance: random.Random) -> World:
    world = World()
    for _ in range(count):
        peer = Peer(PeerId(b""))
        world.machines.append(peer)
        world.key(peer, chance.randbytes(32))
    return world


def nearer(world: World, goal: int, distance: int) -> set[PeerId]:
    return {peer.id for peer in world.machines if place(peer.id)[1] ^ goal < distance}


@pytest.mark.parametrize("count", [1, 2, 3, 50, 400])
def test_the_nearer_ones_are_those_of_a_walk_over_all(count: int) -> None:
    chance = random.Random(count)
    world = world_of(count, chance)
    places = Places(cast(LiveWorld, world))
    for _ in range(50):
        goal = chance.getrandbits(ID_BITS)
        best = min(place(peer.id)[1] ^ goal for peer in world.machines)
        for distance in (
            0,
            1,
            best,
            best + 1,
            chance.getrandbits(ID_BITS),
            chance.getrandbits(150),
            (1 << ID_BITS) - 1,
        ):
            found: list[Any] = places.nearer(goal, distance)
            assert {peer.id for peer in found} == nearer(world, goal, distance)
            assert len(found) == len({peer.id for peer in found})
    assert len(places.nearer(0, None)) == count


def test_a_peer_with_a_new_key_stands_elsewhere() -> None:
    chance = random.Random(1)
    world = world_of(20, chance)
    places = Places(cast(LiveWorld, world))
    old = place(world.machines[7].id)[1]
    assert [peer.id for peer in places.nearer(old, 1)] == [world.machines[7].id]
    world.key(world.machines[7], chance.randbytes(32))
    assert not places.nearer(old, 1)
    assert len(places.nearer(place(world.machines[7].id)[1], 1)) == 1
