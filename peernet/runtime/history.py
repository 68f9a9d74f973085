"""Jobs as the journal knows them: of ended jobs, of jobs whose peer does not run now, and all results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from msgspec.structs import replace

from peernet.core.records import EvidenceRecord, JobRecord, OutcomeRecord, decode_record
from peernet.errors import UsageError
from peernet.identity.jobid import find_job, format_job_id
from peernet.identity.peerid import format_peer_id
from peernet.runtime import evidence
from peernet.runtime.jobrows import row_of_record
from peernet.storage.blobs import read_blob
from peernet.storage.home import Home
from peernet.storage.journal import Journal
from peernet.types import JobId, Payload, PeerId
from peernet.wire.control import (
    EvidenceBatch,
    EvidenceHead,
    EvidenceSlice,
    FinalValue,
    JobReply,
    JobRow,
    RetractedJobRow,
    SliceValue,
)

Read = Callable[[Payload], bytes]
EvidenceReply = EvidenceHead | EvidenceBatch | EvidenceSlice | JobReply


def job_rows(home: Home) -> list[JobRow]:
    """Return all jobs of a home, newest first. Works with and without a running peer."""
    with _journal(home) as journal:
        return [] if journal is None else rows(journal)


def job_row(home: Home, prefix: str) -> JobRow:
    """Return one job by its id or a unique prefix.

    Raises:
        UsageError: there is no such job, or more than one.
    """
    with _journal_of(home, prefix) as journal:
        return row_of_record(find_record(journal, prefix))


def job_replies(home: Home, prefix: str, start: int = 0) -> Iterator[SliceValue | FinalValue | JobReply]:
    """Yield what is there of a job's results, then the job. Results of slices that follow a gap are left out.

    Raises:
        UsageError: there is no such job, or more than one.
        BlobMissingError: a result's bytes are gone from the disk.
    """
    with _journal_of(home, prefix) as journal:
        record = find_record(journal, prefix)
        read = _reader(home)
        if record.reduces and record.value is not None:
            yield FinalValue(read(record.value), record.pickles)
        elif not record.reduces:
            index = start
            while (outcome := find_outcome(journal, record.job, index)) is not None:
                yield slice_value(journal, record, outcome, read(outcome.value))
                index += 1
        yield JobReply(row_of_record(record))


def evidence_replies(home: Home, prefix: str, *, whole: bool) -> Iterator[EvidenceReply]:
    """Yield why the slices of a job were accepted (see `wire.control.Evidence`), then the job.

    Raises:
        UsageError: there is no such job, or more than one.
        BlobMissingError: a result's bytes are gone from the disk.
    """
    with _journal_of(home, prefix) as journal:
        record = find_record(journal, prefix)
        read = _reader(home)
        yield evidence.head(record, read(record.value) if whole and record.value is not None else None)
        if whole:
            yield from evidence.batches(journal, record.job)
        for entry, value in evidence.slices(journal, record.job):
            yield replace(entry, value=read(value)) if whole else entry
        yield JobReply(row_of_record(record))


def rows(journal: Journal) -> list[JobRow]:
    """Return all jobs of a journal, newest first."""
    records = [decode_record(JobRecord, value) for _, value in journal.load(JobRecord.space)]
    return [row_of_record(record) for record in sorted(records, key=lambda record: -record.submitted)]


def find_record(journal: Journal, prefix: str) -> JobRecord:
    """Return the record of a job by its id or a unique prefix.

    Raises:
        UsageError: there is no such job, or more than one.
    """
    records = {JobId(key): value for key, value in journal.load(JobRecord.space)}
    return decode_record(JobRecord, records[find_job(prefix, records)])


def retracted_jobs(journal: Journal, peers: Sequence[PeerId]) -> dict[PeerId, list[RetractedJobRow]]:
    """Return for each of these peers the ended jobs of which slices rested on it and are retracted."""
    found: dict[PeerId, list[RetractedJobRow]] = {peer: [] for peer in peers}
    for _, value in journal.load(JobRecord.space) if peers else ():
        record = decode_record(JobRecord, value)
        for entry in record.retracted:
            if entry.peer in found:
                row = RetractedJobRow(format_job_id(record.job), record.name, entry.slices, entry.when)
                found[entry.peer].append(row)
    return found


def find_outcome(journal: Journal, job: JobId, index: int) -> OutcomeRecord | None:
    """Return the accepted result of a slice, if it is there."""
    value = journal.get(OutcomeRecord.space, job + index.to_bytes(8, "big"))
    return None if value is None else decode_record(OutcomeRecord, value)


def slice_value(journal: Journal, record: JobRecord, outcome: OutcomeRecord, data: bytes) -> SliceValue:
    """Return an accepted slice as front ends get it, whose bytes are `data`."""
    retracted = ""
    if record.retracted:
        kept = journal.get(EvidenceRecord.space, outcome.key())
        peer = None if kept is None else decode_record(EvidenceRecord, kept).retracted
        retracted = "" if peer is None else format_peer_id(peer)
    return SliceValue(outcome.index, data, record.pickles, outcome.traceback, retracted)


def _reader(home: Home) -> Read:
    def read(payload: Payload) -> bytes:
        return payload.inline if payload.inline is not None else read_blob(home.blob_folder, payload.digest)

    return read


@contextmanager
def _journal(home: Home) -> Iterator[Journal | None]:
    """Open the journal of a home for reading; None while there is none."""
    if not home.journal_file.exists():
        yield None
        return
    with Journal.open(home.journal_file, read_only=True) as journal:
        yield journal


@contextmanager
def _journal_of(home: Home, prefix: str) -> Iterator[Journal]:
    """Open the journal of a home for a job in it. Raises UsageError while nothing was submitted there."""
    with _journal(home) as journal:
        if journal is None:
            raise UsageError(f"there is no job {prefix!r} here; nothing was submitted from {home.root} yet")
        yield journal
