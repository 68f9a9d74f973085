"""A peer as the DHT sees it: where it stands, where it may be dialled, and whether it answers."""

from __future__ import annotations

from functools import lru_cache

from kademlia.node import Node

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


@lru_cache(maxsize=16_384)
def introduction(peer: PeerId, addresses: tuple[str, ...]) -> WireContact:
    """A contact as others are told of it: one for all the tables of a process, as a simulator has thousands."""
    return WireContact(peer, addresses)


class Contact(Node):
    """A peer in a routing table or a lookup.

    peer: its key; `id` and `long_id` are its place in the DHT. addresses: full multiaddrs; none for a peer that
    can't be dialled. last_seen: when it last answered (monotonic seconds). failures: failed calls since then.
    """

    # Node's fields for UDP. As class attributes they cost no memory in each contact.
    ip = None
    port = None

    __slots__ = ("addresses", "failures", "id", "last_seen", "long_id", "peer", "wire_form")

    id: DhtKey
    long_id: int

    def __init__(self, peer: PeerId, addresses: tuple[str, ...] = (), last_seen: float = 0.0) -> None:
        # Node.__init__ is not called: it parses hex digits anew and gives each contact a dict.
        self.id, self.long_id = place(peer)
        self.peer = peer
        self.addresses = addresses
        self.last_seen = last_seen
        self.failures = 0
        self.wire_form: WireContact | None = None

    @property
    def dialable(self) -> bool:
        """Whether others may be told of it."""
        return bool(self.addresses)

    def same_home_as(self, node: Contact) -> bool:
        """Whether it is the same peer. Stands in the way of the package's: it compares ip and port, which no
        contact has here, so that all would be the same."""
        return self.peer == node.peer

    def moved(self, addresses: tuple[str, ...]) -> bool:
        """Take over newly proven addresses. Returns whether they are other ones."""
        if not addresses or addresses == self.addresses:
            return False
        self.addresses = addresses
        self.wire_form = None
        return True

    def wire(self) -> WireContact:
        """This contact as others are told of it."""
        if self.wire_form is None:
            self.wire_form = introduction(self.peer, self.addresses)
        return self.wire_form

    def __repr__(self) -> str:
        return f"Contact({self.id.hex()[:8]}…, failures={self.failures})"
