"""However many records are looked at together, a review finds what a peer agreed with in ended jobs, each once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from peernet.core.records import EvidenceRecord, JobRecord, PartRecord
from peernet.core.work.reviews import look_through
from peernet.core.work.stats import JobStats, PeerWork, encode_stats
from peernet.types import Digest, JobId, LeaseId, PeerId
from peernet.wire.signed import Needs

ANN, BOB = PeerId(b"a" * 32), PeerId(b"b" * 32)
NOTHING = Digest(bytes(32))


def job_of(number: int, ended: bool, peers: set[PeerId]) -> JobRecord:
    stats = JobStats(peers=tuple(PeerWork(peer, 1, 0.0, 0.0) for peer in sorted(peers)))
    return JobRecord(
        JobId(bytes([number]) * 32), b"", NOTHING, NOTHING, 0, Needs("", 0, ""), "task", None, None, False, (),
        1.0, None, 1.0, state="done" if ended else "running", stats=encode_stats(stats),
    )  # fmt: skip


def part_of(peer: PeerId, agrees: bool, counts: bool) -> PartRecord:
    return PartRecord(peer, LeaseId(b"l" * 16), "ok", NOTHING, agrees, False, False, b"", counts)


parts = st.lists(st.builds(part_of, st.sampled_from([ANN, BOB]), st.booleans(), st.booleans()), max_size=3)
jobs = st.lists(st.tuples(st.booleans(), st.dictionaries(st.integers(0, 300), parts, max_size=6)), max_size=5)


@given(jobs, st.integers(1, 8))
def test_all_is_found_once_and_in_order(
    given_jobs: list[tuple[bool, dict[int, list[PartRecord]]]], limit: int
) -> None:
    known: list[JobRecord] = []
    kept: list[EvidenceRecord] = []
    wanted: list[bytes] = []
    for number, (ended, slices) in enumerate(given_jobs):
        told = [part for found in slices.values() for part in found]
        job = job_of(number, ended, {part.peer for part in told if part.agrees})
        known.append(job)
        for index in sorted(slices):
            record = EvidenceRecord(job.job, index, 1, 0.99, tuple(slices[index]))
            kept.append(record)
            if ended and any(part.peer == ANN and part.agrees and part.counts for part in slices[index]):
                wanted.append(record.key())
    found: list[bytes] = []
    after, looks, last = b"", 0, True
    while (
        part := look_through(
            lambda start: [job for job in known if job.key() >= start],
            lambda job, start: [one for one in kept if one.job == job and one.key() >= start],
            ANN,
            after,
            limit,
        )
    ) is not None:
        assert part.after > after and all(record.job == part.job.job for record in part.evidence)
        found += [record.key() for record in part.evidence]
        after, last = part.after, part.last
        looks += 1
    assert found == wanted
    assert last, "a job is looked through to its end"
    assert looks <= len(kept) + len(known)
