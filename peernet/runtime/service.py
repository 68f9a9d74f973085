"""What the control socket offers: each request of a front end, answered from the core and the journal."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, cast

import trio
from msgspec.structs import replace

from peernet.core.effects import Note
from peernet.core.events import BlockAsked, StopAsked, Submission, SubmitAsked, TrustAsked
from peernet.core.records import JobRecord, OutcomeRecord
from peernet.identity.jobid import format_job_id
from peernet.identity.peerid import format_peer_id, parse_peer_id
from peernet.runtime import evidence, history
from peernet.runtime.deliveries import Deliveries, Delivery
from peernet.runtime.jobrows import row_of_record, row_of_view, unfit_rows
from peernet.runtime.peerrows import peer_rows, status
from peernet.runtime.trusted import trust_reply
from peernet.types import JobId
from peernet.wire.control import (
    Block,
    ControlReply,
    ControlRequest,
    Evidence,
    FinalValue,
    JobReply,
    JobRow,
    JobsReply,
    Join,
    ListJobs,
    ListPeers,
    Mine,
    Ok,
    PeersReply,
    Printed,
    Results,
    Retraction,
    Show,
    SliceValue,
    Status,
    Stop,
    Submit,
    Submitted,
    TakenBack,
    Trust,
    Watch,
)

if TYPE_CHECKING:
    from peernet.runtime.node import Node

WATCH_SECONDS = 0.1
"""The least time between two states of a job that a watcher is sent: faster than that nobody can read."""

PRINTED_LINES = 1000
"""Lines that a project printed and no watcher has taken yet; the oldest go first."""

NOBODY = 0
"""The id of a command whose answer nobody waits for: those that somebody waits for count from 1."""

RETRACTIONS = 256
"""Retractions that are kept for watchers that have not taken them yet; the oldest go first, and stay on record."""

PRINTED_HOSTS = 128
"""Job hosts whose lines are kept: twice as many as jobs may run. Jobs that nobody watches go first."""


class Service:
    """Answers requests for one node, and wakes those who watch a job."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._changed: dict[JobId, trio.Event] = {}
        self._printed: OrderedDict[JobId, deque[str]] = OrderedDict()
        self._deliveries = Deliveries()
        self._retractions: deque[Retraction] = deque(maxlen=RETRACTIONS)
        self._retracted = 0

    def noted(self, note: Note) -> None:
        """Wake the watchers of a job that changed, and all of them where an ended one is believed no more."""
        if note.job is None:
            return
        if note.topic == "taken back" and note.index is not None:
            self._deliveries.taken_back(note.job, note.index)
        elif note.topic == "retracted" and note.peer is not None:
            self._retractions.append(Retraction(format_job_id(note.job), format_peer_id(note.peer), note.text))
            self._retracted += 1
            for job in list(self._changed):
                self._wake(job)
        elif note.topic == "job":
            self._wake(note.job)

    def _wake(self, job: JobId) -> None:
        event = self._changed.pop(job, None)
        if event is not None:
            event.set()

    def printed(self, host: JobId, text: str) -> None:
        """Keep what a project printed in its job host, for its watcher."""
        self._printed.setdefault(host, deque(maxlen=PRINTED_LINES)).append(text)
        if len(self._printed) > PRINTED_HOSTS:
            self._printed.popitem(last=False)
        job = self._node.core.owner.job_of_host(host)
        if job is not None:
            self.noted(Note("job", job=job))

    async def serve(self, request: ControlRequest) -> AsyncIterator[ControlReply]:
        """Yield the replies to one request."""
        node = self._node
        match request:
            case Status():
                yield status(node)
            case ListPeers():
                yield PeersReply(tuple(peer_rows(node)), dict(node.core.context.counters))
            case Join():
                await node.join(request.addresses)
                yield Ok()
            case Submit():
                yield self._submitted(await self._submit(request))
            case ListJobs():
                yield JobsReply(tuple(self._row(row) for row in history.rows(node.journal)))
            case Show():
                yield JobReply(self._row(row_of_record(history.find_record(node.journal, request.job))))
            case Stop():
                job = history.find_record(node.journal, request.job).job
                await node.ask(lambda number: StopAsked(number, job))
                yield Ok()
            case Mine():
                peers = tuple(parse_peer_id(peer) for peer in request.peers)
                await node.ask(lambda number: TrustAsked(number, peers, request.mine))
                yield Ok()
            case Block():
                peers = tuple(parse_peer_id(peer) for peer in request.peers)
                await node.ask(lambda number: BlockAsked(number, peers, request.blocked))
                yield Ok()
            case Trust():
                asked = [parse_peer_id(peer) for peer in request.peers]
                yield trust_reply(node.core, asked, history.retracted_jobs(node.journal, asked))
            case Watch():
                async for reply in self._watch(history.find_record(node.journal, request.job).job):
                    yield reply
            case Evidence():
                async for reply in self._evidence(request):
                    yield reply
            case Results():
                job = history.find_record(node.journal, request.job).job
                with self._deliveries.of(job, request.start) as delivery:
                    async with aclosing(self._deliver(job, delivery)) as replies:
                        async for reply in replies:
                            yield reply

    async def _submit(self, request: Submit) -> JobId:
        blobs, blocking = self._node.blobs, self._node.surroundings.blocking
        host = await blocking(blobs.put, request.host_bundle)
        worker = await blocking(blobs.put, request.worker_bundle)
        submission = Submission(
            host_bundle=host,
            worker_bundle=worker,
            worker_bundle_size=len(request.worker_bundle),
            needs_python=request.needs_python,
            name=request.name,
            slice_size=request.slice_size,
            replicas=request.replicas,
            quorum=request.quorum,
            timeout=request.timeout,
            trusted=tuple(parse_peer_id(peer) for peer in request.trusted),
            patience=request.patience,
            memory=request.memory,
            scratch=request.scratch,
            tier=request.tier,
            confidence=request.confidence,
            numeric=request.numeric,
        )
        answer = await self._node.ask(lambda number: SubmitAsked(number, submission), self._stop_unwanted)
        return cast(JobId, answer)

    def _submitted(self, job: JobId) -> Submitted:
        """The job's id, and who is known not to fit: told before anything runs elsewhere."""
        view = self._node.core.owner.view(job)
        if view is None:
            return Submitted(format_job_id(job))
        return Submitted(format_job_id(job), view.fit, unfit_rows(view.unfit), view.unfit_text)

    def _stop_unwanted(self, answer: object) -> None:
        """The submitter has left before it was told the job's id, so nobody could follow or stop it."""
        if isinstance(answer, bytes):
            self._node.driver.post(StopAsked(NOBODY, JobId(answer)))

    async def _watch(self, job: JobId) -> AsyncIterator[ControlReply]:
        host = None
        told = self._retracted
        while True:
            changed = self._changed.setdefault(job, trio.Event())
            news, told = self._retracted_since(told), self._retracted
            for retraction in news:
                yield retraction
            view = self._node.core.owner.view(job)
            if view is not None and view.host is not None:
                host = view.host  # an ended job has none, but what it printed last is still to be told
            for text in self._take_printed(host):
                yield Printed(text)
            row = self._job(job)
            yield JobReply(row)
            if row.state not in ("preparing", "running"):
                return
            await changed.wait()
            await trio.sleep(WATCH_SECONDS)

    def _retracted_since(self, told: int) -> list[Retraction]:
        new = min(self._retracted - told, len(self._retractions))
        return list(self._retractions)[len(self._retractions) - new :]

    async def _deliver(self, job: JobId, delivery: Delivery) -> AsyncGenerator[ControlReply, None]:
        while True:
            changed = self._changed.setdefault(job, trio.Event())
            record = history.find_record(self._node.journal, format_job_id(job))
            for index in delivery.take_doubted():
                yield TakenBack(index)
            for index in list(delivery.owed):
                if (outcome := history.find_outcome(self._node.journal, job, index)) is not None:
                    del delivery.owed[index]
                    yield await self._value(record, outcome)
            if not record.reduces:
                while (outcome := history.find_outcome(self._node.journal, job, delivery.next)) is not None:
                    delivery.next += 1
                    yield await self._value(record, outcome)
            if delivery.doubted:
                continue
            if record.state != "running":
                if record.value is not None:
                    yield FinalValue(await self._node.payloads.get(record.value), record.pickles)
                yield JobReply(self._job(job))
                return
            await changed.wait()

    async def _value(self, record: JobRecord, outcome: OutcomeRecord) -> SliceValue:
        data = await self._node.payloads.get(outcome.value)
        return history.slice_value(self._node.journal, record, outcome, data)

    async def _evidence(self, request: Evidence) -> AsyncIterator[ControlReply]:
        journal, payloads = self._node.journal, self._node.payloads
        record = history.find_record(journal, request.job)
        value = await payloads.get(record.value) if request.whole and record.value is not None else None
        yield evidence.head(record, value)
        if request.whole:
            for batch in evidence.batches(journal, record.job):
                yield batch
        for entry, payload in evidence.slices(journal, record.job):
            yield replace(entry, value=await payloads.get(payload)) if request.whole else entry
        yield JobReply(self._job(record.job))

    def _take_printed(self, host: JobId | None) -> list[str]:
        return list(self._printed.pop(host, ())) if host is not None else []

    def _job(self, job: JobId) -> JobRow:
        return self._row(row_of_record(history.find_record(self._node.journal, format_job_id(job))))

    def _row(self, row: JobRow) -> JobRow:
        """Return the live state of a job that runs here, else what the journal knows of it."""
        live = {format_job_id(view.id): view for view in self._node.core.owner.views()}.get(row.job)
        return row if live is None else row_of_view(live)
