"""The evidence of a job's results, from the journal into the form that front ends read."""

from __future__ import annotations

from collections.abc import Iterator

from peernet.core.records import BatchRecord, EvidenceRecord, JobRecord, OutcomeRecord, PartRecord, decode_record
from peernet.identity.peerid import format_peer_id
from peernet.storage.journal import Journal
from peernet.types import JobId, Payload
from peernet.wire.control import EvidenceBatch, EvidenceHead, EvidencePart, EvidenceSlice


def head(record: JobRecord, value: bytes | None) -> EvidenceHead:
    """Return what the evidence of a job begins with. value: the bytes of its reduced value, if it is wanted."""
    return EvidenceHead(record.manifest, record.policy, value, record.pickles)


def batches(journal: Journal, job: JobId) -> Iterator[EvidenceBatch]:
    """Yield all signed batches of results, in the order of their names."""
    for _, data in journal.load(BatchRecord.space, job):
        record = decode_record(BatchRecord, data)
        yield EvidenceBatch(record.digest, record.envelope)


def slices(journal: Journal, job: JobId) -> Iterator[tuple[EvidenceSlice, Payload]]:
    """Yield why each accepted slice was accepted, and where its bytes are, in the order of the input."""
    for key, data in journal.load(OutcomeRecord.space, job):
        outcome = decode_record(OutcomeRecord, data)
        found = journal.get(EvidenceRecord.space, key)
        record = None if found is None else decode_record(EvidenceRecord, found)
        yield (
            EvidenceSlice(
                index=outcome.index,
                calls=0 if record is None else record.calls,
                digest=outcome.value.digest,
                size=outcome.value.size,
                reached=0.0 if record is None else record.reached,
                parts=() if record is None else tuple(map(_part, record.parts)),
                retracted="" if record is None or record.retracted is None else format_peer_id(record.retracted),
                differing=() if record is None else record.differing,
                differences=0 if record is None else record.differences,
            ),
            outcome.value,
        )


def _part(part: PartRecord) -> EvidencePart:
    return EvidencePart(
        peer=format_peer_id(part.peer),
        lease=part.lease,
        status=part.status,
        digest=part.digest,
        agrees=part.agrees,
        trusted=part.trusted,
        audit=part.audit,
        batch=part.batch,
        calls=part.calls,
    )
