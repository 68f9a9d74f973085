"""Keys made on purpose: a Sybil tries keys until one is near the place that it wants in the DHT."""

from __future__ import annotations

from collections.abc import Callable

from peernet.identity.peerid import dht_id
from peernet.types import DhtKey, PeerId

MOST_BITS = 20
"""Bits that a scenario may ask for: a million tries, about a second a key with the fake signer."""


def mint(make: Callable[[int], PeerId], near: DhtKey, bits: int) -> tuple[int, PeerId]:
    """Try `make(0)`, `make(1)` and so on until a key shares `bits` leading bits with `near`.

    Returns the number that worked and its key. 2**bits tries are needed on average, as for a real attacker.
    """
    wanted = int.from_bytes(near, "big")
    shift = 8 * len(near) - bits
    number = 0
    while True:
        peer = make(number)
        if (int.from_bytes(dht_id(peer), "big") ^ wanted) >> shift == 0:
            return number, peer
        number += 1
