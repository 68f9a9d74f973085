"""A job comes back from the journal: nothing accepted is lost, and nothing accepted is leased again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from peernet.core.context import Context
from peernet.core.effects import PinBlob
from peernet.core.records import EvidenceRecord, JobRecord, LeaseRecord, OutcomeRecord, SliceRecord
from peernet.core.work.owner.crew import Crew
from peernet.core.work.owner.disputes import Dispute, Narrowed
from peernet.core.work.owner.job import Job
from peernet.core.work.owner.leases import OUT, Lease
from peernet.core.work.owner.remembering import remember
from peernet.core.work.owner.slices import Slice
from peernet.core.work.votes import Vote, differ, signed
from peernet.types import Digest, JobId, LeaseId, Payload
from peernet.wire.signed import SliceResult


@dataclass(frozen=True, slots=True)
class JobImage:
    """What the journal holds of one job, each kind in the order of its keys. May be streams: each is read once."""

    job: JobRecord
    slices: Iterable[SliceRecord] = ()
    outcomes: Iterable[OutcomeRecord] = ()
    leases: Iterable[LeaseRecord] = ()
    evidence: Iterable[EvidenceRecord] = ()


def restore_job(ctx: Context, crew: Crew, image: JobImage) -> Job:
    """Rebuild a running job, which has yet to be started; then it goes on where the journal ends."""
    job = Job(ctx, crew, image.job, JobId(ctx.secret(32)), opened=False)
    for blob in (image.job.host_bundle, image.job.worker_bundle):
        ctx.emit(PinBlob(blob, job.host))
    accepted = {outcome.index: outcome for outcome in image.outcomes}
    evidence = {record.index: record for record in image.evidence}
    leases = tuple(image.leases)
    returned = {lease.lease: lease for lease in leases if lease.state == "returned" and lease.index in accepted}
    kept = _to_retain(job, accepted, evidence)
    for outcome in accepted.values():
        _restore_outcome(job, outcome, evidence.get(outcome.index))
    for record in image.slices:
        job.hosting.replay.append((record.calls, record.input.digest))
        if record.index not in accepted:
            job.slices.add(record.calls, record.input)
            job.pin_input(record.input)
            continue
        job.slices.add_accepted(record.calls)
        if record.index in kept:
            remember(job, record, accepted[record.index], evidence[record.index], returned)
    narrowed = []
    for lease in leases:
        if lease.calls and lease.state != "returned" and lease.index in job.slices.undecided:
            narrowed.append(lease)
        else:
            _restore_lease(job, lease, accepted)
    for lease in narrowed:
        _restore_narrowed(job, job.slices.undecided[lease.index], lease)
    for entry in list(job.slices.undecided.values()):
        _restore_state(job, entry)
    return job


def pin_result(ctx: Context, job: JobId, value: Payload | None) -> None:
    """Keep the blob of a result, if it is one."""
    if value is not None and value.inline is None:
        ctx.emit(PinBlob(value.digest, job))


def _to_retain(
    job: Job, accepted: dict[int, OutcomeRecord], evidence: dict[int, EvidenceRecord]
) -> frozenset[int]:
    """Return the accepted slices that are to be retained: the last ones, as many as there is room for."""
    if not job.hosting.keeps:
        return frozenset()
    retained = job.slices.retained
    retained.lost = len(accepted) > retained.limit
    known = [index for index in accepted if index in evidence]
    return frozenset(known[max(0, len(known) - retained.limit) :])


def _restore_outcome(job: Job, outcome: OutcomeRecord, evidence: EvidenceRecord | None) -> None:
    """Take in an accepted result. Those whose audits agreed with it stand in its evidence only."""
    pin_result(job.ctx, job.id, outcome.value)
    job.tally.disagreements += outcome.disputed
    parts = evidence.parts if evidence is not None else ()
    audited = (part.peer for part in parts if part.agrees and part.counts)
    for peer in dict.fromkeys((*outcome.agreeing, *audited)):
        job.tally.agreed(peer)
    job.hosting.accepted(outcome.index, outcome.value)


def _restore_lease(job: Job, record: LeaseRecord, accepted: dict[int, OutcomeRecord]) -> None:
    """Take in a lease as it was. Those of this peer's own worker ended with the process."""
    entry = job.slices.undecided.get(record.index)
    if entry is not None and _is_asked_again(job, entry, record):
        return
    if record.state == "returned":
        job.tally.returned(record.peer, record.cpu_seconds)
    lease = _lease_of(job, record)
    if record.state == "recalled" or entry is None:
        _restore_settled(job, lease, record, accepted)
        return
    entry.attempts += 1
    if record.state == "returned":
        _restore_vote(job, entry, lease, record)
        return
    claimed = record.status != ""
    if lease.state in OUT and lease.peer == job.ctx.me and not claimed:
        lease.state = "lost"
    elif lease.state == "late":
        lease.state = "sent"
    job.leases.add(lease)
    entry.leases[lease.id] = lease
    if not claimed or record.value is None:
        return
    claim = _claim_of(record, record.value)
    if record.value.inline is None:
        job.intake.resume(lease, claim)
    else:
        job.showing.resume(lease, claim, record.value)


