"""The kinds of topologies by name, and how each is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from peernet_sim.schema import Table
from peernet_sim.topology.geometry import GeometrySpec
from peernet_sim.topology.graphs import read_file, read_scale_free, read_small_world
from peernet_sim.topology.network import Joining
from peernet_sim.topology.plane import read_clustered, read_geometric, read_ring, read_star
from peernet_sim.topology.regions import read_regions

KINDS: Mapping[str, Callable[[Table], GeometrySpec]] = {
    "regions": read_regions,
    "geometric": read_geometric,
    "clustered": read_clustered,
    "ring": read_ring,
    "star": read_star,
    "small-world": read_small_world,
    "scale-free": read_scale_free,
    "graph": read_file,
}


def read_topology(table: Table) -> tuple[GeometrySpec, Joining]:
    """Read `[topology]`: its kind, that kind's own keys, and whom newcomers know."""
    kind = table.one_of("kind", KINDS, "regions", "topology")
    spec = KINDS[kind](table)
    usual = Joining()
    joining = Joining(
        table.whole("introducers", usual.introducers, least=1, most=20), table.whole("known", usual.known)
    )
    table.done()
    return spec, joining
