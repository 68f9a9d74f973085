"""What the core is rebuilt from at a start: the journal's records, as far as they are still of use."""

from __future__ import annotations

from collections.abc import Callable

from peernet.core.node import Restored
from peernet.core.records import (
    ContactRecord,
    EvidenceRecord,
    JobRecord,
    LeaseRecord,
    MineRecord,
    OutcomeRecord,
    ReviewRecord,
    SliceRecord,
    TrustRecord,
    decode_record,
)
from peernet.core.work.owner import JobImage
from peernet.storage.journal import Journal
from peernet.types import Digest, JobId


def restore(journal: Journal, with_contacts: bool) -> Restored:
    """Return the contacts (if wanted), the user's own keys, what is known of peers, and the jobs that have not
    ended, oldest first."""
    contacts = journal.load(ContactRecord.space) if with_contacts else ()
    jobs = [decode_record(JobRecord, value) for _, value in journal.load(JobRecord.space)]
    running = sorted((job for job in jobs if job.state == "running"), key=lambda job: job.submitted)
    return Restored(
        contacts=tuple(decode_record(ContactRecord, value) for _, value in contacts),
        mine=tuple(decode_record(MineRecord, value) for _, value in journal.load(MineRecord.space)),
        trust=tuple(decode_record(TrustRecord, value) for _, value in journal.load(TrustRecord.space)),
        reviews=tuple(decode_record(ReviewRecord, value) for _, value in journal.load(ReviewRecord.space)),
        jobs=tuple(_image(journal, job) for job in running),
    )


def pin_results(journal: Journal, pin: Callable[[Digest, JobId], None]) -> None:
    """Pin the blobs that results of ended jobs stand for: pins live in memory, results are kept. Running jobs pin
    theirs when they are restored."""
    for _, data in journal.load(JobRecord.space):
        job = decode_record(JobRecord, data)
        if job.state == "running":
            continue
        if job.value is not None and job.value.inline is None:
            pin(job.value.digest, job.job)
        for _, outcome in journal.load(OutcomeRecord.space, job.job):
            value = decode_record(OutcomeRecord, outcome).value
            if value.inline is None:
                pin(value.digest, job.job)


def _image(journal: Journal, job: JobRecord) -> JobImage:
    return JobImage(
        job=job,
        slices=tuple(decode_record(SliceRecord, value) for _, value in journal.load(SliceRecord.space, job.job)),
        outcomes=tuple(
            decode_record(OutcomeRecord, value) for _, value in journal.load(OutcomeRecord.space, job.job)
        ),
        leases=tuple(decode_record(LeaseRecord, value) for _, value in journal.load(LeaseRecord.space, job.job)),
        evidence=tuple(
            decode_record(EvidenceRecord, value) for _, value in journal.load(EvidenceRecord.space, job.job)
        ),
    )
