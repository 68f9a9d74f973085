"""What becomes of a slice when a result has come in: accepted, disputed, failed, or waiting for another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from peernet.core.effects import PinBlob
from peernet.core.records import OutcomeRecord
from peernet.core.work.owner.leases import OUT, Lease, Spent
from peernet.core.work.owner.retrying import try_again
from peernet.core.work.owner.slices import Slice
from peernet.core.work.votes import UNCHECKED, Key, Vote, differ
from peernet.types import Payload
from peernet.wire.signed import SliceResult

if TYPE_CHECKING:
    from peernet.core.work.owner.job import Job

_NEARLY = 0.9
"""Share of a limit from which a slice may have exceeded it: clocks of machines drift apart, by far less."""

_REMEDIES = {
    "memory": "; ask for more with memory= or --memory",
    "timeout": "; ask for more with timeout= or --time, or for smaller slices with slice_size= or --slice-size",
    "scratch": "; ask for more with scratch= or --scratch",
    "too_large": "; return less, or ask for smaller slices with slice_size= or --slice-size",
}
"""What the submitter can do where slices break a limit."""

_KINDS = {"error": "task"}
"""What a slice's status is called as the reason of a job's end, where that is not the status itself."""


class Verdicts:
    """Judges the results of one job."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def count(self, lease: Lease, result: SliceResult, value: Payload | None) -> None:
        """Count a result whose bytes are here, and whose batch is on record; where the project has a say, when its
        host has spoken."""
        key: Key = (result.status, result.digest)
        if lease.part is not None:
            self._job.narrowing.take(lease, result, value)
        elif value is not None and self._job.showing.wants(lease.index, value):
            self._job.showing.take(lease, result, value)
        else:
            self.counted(lease, result, value, self._job.showing.key(lease.index, key))

    def counted(self, lease: Lease, result: SliceResult, value: Payload | None, key: Key) -> None:
        """Count a result as `key`, which is what the peer said, or what has come out about that."""
        job = self._job
        was_lost = lease.state == "lost"
        job.leases.advance(lease, "returned")
        job.seated(lease.peer)
        job.tally.returned(lease.peer, result.cpu_seconds)
        if result.status == "ok" and lease.part is None:
            self._measure(lease, result)
        entry = job.slices.undecided.get(lease.index)
        if entry is None:
            self._audit_lease(lease, result, value, key)
            return
        if was_lost and entry.state == "open":
            job.slices.advance(entry, "revived")
        if self._own_limit(lease, result):
            self._stretch(entry, lease, result, key)
        elif lease.peer in entry.votes:
            self._drop(entry, lease, result, key)
        else:
            self._vote(entry, lease, result, value, key)

    def set_aside(self, lease: Lease, result: SliceResult) -> None:
        """Take a result on a few calls of a slice that is decided, and of which the rest is not here any more."""
        job, key = self._job, (result.status, result.digest)
        job.leases.advance(lease, "returned")
        job.seated(lease.peer)
        job.tally.returned(lease.peer, result.cpu_seconds)
        self._record(lease, result, None, key)
        job.leases.settle(lease, key)

    def audit_spent(self, result: SliceResult, spent: Spent, key: Key) -> None:
        """Count the first result of a lease that had been given up."""
        job = self._job
        job.leases.spent[result.lease] = Spent(spent.peer, spent.index, key, spent.calls)
        job.tally.returned(spent.peer, result.cpu_seconds)
        self._compare(spent, key)
        job.changed()

    def judge(self, entry: Slice) -> None:
        """Decide a slice on its votes, if they decide it. Also called when votes come back from the journal."""
        job = self._job
        votes = entry.votes.values()
        key = entry.decide(job.policy)
        if key is not None and entry.state == "open":
            # Its last lease was lost, and then a vote of before came to be believed.
            job.slices.advance(entry, "revived")
        if key is None and len(votes) >= job.policy.limit:
            job.slices.advance(entry, "given up")
            kinds = len({vote.key for vote in votes})
            job.fail(
                "disputed",
                f"{job.name_slice(entry)}: {len(votes)} peers returned {kinds} different results{told_of(entry)}, "
                f"and {job.policy.unmet}",
                next((vote.traceback for vote in votes if vote.key[0] == UNCHECKED), ""),
            )
        elif key is None:
            self._wait(entry)
        elif key[0] == "ok":
            self._accept(entry, key)
        else:
            self._fail(entry, key)

    def _wait(self, entry: Slice) -> None:
        """An undecided slice is leased once more, or waits: for the host, or for what else a peer returns."""
        job = self._job
        job.narrowing.look(entry)
        vote = entry.pivot(job.policy) if not (entry.leased or entry.asking) else None
        if vote is not None:
            held = entry.waits_for == vote.peer
            if job.policy.holds(vote, job.slices.checking(vote.peer) - (not held)):
                if not held:
                    job.slices.release(entry)
                    job.slices.hold(entry, vote.peer)
                return
        job.slices.release(entry)
        job.slices.place(entry)

    def _vote(self, entry: Slice, lease: Lease, result: SliceResult, value: Payload | None, counts: Key) -> None:
        job = self._job
        differed = differ(entry.votes.values())
        job.checking.meet(lease.peer)
        job.slices.add_vote(entry, self._vote_of(lease, result, value, counts))
        if job.record.checks:
            job.checking.shown(entry, lease.peer)
        key = entry.decide(job.policy)
        if not differed and differ(entry.votes.values()):
            job.tally.disagreements += 1
        if key is None and entry.state == "leased" and differ(entry.votes.values()):
            job.slices.advance(entry, "differed")
        if key is None and not differ(entry.votes.values()):
            job.checking.agreed(entry, counts)
        # The bytes of an accepted result are in its outcome; here they would be written twice.
        self._record(lease, result, value if key is None else None, counts)
        self.judge(entry)

    def _accept(self, entry: Slice, key: Key) -> None:
        job = self._job
        agreeing = [vote for vote in entry.votes.values() if vote.key == key]
        value = next(vote.value for vote in agreeing if vote.value is not None and vote.value.digest == key[1])
        for vote in agreeing:
            job.tally.agreed(vote.peer)
        disputed = differ(entry.votes.values())
        job.slices.accept(entry, key)
        job.checking.settled(entry, key)
        self._settle_leases(entry)
        cpu = math.fsum(vote.cpu_seconds for vote in agreeing)
        peers = tuple(vote.peer for vote in agreeing)
        told = next((vote for vote in agreeing if vote.trusted), agreeing[0])
        job.ctx.save(OutcomeRecord(job.id, entry.index, value, peers, disputed, cpu, told.traceback))
        if value.inline is None:
            job.ctx.emit(PinBlob(value.digest, job.id))
        job.hosting.accepted(entry.index, value)

    def _settle_leases(self, entry: Slice) -> None:
        """The slice is decided: what is still out becomes an audit, and is called back if it has not started."""
        job = self._job
        for lease in entry.leases.values():
            if lease.state == "returned":
                vote = entry.votes[lease.peer]
                job.leases.settle(lease, vote.signed)
            elif lease.state not in OUT:
                job.leases.settle(lease, None)
            elif lease.state == "sent":
                job.drawing.unwanted(lease)

    def _fail(self, entry: Slice, key: Key) -> None:
        """Peers agree on a failure: the job has failed, for this reason, unless the slice is tried again."""
        job = self._job
        if try_again(job, entry, key):
            return
        job.slices.advance(entry, "given up")
        votes = [vote for vote in entry.votes.values() if vote.key == key]
        told = next((vote for vote in votes if vote.trusted), votes[0])
        error = (told.error or key[0]) + _REMEDIES.get(key[0], "")
        job.fail(_KINDS.get(key[0], key[0]), f"{job.name_slice(entry)} failed: {error}", told.traceback)

    def _own_limit(self, lease: Lease, result: SliceResult) -> bool:
        """Whether a slice exceeded a limit of the owner's own making, which says nothing about the slice. A worker
        that has not had it for that long tells a story, which counts like any other failure: as one vote."""
        job = self._job
        if result.status != "timeout" or job.record.timeout is not None:
            return False
        out = job.ctx.now.mono - lease.since
        return lease.seconds < job.ctx.config.box.seconds and out >= lease.seconds * _NEARLY

    def _stretch(self, entry: Slice, lease: Lease, result: SliceResult, key: Key) -> None:
        entry.stretches += 1
        self._drop(entry, lease, result, key)

    def _drop(self, entry: Slice, lease: Lease, result: SliceResult, key: Key) -> None:
        """A result that is no vote: its lease is settled, and the slice waits for others."""
        job = self._job
        self._record(lease, result, None, key)
        del entry.leases[lease.id]
        job.leases.settle(lease, (result.status, result.digest))
        if entry.state != "open" and not any(other.state in OUT for other in entry.leases.values()):
            job.slices.advance(entry, "freed")
        job.slices.place(entry)

    def _audit_lease(self, lease: Lease, result: SliceResult, value: Payload | None, key: Key) -> None:
        """A result of a slice that is decided."""
        job = self._job
        vote = self._vote_of(lease, result, value, key)
        retained = job.slices.retained.get(lease.index)
        differs = retained is not None and key != retained.key
        self._record(lease, result, value if differs else None, key)
        job.leases.settle(lease, vote.signed)
        if retained is None:
            self._compare(Spent(lease.peer, lease.index, key, lease.calls), key)
        elif job.checking.audited(retained, lease, vote):
            self.judge(retained)

    def _vote_of(self, lease: Lease, result: SliceResult, value: Payload | None, key: Key) -> Vote:
        return Vote(
            peer=lease.peer,
            trusted=self._job.trusted(lease.peer),
            key=key,
            lease=lease.id,
            value=value if key[0] == "ok" else None,
            said=result.digest if key[1] != result.digest else None,
            error=result.error,
            traceback=result.traceback,
            cpu_seconds=result.cpu_seconds,
            batch=lease.batch,
            calls=lease.calls,
        )

    def _compare(self, spent: Spent, key: Key) -> None:
        """Count whether a late result agrees with what was accepted, if that is still remembered. Where the
        project has a say, another one may be as right."""
        job = self._job
        decided = job.slices.recent.get(spent.index)
        if decided is None or spent.calls:
            return
        if decided.key == key:
            job.tally.agreed(spent.peer)
        elif not decided.differed and not (job.record.checks or job.record.compares):
            decided.differed = True
            job.tally.disagreements += 1

    def _record(self, lease: Lease, result: SliceResult, value: Payload | None, key: Key) -> None:
        self._job.save_lease(
            lease,
            status=key[0],
            value=value if key[0] == "ok" else Payload(key[1], 0),
            error=result.error,
            traceback=result.traceback,
            cpu_seconds=result.cpu_seconds,
            wall_seconds=result.wall_seconds,
            said=result.digest if key[1] != result.digest else None,
        )

    def _measure(self, lease: Lease, result: SliceResult) -> None:
        """Learn from a run time; it can't have been longer than the lease was out."""
        job = self._job
        calls = job.slices.undecided[lease.index].calls if lease.index in job.slices.undecided else 0
        job.sizing.measured(calls, min(result.wall_seconds, job.ctx.now.mono - lease.since))


def told_of(entry: Slice) -> str:
    """Return in which calls the results of a slice differ, for people; empty where that is not known."""
    dispute = entry.dispute
    if dispute is None or not dispute.differing:
        return ""
    named = ", ".join(str(entry.first + place) for place in dispute.differing)
    calls = f"call {named}" if dispute.total == 1 else f"{dispute.total} calls: {named}"
    more = " and others" if dispute.total > len(dispute.differing) else ""
    return (
        f" (they differ in {calls}{more}; if these peers are honest, the function does not always return the same)"
    )
