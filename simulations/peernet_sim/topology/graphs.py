"""Topologies by a graph of routers: `small-world`, `scale-free` and `graph` (a GraphML file).

Peers hang on routers in turn: peer i on router i modulo their number, so ten thousand peers can share two
thousand routers. Small worlds after Watts and Strogatz (Nature 393, 1998), scale-free graphs after Barabási and
Albert (Science 286, 1999); they are grown here without networkx, which is needed for files only.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peernet.errors import UsageError
from peernet_sim.draws import Draw, Lognormal, read_draw
from peernet_sim.schema import Table
from peernet_sim.topology.geometry import Geometry
from peernet_sim.topology.paths import Graph, Paths, shortest

MOST_ROUTERS = 10_000
"""Routers of a graph at most: beyond, its landmarks take tens of seconds."""

UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}


class RoutedGeometry:
    """Peers on the routers of a graph. near: one-way seconds between two peers of one router."""

    def __init__(self, paths: Paths, routers: int, near: float, regions: tuple[str, ...] = ()) -> None:
        self._paths = paths
        self._routers = routers
        self._near = near
        self._regions = regions

    def delay(self, one: int, other: int) -> float:
        """The shortest path between their routers."""
        if one == other:
            return 0.0
        return self._near + self._paths.delay(one % self._routers, other % self._routers)

    def region(self, index: int) -> str:
        """What the file says of the router, or an empty text."""
        return self._regions[index % self._routers] if self._regions else ""


@dataclass(frozen=True, slots=True)
class SmallWorldSpec:
    """A ring whose routers know `degree` neighbours, of which a share `rewire` leads anywhere instead."""

    routers: int
    degree: int
    rewire: float
    latency: Draw
    near: float

    def build(self, count: int, rng: random.Random) -> Geometry:
        """Grow the graph."""
        size = _routers(self.routers, count)
        graph: Graph = [{} for _ in range(size)]
        for node in range(size):
            for step in range(1, min(self.degree // 2, (size - 1) // 2) + 1):
                other = (node + step) % size
                # The nearest stay, so that the ring keeps the graph connected.
                if step > 1 and rng.random() < self.rewire:
                    other = rng.randrange(size)
                _join(graph, node, other, self.latency(rng))
        if size == 2:
            _join(graph, 0, 1, self.latency(rng))
        return RoutedGeometry(Paths(graph), size, self.near)


@dataclass(frozen=True, slots=True)
class ScaleFreeSpec:
    """Routers that join one by one, each with `edges` edges to others in proportion to those that they have."""

    routers: int
    edges: int
    latency: Draw
    near: float

    def build(self, count: int, rng: random.Random) -> Geometry:
        """Grow the graph."""
        size = _routers(self.routers, count)
        graph: Graph = [{} for _ in range(size)]
        ends: list[int] = [0]
        for node in range(1, size):
            chosen: dict[int, None] = {}
            while len(chosen) < min(self.edges, node):
                chosen[ends[rng.randrange(len(ends))] if rng.random() < 0.99 else rng.randrange(node)] = None
            for other in chosen:
                _join(graph, node, other, self.latency(rng))
                ends += (node, other)
        return RoutedGeometry(Paths(graph), size, self.near)


@dataclass(frozen=True, slots=True)
class FileSpec:
    """A graph that was read from a file."""

    graph: Graph
    regions: tuple[str, ...]
    near: float

    def build(self, count: int, rng: random.Random) -> Geometry:
        """Hang the peers on the file's routers in turn."""
        return RoutedGeometry(Paths(self.graph), len(self.graph), self.near, self.regions)


def read_small_world(table: Table) -> SmallWorldSpec:
    """Read `small-world`: `routers`, `degree`, `rewire`, the distribution `latency` of an edge, and `near`."""
    return SmallWorldSpec(
        table.whole("routers", 2000, least=1, most=MOST_ROUTERS),
        table.whole("degree", 6, least=2, most=100),
        table.share("rewire", 0.2),
        read_draw(table, "latency", Lognormal(0.01, 0.5)),
        table.number("near", 0.0005, most=1.0),
    )


def read_scale_free(table: Table) -> ScaleFreeSpec:
    """Read `scale-free`: `routers`, `edges`, the distribution `latency` of an edge, and `near`."""
    return ScaleFreeSpec(
        table.whole("routers", 2000, least=1, most=MOST_ROUTERS),
        table.whole("edges", 2, least=1, most=50),
        read_draw(table, "latency", Lognormal(0.015, 0.5)),
        table.number("near", 0.0005, most=1.0),
    )


def read_file(table: Table) -> FileSpec:
    """Read `graph`: `file` (GraphML, relative to the scenario), `latency` and `unit` of its edges, and `near`.

    A node's attribute `region` names its region.
    """
    file = table.source.file.parent / table.text("file")
    attribute = table.text("latency", "latency")
    unit = UNITS[table.one_of("unit", UNITS, "ms")]
    loaded = _load(table, file)
    names = sorted(loaded.nodes, key=str)
    if not 1 <= len(names) <= MOST_ROUTERS:
        table.wrong(
            "file", f"names {file}, a graph of {len(names)} nodes; between 1 and {MOST_ROUTERS} can be used"
        )
    places = {name: place for place, name in enumerate(names)}
    graph: Graph = [{} for _ in names]
    for one, other, data in sorted(loaded.edges(data=True), key=lambda edge: (str(edge[0]), str(edge[1]))):
        value = data.get(attribute)
        if not isinstance(value, int | float) or not 0 < value < math.inf:
            text = f"{file}: the edge from {one} to {other} has {attribute} = {value!r}; it needs a number above 0"
            table.wrong("file", f"can't be used. {text}, or name another attribute with latency =")
        _join(graph, places[one], places[other], float(value) * unit)
    if math.inf in shortest(graph, 0):
        table.wrong("file", f"names {file}, whose graph is in several pieces: connect them")
    regions = tuple(str(loaded.nodes[name].get("region", "")) for name in names)
    return FileSpec(graph, regions, table.number("near", 0.0005, most=1.0))


def _load(table: Table, file: Path) -> Any:
    try:
        import networkx  # an optional package, slow to load
    except ImportError as error:
        raise UsageError(
            f"the topology of {table.source.file} is a graph file, which needs networkx: "
            "pip install 'peernet[sim]'"
        ) from error
    from xml.etree.ElementTree import ParseError

    try:
        return networkx.read_graphml(file)
    except FileNotFoundError:
        table.wrong("file", f"names {file}, which is not there: name a GraphML file beside the scenario")
    except (OSError, ParseError, networkx.NetworkXError, KeyError, ValueError) as error:
        table.wrong("file", f"names {file}, which is no GraphML file: {error}")


def _join(graph: Graph, one: int, other: int, seconds: float) -> None:
    """Connect two routers; of two edges between them the shorter one counts."""
    if one != other:
        graph[one][other] = graph[other][one] = min(seconds, graph[one].get(other, math.inf))


def _routers(wanted: int, count: int) -> int:
    return max(1, min(wanted, count))
