"""The evidence of a job from the journal, with no peer running."""

from __future__ import annotations

from pathlib import Path

import pytest

from peernet.core.records import BatchRecord, EvidenceRecord, JobRecord, OutcomeRecord, PartRecord, encode_record
from peernet.errors import BlobMissingError, UsageError
from peernet.identity.jobid import format_job_id
from peernet.identity.peerid import format_peer_id
from peernet.results import digest_of, encode
from peernet.runtime.history import evidence_replies
from peernet.storage.blobs import BlobStore, blob_path
from peernet.storage.home import Home
from peernet.storage.journal import Change, Journal
from peernet.types import Digest, JobId, LeaseId, Payload, PeerId
from peernet.wire.control import EvidenceBatch, EvidenceHead, EvidencePart, EvidenceSlice, JobReply
from peernet.wire.signed import Needs

JOB, OTHER = JobId(b"\1" * 32), JobId(b"\2" * 32)
BOB, LEASE = PeerId(b"b" * 32), LeaseId(b"l" * 16)
SMALL, LARGE = encode([1]), encode(["x" * 100_000])


def payload(data: bytes, *, inline: bool = True) -> Payload:
    return Payload(digest_of(data), len(data), data if inline else None)


def job(job: JobId, value: Payload | None = None) -> JobRecord:
    digest = Digest(bytes(32))
    return JobRecord(
        job, b"manifest", digest, digest, 0, Needs("", 0, ""), "task", None, None, value is not None,
        trusted=(), patience=10.0, length=2, submitted=1.0, state="done", policy="confidence:0.99", value=value,
    )  # fmt: skip


def name_of(job: JobId) -> str:
    return format_job_id(job)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.open(tmp_path)
    part = PartRecord(BOB, LEASE, "ok", digest_of(SMALL), True, False, True, b"n" * 32)
    records = [
        job(JOB),
        job(OTHER, payload(encode(7))),
        OutcomeRecord(JOB, 0, payload(SMALL), (BOB,), False, 0.5),
        OutcomeRecord(JOB, 1, payload(LARGE, inline=False), (BOB,), False, 0.5),
        EvidenceRecord(JOB, 0, 3, 0.995, (part,)),
        BatchRecord(JOB, Digest(b"n" * 32), b"envelope"),
        BatchRecord(OTHER, Digest(b"o" * 32), b"other"),
    ]
    with Journal.open(home.journal_file) as journal:
        journal.commit([Change(one.space, one.key(), encode_record(one)) for one in records])
    BlobStore(home.blob_folder, 10**9).put(LARGE)
    return home


def test_the_whole_of_it(home: Home) -> None:
    part = EvidencePart(format_peer_id(BOB), LEASE, "ok", digest_of(SMALL), True, False, True, b"n" * 32)
    *found, end = evidence_replies(home, name_of(JOB), whole=True)
    assert found == [
        EvidenceHead(b"manifest", "confidence:0.99"),
        EvidenceBatch(b"n" * 32, b"envelope"),
        EvidenceSlice(0, 3, digest_of(SMALL), len(SMALL), 0.995, (part,), SMALL),
        EvidenceSlice(1, 0, digest_of(LARGE), len(LARGE), 0.0, (), LARGE),
    ]
    assert isinstance(end, JobReply)


def test_what_is_shown_is_without_bytes_and_signatures(home: Home) -> None:
    head, *slices, _ = evidence_replies(home, name_of(JOB), whole=False)
    assert isinstance(head, EvidenceHead)
    assert [(one.index, one.value) for one in slices if isinstance(one, EvidenceSlice)] == [(0, b""), (1, b"")]
    assert len(slices) == 2


def test_a_reduced_value_comes_first(home: Home) -> None:
    head, batch, _ = evidence_replies(home, name_of(OTHER), whole=True)
    assert head == EvidenceHead(b"manifest", "confidence:0.99", encode(7))
    assert batch == EvidenceBatch(b"o" * 32, b"other")


def test_bytes_that_are_gone_are_told(home: Home) -> None:
    blob_path(home.blob_folder, digest_of(LARGE)).unlink()
    with pytest.raises(BlobMissingError):
        list(evidence_replies(home, name_of(JOB), whole=True))


def test_there_is_no_such_job(home: Home, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no job"):
        list(evidence_replies(home, "zzzz", whole=True))
    with pytest.raises(UsageError, match="nothing was submitted"):
        list(evidence_replies(Home.open(tmp_path / "new"), "abc", whole=False))
