"""Where to draw the peers of a topology: near in the picture is near on the network."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from peernet.errors import UsageError
from peernet_sim.model import Plan, Topology

MAP_PEERS = 400
"""Peers of which a map shows delays: placing needs a table of all pairs, and more points can't be told apart."""


def need_matplotlib() -> Any:
    """Return `matplotlib.figure.Figure`, which draws to files without a display.

    Raises:
        UsageError: the optional packages are missing.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError(
            f"pictures need matplotlib ({error}): install peernet with its extra, `pip install 'peernet[sim]'`"
        ) from error
    return Figure


def chosen(count: int, most: int = MAP_PEERS) -> list[int]:
    """Return the peers that a map shows, evenly spread over all: always the same ones."""
    return list(range(count)) if count <= most else [number * count // most for number in range(most)]


def places(topology: Topology, peers: Sequence[int]) -> list[tuple[float, float]]:
    """Return a place in the plane for each peer, so that distances are as near to delays as a plane allows.

    Classical multidimensional scaling: W. S. Torgerson, Psychometrika 17 (1952).
    """
    import numpy as np

    if len(peers) < 3:
        return [(float(number), 0.0) for number in range(len(peers))]
    delays = np.array([[topology.delay(one, other) if one != other else 0.0 for other in peers] for one in peers])
    squared = delays**2
    centred = -0.5 * (squared - squared.mean(0) - squared.mean(1)[:, None] + squared.mean())
    values, vectors = np.linalg.eigh(centred)
    spread = vectors[:, -2:] * np.sqrt(np.maximum(values[-2:], 0.0))
    return [(float(x), float(y)) for y, x in spread]


def describe(plan: Plan) -> list[tuple[str, str]]:
    """Return the table of a topology: who there is, behind what, and how far apart."""
    peers = plan.topology.peers
    shown = chosen(len(peers), 200)
    delays = sorted(
        1000 * plan.topology.delay(one, other) for place, one in enumerate(shown) for other in shown[:place]
    )
    rows = [("peers", f"{len(peers):,}")]
    for name, kind in (("regions", "region"), ("access", "access"), ("NAT", "nat")):
        counts = Counter(str(getattr(peer, kind)) or "none" for peer in peers)
        if list(counts) != ["none"]:
            rows.append((name, _counts(counts)))
    rows.append(("cores", _spread(sorted(float(peer.cores) for peer in peers), "")))
    rows.append(("speed", _spread(sorted(peer.speed for peer in peers), "")))
    rows.append(("up", _spread(sorted(peer.up * 8e-6 for peer in peers), " Mbit/s")))
    rows.append(("down", _spread(sorted(peer.down * 8e-6 for peer in peers), " Mbit/s")))
    if delays:
        rows.append(("delay one way", _spread(delays, " ms")))
    hostile = Counter(behaviour.name for behaviour in plan.faults.behaviours.values())
    if hostile:
        rows.append(("hostile", _counts(hostile)))
    return rows


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value that `share` of a sorted sequence do not exceed; nan for none."""
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in sorted(counts.items()))


def _spread(ordered: Sequence[float], unit: str) -> str:
    least, middle, most = ordered[0], quantile(ordered, 0.5), ordered[-1]
    if least == most:
        return f"{least:.4g}{unit}"
    return f"{least:.4g} to {most:.4g}{unit}, median {middle:.4g}"
