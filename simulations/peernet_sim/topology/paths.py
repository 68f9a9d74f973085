"""Delays by shortest paths in a weighted graph, exact for small graphs and by landmarks for large ones.

All pairs of n nodes cost n shortest-path trees and n*n numbers: for up to `EXACT` nodes that is done. Beyond,
`LANDMARKS` nodes are chosen (half of them the best connected, half each the farthest from those before), and
the delay of two nodes is the shortest way over a landmark or over an edge between them. That never is too
short, it is symmetric, and it is right wherever the shortest path passes a landmark; tests measure by how much
it is too long on average. (Goldberg and Harrelson, "Computing the shortest path: A* search meets graph theory",
SODA 2005, choose landmarks alike.)
"""

from __future__ import annotations

import heapq
from array import array
from operator import add

EXACT = 256
"""Nodes up to which all pairs are computed: half a second, half a MiB."""

LANDMARKS = 24
"""Landmarks of a larger graph: 192 bytes a node, about a microsecond a delay."""

Graph = list[dict[int, float]]
"""For each node its neighbours and the one-way seconds to them; symmetric."""


class Paths:
    """Shortest one-way seconds between the nodes of a connected graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        size = len(graph)
        if size <= EXACT:
            trees = [shortest(graph, node) for node in range(size)]
            # Sums of floats depend on their order: of the two ways take one, so that delays are symmetric.
            self._exact: list[array[float]] | None = [
                array("d", (trees[min(one, other)][max(one, other)] for other in range(size)))
                for one in range(size)
            ]
            self._width = 0
            self._rows = array("d")
        else:
            columns = _landmarks(graph)
            self._exact = None
            self._width = len(columns)
            self._rows = array("d", (column[node] for node in range(size) for column in columns))

    def delay(self, one: int, other: int) -> float:
        """One-way seconds between two nodes."""
        if one == other:
            return 0.0
        if self._exact is not None:
            return self._exact[one][other]
        width, rows = self._width, self._rows
        at, to = one * width, other * width
        over: float = min(map(add, rows[at : at + width], rows[to : to + width]))
        return min(over, self._graph[one].get(other, over))


def shortest(graph: Graph, start: int) -> list[float]:
    """Return the shortest seconds from a node to each (Dijkstra); infinity where there is no way."""
    found = [float("inf")] * len(graph)
    found[start] = 0.0
    heap = [(0.0, start)]
    while heap:
        so_far, node = heapq.heappop(heap)
        if so_far > found[node]:
            continue
        for neighbour, seconds in graph[node].items():
            if (there := so_far + seconds) < found[neighbour]:
                found[neighbour] = there
                heapq.heappush(heap, (there, neighbour))
    return found


def _landmarks(graph: Graph) -> list[list[float]]:
    """Return the trees of the landmarks."""
    by_degree = sorted(range(len(graph)), key=lambda node: (-len(graph[node]), node))
    columns = [shortest(graph, node) for node in by_degree[: LANDMARKS // 2]]
    nearest = [min(values) for values in zip(*columns, strict=True)]
    while len(columns) < LANDMARKS:
        farthest = max(range(len(graph)), key=nearest.__getitem__)
        columns.append(shortest(graph, farthest))
        nearest = list(map(min, nearest, columns[-1]))
    return columns
