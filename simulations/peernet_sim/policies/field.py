"""An owner among workers that answer at once: the submitter's whole side of work on a virtual clock."""

from __future__ import annotations

import hashlib
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from peernet.config import Config
from peernet.core import effects as e
from peernet.core.context import AddressBook, Context, Link
from peernet.core.events import CutSlice, CutsMade, Done, HostOpened, Now, Submission
from peernet.core.records import JobRecord, OutcomeRecord
from peernet.core.work.owner import Owner
from peernet.core.work.stats import JobStats, decode_stats
from peernet.identity.digest import digest
from peernet.identity.envelope import seal
from peernet.types import Digest, Instance, JobId, LeaseId, PeerId
from peernet.wire.base import Message
from peernet.wire.codec import encode_body
from peernet.wire.link import Body
from peernet.wire.signed import ADVERT, RESULTS, Advert, ResultBatch, SliceResult
from peernet.wire.work import Grant, LeaseGrant, Pull, PullRefused, Recall, Recalled, Return
from peernet_sim.policies.slices import ONE_CALL, Slices
from peernet_sim.policies.workers import ARRIVAL_SECONDS, REJOIN_SECONDS, Worker

_SIGNATURE = bytes(64)
_START = Now(1000.0, 1_700_000_000.0)
_INSTANCE = Instance(bytes(16))
_TOOK = 0.5

CONFIG = Config()
"""The defaults: what is measured is what is used."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one job went. state: done, failed or stopped. slices: accepted ones; wrong: of them.

    executions: results that workers returned in it, audits and lost ones included. calls: that they executed.
    seconds: virtual ones.
    """

    state: str
    reason: str
    slices: int
    wrong: int
    executions: int
    calls: int
    seconds: float
    stats: JobStats


