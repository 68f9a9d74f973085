"""The routing table: a partition of all 160-bit ids into buckets, finer the nearer to this peer.

Overrides of `kademlia.routing.RoutingTable`: the nearest contacts are exact, buckets are found by bisection with
exact boundaries, a full bucket names the contact to probe instead of pinging it on asyncio, and no clock or
randomness is global.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator

from kademlia.routing import RoutingTable

from peernet.config.kad import KadConfig
from peernet.core.kad.bucket import Bucket
from peernet.core.kad.contact import ID_BITS, Contact, number, place, second
from peernet.core.kad.networks import counted, crowded, network_of
from peernet.types import DhtKey, PeerId
from peernet.wire.kad import WireContact


class Table(RoutingTable):
    """Contacts that have answered and can be dialled, by their place in the DHT. Never this peer itself."""

    buckets: list[Bucket]  # type: ignore[assignment]
    node: Contact

    __slots__ = ("_lowers", "_networks", "_oldest", "_reach", "_suspects", "buckets", "config", "ksize", "node")

    def __init__(self, me: PeerId, config: KadConfig) -> None:
        # RoutingTable.__init__ is not called: it wants a protocol to ping with.
        self.node = Contact.of(me)
        self.ksize = config.k
        self.config = config
        self.flush()

    def flush(self) -> None:
        """Forget every contact."""
        self.buckets = [Bucket(0, ID_BITS, self.config.k, self.config.replacements)]
        self._lowers = [0]
        # The distance of the k-th nearest contact to this peer, while that is known.
        self._reach: int | None = None
        # The networks that have many contacts of the whole table, while they are known.
        self._networks: set[str] | None = None
        # Those whose last call has failed, who failed first before others.
        self._suspects: dict[PeerId, Contact] = {}
        # A time (monotonic seconds) since which every contact was heard. It may be earlier than it need be.
        self._oldest = float("-inf")

    def __len__(self) -> int:
        return sum([len(bucket.nodes) for bucket in self.buckets])

    def __contains__(self, peer: PeerId) -> bool:
        return self.get(peer) is not None

    def get(self, peer: PeerId) -> Contact | None:
        """The contact of a peer if it has a place in a bucket (not if it waits for one)."""
        long_id = place(peer)[1]
        contact = self.bucket_for(long_id).at(long_id)
        return contact if contact is not None and contact.wire.peer == peer else None

    def contacts(self) -> list[Contact]:
        """All contacts that have a place, in order of their ids' ranges, the first that came first."""
        return [contact for bucket in self.buckets for contact in bucket.nodes]

    def saw(self, contact: Contact, now: float) -> Contact | None:
        """A peer has answered: a known one is as good as new, a new one gets a place or waits for one.

        Returns the contact to probe when the bucket is full: if it has died, the newcomer takes its place.
        """
        known = self.bucket_for(contact.long_id).at(contact.long_id)
        if known is not None and known.wire.peer == contact.wire.peer:
            self.heard(known, contact.addresses, now)
            return None
        if contact.long_id == self.node.long_id or not contact.dialable:
            return None
        contact.last_seen, contact.failures = second(int(now)), 0
        return self.add_contact(contact)

    def heard(self, known: Contact, addresses: tuple[str, ...], now: float) -> None:
        """A contact of this table has answered."""
        if addresses is not known.addresses and known.moved(addresses):
            self._networks = None
            self.bucket_for(known.long_id).changed()
        known.last_seen = second(int(now))
        if known.failures:
            known.failures = 0
            del self._suspects[known.peer]

    def add_contact(self, node: Contact) -> Contact | None:
        """Give a new contact a place, splitting buckets where that is allowed. As `saw`, which is to be used."""
        while True:
            bucket = self.bucket_for(node.long_id)
            holder = bucket.at(node.long_id)
            if holder is not None:
                if holder.peer != node.peer:
                    return None  # Two keys with one id: who came first stays.
                bucket.nodes.remove(holder)  # It waited, and a split has given it a place.
            if len(bucket) < bucket.ksize or not self._may_split(bucket, node.long_id):
                break
            self.split_bucket(self.get_bucket_for(node))
        if len(bucket) >= bucket.ksize and not self._spread(bucket, node):
            return None
        if bucket.add_node(node):
            self._reach = self._networks = None
            return None
        return bucket.head()

    def _spread(self, bucket: Bucket, newcomer: Contact) -> bool:
        """See that a full bucket does not belong to a few networks. Returns whether the newcomer may have a place
        or wait for one; if its network has few and another has many, the latest of those leaves for it."""
        networks = self._many(bucket)
        if not networks:
            return True
        if network_of(newcomer.addresses[0]) in networks:
            return False
        many = crowded(bucket.networks(), self.config.network_bucket + 1)
        latest = [contact for contact in bucket.nodes if network_of(contact.addresses[0]) in many]
        if latest:
            # The newcomer is alive; those who wait may have died, or be of that network too.
            bucket.replacement_nodes = ()
            self.remove_contact(latest[-1])
        return True

    def _many(self, bucket: Bucket) -> set[str]:
        """The networks that have enough contacts already, in this bucket or in the whole table."""
        if self._networks is None:
            self._networks = crowded(counted(self.contacts()), self.config.network_table)
        return crowded(bucket.networks(), self.config.network_bucket) | self._networks

    def wants(self, peer: PeerId, address: str) -> bool:
        """Whether a new peer would get a place, if it can be dialled at this address."""
        long_id = place(peer)[1]
        bucket = self.bucket_for(long_id)
        if len(bucket) < bucket.ksize or self._may_split(bucket, long_id):
            return True
        gives_way = crowded(bucket.networks(), self.config.network_bucket + 1)
        return bool(gives_way) and network_of(address) not in self._many(bucket)

    def failed(self, peer: PeerId, evict: bool = True) -> Contact | None:
        """A call to a peer failed. Returns the contact if it has now left the table.

        evict: False while this peer itself seems to be cut off, when failures say nothing about others.
        """
        contact = self.get(peer)
        if contact is None:
            return None
        self._suspect(contact, contact.failures + 1)
        if not evict or contact.failures < self.config.evict_failures:
            return None
        self.remove_contact(contact)
        return contact

    def suspect(self, peer: PeerId) -> Contact | None:
        """A connection to a peer broke: others are not told of it until it has answered. Returns its contact."""
        contact = self.get(peer)
        if contact is not None and not contact.failures:
            self._suspect(contact, 1)
        return contact

    def _suspect(self, contact: Contact, failures: int) -> None:
        contact.failures = failures
        self._suspects[contact.peer] = contact

    def suspects(self) -> list[Contact]:
        """The contacts whose last call has failed, the first to fail first."""
        return list(self._suspects.values())

    def stale(self, now: float) -> list[Contact]:
        """The contacts that were not heard for `stale_seconds` at `now` (monotonic seconds), in the order of
        `contacts`. Mostly there are none, and then they are not looked for until there can be one."""
        limit = self.config.stale_seconds
        if now - self._oldest < limit:
            return []
        contacts = self.contacts()
        self._oldest = min([contact.last_seen for contact in contacts], default=second(int(now)))
        return [contact for contact in contacts if now - contact.last_seen >= limit]

    def remove_contact(self, node: Contact) -> None:
        """Drop a contact; one that waited takes its place."""
        self._reach = self._networks = None
        self._suspects.pop(node.peer, None)
        bucket = self.bucket_for(node.long_id)
        heir = bucket.remove_node(node)
        if heir is not None:
            self._oldest = min(self._oldest, heir.last_seen)
            self._suspect(heir, 1)  # It may have died while it waited: a suspect until it answers.

    def nearest(
        self, target: DhtKey, count: int, exclude: Collection[PeerId] = (), healthy: bool = False
    ) -> list[Contact]:
        """The `count` contacts nearest to `target`, nearest first: exactly those of a sort of the whole table.

        exclude: peers to leave out. healthy: only those whose last call did not fail.
        """
        goal = number(target)
        found: list[Contact] = []
        wanted = count + len(exclude)
        for bucket in self._outward(goal):
            # Sorting the distances themselves takes a third of the time of a sort by a function.
            chosen = {
                contact.long_id ^ goal: contact for contact in bucket.nodes if not (healthy and contact.failures)
            }
            found += [chosen[distance] for distance in sorted(chosen)]
            if len(found) >= wanted:
                break
        return [contact for contact in found[:wanted] if contact.peer not in exclude][:count]

    def answer(self, target: DhtKey, asker: PeerId) -> tuple[WireContact, ...]:
        """The k healthy contacts nearest to `target`, as another peer is told of them; never itself."""
        goal = number(target)
        own = place(asker)[1] ^ goal
        found: list[Contact] = []
        for bucket in self._outward(goal):
            near = {contact.long_id ^ goal: contact for contact in bucket.nodes if not contact.failures}
            near.pop(own, None)
            found += [near[distance] for distance in sorted(near)]
            if len(found) >= self.ksize:
                break
        return tuple([contact.wire for contact in found[: self.ksize]])

    def _outward(self, goal: int) -> Iterator[Bucket]:
        """The buckets in the order of their distance: XOR maps their disjoint ranges to disjoint ranges of
        distances, so all contacts of one are nearer than those of the next."""
        nearest = self.bucket_for(goal)
        yield nearest  # Most often it is enough.
        rest = {bucket.lower ^ goal: bucket for bucket in self.buckets if bucket is not nearest}
        for key in sorted(rest):
            yield rest[key]

    def find_neighbors(self, node: Contact, k: int | None = None, exclude: Contact | None = None) -> list[Contact]:
        """The contacts nearest to a node, without it and `exclude`. Here `nearest` is used; this one stands in the
        way of the package's, whose answer is not exact."""
        left_out = (node.peer,) if exclude is None else (node.peer, exclude.peer)
        return self.nearest(node.id, k or self.ksize, left_out)

    def bucket_for(self, long_id: int) -> Bucket:
        """The bucket whose range holds this id."""
        return self.buckets[bisect_right(self._lowers, long_id) - 1]

    def get_bucket_for(self, node: Contact) -> int:
        """The index of the bucket whose range holds a node."""
        return bisect_right(self._lowers, node.long_id) - 1

    def split_bucket(self, index: int) -> None:
        """Replace a bucket by its halves. A half without this peer that is nearly empty is due for a refresh: the
        search for this peer's own place has filled the bucket with those who are near it."""
        low, high = self.buckets[index].split()
        for half in (low, high):
            if len(half) < self.config.bucket_enough and not half.has_in_range(self.node):
                half.touch_last_updated(0.0)
        self.buckets[index : index + 1] = [low, high]
        self._lowers.insert(index + 1, high.lower)
        self._reach = self._networks = None
        self._oldest = float("-inf")  # Who waited may have a place now.

    def lonely_buckets(self, now: float = 0.0) -> list[Bucket]:
        """The buckets whose refresh is due at `now` (monotonic seconds)."""
        return [bucket for bucket in self.buckets if bucket.refresh_at <= now]

    def _may_split(self, bucket: Bucket, newcomer: int) -> bool:
        """Section 4.2 of the paper; and the k contacts nearest to this peer always have a place (section 2.4)."""
        if bucket.bits == 0:
            return False
        if bucket.has_in_range(self.node) or bucket.depth() % self.config.split_levels:
            return True
        return newcomer ^ self.node.long_id < self.reach()

    def reach(self) -> int:
        """How far the k nearest contacts of this peer lie, or the whole space while it knows fewer. As ids are
        hashes, the k nearest peers of any place lie about as far from it."""
        if self._reach is None:
            nearest = self.nearest(self.node.id, self.ksize)
            full = len(nearest) == self.ksize
            self._reach = nearest[-1].long_id ^ self.node.long_id if full else (1 << ID_BITS) - 1
        return self._reach

    def check(self) -> None:
        """Raise AssertionError unless the table is sound. For tests and simulations; O(contacts)."""
        expected, me = 0, self.node.peer
        for bucket, lower in zip(self.buckets, self._lowers, strict=True):
            assert bucket.lower == lower == expected, "buckets partition the ids"
            expected = bucket.range[1] + 1
            assert len(bucket.nodes) <= bucket.ksize, "a bucket holds at most k"
            assert len(bucket.replacement_nodes) <= bucket.max_replacement_nodes, "the waiting list is bounded"
            assert not bucket.replacement_nodes or len(bucket.nodes) == bucket.ksize, "nobody waits in vain"
            # Written out, as a simulation spends much of its time in here.
            places = set()
            for nodes in (bucket.nodes, bucket.replacement_nodes):
                for contact in nodes:
                    assert lower <= contact.long_id < expected, "contacts are where they belong"
                    places.add(contact.long_id)
                    wire = contact.wire
                    assert wire.peer != me and wire.addresses, "contacts are others, dialable"
                    assert not contact.failures or wire.peer in self._suspects, "who has failed is suspected"
            total = len(bucket.nodes) + len(bucket.replacement_nodes)
            assert len(places) == total, "nobody is here twice, or waits for a place it has"
            oldest = min([contact.last_seen for contact in bucket.nodes], default=self._oldest)
            assert oldest >= self._oldest, "everybody was heard since then"
        for contact in self._suspects.values():
            assert contact.failures and self.get(contact.peer) is contact, "suspects are contacts that have failed"
        assert expected == 1 << ID_BITS, "buckets cover all ids"
