"""`regions`: peers in some cities of the world, with published round-trip times between them."""

from __future__ import annotations

import random
import tomllib
from array import array
from bisect import bisect
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import accumulate

from peernet_sim.schema import Table, nearest
from peernet_sim.topology.geometry import Geometry


@dataclass(frozen=True, slots=True)
class Matrix:
    """Round-trip seconds between regions. source: where they were published."""

    source: str
    regions: tuple[str, ...]
    continents: tuple[str, ...]
    rtt: tuple[tuple[float, ...], ...]


@cache
def published() -> Matrix:
    """Return the matrix that is part of the package (`latency.toml` says where it comes from)."""
    text = files("peernet_sim.topology").joinpath("latency.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text)
    rtt = tuple(tuple(value / 1000 for value in row) for row in data["rtt_ms"])
    return Matrix(data["source"], tuple(data["regions"]), tuple(data["continents"]), rtt)


class RegionGeometry:
    """Each peer is in a region, and a little way off its exchange."""

    def __init__(self, matrix: Matrix, places: array[int], local: array[float]) -> None:
        self._regions = matrix.regions
        self._oneway = [[value / 2 for value in row] for row in matrix.rtt]
        self._places = places
        self._local = local

    def delay(self, one: int, other: int) -> float:
        """Half of the round trip between the regions, and both ways to the exchange."""
        if one == other:
            return 0.0
        places, local = self._places, self._local
        return self._oneway[places[one]][places[other]] + (local[one] + local[other])

    def region(self, index: int) -> str:
        """The region's name."""
        return self._regions[self._places[index]]


@dataclass(frozen=True, slots=True)
class RegionSpec:
    """weights: of the matrix's regions, for a peer to be there; local: seconds to the exchange at most."""

    weights: tuple[float, ...]
    local: float

    def build(self, count: int, rng: random.Random) -> Geometry:
        """Draw a region and a way to its exchange for each peer."""
        sums = list(accumulate(self.weights))
        last = max(place for place, weight in enumerate(self.weights) if weight > 0)
        places = array("H", (min(bisect(sums, rng.random() * sums[-1]), last) for _ in range(count)))
        local = array("d", (rng.uniform(0.0, self.local) for _ in range(count)))
        return RegionGeometry(published(), places, local)


def read_regions(table: Table) -> RegionSpec:
    """Read `[topology] kind = "regions"`: weights by region or continent, all alike if none are given."""
    matrix = published()
    weights = [1.0] * len(matrix.regions)
    if table.has("weights"):
        inner = table.table("weights")
        weights = [0.0] * len(matrix.regions)
        for key in inner.all_keys():
            if key in matrix.regions:
                weights[matrix.regions.index(key)] += inner.number(key)
            elif key in matrix.continents:
                members = [place for place, name in enumerate(matrix.continents) if name == key]
                for place in members:
                    weights[place] += inner.number(key) / len(members)
            else:
                known = list(dict.fromkeys(matrix.regions + matrix.continents))
                inner.wrong(key, f"is no region or continent that is known{nearest(key, known)}")
        if sum(weights) <= 0:
            table.wrong("weights", "leave no region to any peer; give one of them a weight above 0")
    return RegionSpec(tuple(weights), table.number("local", 0.003, most=1.0))