class Field:
    """One submitter and its workers; jobs run one after another, and trust stays.

    Args:
        workers: the others. own: whether the submitter's machine works too. seed: of everything random. slices:
            what is in them. config: of the owner.
    """

    def __init__(
        self, workers: list[Worker], *, own: bool, seed: int, slices: Slices = ONE_CALL, config: Config = CONFIG
    ) -> None:
        self._of = slices
        self._random = Random(seed)
        self._now = _START
        self._ctx = Context(
            me=PeerId(hashlib.sha256(b"submitter").digest()),
            instance=_INSTANCE,
            config=config,
            random=Random(seed),
            secret=Random(seed + 1).randbytes,
            sign=lambda data: _SIGNATURE,
            verify=lambda peer, data, signature: True,
            book=AddressBook(2),
            now=self._now,
        )
        self._owner = Owner(self._ctx, lambda make, reach: None)
        self._workers = {worker.key: worker for worker in workers}
        if own:
            mine = Worker(len(workers), "honest", 1.0)
            mine.key = self._ctx.me
            self._workers[mine.key] = mine
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._queues: dict[PeerId, list[LeaseGrant]] = {}
        self._busy: set[PeerId] = set()
        self._slices = self._cut = self._executions = self._calls = 0
        self._job = JobId(b"")
        self._record: JobRecord | None = None
        self._name = ""
        self._values: dict[int, bool] = {}

    def run(self, policy: str, slices: int, *, longest: float = 1e6, name: str = "study") -> Outcome:
        """Run one job of so many slices to its end, or for so many virtual seconds. name: of its function."""
        self._slices, self._cut, self._executions, self._calls = slices, 0, 0, 0
        self._record, self._values, self._name = None, {}, name
        self._heap.clear()
        self._queues.clear()
        self._busy.clear()
        begun = self._now.mono
        submission = Submission(Digest(bytes(32)), Digest(bytes(32)), 1, "", patience=30.0, policy=policy)
        self._do(lambda: self._owner.submit(0, submission))
        for worker in list(self._workers.values()):
            self._after(self._random.random() * ARRIVAL_SECONDS, self._joins(worker))
        while self._record is None or self._record.state == "running":
            due = self._ctx.next_deadline()
            when, _, act = self._heap[0] if self._heap else (float("inf"), 0, _nothing)
            if min(due, when) - begun > longest:
                self._do(lambda: self._owner.stop(1, self._job))
                break
            if when <= due:
                heapq.heappop(self._heap)
                self._move(when)
                act()
            else:
                self._move(due)
                self._do(_nothing)
        record = self._record
        assert record is not None, "the job was submitted"
        return Outcome(
            state=record.state,
            reason=record.reason,
            slices=len(self._values),
            wrong=sum(not right for right in self._values.values()),
            executions=self._executions,
            calls=self._calls,
            seconds=self._now.mono - begun,
            stats=decode_stats(record.stats),
        )

    # --- workers ----------------------------------------------------------------------------------------------

    def _joins(self, worker: Worker) -> Callable[[], None]:
        return lambda: self._join(worker)

    def _join(self, worker: Worker) -> None:
        key = worker.key
        if key != self._ctx.me and key not in self._ctx.links:
            # Each worker is in a network of its own, as far as its address tells.
            host = f"10.{worker.number >> 8 & 255}.{worker.number & 255}.1"
            self._ctx.links[key] = Link(_INSTANCE, (), host, "", True, 0.01, self._now.mono)
        body = Pull(self._job, 1, True, self._advert(key))
        answer = self._request(key, body)
        if isinstance(answer, PullRefused) and answer.why == "banned":
            self._banned(worker)

    def _banned(self, worker: Worker) -> None:
        """A banned worker is gone; a rejoining one comes back as somebody else."""
        if self._workers.pop(worker.key, None) is None:
            return
        self._ctx.links.pop(worker.key, None)
        self._queues.pop(worker.key, None)
        if worker.kind == "rejoining":
            worker.be_born()
            self._workers[worker.key] = worker
            self._after(REJOIN_SECONDS, self._joins(worker))

    def _granted(self, peer: PeerId, grant: Grant) -> None:
        queue = self._queues.setdefault(peer, [])
        queue += grant.leases
        self._begin(peer)

    def _begin(self, peer: PeerId) -> None:
        worker = self._workers.get(peer)
        if worker is not None and peer not in self._busy and self._queues.get(peer):
            self._busy.add(peer)
            lent = self._queues[peer][0]
            share = (len(lent.only) or lent.calls) / lent.calls
            seconds = worker.seconds * share * self._random.uniform(0.8, 1.25)
            self._after(seconds, lambda: self._finish(worker, peer))

    def _finish(self, worker: Worker, peer: PeerId) -> None:
        self._busy.discard(peer)
        queue = self._queues.get(peer)
        if not queue or worker.key != peer:
            return
        lent = queue.pop(0)
        self._executions += 1
        self._calls += len(lent.only) or lent.calls
        index = self._of.index(lent.input.inline or b"")
        value = self._of.value(worker.compute(index, self._random), lent.only)
        result = SliceResult(lent.lease, "ok", digest(value), len(value), _TOOK, _TOOK, "", "", lent.only)
        body = ResultBatch(self._job, (result,))
        batch = self._sealed(peer, RESULTS, body)
        self._request(peer, Return(self._job, batch, (value,), 1))
        self._begin(peer)
        if self._owner.trust.shut(peer):
            self._banned(worker)

    def _advert(self, peer: PeerId) -> bytes:
        body = Advert(_INSTANCE, 1, 1 << 33, 1, 1, 0.0, 1.0, "3.11", "linux", "A", "anyone", "")
        return self._sealed(peer, ADVERT, body)

    def _sealed(self, peer: PeerId, domain: str, body: Message) -> bytes:
        return seal(
            lambda data: _SIGNATURE,
            peer,
            domain,
            encode_body(body),
            sequence=1,
            issued=self._now.wall,
            lifetime=60.0,
        )

    # --- the owner --------------------------------------------------------------------------------------------

    def _request(self, peer: PeerId, body: Body) -> Body | str | None:
        return self._do(lambda: self._owner.handlers[type(body)](peer, body))

    def _do(self, act: Callable[[], Body | str | None]) -> Body | str | None:
        """One handle: due timers, the act, messages to oneself, the flush; then its effects."""
        ctx = self._ctx
        ctx.run_timers()
        answer = act()
        while True:
            while ctx.local:
                body, then = ctx.local.pop(0)
                reply = self._take(ctx.me, body)
                if then is not None and reply is not None:
                    then(Done(0, reply))
            self._owner.flush()
            if not ctx.local:
                break
        effects, ctx.effects = ctx.effects, []
        for effect in effects:
            self._carry(effect)
        return answer

    def _carry(self, effect: e.Effect) -> None:
        match effect:
            case e.Save(record=OutcomeRecord() as record):
                self._values[record.index] = self._of.right(record.value)
            case e.Save(record=JobRecord() as record):
                self._record, self._job = record, record.job
            case e.Forget(space=OutcomeRecord.space, prefix=prefix):
                self._values.pop(int.from_bytes(prefix[-8:], "big"), None)
            case e.Send(peer=peer, body=body):
                self._take(peer, body)
            case e.Call(id=number, peer=peer, body=body):
                reply = self._take(peer, body)
                self._settle(number, reply)
            case e.OpenHost(id=number):
                length = self._slices * self._of.calls
                size = self._of.calls
                self._settle(number, HostOpened(self._name, length, size, None, None, None, False, False))
            case e.Differ(id=number):
                self._settle(number, self._of.differ(effect))
            case e.Compose(id=number):
                self._settle(number, self._of.compose(effect))
            case e.Cut(id=number):
                self._settle(number, self._cuts(effect))
            case _:
                pass  # blobs, notes and connections are of no concern here

    def _settle(self, number: int, value: object) -> None:
        self._after(0.0, lambda: self._settled(number, value))

    def _settled(self, number: int, value: object) -> None:
        self._do(lambda: self._ctx.settle(Done(number, value)))

    def _take(self, peer: PeerId, body: Body) -> Body | None:
        """A worker gets a message of the owner."""
        if isinstance(body, Grant):
            self._granted(peer, body)
        elif isinstance(body, Recall):
            queue = self._queues.get(peer, [])
            back = tuple(LeaseId(lent.lease) for lent in queue[1:] if lent.lease in body.leases)
            self._queues[peer] = [lent for lent in queue if lent.lease not in back]
            return Recalled(back)
        return None

    def _cuts(self, effect: e.Cut) -> CutsMade:
        count = min(effect.count, self._slices - self._cut)
        made = []
        for index in range(self._cut, self._cut + count):
            made.append(CutSlice(self._of.calls, self._of.input(index)))
        self._cut += count
        return CutsMade(tuple(made), self._cut >= self._slices)

    # --- time -------------------------------------------------------------------------------------------------

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (self._now.mono + seconds, next(self._order), act))

    def _move(self, mono: float) -> None:
        mono = max(mono, self._now.mono)
        self._now = self._ctx.now = Now(mono, self._now.wall + mono - self._now.mono)


def _nothing() -> None:
    """Let time pass."""
