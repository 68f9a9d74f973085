"""A topology with its peers: places, machines and access links put together, and whom each knows at first."""

from __future__ import annotations

import random
from array import array
from bisect import bisect_left
from dataclasses import dataclass

from peernet_sim.access import Access
from peernet_sim.draws import Choice, Draw, Lognormal, read_draw
from peernet_sim.model import PeerSpec
from peernet_sim.schema import Table
from peernet_sim.topology.geometry import Geometry, GeometrySpec

CORES = Choice((2.0, 4.0, 8.0), (1.0, 2.0, 1.0))
SPEED = Lognormal(1.0, 0.25)
"""What machines can do if a scenario does not say: assumptions, the machines of a group are a few years apart."""


@dataclass(frozen=True, slots=True)
class Machines:
    """What the peers' machines can do. cores: slices at once; speed: relative to a reference core."""

    cores: Draw = CORES
    speed: Draw = SPEED


@dataclass(frozen=True, slots=True)
class Joining:
    """Whom newcomers know. introducers: how many peers each has been told of; known: 0 if they may be any that
    came earlier and can be dialled, else only the first so many of those."""

    introducers: int = 3
    known: int = 0


class Network:
    """The `model.Topology` of a plan."""

    def __init__(
        self, peers: tuple[PeerSpec, ...], geometry: Geometry, links: array[float], joining: Joining, seed: int
    ) -> None:
        self._peers = peers
        self._geometry = geometry
        self._links = links
        self._joining = joining
        self._seed = seed
        self._open = array("L", (peer.index for peer in peers if peer.nat == "open"))

    @property
    def peers(self) -> tuple[PeerSpec, ...]:
        """All peers; a peer's index is its place here."""
        return self._peers

    def delay(self, one: int, other: int) -> float:
        """One-way seconds: both access links and what is between them."""
        if one == other:
            return 0.0
        return self._geometry.delay(one, other) + (self._links[one] + self._links[other])

    def introducers(self, index: int) -> tuple[int, ...]:
        """Peers with a lower index that can be dialled; the same at every call."""
        earlier = bisect_left(self._open, index)
        if self._joining.known:
            earlier = min(earlier, self._joining.known)
        wanted = min(earlier, self._joining.introducers)
        rng = random.Random(self._seed * 1_000_003 + index)
        return tuple(self._open[place] for place in rng.sample(range(earlier), wanted))


def build_network(
    count: int,
    geometry: GeometrySpec,
    access: Access,
    machines: Machines,
    joining: Joining,
    seed: int,
) -> Network:
    """Draw all peers.

    Args:
        seed: of all that is drawn. Each concern has a stream of its own, so changing one leaves the others alone.
    """
    places = geometry.build(count, random.Random(f"{seed}/places"))
    draw_access, draw_nat = random.Random(f"{seed}/access"), random.Random(f"{seed}/nat")
    draw_machine = random.Random(f"{seed}/machines")
    peers: list[PeerSpec] = []
    links = array("d")
    for index in range(count):
        link = access.draw(draw_access)
        nat = link.draw_nat(draw_nat)
        if index == 0:  # newcomers need someone to dial
            nat = "open"
        cores = max(1, round(machines.cores(draw_machine)))
        speed = machines.speed(draw_machine)
        peers.append(PeerSpec(index, places.region(index), link.name, nat, link.up, link.down, cores, speed))
        links.append(link.delay)
    return Network(tuple(peers), places, links, joining, seed)


def read_machines(table: Table) -> Machines:
    """Read `[machines]`: the distributions `cores` and `speed`."""
    usual = Machines()
    machines = Machines(read_draw(table, "cores", usual.cores), read_draw(table, "speed", usual.speed))
    table.done()
    return machines
