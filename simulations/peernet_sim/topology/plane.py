"""Topologies by coordinates: `geometric`, `clustered`, `ring` and `star`. A delay costs a subtraction or two.

`geometric` takes the straight way for the shortest path of a random geometric graph: they agree up to a factor
near 1 once the graph is dense (every peer reaches more than a few), and ten thousand peers need no graph.
"""

from __future__ import annotations

import math
import random
from array import array
from dataclasses import dataclass

from peernet_sim.draws import Draw, Lognormal, read_draw
from peernet_sim.schema import Table
from peernet_sim.topology.geometry import Geometry


class PlaneGeometry:
    """Points on a plane whose unit is a second. floor: seconds between any two, however near."""

    def __init__(self, x: array[float], y: array[float], floor: float, regions: array[int] | None = None) -> None:
        self._x, self._y = x, y
        self._floor = floor
        self._regions = regions

    def delay(self, one: int, other: int) -> float:
        """The distance of two points."""
        if one == other:
            return 0.0
        x, y = self._x, self._y
        return self._floor + math.hypot(x[one] - x[other], y[one] - y[other])

    def region(self, index: int) -> str:
        """`cluster-3`, or an empty text where there are none."""
        return "" if self._regions is None else f"cluster-{self._regions[index]}"


@dataclass(frozen=True, slots=True)
class GeometricSpec:
    """Points anywhere in a square. across: one-way seconds along its side."""

    across: float
    floor: float

    def build(self, count: int, rng: random.Random) -> Geometry:
        """Draw the points."""
        x = array("d", (rng.random() * self.across for _ in range(count)))
        y = array("d", (rng.random() * self.across for _ in range(count)))
        return PlaneGeometry(x, y, self.floor)


@dataclass(frozen=True, slots=True)
class ClusteredSpec:
    """Groups far from each other. across: one-way seconds of the square in which the groups' centres lie; within:
    the radius of a group."""

    clusters: int
    across: float
    within: float
    floor: float

    def build(self, count: int, rng: random.Random) -> Geometry:
        """Draw the centres, then each peer's group and its place in it."""
        centres = [(rng.random() * self.across, rng.random() * self.across) for _ in range(self.clusters)]
        x, y, regions = array("d"), array("d"), array("H")
        for _ in range(count):
            group = rng.randrange(self.clusters)
            angle, radius = rng.uniform(0.0, math.tau), self.within * math.sqrt(rng.random())
            x.append(centres[group][0] + radius * math.cos(angle))
            y.append(centres[group][1] + radius * math.sin(angle))
            regions.append(group)
        return PlaneGeometry(x, y, self.floor, regions)


class RingGeometry:
    """Peers along a circle, in order of their index."""

    def __init__(self, count: int, around: float) -> None:
        self._count = count
        self._step = around / count

    def delay(self, one: int, other: int) -> float:
        """The shorter way around."""
        apart = abs(one - other)
        return self._step * min(apart, self._count - apart)

    def region(self, index: int) -> str:
        """Nothing: a ring has no regions."""
        return ""


@dataclass(frozen=True, slots=True)
class RingSpec:
    """around: one-way seconds of the whole circle, however many peers lie on it."""

    around: float

    def build(self, count: int, rng: random.Random) -> Geometry:
        """Space the peers evenly."""
        return RingGeometry(count, self.around)


class StarGeometry:
    """Peers around a switch in the middle, which is none of them."""

    def __init__(self, spokes: array[float]) -> None:
        self._spokes = spokes

    def delay(self, one: int, other: int) -> float:
        """To the middle and out again."""
        return 0.0 if one == other else self._spokes[one] + self._spokes[other]

    def region(self, index: int) -> str:
        """Nothing: a star has no regions."""
        return ""


@dataclass(frozen=True, slots=True)
class StarSpec:
    """spoke: one-way seconds from a peer to the middle."""

    spoke: Draw

    def build(self, count: int, rng: random.Random) -> Geometry:
        """Draw the spokes."""
        return StarGeometry(array("d", (self.spoke(rng) for _ in range(count))))


def read_geometric(table: Table) -> GeometricSpec:
    """Read `geometric`: `across` and `floor` in one-way seconds."""
    return GeometricSpec(_seconds(table, "across", 0.1), _seconds(table, "floor", 0.001))


def read_clustered(table: Table) -> ClusteredSpec:
    """Read `clustered`: `clusters`, `across`, `within` and `floor`."""
    return ClusteredSpec(
        table.whole("clusters", 5, least=1, most=1000),
        _seconds(table, "across", 0.1),
        _seconds(table, "within", 0.005),
        _seconds(table, "floor", 0.0005),
    )


def read_ring(table: Table) -> RingSpec:
    """Read `ring`: `around`."""
    return RingSpec(_seconds(table, "around", 0.4))


def read_star(table: Table) -> StarSpec:
    """Read `star`: the distribution `spoke`, in seconds."""
    return StarSpec(read_draw(table, "spoke", Lognormal(0.02, 0.5)))


def _seconds(table: Table, key: str, default: float) -> float:
    return table.number(key, default, least=1e-6, most=10.0)
