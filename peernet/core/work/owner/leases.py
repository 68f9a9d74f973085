"""The states of leases, in one place, and the leases that an owner has out.

A lease lends one slice to one worker. It ends by its result (`returned`), by the worker's end (`lost`), or by
being taken back before it has started (`recalled`). Two things are unlike a plain life cycle, on purpose: lateness
ends nothing, it only lets the slice go elsewhere, and a lost lease may still return, because a peer that was cut
off is not a liar and its work is not thrown away. So `late` and `lost` lead to `returned`, and nothing leads out
of `returned` and `recalled`.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Literal

from peernet.core.work.owner.disputes import Narrowed
from peernet.core.work.votes import Key
from peernet.types import LeaseId, PeerId
from peernet.wire.signed import SliceResult

LeaseState = Literal["sent", "running", "returned", "late", "lost", "recalled"]
LeaseEvent = Literal["started", "returned", "overdue", "lost", "recalled"]

LEASE_STATES: dict[tuple[LeaseState, LeaseEvent], LeaseState] = {
    ("sent", "started"): "running",
    ("sent", "returned"): "returned",
    ("running", "returned"): "returned",
    ("sent", "overdue"): "late",
    ("running", "overdue"): "late",
    ("late", "returned"): "returned",
    ("sent", "lost"): "lost",
    ("running", "lost"): "lost",
    ("late", "lost"): "lost",
    ("lost", "returned"): "returned",
    ("sent", "recalled"): "recalled",
}

LIVE: tuple[LeaseState, ...] = ("sent", "running")
"""States in which a lease is expected to return in time, so that its slice needs no other in its place."""

OUT: tuple[LeaseState, ...] = ("sent", "running", "late")
"""States in which a worker may be at work on it."""


@dataclass(slots=True, eq=False)
class Lease:
    """One slice lent to one peer.

    seconds: how long it may run. due: monotonic time from which it is late. granted: wall time; since: the same
    on the monotonic clock. trusted: the peer was trusted when it was granted. claim: the signed result whose bytes
    are still being pulled. restored: it was given before a restart, and may never have arrived. batch: names
    the signed batch that its result came in (`BatchRecord`). part: what was lent where it is not the whole slice.
    """

    id: LeaseId
    index: int
    attempt: int
    peer: PeerId
    trusted: bool
    seconds: float
    due: float
    granted: float
    since: float
    state: LeaseState = "sent"
    batch: bytes = b""
    claim: SliceResult | None = None
    restored: bool = False
    part: Narrowed | None = None

    @property
    def calls(self) -> tuple[int, ...]:
        """The calls that were lent; empty for all of them."""
        return () if self.part is None else self.part.calls


@dataclass(frozen=True, slots=True)
class Spent:
    """A lease that is settled. key: what it returned, or None if it never did. calls: that were lent; empty for
    all of them."""

    peer: PeerId
    index: int
    key: Key | None
    calls: tuple[int, ...] = ()


@dataclass(slots=True)
class Held:
    """The leases that one peer has out. unstarted: how many of them have not begun, as far as is known."""

    out: dict[LeaseId, Lease] = field(default_factory=dict)
    unstarted: int = 0


_NOTHING = Held()


class LeaseTable:
    """All leases of a job that may still return, by id and by peer, and a bounded memory of settled ones."""

    def __init__(self, spent_limit: int) -> None:
        self._spent_limit = spent_limit
        self.known: dict[LeaseId, Lease] = {}
        self.held: dict[PeerId, Held] = {}
        self.spent: OrderedDict[LeaseId, Spent] = OrderedDict()
        self.live = 0

    def add(self, lease: Lease) -> None:
        """Take in a lease, in whatever state."""
        self.known[lease.id] = lease
        if lease.state in OUT:
            held = self.held.get(lease.peer)
            if held is None:
                held = self.held[lease.peer] = Held()
            held.out[lease.id] = lease
            held.unstarted += lease.state == "sent"
        self.live += lease.state in LIVE

    def advance(self, lease: Lease, event: LeaseEvent) -> None:
        """Apply an event.

        Raises:
            AssertionError: the table has no such transition, so this peer is wrong about something.
        """
        old = lease.state
        new = LEASE_STATES.get((old, event))
        assert new is not None, f"a lease that is {old} can't be {event}"
        lease.state = new
        self.live += (new in LIVE) - (old in LIVE)
        if old not in OUT:
            return
        held = self.held[lease.peer]
        held.unstarted += (new == "sent") - (old == "sent")
        if new not in OUT:
            del held.out[lease.id]
            if not held.out:
                del self.held[lease.peer]

    def settle(self, lease: Lease, key: Key | None) -> None:
        """Forget a lease but for what it returned. One that is still out counts as out no more; one that is
        settled already is given the key that it returned since."""
        if self.known.pop(lease.id, None) is None:
            if lease.id in self.spent and key is not None:
                self.spent[lease.id] = Spent(lease.peer, lease.index, key, lease.calls)
            return
        if lease.state in OUT:
            held = self.held[lease.peer]
            held.unstarted -= lease.state == "sent"
            del held.out[lease.id]
            if not held.out:
                del self.held[lease.peer]
            self.live -= lease.state in LIVE
        self.spent[lease.id] = Spent(lease.peer, lease.index, key, lease.calls)
        if len(self.spent) > self._spent_limit:
            self.spent.popitem(last=False)

    def of(self, peer: PeerId) -> Held:
        """Return what a peer has out."""
        return self.held.get(peer, _NOTHING)

    def validate(self) -> None:
        """Check that all views of the leases agree. For tests."""
        out = [lease for lease in self.known.values() if lease.state in OUT]
        assert self.live == sum(lease.state in LIVE for lease in out)
        assert sum(len(held.out) for held in self.held.values()) == len(out)
        for peer, held in self.held.items():
            assert held.out, "a peer that holds nothing is not listed"
            assert held.unstarted == sum(lease.state == "sent" for lease in held.out.values())
            for number, lease in held.out.items():
                assert lease.peer == peer and self.known[number] is lease
        assert not self.known.keys() & self.spent.keys()
        assert len(self.spent) <= self._spent_limit
        assert not _NOTHING.out and not _NOTHING.unstarted
