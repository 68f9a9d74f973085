"""What the results of one job say about the peers that returned them, and what follows for its slices.

Every result that was executed a second time is a check: of the peer that returned it, and of the one that
repeated it. So each slice that is accepted on several results, and each audit, moves the standings of those
concerned; slices that wait for a peer's credibility are then judged anew, and what rested on a peer that is shut
out is taken back.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from peernet.core.effects import Note
from peernet.core.records import OutcomeRecord
from peernet.core.work.owner.leases import Lease
from peernet.core.work.owner.slices import Slice
from peernet.core.work.votes import REJECTED, UNCHECKED, UNPROVEN, Key, Vote
from peernet.types import PeerId

if TYPE_CHECKING:
    from peernet.core.work.owner.job import Job

_UNPROVEN = {
    REJECTED: "does not pass the project's own check",
    UNCHECKED: "makes the project's own check raise",
}
"""What is wrong with a result that does not prove itself, where another one of its slice does."""


class Checking:
    """Keeps the trust of one job's workers true to its results."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def meet(self, peer: PeerId) -> None:
        """A peer has returned a result that counts as a vote."""
        if self._job.policy.retains and not self._job.trusted(peer):
            self._job.crew.trust.meet(peer)

    def agreed(self, entry: Slice, key: Key) -> None:
        """Results of a slice agree, and none differs: each has passed a check, by the best of the others. But
        those who were asked for a few calls alone knew that these are in dispute: that they were right says
        little."""
        if not self._job.policy.retains or key[0] in UNPROVEN:
            return
        trust, function = self._job.crew.trust, self._job.function
        votes = [vote for vote in entry.votes.values() if vote.key == key]
        for vote in votes:
            if vote.trusted or vote.calls or vote.peer in entry.checked or len(votes) < 2:
                continue
            weight, voucher = max(
                (1.0, b"") if other.trusted else (trust.credibility(other.peer, function), other.peer)
                for other in votes
                if other.peer != vote.peer
            )
            entry.checked = (*entry.checked, vote.peer)
            trust.passed(vote.peer, function, weight, PeerId(voucher) if voucher else None)

    def shown(self, entry: Slice, peer: PeerId) -> None:
        """A peer's result has been shown to the job host, whose word is a check by the submitter itself. One that
        does not pass is struck when another one of its slice has passed: until then the project's check may be
        wrong, and honest peers are not to pay for that."""
        job, vote = self._job, entry.votes[peer]
        if job.policy.retains and not vote.trusted and vote.key[0] == "ok":
            entry.checked = (*entry.checked, peer)
            job.crew.trust.passed(peer, job.function, 1.0, None)

    def settled(self, entry: Slice, key: Key) -> None:
        """A slice is accepted: those who agree with it have passed a check, if there are several, and those who do
        not have failed one."""
        self._job.evidence.settled(entry, key)
        # What differs on a few calls alone is wrong only if somebody got there what is accepted: else a call may
        # come out differently on its own, or what is accepted differs elsewhere.
        sound = any(vote.calls and vote.key == key for vote in entry.votes.values())
        judged = [vote for vote in entry.votes.values() if sound or not vote.calls]
        self._job.policy.settled(judged, key)
        if not self._job.policy.retains:
            return
        self.agreed(entry, key)
        for vote in judged:
            if vote.key != key and not vote.trusted:
                self._strike(entry, vote.peer, self._fault(entry, vote, key))

    def _fault(self, entry: Slice, vote: Vote, key: Key) -> str:
        if vote.key[0] in UNPROVEN:
            return _UNPROVEN[vote.key[0]]
        agreeing = sum(other.key == key for other in entry.votes.values())
        return f"is not the one that {agreeing} others have"

    def audited(self, entry: Slice, lease: Lease, vote: Vote) -> bool:
        """A further result of a retained slice has come in. Returns whether the slice has to be judged anew."""
        entry.leases.pop(lease.id, None)
        if vote.peer in entry.votes or entry.key is None:
            return False
        job = self._job
        job.tally.audits += 1
        job.tally.own_audits += vote.trusted
        if vote.key != entry.key:
            job.tally.disagreements += 1
            self.take_back(entry)
            job.slices.add_vote(entry, replace(vote, audit=True))
            if vote.trusted:
                self._refuted()
            return not job.over
        accepted = next(other for other in entry.votes.values() if other.key == entry.key)
        entry.votes[vote.peer] = accepted.alike(replace(vote, audit=True))
        job.slices.retained.confirmed(entry, vote.peer)
        job.tally.agreed(vote.peer)
        self.settled(entry, entry.key)
        return False

    def _refuted(self) -> None:
        """An audit that can't be deceived has found an accepted result wrong: where that is the rule, those who
        are believed are the liars, and nothing that they agree on is worth anything."""
        job, config = self._job, self._job.ctx.config.trust
        tally = job.tally
        tally.own_refuted += 1
        if (
            tally.own_refuted < config.refuted_least
            or tally.own_refuted <= config.refuted_share * tally.own_audits
        ):
            return
        job.fail(
            "too-few",
            f"not enough honest peers: {tally.own_refuted} of {tally.own_audits} accepted results that trusted "
            "peers repeated were wrong; join peers that you know, or mark keys as your own",
        )

    def take_back(self, entry: Slice) -> None:
        """Open an accepted slice again: on record, and told to whoever folds or has been told its result."""
        job = self._job
        job.slices.reopen(entry)
        job.tally.taken_back += 1
        job.ctx.forget(OutcomeRecord.space, job.id + entry.index.to_bytes(8, "big"))
        job.evidence.taken_back(entry)
        self._record_votes(entry)
        job.hosting.taken_back(entry.index)
        text = f"{job.name_slice(entry)} is believed no more: it is computed again"
        job.ctx.note(Note("taken back", text, job=job.id, index=entry.index))
        job.changed()

    def _record_votes(self, entry: Slice) -> None:
        """Put the bytes of a slice's results on record with their leases: what was accepted was in the outcome."""
        for vote in entry.votes.values():
            lease = entry.leases.get(vote.lease)
            if lease is None or vote.value is None or vote.value.digest != vote.signed[1]:
                continue  # nothing of it is at hand but what another one has
            self._job.save_lease(
                lease, status="ok", value=vote.value, traceback=vote.traceback, cpu_seconds=vote.cpu_seconds
            )

    def moved(self, peer: PeerId) -> None:
        """A peer's standing has changed: judge what waits for it, or take its word out of everything."""
        if not self._job.policy.retains:
            return
        if self._job.crew.trust.shut(peer):
            self._shut_out(peer)
            return
        job = self._job
        for index in list(job.slices.voted.get(peer, ())):
            entry = job.slices.undecided.get(index)
            if entry is not None and not job.over:
                job.verdicts.judge(entry)

    def _shut_out(self, peer: PeerId) -> None:
        """Take a peer's results out of undecided slices, and open those again that are not believed without it."""
        job = self._job
        if job.trusted(peer):
            return
        job.lose_peer(peer, blame=False)
        seat = job.seats.all.get(peer)
        if seat is not None:
            job.seats.leave(seat)
            job.release(peer)
        for index in list(job.slices.voted.get(peer, ())):
            self._without(job.slices.undecided[index], peer)
        for entry in job.slices.retained.of(peer):
            key, rest = entry.key, [vote for vote in entry.votes.values() if vote.peer != peer]
            if entry.decide(job.policy, rest) != key:
                self.take_back(entry)
                self._without(entry, peer)
        job.changed()

    def _without(self, entry: Slice, peer: PeerId) -> None:
        job = self._job
        job.slices.drop_vote(entry, peer)
        for lease in [lease for lease in entry.leases.values() if lease.peer == peer]:
            del entry.leases[lease.id]
            job.leases.settle(lease, None)
        if entry.state == "leased" and not entry.votes and not entry.leased:
            job.slices.advance(entry, "freed")
        if not job.over:
            job.verdicts.judge(entry)

    def _strike(self, entry: Slice, peer: PeerId, why: str) -> None:
        if peer in entry.struck:
            return
        entry.struck = (*entry.struck, peer)
        job = self._job
        job.tally.strikes += 1
        reason = f"its result of {job.name_slice(entry)} of {job.record.name} {why}"
        if job.crew.trust.strike(peer, job.id, entry.index, reason):
            job.tally.banned[peer] = None
