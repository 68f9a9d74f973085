"""Topologies: symmetric, deterministic by seed, of the stated sizes, and quick enough."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peernet.errors import UsageError
from peernet_sim.model import Topology
from peernet_sim.scenario import Scenario, compile_plan, load
from peernet_sim.topology.kinds import KINDS
from peernet_sim.topology.paths import EXACT, Graph, Paths, shortest
from peernet_sim.topology.regions import published

Read = Callable[..., Scenario]

TEXTS = {kind: f"[topology]\nkind = '{kind}'\n" for kind in KINDS if kind != "graph"}

RING = """<?xml version="1.0"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="l" for="edge" attr.name="latency" attr.type="double"/>
<key id="r" for="node" attr.name="region" attr.type="string"/>
<graph edgedefault="undirected">
<node id="a"><data key="r">north</data></node><node id="b"><data key="r">south</data></node><node id="c"/>
<edge source="a" target="b"><data key="l">10</data></edge>
<edge source="b" target="c"><data key="l">20</data></edge>
{more}
</graph></graphml>
"""


def network(read: Read, text: str, peers: int, seed: int = 1) -> Topology:
    return compile_plan(read(text), peers, seed).topology


@pytest.mark.parametrize("peers", [2, 10, 1000])
@pytest.mark.parametrize("kind", TEXTS)
def test_delays_are_symmetric_positive_and_the_same_for_a_seed(read: Read, kind: str, peers: int) -> None:
    one, again, other = (network(read, TEXTS[kind], peers, seed) for seed in (1, 1, 2))
    assert [peer.index for peer in one.peers] == list(range(peers))
    assert one.peers == again.peers
    rng = random.Random(kind)
    pairs = [(rng.randrange(peers), rng.randrange(peers)) for _ in range(300)]
    for here, there in pairs:
        delay = one.delay(here, there)
        assert delay == one.delay(there, here) == again.delay(here, there)
        assert (delay == 0.0) if here == there else (0.0 < delay < 5.0)
    assert kind == "ring" or any(one.delay(*pair) != other.delay(*pair) for pair in pairs)


@pytest.mark.parametrize("kind", TEXTS)
def test_everybody_but_the_first_knows_somebody_who_came_earlier_and_can_be_dialled(read: Read, kind: str) -> None:
    topology = network(read, TEXTS[kind] + "[access]\nhome = 1.0\n", 300)
    assert topology.introducers(0) == ()
    for index in range(1, 300):
        known = topology.introducers(index)
        assert 1 <= len(known) <= 3 and len(set(known)) == len(known)
        assert all(peer < index and topology.peers[peer].nat == "open" for peer in known)
        assert known == topology.introducers(index)


def test_newcomers_may_know_only_the_first_few(read: Read) -> None:
    topology = network(read, "[topology]\nkind = 'ring'\nknown = 2\nintroducers = 5\n", 50)
    assert {peer for index in range(2, 50) for peer in topology.introducers(index)} == {0, 1}


def test_the_published_matrix_is_symmetric_and_names_its_source() -> None:
    matrix = published()
    size = len(matrix.regions)
    assert "IBM" in matrix.source and len(matrix.continents) == size
    assert all(len(row) == size for row in matrix.rtt)
    for here in range(size):
        for there in range(size):
            assert matrix.rtt[here][there] == matrix.rtt[there][here]
            assert 0.002 <= matrix.rtt[here][there] < 0.4


def test_regions_follow_the_matrix_and_the_weights(read: Read) -> None:
    topology = network(read, "[topology]\nlocal = 0\n[topology.weights]\ntokyo = 3\nlondon = 1\n", 1000)
    places: dict[str, list[int]] = {}
    for peer in topology.peers:
        places.setdefault(peer.region, []).append(peer.index)
    assert set(places) == {"tokyo", "london"}
    assert 650 < len(places["tokyo"]) < 850
    access = 2 * 0.001  # two offices
    assert topology.delay(places["tokyo"][0], places["london"][0]) == pytest.approx(0.2435 / 2 + access)
    assert topology.delay(places["tokyo"][0], places["tokyo"][1]) == pytest.approx(0.002 / 2 + access)


def test_a_continents_weight_is_that_of_its_cities_together(read: Read) -> None:
    topology = network(read, "[topology.weights]\neurope = 1\nsydney = 1\n", 2000)
    share = sum(peer.region == "sydney" for peer in topology.peers) / 2000
    assert 0.45 < share < 0.55


def test_a_ring_goes_the_shorter_way_and_has_the_same_length_for_any_number(read: Read) -> None:
    for peers in (10, 1000):
        topology = network(read, "[topology]\nkind = 'ring'\naround = 0.4\n", peers)
        access = 2 * 0.001
        assert topology.delay(0, peers // 2) == pytest.approx(0.2 + access)
        assert topology.delay(0, peers - 1) == pytest.approx(0.4 / peers + access)


def test_a_cluster_is_near_itself(read: Read) -> None:
    topology = network(read, "[topology]\nkind = 'clustered'\nclusters = 4\nacross = 0.2\nwithin = 0.002\n", 200)
    inside = [
        topology.delay(one.index, other.index)
        for one in topology.peers
        for other in topology.peers[:20]
        if one.region == other.region and one != other
    ]
    assert max(inside) <= 2 * 0.002 + 0.0005 + 2 * 0.001 + 1e-9


def test_a_graph_file_gives_shortest_paths_and_regions(read: Read, tmp_path: Path) -> None:
    (tmp_path / "net.graphml").write_text(RING.format(more=""))
    topology = network(read, "[topology]\nkind = 'graph'\nfile = 'net.graphml'\nnear = 0.001\n", 6)
    access = 2 * 0.001 + 0.001
    assert topology.delay(0, 2) == pytest.approx(0.030 + access)
    assert topology.delay(0, 4) == pytest.approx(0.010 + access)
    assert topology.delay(0, 3) == pytest.approx(access)
    assert [peer.region for peer in topology.peers[:3]] == ["north", "south", ""]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("no xml", "no GraphML"),
        (RING.format(more='<edge source="a" target="c"/>'), "latency = None"),
        (RING.format(more='<edge source="a" target="c"><data key="l">-3</data></edge>'), "latency = -3"),
        (RING.format(more='<node id="alone"/>'), "several pieces"),
    ],
)
def test_a_graph_file_that_is_of_no_use_is_told(
    written: Callable[..., Path], tmp_path: Path, content: str, said: str
) -> None:
    (tmp_path / "net.graphml").write_text(content)
    with pytest.raises(UsageError, match=said):
        load(written("[topology]\nkind = 'graph'\nfile = 'net.graphml'\n"))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 40))
def test_exact_paths_obey_the_triangle(seed: int, size: int) -> None:
    graph = grown(random.Random(seed), size)
    paths = Paths(graph)
    for one in range(size):
        for other, seconds in graph[one].items():
            assert paths.delay(one, other) <= seconds
        for other in range(size):
            assert paths.delay(one, other) == paths.delay(other, one)
            for between in range(0, size, 7):
                assert paths.delay(one, other) <= paths.delay(one, between) + paths.delay(between, other) + 1e-12


@pytest.mark.parametrize("kind", ["small-world", "scale-free"])
def test_landmarks_are_never_short_and_not_long_by_much(read: Read, kind: str) -> None:
    """The delays of a large graph against shortest paths: the approximation's price, as the module states it."""
    geometry = network(read, TEXTS[kind], 1000)._geometry  # type: ignore[attr-defined]
    graph: Graph = geometry._paths._graph
    assert len(graph) > EXACT
    ratios = []
    for start in range(0, 1000, 50):
        true = shortest(graph, start)
        for other in range(1000):
            if other != start:
                told = geometry._paths.delay(start, other)
                assert told >= true[other] - 1e-12
                ratios.append(told / true[other])
    assert fmean(ratios) < {"small-world": 1.35, "scale-free": 1.15}[kind]


def grown(rng: random.Random, size: int) -> Graph:
    graph: Graph = [{} for _ in range(size)]
    for node in range(1, size):
        for other in {rng.randrange(node) for _ in range(3)}:
            graph[node][other] = graph[other][node] = rng.uniform(0.001, 0.1)
    return graph
