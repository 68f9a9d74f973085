"""Where the peers of a run stand in the DHT: what lookups should have found."""

from __future__ import annotations

from bisect import bisect_left
from operator import itemgetter

from peernet.core.kad.contact import ID_BITS, place
from peernet_sim.looking import LiveWorld, Player


class Places:
    """All peers by the place of the key that they have now, alive or not."""

    def __init__(self, world: LiveWorld) -> None:
        self._world = world
        self._sorted: list[tuple[int, Player]] = []
        self._keys = 0

    def nearer(self, goal: int, distance: int | None) -> list[Player]:
        """Return the peers that stand nearer to a place than so; all of them if no distance is given.

        Whoever is nearer shares all bits with the place above the highest of the distance, so they stand together:
        a bisection finds the few, where a walk over thousands of peers took longer than the lookup itself.
        """
        if self._keys != len(self._world.by_id):
            self._sort()
        bits = ID_BITS if distance is None else distance.bit_length()
        first = goal >> bits << bits
        begin = bisect_left(self._sorted, first, key=itemgetter(0))
        end = bisect_left(self._sorted, first + (1 << bits), key=itemgetter(0))
        return [peer for where, peer in self._sorted[begin:end] if distance is None or where ^ goal < distance]

    def _sort(self) -> None:
        """Somebody has a new key."""
        self._keys = len(self._world.by_id)
        places = [(place(peer.id)[1], peer) for peer in self._world.machines]
        self._sorted = sorted(places, key=itemgetter(0))
