"""Accepted slices come back from the journal as they were: open to audits, and to being taken back.

The evidence of a slice tells who voted for what, its outcome has the bytes of what was accepted, and those of
other results are in the records of their leases, as far as they came before the slice was decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from peernet.core.effects import PinBlob
from peernet.core.records import EvidenceRecord, LeaseRecord, OutcomeRecord, PartRecord, SliceRecord
from peernet.core.work.owner.disputes import Dispute, Narrowed
from peernet.core.work.owner.slices import MOST_DROPPED, Slice
from peernet.core.work.votes import Key, Vote
from peernet.types import LeaseId, Payload

if TYPE_CHECKING:
    from peernet.core.work.owner.job import Job


def remember(
    job: Job,
    record: SliceRecord,
    outcome: OutcomeRecord,
    evidence: EvidenceRecord,
    leases: Mapping[LeaseId, LeaseRecord],
) -> None:
    """Retain the slice that was accepted last, as far as there is room for it. leases: of its job that have come
    back, by their ids."""
    key: Key = ("ok", outcome.value.digest)
    entry = Slice(record.index, job.slices.calls - record.calls, record.calls, record.input, "accepted", key=key)
    entry.dispute = _dispute(evidence, outcome)
    for part in evidence.parts:
        vote = _vote(job, part, outcome, leases.get(part.lease))
        if part.counts and (vote.value is not None or vote.key[0] != "ok"):
            entry.votes[part.peer] = vote
        else:
            # A result whose bytes are gone can't be accepted any more.
            entry.dropped = (*entry.dropped, vote)[-MOST_DROPPED:]
    agreeing = tuple(vote.peer for vote in entry.votes.values() if vote.key == key)
    entry.checked = agreeing if len(agreeing) > 1 else ()
    entry.struck = tuple(part.peer for part in evidence.parts if not part.agrees)
    job.pin_input(record.input)
    for vote in entry.votes.values():
        if vote.key != key and vote.value is not None and vote.value.inline is None:
            job.ctx.emit(PinBlob(vote.value.digest, job.host))
    job.slices.retained.keep(entry)


def _vote(job: Job, part: PartRecord, outcome: OutcomeRecord, lease: LeaseRecord | None) -> Vote:
    """Return a worker's part as the vote that it was. All that agree share the bytes that were accepted."""
    accepted = outcome.value
    key: Key = ("ok", accepted.digest) if part.agrees else (part.status, part.digest)
    value: Payload | None = accepted if part.agrees else None
    if not part.agrees and part.status == "ok" and lease is not None and lease.status == "ok":
        value = lease.value
        if part.calls and value is not None:
            key = ("ok", value.digest)  # of the whole that its part makes
    return Vote(
        peer=part.peer,
        trusted=job.trusted(part.peer),
        key=key,
        lease=part.lease,
        value=value,
        error=lease.error if lease is not None else "",
        traceback=lease.traceback if lease is not None else "",
        cpu_seconds=lease.cpu_seconds if lease is not None else 0.0,
        batch=part.batch,
        audit=part.audit,
        said=part.digest if part.digest != key[1] else None,
        calls=part.calls,
    )


def _dispute(evidence: EvidenceRecord, outcome: OutcomeRecord) -> Dispute | None:
    """Return what was known of the calls in which results differed. Where some were executed by themselves, with
    the result that was accepted, that has the other calls."""
    if not evidence.differing:
        return None
    calls = next((part.calls for part in evidence.parts if part.calls and part.agrees), ())
    return Dispute(
        narrowed=Narrowed(calls, outcome.value) if calls else None,
        lent=bool(calls),
        shares=frozenset((outcome.value.digest, *(part.digest for part in evidence.parts if part.shares))),
        whole=not calls and any(part.calls for part in evidence.parts),
        differing=evidence.differing,
        total=evidence.differences,
    )
