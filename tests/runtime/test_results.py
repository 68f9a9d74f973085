"""Results of a job as the control socket hands them out: as they come, and again where they were taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from peernet.core.effects import Note
from peernet.core.records import JobRecord, OutcomeRecord, encode_record
from peernet.identity.jobid import format_job_id
from peernet.results import digest_of, encode
from peernet.runtime.payloads import Payloads
from peernet.runtime.service import Service
from peernet.storage.journal import Change, Journal, Removal
from peernet.types import Digest, JobId, Payload, PeerId
from peernet.wire.control import JobReply, Results, Retraction, SliceValue, TakenBack, Watch
from peernet.wire.signed import Needs

JOB = JobId(b"j" * 32)
BOB = PeerId(b"b" * 32)


class Bench:
    """A service over a journal that the test writes."""

    def __init__(self, journal: Journal) -> None:
        owner = SimpleNamespace(views=list, view=lambda job: None)
        payloads = Payloads(None, None)  # type: ignore[arg-type]
        core = SimpleNamespace(owner=owner)
        self.journal = journal
        self.service = Service(SimpleNamespace(journal=journal, payloads=payloads, core=core))  # type: ignore[arg-type]
        self.job("running")

    def job(self, state: Any, job: JobId = JOB) -> None:
        digest = Digest(bytes(32))
        record = JobRecord(
            job, b"", digest, digest, 0, Needs("", 0, ""), "task", None, None, False,
            trusted=(), patience=10.0, length=4, submitted=1.0, state=state,
        )  # fmt: skip
        self.journal.commit([Change(record.space, record.key(), encode_record(record))])
        self.service.noted(Note("job", job=job))

    def accept(self, index: int, value: int) -> None:
        data = encode([value])
        record = OutcomeRecord(JOB, index, Payload(digest_of(data), len(data), data), (BOB,), False, 0.5)
        self.journal.commit([Change(record.space, record.key(), encode_record(record))])
        self.service.noted(Note("job", job=JOB))

    def take_back(self, index: int) -> None:
        self.journal.commit([Removal(OutcomeRecord.space, JOB + index.to_bytes(8, "big"))])
        self.service.noted(Note("taken back", "slice is believed no more", job=JOB, index=index))
        self.service.noted(Note("job", job=JOB))


@pytest.fixture
def bench(tmp_path: Path) -> Any:
    with Journal.open(tmp_path / "journal") as journal:
        yield Bench(journal)


async def take(replies: AsyncIterator[Any], count: int) -> list[Any]:
    return [await anext(replies) for _ in range(count)]


async def test_slices_that_were_handed_out_are_named_and_given_again(bench: Any) -> None:
    replies = bench.service.serve(Results(format_job_id(JOB)))
    bench.accept(0, 0)
    bench.accept(1, -1)
    assert await take(replies, 2) == [SliceValue(0, encode([0])), SliceValue(1, encode([-1]))]
    bench.take_back(1)
    assert await take(replies, 1) == [TakenBack(1)]
    bench.accept(2, 4)
    assert await take(replies, 1) == [SliceValue(2, encode([4]))]
    bench.accept(1, 1)
    bench.job("done")
    value, end = await take(replies, 2)
    assert value == SliceValue(1, encode([1])) and isinstance(end, JobReply)
    assert [reply async for reply in replies] == []


async def test_slices_that_were_not_handed_out_yet_are_given_once(bench: Any) -> None:
    replies = bench.service.serve(Results(format_job_id(JOB), 1))
    bench.accept(1, 1)
    assert await take(replies, 1) == [SliceValue(1, encode([1]))]
    bench.take_back(0)  # before the first one that was asked for
    bench.accept(2, -1)
    bench.take_back(2)  # before it was read
    bench.accept(2, 4)
    assert await take(replies, 1) == [SliceValue(2, encode([4]))]
    bench.job("done")
    assert [type(reply) async for reply in replies] == [JobReply]


async def test_one_that_is_taken_back_twice_is_named_twice(bench: Any) -> None:
    replies = bench.service.serve(Results(format_job_id(JOB)))
    bench.accept(0, -1)
    await take(replies, 1)
    bench.take_back(0)
    assert await take(replies, 1) == [TakenBack(0)]
    bench.accept(0, -2)
    bench.take_back(0)
    assert await take(replies, 1) == [TakenBack(0)]
    bench.accept(0, 0)
    bench.job("done")
    value, end = [reply async for reply in replies]
    assert value == SliceValue(0, encode([0])) and isinstance(end, JobReply)


async def test_readers_that_leave_are_forgotten(bench: Any) -> None:
    async with aclosing(bench.service.serve(Results(format_job_id(JOB)))) as replies:
        bench.accept(0, -1)
        await take(replies, 1)
        assert len(bench.service._deliveries._open) == 1
    bench.take_back(0)
    assert not bench.service._deliveries._open


async def test_who_watches_a_job_is_told_what_is_retracted_of_others(bench: Any, autojump_clock: Any) -> None:
    replies = bench.service.serve(Watch(format_job_id(JOB)))
    assert [type(reply) for reply in await take(replies, 1)] == [JobReply]
    other = JobId(b"o" * 32)
    for number in (1, 2):
        bench.service.noted(Note("retracted", f"{number} slices are retracted", job=other, peer=BOB))
    first, second, row = await take(replies, 3)
    assert [type(first), type(second), type(row)] == [Retraction, Retraction, JobReply]
    assert (first.job, second.text) == (format_job_id(other), "2 slices are retracted")
    bench.job("done")
    assert [type(reply) async for reply in replies] == [JobReply]
    later = bench.service.serve(Watch(format_job_id(JOB)))
    assert [type(reply) async for reply in later] == [JobReply], "old ones are on record"
