"""A network that has stood for long when the run begins: what each peer's routing table holds then.

To join costs a peer some fifty calls and forty connections, so that a run of ten thousand peers would do little
else. Here nobody joins. Of each range of ids that Kademlia gives a bucket, a peer is given k peers at random among
all that can be dialled, and around its own place all of them, as are known to one that was there for hours. The
core's own means fill the tables, and all else is left to the peers: they find neighbours and publish their adverts
as after a join.

Source of the ranges: Maymounkov and Mazières, "Kademlia" (2002), sections 2.4 and 4.2, as in `core.kad.table`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from random import Random

from peernet.config.kad import KadConfig
from peernet.core.kad.contact import ID_BITS, Contact, introduction, place, second
from peernet.core.node import NodeCore
from peernet_sim.crypto import stream
from peernet_sim.machine import Machine

LIVEN_SECONDS = 5.0
"""Time within which the peers connect to others and publish their adverts, one after another: all at once would be
a storm that comes again with each renewal. Short enough that a core is connected when it first looks."""


class Forming:
    """Fills the routing tables of a network.

    machines: all peers. seed: of the run; each peer has a stream of its own.
    """

    def __init__(self, machines: Iterable[Machine], config: KadConfig, seed: int) -> None:
        dialable = [machine for machine in machines if machine.spec.nat == "open"]
        dialable.sort(key=lambda machine: place(machine.id)[1])
        self._places = [place(machine.id)[1] for machine in dialable]
        # What is said of a peer is the same in all tables, and they share it.
        self._wires = [introduction(machine.id, machine.addresses) for machine in dialable]
        self._config = config
        self._seed = seed

    def fill(self, machine: Machine, core: NodeCore) -> None:
        """Give a core that has just started what one has that stood for long: contacts, not heard for anything up
        to the time after which they are probed, and buckets whose refreshes are due at any time."""
        rng = stream(self._seed, "formed", machine.index)
        core.kad.met(self.contacts(machine, rng))
        table, config = core.kad.table, self._config
        now = core.context.now.mono
        for contact in table.contacts():
            contact.last_seen = second(int(now - rng.random() * config.stale_seconds))
        for bucket in table.buckets:
            bucket.touch_last_updated(now + rng.random() * config.refresh_seconds)

    def contacts(self, machine: Machine, rng: Random) -> list[Contact]:
        """Draw what a peer's table holds, the farthest range first: so each has a place when its turn comes."""
        me = place(machine.id)[1]
        chosen: list[int] = []
        self._gather(chosen, rng, me, self._reach(me), 0, ID_BITS, 0, len(self._places))
        wires, places = self._wires, self._places
        return [Contact(wires[one], places[one]) for one in chosen if places[one] != me]

    def _gather(
        self, chosen: list[int], rng: Random, me: int, reach: int, lower: int, bits: int, low: int, high: int
    ) -> None:
        """Choose among the peers low .. high - 1, whose ids lie in `lower .. lower + 2**bits - 1`."""
        k = self._config.k
        nearest = (lower ^ me) >> bits << bits
        if high - low <= k + (not nearest):  # this peer itself may be one of them
            chosen += range(low, high)
            return
        if nearest > reach:
            chosen += rng.sample(range(low, high), k)
            return
        bits -= 1
        middle = lower + (1 << bits)
        cut = bisect_left(self._places, middle, low, high)
        halves = (lower, low, cut), (middle, cut, high)
        for start, first, end in halves if me >= middle else reversed(halves):
            self._gather(chosen, rng, me, reach, start, bits, first, end)

    def _reach(self, me: int) -> int:
        """How far the k nearest peers lie. They are in the smallest range around a place that has more than k."""
        k = self._config.k
        lower, bits, low, high = 0, ID_BITS, 0, len(self._places)
        while True:
            bits -= 1
            middle = lower + (1 << bits)
            cut = bisect_left(self._places, middle, low, high)
            start, first, end = (middle, cut, high) if me >= middle else (lower, low, cut)
            if end - first <= k:
                break
            lower, low, high = start, first, end
        distances = sorted([number ^ me for number in self._places[low:high] if number != me])
        return distances[k - 1] if len(distances) >= k else 1 << ID_BITS


def around(core: NodeCore) -> list[Contact]:
    """Return the contacts with which a standing peer has connections: those around its own place know it as it
    knows them, and get its records. Half as many as are kept without need, as others connect to it too."""
    config = core.context.config
    return core.kad.table.nearest(place(core.context.me)[0], config.net.spare_connections // 2)
