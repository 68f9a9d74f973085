"""Why each slice was accepted, on record: who signed what, who differed, and how probable the result was by then.

The signed batches are kept exactly as they came, once each, so that anybody can check their signatures later,
without this peer. They outlive the job, like its results.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peernet.core.records import BatchRecord, EvidenceRecord, PartRecord
from peernet.core.work.owner.disputes import Dispute
from peernet.core.work.owner.slices import Slice
from peernet.core.work.votes import Key, Vote
from peernet.identity.digest import digest

if TYPE_CHECKING:
    from peernet.core.work.owner.job import Job

_NONE = Dispute()
"""That of a slice whose results have not differed."""


class Evidence:
    """Keeps the evidence of one job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._latest = b""
        self._name = b""
        self._bytes = 0

    def keep(self, envelope: bytes) -> bytes:
        """Put a signed batch on record, once for all results that come in it. Returns the digest that names it;
        nothing where there is no more room. Called for each of its results in turn."""
        if envelope is not self._latest:
            self._latest, self._name = envelope, b""
            if self._bytes + len(envelope) <= self._job.ctx.config.trust.evidence_bytes:
                self._bytes += len(envelope)
                name = self._name = digest(envelope)
                self._job.ctx.save(BatchRecord(self._job.id, name, envelope))
        return self._name

    def settled(self, entry: Slice, key: Key) -> None:
        """A slice is accepted, or was confirmed by an audit: note what that rests on. Before anybody's standing
        moves by it."""
        job = self._job
        votes = sorted(entry.votes.values(), key=lambda vote: vote.key != key)  # those that agree stay
        dispute = entry.dispute or _NONE
        told = [_part(vote, key, dispute) for vote in votes]
        told += (_part(vote, key, dispute, counts=False) for vote in entry.dropped)
        job.ctx.save(
            EvidenceRecord(
                job=job.id,
                index=entry.index,
                calls=entry.calls,
                reached=entry.reached(job.policy, key),
                parts=tuple(told[: job.ctx.config.trust.evidence_parts]),
                differing=dispute.differing,
                differences=dispute.total,
            )
        )

    def taken_back(self, entry: Slice) -> None:
        """A slice is accepted no more."""
        self._job.ctx.forget(EvidenceRecord.space, self._job.id + entry.index.to_bytes(8, "big"))


def _part(vote: Vote, key: Key, dispute: Dispute, *, counts: bool = True) -> PartRecord:
    status, signed = vote.signed
    agrees = vote.key == key
    return PartRecord(
        peer=vote.peer,
        lease=vote.lease,
        status=status,
        digest=signed,
        agrees=agrees,
        trusted=vote.trusted,
        audit=vote.audit,
        batch=vote.batch,
        counts=counts,
        calls=vote.calls,
        shares=not (agrees or vote.calls) and vote.key[1] in dispute.shares,
    )