def _restore_narrowed(job: Job, entry: Slice, record: LeaseRecord) -> None:
    """Take in a lease on some calls of a slice, which has not returned. Where the results that it began from are
    not here any more it is let go, and so is one of this peer's own worker."""
    lease = _lease_of(job, record)
    claimed = record.status != "" and record.value is not None
    base = next((vote.value for vote in entry.votes.values() if _is_base(vote, record)), None)
    job.leases.add(lease)
    if base is None or (lease.peer == job.ctx.me and not claimed) or record.state == "recalled":
        job.leases.settle(lease, None)
        return
    entry.attempts += 1
    entry.leases[lease.id] = lease
    lease.part = _lent(entry, record.calls, base)
    if record.value is None or not claimed:
        return
    claim = _claim_of(record, record.value)
    if record.value.inline is None:
        job.intake.resume(lease, claim)
    else:
        job.narrowing.resume(lease, claim, record.value)


def _is_base(vote: Vote, record: LeaseRecord) -> bool:
    """Whether a vote's result has the calls that were not lent."""
    if vote.value is None:
        return False
    return vote.value.digest == record.base or vote.calls == record.calls


def _lent(entry: Slice, calls: tuple[int, ...], base: Payload) -> Narrowed:
    """Remember that these calls of a slice were lent. The host is asked anew for their input."""
    narrowed = Narrowed(calls, base)
    if entry.dispute is None:
        entry.dispute = Dispute(narrowed=narrowed, lent=True)
    return narrowed


def _is_asked_again(job: Job, entry: Slice, record: LeaseRecord) -> bool:
    """Whether a result is shown to the host once more, because how it compares with others is not on record. It is
    as if it had come in just now."""
    value = record.value
    if record.state != "returned" or record.status != "ok" or value is None:
        return False
    if not job.record.compares or not job.showing.wants(record.index, value):
        return False
    lease = _lease_of(job, record)
    lease.state = "sent"
    entry.attempts += 1
    job.leases.add(lease)
    entry.leases[lease.id] = lease
    if value.inline is None:
        job.ctx.emit(PinBlob(value.digest, job.host))
    job.showing.resume(lease, _claim_of(record, value), value)
    return True


def _restore_settled(job: Job, lease: Lease, record: LeaseRecord, accepted: dict[int, OutcomeRecord]) -> None:
    """A lease of a decided slice, or one that was taken back. What still is out may yet return as an audit."""
    entry = job.slices.retained.get(record.index)
    if entry is not None:
        entry.attempts += 1
        if lease.part is not None and entry.dispute is not None and entry.dispute.narrowed is not None:
            lease.part = entry.dispute.narrowed
    is_out = record.state in OUT and lease.peer != job.ctx.me
    if entry is not None and (is_out or any(vote.lease == lease.id for vote in entry.votes.values())):
        entry.leases[lease.id] = lease
    job.leases.add(lease)
    if is_out:
        return
    status = record.status if record.state == "returned" else ""
    outcome = accepted.get(record.index)
    digest = outcome.value.digest if outcome is not None else None
    if record.value is not None:
        digest = record.value.digest
    digest = record.said or digest
    job.leases.settle(lease, signed((status, digest)) if status and digest is not None else None)


def _restore_vote(job: Job, entry: Slice, lease: Lease, record: LeaseRecord) -> None:
    value = record.value
    if value is None or record.peer in entry.votes or (record.status == "timeout" and job.record.timeout is None):
        entry.stretches += record.status == "timeout"
        job.leases.add(lease)
        job.leases.settle(lease, (record.status, value.digest) if value is not None else None)
        return
    job.leases.add(lease)
    entry.leases[lease.id] = lease
    if value.inline is None and record.status == "ok":
        job.ctx.emit(PinBlob(value.digest, job.host))
    if record.calls and record.status == "ok":
        lease.part = _lent(entry, record.calls, value)
    vote = Vote(
        peer=record.peer,
        trusted=job.trusted(record.peer),
        key=(record.status, value.digest),
        lease=record.lease,
        value=value if record.status == "ok" else None,
        error=record.error,
        traceback=record.traceback,
        cpu_seconds=record.cpu_seconds,
        batch=record.batch,
        said=record.said,
        calls=record.calls,
    )
    job.slices.add_vote(entry, vote)


def _restore_state(job: Job, entry: Slice) -> None:
    """Walk a slice through its table to where its leases and votes had brought it."""
    if entry.leases:
        job.slices.advance(entry, "granted")
        differed = differ(entry.votes.values())
        if differed:
            job.tally.disagreements += 1
            job.slices.advance(entry, "differed")
        if not entry.votes and not any(lease.state in OUT for lease in entry.leases.values()):
            job.slices.advance(entry, "freed")
    if entry.votes:
        # Marks of one's own keys may have changed since, so that a vote is now enough.
        job.verdicts.judge(entry)
    else:
        job.slices.place(entry)


def _lease_of(job: Job, record: LeaseRecord) -> Lease:
    now, config = job.ctx.now, job.ctx.config.work
    return Lease(
        id=LeaseId(record.lease),
        index=record.index,
        attempt=record.attempt,
        peer=record.peer,
        trusted=job.trusted(record.peer),
        seconds=job.sizing.limit(job.record.timeout, 0, job.ctx.config.box.seconds),
        due=now.mono + config.restart_grace,
        granted=record.granted,
        since=now.mono - max(0.0, now.wall - record.granted),
        state=record.state,
        restored=True,
        batch=record.batch,
        part=Narrowed(record.calls, Payload(record.base or Digest(b""), 0)) if record.calls else None,
    )


def _claim_of(record: LeaseRecord, value: Payload) -> SliceResult:
    return SliceResult(
        lease=record.lease,
        status="ok",
        digest=value.digest,
        size=value.size,
        cpu_seconds=record.cpu_seconds,
        wall_seconds=record.wall_seconds,
        error=record.error,
        traceback=record.traceback,
        only=record.calls,
    )
