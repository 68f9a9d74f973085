"""Where to draw the peers of a topology: near in the picture is near on the network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from peernet.errors import UsageError
from peernet_sim.model import Plan, Topology

MAP_PEERS = 400
"""Peers of which a map shows delays: placing needs a table of all pairs, and more points can't be told apart."""

DELAY_PEERS = 200
"""Peers between which delays are looked at for a description: 19,900 pairs."""


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


def describe(plan: Plan) -> dict[str, Any]:
    """Return who there is, behind what, and how far apart: counts by name, and spreads as least, median and most.

    up, down: bytes a second; delay: seconds one way, over as many pairs as tell the story.
    """
    peers = plan.topology.peers
    shown = chosen(len(peers), DELAY_PEERS)
    delays = [plan.topology.delay(one, other) for place, one in enumerate(shown) for other in shown[:place]]
    return {
        "peers": len(peers),
        "regions": _counts(peer.region or "none" for peer in peers),
        "access": _counts(peer.access for peer in peers),
        "nat": _counts(peer.nat for peer in peers),
        "cores": _spread([float(peer.cores) for peer in peers]),
        "speed": _spread([peer.speed for peer in peers]),
        "up": _spread([peer.up for peer in peers]),
        "down": _spread([peer.down for peer in peers]),
        "delay": _spread(delays),
        "hostile": _counts(behaviour.name for behaviour in plan.faults.behaviours.values()),
    }


_UNITS = {"cores": (1.0, ""), "speed": (1.0, ""), "up": (8e-6, " Mbit/s"), "down": (8e-6, " Mbit/s")} | {
    "delay": (1000.0, " ms one way")
}


def rows(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what `describe` says as people read it."""
    table = [("peers", f"{told['peers']:,}")]
    for name in ("regions", "access", "nat", "hostile"):
        if told[name] and list(told[name]) != ["none"]:
            table.append((name, ", ".join(f"{kind} {count:,}" for kind, count in told[name].items())))
    for name, (factor, unit) in _UNITS.items():
        if told[name]:
            least, median, most = (told[name][key] * factor for key in ("least", "median", "most"))
            text = f"{least:.4g}" if least == most else f"{least:.4g} to {most:.4g}, median {median:.4g}"
            table.append((name, text + unit))
    return table


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _spread(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {}
    ordered = sorted(values)
    return {"least": ordered[0], "median": ordered[(len(ordered) - 1) // 2], "most": ordered[-1]}
