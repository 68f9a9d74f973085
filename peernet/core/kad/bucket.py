"""A k-bucket: contacts of one range of ids, and those waiting for a place.

Overrides of `kademlia.routing.KBucket`: no global clock, exact ranges (both ends belong to the bucket), a contact
leaves only when the caller says so, and the waiting list is bounded by its own number. Contacts stay where they
are when they answer, which happens at each call; who was heard least recently is looked for when it matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from kademlia.routing import KBucket

from peernet.core.kad.contact import ID_BITS, ID_BYTES, Contact
from peernet.core.kad.networks import counted
from peernet.types import DhtKey

if TYPE_CHECKING:
    from random import Random


NO_NETWORKS: Mapping[str, int] = MappingProxyType({})


class Bucket(KBucket):
    """The contacts whose ids lie in `lower .. lower + 2**bits - 1`.

    nodes: at most `ksize`, in the order of their coming. replacement_nodes: those who wait for a place, at most
    `max_replacement_nodes`, the latest last. refresh_at: when a lookup in this range is due (monotonic seconds).
    """

    __slots__ = (
        "_networks",
        "bits",
        "ksize",
        "lower",
        "max_replacement_nodes",
        "nodes",
        "refresh_at",
        "replacement_nodes",
    )

    def __init__(self, lower: int, bits: int, ksize: int, replacements: int) -> None:
        self.lower = lower
        self.bits = bits
        self.ksize = ksize
        self.max_replacement_nodes = replacements
        # Instead of the package's dicts by id: twenty are looked through in half a microsecond, and a dict of them
        # takes three times the room.
        self.nodes: list[Contact] = []  # type: ignore[assignment]
        self.replacement_nodes: tuple[Contact, ...] = ()  # type: ignore[assignment]
        self.refresh_at = 0.0
        self._networks: Mapping[str, int] | None = None

    def networks(self) -> Mapping[str, int]:
        """How many contacts of each network have a place here, of those that have several. Made again only after
        a change; mostly there are none."""
        if self._networks is None:
            self._networks = counted(self.nodes) or NO_NETWORKS
        return self._networks

    def changed(self) -> None:
        """A contact's addresses, or who is here, has changed."""
        self._networks = None

    @property
    def range(self) -> tuple[int, int]:  # type: ignore[override]
        """The first and the last id of this bucket."""
        return self.lower, self.lower + (1 << self.bits) - 1

    def touch_last_updated(self, refresh_at: float = 0.0) -> None:
        """A lookup has touched this range; the next is due at `refresh_at`."""
        self.refresh_at = refresh_at

    def has_in_range(self, node: Contact) -> bool:
        """Whether a contact belongs here."""
        return node.long_id >> self.bits == self.lower >> self.bits

    def depth(self) -> int:
        """How many leading bits all ids of this range share."""
        return ID_BITS - self.bits

    def split(self) -> tuple[Bucket, Bucket]:
        """Return the lower and the upper half, each contact in its own."""
        half = self.bits - 1
        middle = self.lower + (1 << half)
        low = Bucket(self.lower, half, self.ksize, self.max_replacement_nodes)
        high = Bucket(middle, half, self.ksize, self.max_replacement_nodes)
        for contact in (*self.nodes, *self.replacement_nodes):
            (low if contact.long_id < middle else high).add_node(contact)
        low.refresh_at = high.refresh_at = self.refresh_at
        return low, high

    def get_nodes(self) -> list[Contact]:
        """The contacts that have a place."""
        return list(self.nodes)

    def at(self, long_id: int) -> Contact | None:
        """The contact that has a place here and stands at this place of the DHT, or None."""
        for contact in self.nodes:
            if contact.long_id == long_id:
                return contact
        return None

    def is_new_node(self, node: Contact) -> bool:
        """Whether nobody has a place here who stands where this one does."""
        return self.at(node.long_id) is None

    def add_node(self, node: Contact) -> bool:
        """Put a new contact in. Returns False when the bucket is full and it waits for a place instead."""
        waiting = self.replacement_nodes
        if waiting:
            waiting = tuple([other for other in waiting if other.long_id != node.long_id])
        if len(self.nodes) < self.ksize:
            self.changed()
            self.nodes.append(node)
            self.replacement_nodes = waiting
            return True
        waiting = (*waiting, node)
        self.replacement_nodes = waiting[max(0, len(waiting) - self.max_replacement_nodes) :]
        return False

    def remove_node(self, node: Contact) -> Contact | None:
        """Drop a contact. Returns the one that took its place, the latest seen of those waiting."""
        waiting = tuple([other for other in self.replacement_nodes if other.long_id != node.long_id])
        self.replacement_nodes = waiting
        holder = self.at(node.long_id)
        if holder is None:
            return None
        self.changed()
        self.nodes.remove(holder)
        if not waiting:
            return None
        self.replacement_nodes, heir = waiting[:-1], waiting[-1]
        self.nodes.append(heir)
        return heir

    def healthy(self) -> int:
        """How many contacts answered their last call."""
        return sum([not contact.failures for contact in self.nodes])

    def head(self) -> Contact | None:
        """The least recently seen contact, or None."""
        return min(self.nodes, key=_last_seen, default=None)

    def random_id(self, random: Random) -> DhtKey:
        """An id in this range, for its refresh."""
        return DhtKey((self.lower + (random.getrandbits(self.bits) if self.bits else 0)).to_bytes(ID_BYTES, "big"))


def _last_seen(contact: Contact) -> float:
    return contact.last_seen
