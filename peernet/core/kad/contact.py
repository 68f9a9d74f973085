"""A peer as the DHT sees it: where it stands, where it may be dialled, and whether it answers."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from peernet.identity.peerid import dht_id
from peernet.types import DhtKey, PeerId
from peernet.wire.kad import WireContact

ID_BITS = 160
ID_BYTES = ID_BITS // 8


@lru_cache(maxsize=65_536)
def place(peer: PeerId) -> tuple[DhtKey, int]:
    """Where a peer stands in the DHT, as bytes and as a number.

    Remembered because replies name the same peers again and again, and hashing twenty costs more than the rest of
    handling a reply. Full it takes 20 MB, for as many different names.
    """
    key = dht_id(peer)
    return key, int.from_bytes(key, "big")


def number(key: DhtKey) -> int:
    """A place in the DHT as a number, whose XOR with another is their distance.

    Raises ValueError unless it has 160 bits: the package's tables go wrong silently on any other width.
    """
    if len(key) != ID_BYTES:
        raise ValueError(f"a DHT key has {ID_BYTES} bytes, this one has {len(key)}")
    return int.from_bytes(key, "big")


@lru_cache(maxsize=4096)
def second(number: int) -> float:
    """A time in whole seconds: one object for all contacts that were heard within it. A float of its own takes 32
    bytes for each, and nobody needs to know it better."""
    return float(number)


@lru_cache(maxsize=16_384)
def introduction(peer: PeerId, addresses: tuple[str, ...]) -> WireContact:
    """A contact as others are told of it: one for all the tables of a process, as a simulator has thousands."""
    return WireContact(peer, addresses)


class Contact(msgspec.Struct, gc=False, eq=False):
    """A peer in a routing table.

    wire: who it is and where it may be dialled, as others are told of it; no addresses for a peer that can't be
    dialled. long_id: its place in the DHT as a number. last_seen: when it last answered (monotonic seconds).
    failures: failed calls since then.

    It stands where the package has a `Node`. A table has a hundred of them and a simulator
    thousands of tables: a `Node` has a dict, a list of weak references and a place in the garbage collector, and
    takes three times the room, even as a subclass with slots.
    """

    wire: WireContact
    long_id: int
    last_seen: float = 0.0
    failures: int = 0

    @classmethod
    def of(cls, peer: PeerId, addresses: tuple[str, ...] = ()) -> Contact:
        """Return a contact of a peer at these multiaddrs, in full."""
        return cls(introduction(peer, addresses), place(peer)[1])

    @property
    def peer(self) -> PeerId:
        """Its key."""
        return self.wire.peer

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it may be dialled."""
        return self.wire.addresses

    @property
    def id(self) -> DhtKey:
        """Its place in the DHT."""
        return place(self.wire.peer)[0]

    @property
    def dialable(self) -> bool:
        """Whether others may be told of it."""
        return bool(self.wire.addresses)

    def moved(self, addresses: tuple[str, ...]) -> bool:
        """Take over newly proven addresses. Returns whether they are other ones."""
        if not addresses or addresses == self.wire.addresses:
            return False
        self.wire = introduction(self.wire.peer, addresses)
        return True

    def __repr__(self) -> str:
        return f"Contact({self.id.hex()[:8]}…, failures={self.failures})"
