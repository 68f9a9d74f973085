"""What every kind of topology is: delays between places, and the regions that places lie in.

A geometry knows nothing of peers' machines and access links; `network.Network` adds those.
"""

from __future__ import annotations

import random
from typing import Protocol


class Geometry(Protocol):
    """Where the peers are. Immutable once built; the same for the same seed."""

    def delay(self, one: int, other: int) -> float:
        """One-way seconds between the places of two peers: symmetric, 0 from a peer to itself."""
        ...

    def region(self, index: int) -> str:
        """The name of the region that a peer lies in, or an empty text."""
        ...


class GeometrySpec(Protocol):
    """A topology as a scenario describes it, for any number of peers."""

    def build(self, count: int, rng: random.Random) -> Geometry:
        """Place `count` peers."""
        ...
