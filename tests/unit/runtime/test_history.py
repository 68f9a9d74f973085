"""Jobs as the journal knows them, with no peer running."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from peernet.core.records import EvidenceRecord, JobRecord, OutcomeRecord, RetractedRecord, encode_record
from peernet.core.work.stats import JobStats, PeerWork, encode_stats
from peernet.errors import BlobMissingError, UsageError
from peernet.identity.jobid import format_job_id
from peernet.identity.peerid import format_peer_id
from peernet.results import digest_of, encode
from peernet.runtime.history import evidence_replies, job_replies, job_row, job_rows, retracted_jobs
from peernet.storage.blobs import BlobStore, blob_path
from peernet.storage.home import Home
from peernet.storage.journal import Change, Journal
from peernet.types import Digest, JobId, Payload, PeerId
from peernet.wire.control import EvidenceSlice, FinalValue, JobReply, RetractedJobRow, RetractedRow, SliceValue
from peernet.wire.signed import Needs

FIRST, SECOND = JobId(bytes([1]) * 32), JobId(bytes([2]) * 32)
BOB, CAROL = PeerId(b"b" * 32), PeerId(b"c" * 32)


def record(job: JobId, submitted: float, **fields: Any) -> JobRecord:
    digest = Digest(bytes(32))
    given = {"state": "done", "ended": submitted + 5, "reduces": False, **fields}
    return JobRecord(
        job, b"", digest, digest, 0, Needs("", 0, ""), "task", None, None,
        trusted=(), patience=10.0, length=4, submitted=submitted, **given,
    )  # fmt: skip


def payload(data: bytes) -> Payload:
    return Payload(digest_of(data), len(data), data)


def outcome(job: JobId, index: int, value: Payload) -> OutcomeRecord:
    return OutcomeRecord(job, index, value, (BOB,), False, 0.5)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path)


def write(home: Home, *records: Any) -> None:
    with Journal.open(home.journal_file) as journal:
        journal.commit([Change(one.space, one.key(), encode_record(one)) for one in records])


def test_a_home_without_a_journal_has_no_jobs(home: Home) -> None:
    assert job_rows(home) == []
    with pytest.raises(UsageError, match="nothing was submitted"):
        job_row(home, "abc")
    with pytest.raises(UsageError, match="nothing was submitted"):
        list(job_replies(home, "abc"))


def test_jobs_are_listed_newest_first(home: Home) -> None:
    stats = encode_stats(JobStats(8, 1, 4, 4, (PeerWork(BOB, 4, 2.0, 1.0),)))
    write(home, record(FIRST, 100.0, stats=stats, slices=4), record(SECOND, 200.0))
    rows = job_rows(home)
    assert [row.job for row in rows] == [format_job_id(SECOND), format_job_id(FIRST)]
    assert (rows[1].executions, rows[1].disagreements, rows[1].accepted, rows[1].slices) == (8, 1, 4, 4)
    assert [(work.slices, work.share) for work in rows[1].peers] == [(4, 1.0)]


def test_a_prefix_finds_one_job_and_says_when_it_fits_none_or_more(home: Home) -> None:
    write(home, record(FIRST, 100.0), record(SECOND, 200.0))
    assert job_row(home, format_job_id(FIRST)[:6].upper()).job == format_job_id(FIRST)
    for wrong in ("zzzz", ""):
        with pytest.raises(UsageError, match="there is no job"):
            job_row(home, wrong)
    with pytest.raises(UsageError, match="fits 2 jobs"):
        job_row(home, "a")


def test_results_come_in_order_up_to_the_first_gap(home: Home) -> None:
    values = [payload(encode([number])) for number in range(4)]
    write(home, record(FIRST, 100.0), *(outcome(FIRST, index, values[index]) for index in (3, 1, 0)))
    *found, end = job_replies(home, format_job_id(FIRST))
    assert found == [SliceValue(0, encode([0])), SliceValue(1, encode([1]))]
    assert isinstance(end, JobReply)
    assert next(job_replies(home, format_job_id(FIRST), 1)) == SliceValue(1, encode([1]))


def test_a_job_that_reduces_has_its_value_only(home: Home) -> None:
    write(home, record(FIRST, 100.0, reduces=True, value=payload(encode(7))), outcome(FIRST, 0, payload(b"x")))
    first, end = job_replies(home, format_job_id(FIRST))
    assert first == FinalValue(encode(7))
    assert isinstance(end, JobReply)


def test_large_results_are_read_from_their_blobs(home: Home) -> None:
    data = encode(["x" * 100_000])
    blobs = BlobStore(home.blob_folder, 10**9)
    digest = blobs.put(data)
    write(home, record(FIRST, 100.0), outcome(FIRST, 0, Payload(digest, len(data))))
    assert next(job_replies(home, format_job_id(FIRST))) == SliceValue(0, data)
    blob_path(home.blob_folder, digest).unlink()
    with pytest.raises(BlobMissingError):
        next(job_replies(home, format_job_id(FIRST)))


def test_what_is_retracted_is_told_with_the_job_and_each_slice(home: Home) -> None:
    values = [payload(encode([number])) for number in range(2)]
    told = RetractedRecord(BOB, 1, 1, 300.0, "which you have blocked")
    evidence = [EvidenceRecord(FIRST, index, 1, 0.99, ()) for index in range(2)]
    write(home, record(FIRST, 100.0, retracted=(told,)), *(outcome(FIRST, i, values[i]) for i in range(2)))
    write(home, evidence[0], replace(evidence[1], retracted=BOB))
    first, second, end = job_replies(home, format_job_id(FIRST))
    assert isinstance(first, SliceValue) and isinstance(second, SliceValue) and isinstance(end, JobReply)
    assert (first.retracted, second.retracted) == ("", format_peer_id(BOB))
    assert end.row.retracted == (RetractedRow(format_peer_id(BOB), 1, 1, 300.0, "which you have blocked"),)
    with Journal.open(home.journal_file, read_only=True) as journal:
        found = retracted_jobs(journal, [BOB, CAROL])
    assert found == {BOB: [RetractedJobRow(format_job_id(FIRST), "task", 1, 300.0)], CAROL: []}
    _, *slices, _ = evidence_replies(home, format_job_id(FIRST), whole=False)
    assert [one.retracted for one in slices if isinstance(one, EvidenceSlice)] == ["", format_peer_id(BOB)]


def test_a_running_job_without_its_peer_says_how_it_goes_on(home: Home) -> None:
    write(home, record(FIRST, 100.0, state="running", ended=0.0))
    assert "peernet join" in job_row(home, format_job_id(FIRST)).waiting
