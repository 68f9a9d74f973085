"""What a lookup remembers: those it has heard of, the nearest first, and what disjoint paths tell each other."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from typing import Literal

from kademlia.node import Node, NodeHeap

from peernet.core.kad.contact import ID_BITS, introduction, number, place
from peernet.types import DhtKey, PeerId
from peernet.wire.kad import WireContact

NEVER = float("inf")

State = Literal["heard", "waiting", "slow", "proven", "gone"]


class Candidate(Node):
    """A peer in a lookup: nothing about it is proven until it has answered.

    addresses: where it is said that it may be dialled, or where it was. hop: introductions since a seed. since,
    until: when it was asked, and when it counts as slow. linked: whether a connection stood when it was asked.
    """

    # Node's fields for UDP. As class attributes they cost no memory in each candidate.
    ip = None
    port = None

    __slots__ = ("addresses", "hop", "id", "linked", "long_id", "peer", "since", "state", "until")

    id: DhtKey
    long_id: int

    def __init__(self, peer: PeerId, addresses: tuple[str, ...], hop: int) -> None:
        # Node.__init__ is not called: it parses hex digits anew and gives each candidate a dict.
        self.id, self.long_id = place(peer)
        self.peer = peer
        self.addresses = addresses
        self.state: State = "heard"
        self.hop = hop
        self.since = self.until = 0.0
        self.linked = False

    def wire(self) -> WireContact:
        """This peer as others are told of it."""
        return introduction(self.peer, self.addresses)

    def same_home_as(self, node: Candidate) -> bool:
        """Whether it is the same peer. Stands in the way of the package's: it compares ip and port, which no
        candidate has here, so that all would be the same."""
        return self.peer == node.peer


class Shortlist(NodeHeap):
    """The contacts nearest to a place, nearest first, at most `maxsize`.

    Overrides of `kademlia.node.NodeHeap`: truly bounded (the package's heap grows with every node heard of, and
    each push scans it), and distances are never compared by contact.
    """

    def __init__(self, target: DhtKey, maxsize: int) -> None:
        self.goal = number(target)
        self.maxsize = maxsize
        self.heap: list[tuple[int, Candidate]] = []
        self.contacted: set[DhtKey] = set()

    def add(self, contact: Candidate) -> bool:
        """Put in a contact. Returns False when it is there already or too far away."""
        distance = contact.long_id ^ self.goal
        # A tuple of the distance alone sorts right before the entry of that distance: contacts are not compared.
        index = bisect_left(self.heap, (distance,))
        if index >= self.maxsize or (index < len(self.heap) and self.heap[index][0] == distance):
            return False
        self.heap.insert(index, (distance, contact))
        if len(self.heap) > self.maxsize:
            del self.heap[-1]
        return True

    def bound(self) -> int:
        """The distance from which on no contact would be put in."""
        return self.heap[-1][0] if len(self.heap) >= self.maxsize else 1 << ID_BITS

    def push(self, nodes: Candidate | list[Candidate]) -> None:
        """Put in one or several contacts."""
        for contact in nodes if isinstance(nodes, list) else [nodes]:
            self.add(contact)

    def remove(self, peers: Iterable[DhtKey]) -> None:
        """Drop contacts by id."""
        gone = set(peers)
        self.heap = [entry for entry in self.heap if entry[1].id not in gone]

    def popleft(self) -> Candidate | None:
        """Take out the nearest contact."""
        return self.heap.pop(0)[1] if self.heap else None

    def __len__(self) -> int:
        return len(self.heap)

    def __iter__(self) -> Iterator[Candidate]:
        return iter([candidate for _, candidate in self.heap])


class Claims:
    """What disjoint paths know of each other.

    asked: by whom a peer was asked, and what came of it. near: the distances of the k nearest that have answered
    on any path, in order.
    """

    __slots__ = ("_k", "asked", "near")

    def __init__(self, k: int) -> None:
        self.asked: dict[PeerId, Candidate] = {}
        self.near: list[int] = []
        self._k = k

    def proven(self, distance: int) -> None:
        """A peer at this distance has answered."""
        if len(self.near) < self._k or distance < self.near[-1]:
            insort(self.near, distance)
            del self.near[self._k :]

    def reach(self) -> float:
        """The distance from which on nobody can be among the k nearest any more."""
        return self.near[-1] if len(self.near) == self._k else NEVER
