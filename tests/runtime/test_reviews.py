"""Reviews of ended jobs over a real journal: what they find, and what becomes of one that can't be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from peernet.config import Config, TrustConfig
from peernet.core.effects import Review
from peernet.core.events import Done, Event, Failed, Reviewed
from peernet.core.records import EvidenceRecord, JobRecord, PartRecord, encode_record
from peernet.core.work.stats import JobStats, PeerWork, encode_stats
from peernet.runtime.reviews import Reviews
from peernet.runtime.surroundings import in_thread
from peernet.storage.journal import Change, Journal
from peernet.types import Digest, JobId, LeaseId, PeerId
from peernet.wire.signed import Needs

ANN, BOB = PeerId(b"a" * 32), PeerId(b"b" * 32)
FIRST, SECOND, THIRD = (JobId(name * 32) for name in (b"1", b"2", b"3"))
NOTHING = Digest(bytes(32))


def job(name: JobId, *peers: PeerId, state: Any = "done") -> JobRecord:
    stats = encode_stats(JobStats(peers=tuple(PeerWork(peer, 1, 0.0, 0.0) for peer in peers)))
    return JobRecord(
        name, b"", NOTHING, NOTHING, 0, Needs("", 0, ""), "task", None, None, False,
        trusted=(), patience=10.0, length=4, submitted=1.0, state=state, stats=stats,
    )  # fmt: skip


def evidence(name: JobId, index: int, peer: PeerId) -> EvidenceRecord:
    part = PartRecord(peer, LeaseId(b"l" * 16), "ok", NOTHING, True, False, False, b"")
    return EvidenceRecord(name, index, 1, 0.99, (part,))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal") as journal:
        records = [
            job(FIRST, ANN, BOB),
            *(evidence(FIRST, index, ANN if index % 2 else BOB) for index in range(5)),
            job(SECOND, ANN),
            evidence(SECOND, 0, ANN),
            job(THIRD, ANN, BOB, state="running"),
            evidence(THIRD, 0, BOB),
        ]
        journal.commit([Change(one.space, one.key(), encode_record(one)) for one in records])
        yield journal


@pytest.fixture
def review(journal: Journal, nursery: trio.Nursery) -> Callable[[bytes], Any]:
    """Carry out one review for what rested on bob, three records at a time, and return its outcome."""
    config = Config(trust=TrustConfig(review_records=3))

    async def carry(after: bytes) -> Event:
        send, receive = trio.open_memory_channel[Event](1)
        Reviews(journal, config, in_thread, send.send_nowait, nursery).carry(Review(7, BOB, after))
        return await receive.receive()

    return carry


async def test_only_ended_jobs_that_the_peer_had_a_part_in_are_looked_through(review: Any) -> None:
    first = await review(b"")
    assert isinstance(first, Done) and first.id == 7 and isinstance(first.value, Reviewed)
    assert [record.index for record in first.value.evidence] == [0, 2]
    assert (first.value.job.job, first.value.last) == (FIRST, False)
    second = await review(first.value.after)
    assert [record.index for record in second.value.evidence] == [4]
    assert second.value.last
    assert await review(second.value.after) == Done(7, None)


async def test_a_journal_that_fails_is_told(review: Any, journal: Journal) -> None:
    journal.commit([Change("evidence", evidence(FIRST, 1, ANN).key(), b"nonsense")])
    failed = await review(b"")
    assert isinstance(failed, Failed) and failed.failure.kind == "storage"
    assert "is of another version or damaged" in failed.failure.message
    journal._connection.execute("DROP TABLE evidence")
    failed = await review(b"")
    assert isinstance(failed, Failed) and failed.failure.kind == "storage"
    assert "no such table" in failed.failure.message
