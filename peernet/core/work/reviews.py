"""Finds in the journal the accepted slices of ended jobs that a peer agreed with: what a `Review` asks for.

The loads are given, so that the peer, the simulators and tests look through their journals in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from peernet.core.events import Reviewed
from peernet.core.records import EvidenceRecord, JobRecord
from peernet.core.work.stats import decode_stats
from peernet.types import JobId, PeerId

LAST_INDEX = b"\xff" * 8
"""No slice has this index: the key of a job and this comes after all of the job."""

Jobs = Callable[[bytes], Iterable[JobRecord]]
"""`jobs(start)`: the jobs from a key on, in the order of their keys."""

Kept = Callable[[JobId, bytes], Iterable[EvidenceRecord]]
"""`kept(job, start)`: a job's evidence from a key on, in the order of its keys."""


def look_through(jobs: Jobs, kept: Kept, peer: PeerId, after: bytes, limit: int) -> Reviewed | None:
    """Return the next part of a review: of the first ended job after `after` that the peer had a part in.

    after: the key of the last record that was looked at; empty at the beginning. limit: records looked at.
    """
    for job in jobs(after[:32]):
        start = after + b"\0" if after.startswith(job.job) else job.job
        if job.state == "running" or start > job.job + LAST_INDEX or not _took_part(job, peer):
            continue
        found: list[EvidenceRecord] = []
        last = b""
        for number, record in enumerate(kept(job.job, start), 1):
            last = record.key()
            if any(part.peer == peer and part.agrees and part.counts for part in record.parts):
                found.append(record)
            if number == limit:
                return Reviewed(job, tuple(found), last, last=False)
        if last or start > job.job:
            return Reviewed(job, tuple(found), job.job + LAST_INDEX, last=True)
    return None


def _took_part(job: JobRecord, peer: PeerId) -> bool:
    """Whether a result of the peer was, or equals, the accepted one of a slice."""
    return any(work.peer == peer for work in decode_stats(job.stats).peers)
