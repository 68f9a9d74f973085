"""The states of slices, in one place, and the slices that a job has under way.

A slice is `open` while nobody has it, `leased` from a lease on until the last one is lost or taken back,
`disputed` from the first difference of its results on, and ends as `accepted` or `failed`. A disputed slice keeps
being leased and stays disputed until it ends, so that the word tells people what happened, not what is going on.
A slice that is open because its only lease was lost is leased again when that lease's result arrives after all
(`revived`): results are judged in `leased` and `disputed` only.

Under a policy that retains, an accepted slice may be leased once more, as an audit, and is opened again
(`doubted`) when a result differs or a peer that it rests on is shut out. So many are kept for this as the
configuration allows; else an accepted slice leaves nothing but a bit here, as a job may have a million, and its
result is in the journal.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from peernet.core.work import partial
from peernet.core.work.owner.disputes import Dispute
from peernet.core.work.owner.leases import LIVE, OUT, Lease
from peernet.core.work.owner.pool import Pool
from peernet.core.work.owner.retention import Retention, held_bytes, inline_bytes
from peernet.core.work.policies import Policy
from peernet.core.work.votes import Key, Vote, differ
from peernet.types import LeaseId, Payload, PeerId

SliceState = Literal["open", "leased", "accepted", "disputed", "failed"]
SliceEvent = Literal["granted", "freed", "revived", "agreed", "differed", "doubted", "given up"]

SLICE_STATES: dict[tuple[SliceState, SliceEvent], SliceState] = {
    ("open", "granted"): "leased",
    ("leased", "granted"): "leased",
    ("leased", "freed"): "open",
    ("open", "revived"): "leased",
    ("leased", "agreed"): "accepted",
    ("leased", "differed"): "disputed",
    ("disputed", "granted"): "disputed",
    ("disputed", "freed"): "disputed",
    ("disputed", "differed"): "disputed",
    ("disputed", "agreed"): "accepted",
    ("accepted", "granted"): "accepted",
    ("accepted", "doubted"): "disputed",
    ("leased", "given up"): "failed",
    ("disputed", "given up"): "failed",
}

MOST_DOWNS = 3
"""Times that an untrusted peer may go down with a slice before it is given that slice no more."""

MOST_DROPPED = 8
"""Votes of peers that were shut out that a slice remembers as evidence: keys are free, and eight tell enough."""


@dataclass(slots=True, eq=False)
class Slice:
    """An undecided slice, or an accepted one that can still be taken back.

    first: number of its first call. leases: all that may still return, or have a vote. attempts: leases given.
    losses: workers that went down while they ran it, each trusted one as often as it did. downs: how often each
    did. stretches: times that it exceeded a limit of the owner's own making. retries: times that it failed and was
    tried again. barred: peers that withheld this slice's bytes, went down with it too often, or failed. held:
    it waits for what else one of its voters returns, `waits_for`. key: what was accepted. checked: voters whose
    results here have counted as checks passed; struck: as failed. dropped: the latest votes that count no more,
    because their peers were shut out, without their bytes. dispute: what is known of the calls in which its
    results differ, once they have.
    """

    index: int
    first: int
    calls: int
    input: Payload
    state: SliceState = "open"
    leases: dict[LeaseId, Lease] = field(default_factory=dict)
    votes: dict[PeerId, Vote] = field(default_factory=dict)
    attempts: int = 0
    losses: int = 0
    downs: dict[PeerId, int] = field(default_factory=dict)
    stretches: int = 0
    retries: int = 0
    barred: tuple[PeerId, ...] = ()
    held: bool = False
    waits_for: PeerId | None = None
    key: Key | None = None
    checked: tuple[PeerId, ...] = ()
    struck: tuple[PeerId, ...] = ()
    dropped: tuple[Vote, ...] = ()
    dispute: Dispute | None = None

    def may_lease(self, peer: PeerId) -> bool:
        """Return whether a peer may get a lease: it holds none, has no vote, and withheld nothing."""
        if peer in self.votes or peer in self.barred:
            return False
        return all(lease.peer != peer or lease.state not in OUT for lease in self.leases.values())

    @property
    def leased(self) -> bool:
        """Whether somebody may be at work on it."""
        return any(lease.state in OUT for lease in self.leases.values())

    def missing(self, policy: Policy) -> int:
        """Return how many more leases it needs now."""
        if self.held or self.asking:
            return 0
        live = trusted = 0
        for lease in self.leases.values():
            if lease.state in LIVE:
                live += 1
                trusted += lease.trusted
        if self.dispute is None:
            return policy.missing(self.votes.values(), live, trusted > 0)
        return partial.missing(policy, self.votes.values(), live, trusted > 0)

    @property
    def asking(self) -> bool:
        """Whether the job host is looking for the calls in which its results differ."""
        return self.dispute is not None and self.dispute.asking

    def decide(self, policy: Policy, votes: Collection[Vote] | None = None) -> Key | None:
        """Return the result that is believed on its votes, or on some of them; None while there is none."""
        given = self.votes.values() if votes is None else votes
        if self.dispute is None:
            return policy.decide(given)
        return partial.decide(policy, given, self.dispute.shares)

    def reached(self, policy: Policy, key: Key) -> float:
        """Return how probable it is that a result is right, as `Policy.reached`."""
        if self.dispute is None:
            return policy.reached(self.votes.values(), key)
        return partial.reached(policy, self.votes.values(), self.dispute.shares, key)

    def narrows(self, policy: Policy) -> bool:
        """Whether the next lease is on the calls in dispute alone."""
        dispute = self.dispute
        if self.state == "accepted" or dispute is None or dispute.whole or dispute.asking:
            return False
        if dispute.narrowed is None or dispute.narrowed.input is None:
            return False
        return partial.narrowing_helps(policy, self.votes.values(), dispute.shares)

    def pivot(self, policy: Policy) -> Vote | None:
        """Return the one vote on which it depends whether the slice is accepted: its only one, or the only one on
        the whole of what is believed of the calls in dispute."""
        votes = self.votes.values()
        if len(votes) == 1:
            return next(iter(votes))
        key = policy.decide(votes) if self.dispute is not None else None
        if key is None or key[0] != "ok" or not policy.retains:
            return None
        whole = partial.whole_of(votes, key)
        return whole[0] if len(whole) == 1 and policy.decide(whole) != key else None

    def went_down(self, peer: PeerId, *, trusted: bool) -> None:
        """Note that a peer went down while it ran this. It may be the slice's fault, or the peer's own doing: one
        peer alone, coming back again and again, can't make a slice look deadly."""
        times = self.downs[peer] = self.downs.get(peer, 0) + 1
        self.losses += trusted or times == 1
        if times >= MOST_DOWNS and not trusted:
            self.barred = (*self.barred, peer)

    def peers(self) -> Iterator[PeerId]:
        """Go through the peers that have it or have returned it."""
        for lease in self.leases.values():
            if lease.state in OUT:
                yield lease.peer
        yield from self.votes


