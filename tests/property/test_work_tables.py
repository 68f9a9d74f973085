"""Both tables of work under any order of events: what cannot happen is refused, all views stay in step."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from peernet.core.work.owner.leases import LEASE_STATES, LIVE, OUT, Lease, LeaseTable
from peernet.core.work.owner.slices import Slice, SliceTable
from peernet.core.work.policies import Quorum
from peernet.core.work.votes import Vote, differ
from peernet.types import Digest, LeaseId, Payload, PeerId

PEERS = [PeerId(bytes([65 + number]) * 32) for number in range(6)]
RESULTS = [Digest(bytes([48 + number]) * 32) for number in range(3)]
SPENT = 5


class Leases(RuleBasedStateMachine):
    """Any lease meets any event."""

    leases = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.table = LeaseTable(SPENT)
        self.given = 0
        self.ended: dict[LeaseId, str] = {}

    @rule(target=leases, peer=st.sampled_from(PEERS))
    def grant(self, peer: PeerId) -> Lease:
        self.given += 1
        number = LeaseId(self.given.to_bytes(16, "big"))
        lease = Lease(number, self.given, 1, peer, False, 60.0, 65.0, 0.0, 0.0)
        self.table.add(lease)
        return lease

    @rule(lease=leases, event=st.sampled_from(["started", "returned", "overdue", "lost", "recalled"]))
    def happen(self, lease: Lease, event: str) -> None:
        before = lease.state
        expected = LEASE_STATES.get((before, event))  # type: ignore[call-overload]
        try:
            self.table.advance(lease, event)  # type: ignore[arg-type]
        except AssertionError:
            assert expected is None
            assert lease.state == before
        else:
            assert lease.state == expected
        if before in ("returned", "recalled"):
            assert lease.state == before, "these states are final"

    @rule(lease=consumes(leases), returned=st.booleans())
    def settle(self, lease: Lease, returned: bool) -> None:
        self.table.settle(lease, ("ok", RESULTS[0]) if returned else None)
        assert lease.id not in self.table.known
        assert lease.id in self.table.spent

    @invariant()
    def views_agree(self) -> None:
        self.table.validate()


class Slices(RuleBasedStateMachine):
    """Slices as an owner moves them: granted, lost, late, returned in any order, under any policy."""

    policy = Quorum.of(None, None)

    def __init__(self) -> None:
        super().__init__()
        self.table = SliceTable(self.policy, 3)
        self.leases = LeaseTable(SPENT)
        self.outcome: dict[int, tuple[str, Digest]] = {}
        self.failed: set[int] = set()
        self.given = 0

    def entries(self) -> list[Slice]:
        return [entry for entry in self.table.undecided.values() if entry.state != "failed"]

    @rule(calls=st.integers(1, 5))
    def cut(self, calls: int) -> None:
        if len(self.table.undecided) < 4:
            self.table.add(calls, Payload(RESULTS[0], 3, b"abc"))

    @precondition(lambda self: len(self.table.fresh) + len(self.table.partial) > 0)
    @rule(data=st.data(), trusted=st.booleans())
    def grant(self, data: st.DataObject, trusted: bool) -> None:
        index = data.draw(st.sampled_from([*self.table.fresh, *self.table.partial]))
        entry = self.table.undecided[index]
        peers = [peer for peer in PEERS if entry.may_lease(peer)]
        if not peers:
            return
        self.given += 1
        peer = data.draw(st.sampled_from(peers))
        number = LeaseId(self.given.to_bytes(16, "big"))
        lease = Lease(number, index, 1, peer, trusted, 60.0, 65.0, 0.0, 0.0)
        self.leases.add(lease)
        entry.leases[number] = lease
        self.table.advance(entry, "granted")
        self.table.place(entry)

    def pick(self, data: st.DataObject, *states: str) -> tuple[Slice, Lease] | None:
        found = [
            (entry, lease) for entry in self.entries() for lease in entry.leases.values() if lease.state in states
        ]
        return data.draw(st.sampled_from(found)) if found else None

    @rule(data=st.data())
    def be_late(self, data: st.DataObject) -> None:
        if (found := self.pick(data, *LIVE)) is not None:
            self.leases.advance(found[1], "overdue")
            self.table.place(found[0])

    @rule(data=st.data())
    def be_lost(self, data: st.DataObject) -> None:
        if (found := self.pick(data, *OUT)) is not None:
            entry, lease = found
            self.leases.advance(lease, "lost")
            if not any(other.state in OUT for other in entry.leases.values()):
                self.table.advance(entry, "freed")
            self.table.place(entry)

    @rule(data=st.data(), result=st.sampled_from(RESULTS), trusted=st.booleans())
    def come_back(self, data: st.DataObject, result: Digest, trusted: bool) -> None:
        found = self.pick(data, *OUT, "lost")
        if found is None or found[1].peer in found[0].votes:
            return
        entry, lease = found
        if lease.state == "lost" and entry.state == "open":
            self.table.advance(entry, "revived")
        self.leases.advance(lease, "returned")
        self.table.add_vote(entry, Vote(lease.peer, trusted, ("ok", result), lease.id))
        votes = entry.votes.values()
        key = self.policy.decide(votes)
        if key is None and entry.state == "leased" and differ(votes):
            self.table.advance(entry, "differed")
        if key is not None:
            assert entry.index not in self.outcome, "a slice is accepted once"
            self.outcome[entry.index] = key
            self.table.accept(entry, key)
            for other in entry.leases.values():
                if other.state not in OUT:
                    self.leases.settle(other, key)
        elif len(votes) >= self.policy.limit:
            self.table.advance(entry, "given up")
            self.failed.add(entry.index)
            self.table.place(entry)
        else:
            self.table.place(entry)

    @invariant()
    def views_agree(self) -> None:
        self.table.validate()
        self.leases.validate()

    @invariant()
    def ends_are_final(self) -> None:
        assert self.table.accepted == len(self.outcome)
        assert all(self.table.is_accepted(index) for index in self.outcome)
        assert not self.outcome.keys() & self.table.undecided.keys()
        failed = {index for index, entry in self.table.undecided.items() if entry.state == "failed"}
        assert failed == self.failed

    @invariant()
    def replicas_are_of_distinct_peers(self) -> None:
        for entry in self.entries():
            out = [lease.peer for lease in entry.leases.values() if lease.state in OUT]
            assert len(out) == len(set(out))
            assert len(entry.votes) <= self.policy.limit

    @invariant()
    def disputed_means_different_results(self) -> None:
        for entry in self.entries():
            assert (entry.state == "disputed") == differ(entry.votes.values())


class ReplicatedSlices(Slices):
    policy = Quorum.of(3, 2)


TestLeases = Leases.TestCase
TestSlices = Slices.TestCase
TestReplicatedSlices = ReplicatedSlices.TestCase
for case in (TestLeases, TestSlices, TestReplicatedSlices):
    case.settings = settings(max_examples=60, stateful_step_count=40, deadline=None, derandomize=True)