def name_anew(entry: Slice, key: Key) -> None:
    """After a vote was dropped: a group of equal results whose medoid went with it is named after the smallest
    digest that is left of it, until results are compared again. Its bytes would be missing else."""
    group = [vote for vote in entry.votes.values() if vote.key == key and vote.value is not None]
    left = [vote.value.digest for vote in group if vote.value is not None]
    if not left or key[1] in left:
        return
    for vote in group:
        entry.votes[vote.peer] = replace(vote, key=(key[0], min(left)))


@dataclass(slots=True)
class Decided:
    """What was accepted, remembered for results that come later. differed: some result was another one."""

    key: Key
    differed: bool


class SliceTable:
    """The slices of a job: undecided ones in full, accepted ones as a bit.

    fresh: those that nobody has had. partial: those that somebody has or had, and that need another lease. held:
    those that wait for their one peer to prove itself. voted: the undecided slices that a peer has returned.
    retained: accepted ones that can be taken back.
    """

    def __init__(self, policy: Policy, recent_limit: int, retention: Retention | None = None) -> None:
        self._policy = policy
        self._recent_limit = recent_limit
        self._accepted = bytearray()
        self._held_of: dict[PeerId, int] = {}
        self.undecided: dict[int, Slice] = {}
        self.fresh: Pool[int] = Pool()
        self.partial: Pool[int] = Pool()
        self.held: Pool[int] = Pool()
        self.voted: dict[PeerId, dict[int, None]] = {}
        self.retained = retention if retention is not None else Retention(0, 0)
        self.recent: OrderedDict[int, Decided] = OrderedDict()
        self.cut = 0
        self.calls = 0
        self.accepted = 0
        self.accepted_calls = 0
        self.disputed = 0
        self.bytes = 0

    @property
    def drawable(self) -> bool:
        """There is an undecided slice that somebody could be given."""
        return bool(len(self.fresh) or len(self.partial) or len(self.held))

    def add(self, calls: int, given: Payload) -> Slice:
        """Take in the next slice that was cut."""
        entry = Slice(self.cut, self.calls, calls, given)
        self.undecided[entry.index] = entry
        self.cut += 1
        self.calls += calls
        self.bytes += inline_bytes(given)
        self.fresh.add(entry.index)
        return entry

    def add_accepted(self, calls: int) -> None:
        """Take in the next slice, which was accepted before a restart."""
        self._mark(self.cut, calls)
        self.cut += 1
        self.calls += calls

    def is_accepted(self, index: int) -> bool:
        """Return whether a slice is accepted."""
        return index >> 3 < len(self._accepted) and bool(self._accepted[index >> 3] & (1 << (index & 7)))

    def advance(self, entry: Slice, event: SliceEvent) -> None:
        """Apply an event to an undecided slice.

        Raises:
            AssertionError: the table has no such transition, so this peer is wrong about something.
        """
        old = entry.state
        new = SLICE_STATES.get((old, event))
        assert new is not None, f"a slice that is {old} can't be {event}"
        entry.state = new
        self.disputed += (new == "disputed") - (old == "disputed")

    def place(self, entry: Slice) -> None:
        """Put a slice where it can be drawn, or take it out of there, after its leases or votes have changed."""
        if entry.state == "accepted" or entry.missing(self._policy) <= 0:
            self.fresh.discard(entry.index)
            self.partial.discard(entry.index)
        elif entry.votes or entry.leases or entry.barred:
            self.fresh.discard(entry.index)
            self.partial.add(entry.index)
        else:
            self.partial.discard(entry.index)
            self.fresh.add(entry.index)

    def add_vote(self, entry: Slice, vote: Vote) -> None:
        """Count a result. Its bytes are kept once for each distinct result."""
        for other in entry.votes.values():
            if other.value is not None and vote.value is not None and other.value.digest == vote.value.digest:
                vote = replace(vote, value=other.value)
                break
        else:
            self.bytes += inline_bytes(vote.value)
        self.release(entry)
        entry.votes[vote.peer] = vote
        self.voted.setdefault(vote.peer, {})[entry.index] = None

    def drop_vote(self, entry: Slice, peer: PeerId) -> None:
        """Take a peer's result out of an undecided slice, as if it had never come."""
        before = held_bytes(entry)
        self.release(entry)
        gone = replace(entry.votes.pop(peer), value=None, error="", traceback="")
        entry.dropped = (*entry.dropped, gone)[-MOST_DROPPED:]
        self._unvote(entry, peer)
        name_anew(entry, gone.key)
        self.bytes += held_bytes(entry) - before

    def hold(self, entry: Slice, peer: PeerId) -> None:
        """Let a slice wait for what else one of its voters returns."""
        entry.held, entry.waits_for = True, peer
        self.held.add(entry.index)
        self._held_of[peer] = self._held_of.get(peer, 0) + 1
        self.place(entry)

    def release(self, entry: Slice) -> None:
        """Let a slice wait no longer, if it does. `place` it when its votes are settled."""
        peer = entry.waits_for
        if peer is None:
            return
        entry.held, entry.waits_for = False, None
        self.held.discard(entry.index)
        self._held_of[peer] -= 1
        if not self._held_of[peer]:
            del self._held_of[peer]

    def disputed_over(self, entry: Slice, dispute: Dispute) -> None:
        """Take in what is known of the calls in which a slice's results differ. `place` it then."""
        before = held_bytes(entry)
        entry.dispute = dispute
        self.bytes += held_bytes(entry) - before

    def checking(self, peer: PeerId) -> int:
        """Return how many of a peer's results others are asked to repeat."""
        return len(self.voted.get(peer, ())) - self._held_of.get(peer, 0)

    def accept(self, entry: Slice, key: Key) -> None:
        """Take a slice as decided. It leaves a bit, and itself among the retained if the policy wants that."""
        self.release(entry)
        self.advance(entry, "agreed")
        del self.undecided[entry.index]
        self.fresh.discard(entry.index)
        self.partial.discard(entry.index)
        for peer in entry.votes:
            self._unvote(entry, peer)
        self.bytes -= held_bytes(entry)
        self._mark(entry.index, entry.calls)
        if self._policy.retains:
            entry.key = key
            self.retained.keep(entry)
        self.recent[entry.index] = Decided(key, differ(entry.votes.values()))
        if len(self.recent) > self._recent_limit:
            self.recent.popitem(last=False)

    def reopen(self, entry: Slice) -> None:
        """Take back that a retained slice was accepted. It is disputed then, with the votes that it has."""
        self.retained.drop(entry)
        self.advance(entry, "doubted")
        entry.key = None
        self.undecided[entry.index] = entry
        for peer in entry.votes:
            self.voted.setdefault(peer, {})[entry.index] = None
        self.bytes += held_bytes(entry)
        self.recent.pop(entry.index, None)
        self._accepted[entry.index >> 3] &= ~(1 << (entry.index & 7))
        self.accepted -= 1
        self.accepted_calls -= entry.calls

    def validate(self) -> None:
        """Check that all views of the slices agree. For tests."""
        assert self.cut == self.accepted + len(self.undecided)
        assert self.accepted == sum(byte.bit_count() for byte in self._accepted)
        assert self.calls == self.accepted_calls + sum(entry.calls for entry in self.undecided.values())
        assert self.disputed == sum(entry.state == "disputed" for entry in self.undecided.values())
        assert self.bytes == sum(map(held_bytes, self.undecided.values()))
        assert len(self.recent) <= self._recent_limit
        for index, entry in self.undecided.items():
            assert entry.index == index and not self.is_accepted(index)
            assert entry.state != "accepted"
            assert not (index in self.fresh and index in self.partial)
            assert entry.held == (index in self.held)
            assert all(index in self.voted[peer] for peer in entry.votes)
            if entry.state == "failed":
                continue
            assert (index in self.fresh or index in self.partial) == (entry.missing(self._policy) > 0)
            assert (index in self.fresh) == (not entry.leases and not entry.votes and not entry.barred)
            assert self._policy.judges_once or entry.decide(self._policy) is None
            assert entry.held == (entry.waits_for is not None) and not (entry.held and entry.asking)
            if entry.state == "open":
                assert not any(lease.state in OUT for lease in entry.leases.values())
        assert len(self.fresh) + len(self.partial) + len(self.held) <= len(self.undecided)
        assert sum(map(len, self.voted.values())) == sum(len(entry.votes) for entry in self.undecided.values())
        assert sum(self._held_of.values()) == len(self.held)
        self.retained.validate()

    def _unvote(self, entry: Slice, peer: PeerId) -> None:
        indices = self.voted[peer]
        del indices[entry.index]
        if not indices:
            del self.voted[peer]

    def _mark(self, index: int, calls: int) -> None:
        missing = (index >> 3) + 1 - len(self._accepted)
        if missing > 0:
            self._accepted.extend(bytes(missing))
        self._accepted[index >> 3] |= 1 << (index & 7)
        self.accepted += 1
        self.accepted_calls += calls
