"""Results come in: hostile until the signature, the lease and the bytes have been checked, one by one.

A result counts once its bytes are here. Inline bytes come with it; a blob is pulled from the worker, and until it
is here the lease stays out with its `claim`. A worker that repeats itself, because the answer to its first call
was lost, is told again that its results were taken, and nothing is counted twice.
"""

from __future__ import annotations

from collections import Counter, deque
from functools import partial
from typing import TYPE_CHECKING

from peernet.core.effects import Fetch, PinBlob
from peernet.core.events import Failed, Outcome
from peernet.core.work.owner.fitting import OTHERS_PICKLES
from peernet.core.work.owner.leases import OUT, Lease
from peernet.core.work.votes import Key
from peernet.errors import EnvelopeError, ProtocolError
from peernet.identity.digest import digest
from peernet.identity.envelope import open_envelope
from peernet.types import Payload, PeerId
from peernet.wire.codec import decode_body
from peernet.wire.signed import RECEIPTS, RESULTS, ReceiptBatch, ResultBatch, SliceResult
from peernet.wire.work import BATCH_LIMIT, INLINE_LIMIT, Return, Taken

if TYPE_CHECKING:
    from peernet.core.work.owner.job import Job

WITHHELD = ("missing", "corrupt", "refused", "timeout")
"""Failures of a pull that are the holder's doing, not the network's: it gets no further lease of the slice."""

UNWANTED = "its results are not wanted"
"""What a worker that is shut out is told when it returns something."""

MOST_SECONDS = 1e9
"""CPU seconds that one receipt can name: the bound of its field."""

_OTHER_CALLS = "a result of other calls than were lent"


class Intake:
    """Takes the results of one job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._waiting: deque[Lease] = deque()
        self._fetching: Counter[PeerId] = Counter()

    def take(self, peer: PeerId, message: Return) -> Taken | str:
        """Take a batch. The answer is a receipt for what was taken, or why nothing was."""
        job = self._job
        if job.crew.trust.shut(peer) and not job.trusted(peer):
            job.ctx.refuse("results: of a peer that is shut out", peer, "")
            return UNWANTED
        if job.record.pickles and not job.trusted(peer):  # the mark of an own peer may have been taken back
            job.ctx.refuse("results: pickles of another's peer", peer, "")
            return f"it is {OTHERS_PICKLES}"
        batch = self._open(peer, message)
        if isinstance(batch, str):
            job.ctx.refuse(f"results: {batch}", peer, "")
            return batch
        taken = []
        fault = "an empty batch"
        for result, inline in zip(batch.results, message.inlines, strict=True):
            refused = self._take_one(peer, result, inline, message.batch)
            if refused:
                fault = refused
                job.ctx.refuse(f"results: {refused}", peer, "")
            else:
                taken.append(result)
            if job.over:
                break
        if not taken:
            return fault
        job.crew.prove(peer)
        self._reseat(peer, message.want)
        cpu = min(sum(result.cpu_seconds for result in taken), MOST_SECONDS)
        receipt = ReceiptBatch(job.id, peer, tuple(result.lease for result in taken), cpu)
        return Taken(job.crew.seal(RECEIPTS, receipt, job.ctx.config.work.receipt_lifetime, BATCH_LIMIT))

    def resume(self, lease: Lease, claim: SliceResult) -> None:
        """After a restart: pull the bytes of a result that had been claimed."""
        lease.claim = claim
        self._waiting.append(lease)

    def pump(self) -> None:
        """Pull as many blobs at once as may be, of all workers and of each."""
        config = self._job.ctx.config.work
        passed: list[Lease] = []
        while self._waiting and self._fetching.total() < config.fetches:
            lease = self._waiting.popleft()
            if self._fetching[lease.peer] < config.fetches_each:
                self._fetch(lease)
            else:
                passed.append(lease)
        self._waiting.extendleft(reversed(passed))

    @property
    def busy(self) -> bool:
        """Bytes of results are being pulled."""
        return bool(self._fetching.total() or self._waiting)

    def _open(self, peer: PeerId, message: Return) -> ResultBatch | str:
        """Return what the worker signed, or why it is not believed to have. As refusals are counted by their text,
        it has no numbers in it, here and below."""
        ctx = self._job.ctx
        try:
            opened = open_envelope(
                message.batch,
                RESULTS,
                now=ctx.now.wall,
                verify=ctx.verify,
                max_lifetime=ctx.config.work.results_lifetime,
                max_size=BATCH_LIMIT,
            )
            batch = decode_body(ResultBatch, opened.body)
        except EnvelopeError as error:
            return f"a bad envelope ({error.reason})"
        except ProtocolError:
            return "a batch that does not decode"
        if opened.author != peer:
            return "a batch that another peer signed"
        if batch.job != self._job.id:
            return "a batch of another job"
        if len(batch.results) != len(message.inlines):
            return "results and values that differ in number"
        return batch

    def _reseat(self, peer: PeerId, want: int) -> None:
        """A worker says with its results how much more it wants; after a restart it gets a seat by it."""
        job, ctx = self._job, self._job.ctx
        if job.over:
            return
        job.changed()
        seat = job.seats.all.get(peer)
        if seat is None:
            link = ctx.links.get(peer)
            if job.seats.full or (link is None and peer != ctx.me):
                return
            seat = job.seats.sit(peer, link.host if link else "", link.instance if link else None, ctx.now.mono)
            job.hold(peer)
        seat.heard = ctx.now.mono
        job.seats.want(seat, want)
        job.seated(peer)

    def _take_one(self, peer: PeerId, result: SliceResult, inline: bytes, envelope: bytes) -> str:
        """Take one result; return why not, or nothing."""
        job = self._job
        key: Key = (result.status, result.digest)
        lease = job.leases.known.get(result.lease)
        if lease is None:
            return self._take_spent(peer, result, key)
        if lease.peer != peer:
            return "a result for another peer's lease"
        if lease.state == "returned":
            entry = job.slices.undecided[lease.index]
            return self._repeated(result, entry.votes[peer].signed if peer in entry.votes else None)
        if lease.claim is not None:
            return self._repeated(result, (lease.claim.status, lease.claim.digest))
        fault = (
            _OTHER_CALLS if result.only != lease.calls else _bad_bytes(result, inline, job.ctx.config.box.result)
        )
        if fault:
            self._withheld(lease, bar=True)
            return fault
        job.changed()
        lease.batch = job.evidence.keep(envelope)
        if result.status == "ok" and result.size > INLINE_LIMIT and lease.index in job.slices.undecided:
            self._claim(lease, result)
        else:
            payload = Payload(result.digest, result.size, inline) if result.status == "ok" else None
            job.verdicts.count(lease, result, payload)
        return ""

    def _take_spent(self, peer: PeerId, result: SliceResult, key: Key) -> str:
        """A result for a lease that is settled: an audit if it is the first, else a repetition."""
        spent = self._job.leases.spent.get(result.lease)
        if spent is None:
            return "a result for a lease that was never given"
        if spent.peer != peer:
            return "a result for another peer's lease"
        if spent.key is not None:
            return self._repeated(result, spent.key)
        if result.only != spent.calls:
            return _OTHER_CALLS
        self._job.verdicts.audit_spent(result, spent, key)
        return ""

    def _repeated(self, result: SliceResult, before: Key | None) -> str:
        """Count a repetition; one that says the same is answered like the first."""
        if before != (result.status, result.digest):
            return "a result that was returned before, changed"
        counters = self._job.ctx.counters
        counters["results: repeated"] = counters.get("results: repeated", 0) + 1
        return ""

    def _withheld(self, lease: Lease, *, bar: bool) -> None:
        """A lease's bytes are not what was signed, or not to be had: it is lost."""
        job = self._job
        lease.claim = None
        entry = job.slices.undecided.get(lease.index)
        if entry is not None and bar:
            entry.barred = (*entry.barred, lease.peer)
        if lease.state in OUT:
            job.lose(lease, blame=False)

    def _claim(self, lease: Lease, result: SliceResult) -> None:
        """Note a result whose bytes are still with the worker, and pull them. They are expected within a time."""
        lease.claim = result
        lease.due = max(lease.due, self._job.ctx.now.mono + self._job.ctx.config.work.claim_seconds)
        self._job.save_lease(
            lease,
            status=result.status,
            value=Payload(result.digest, result.size),
            cpu_seconds=result.cpu_seconds,
            wall_seconds=result.wall_seconds,
        )
        self._waiting.append(lease)
        self.pump()

    def _fetch(self, lease: Lease) -> None:
        claim, ctx = lease.claim, self._job.ctx
        assert claim is not None, "a lease without a claim has nothing to pull"
        self._fetching[lease.peer] += 1
        addresses = ctx.book.get(lease.peer)
        ctx.ask(
            lambda number: Fetch(number, lease.peer, addresses, claim.digest, claim.size),
            partial(self._on_fetched, lease, claim),
        )

    def _on_fetched(self, lease: Lease, claim: SliceResult, outcome: Outcome) -> None:
        job = self._job
        self._fetching[lease.peer] -= 1
        if not self._fetching[lease.peer]:
            del self._fetching[lease.peer]
        if job.over:
            return
        job.changed()
        if not isinstance(outcome, Failed):
            lease.claim = None
            job.ctx.emit(PinBlob(claim.digest, job.host))
            job.verdicts.count(lease, claim, Payload(claim.digest, claim.size))
        elif outcome.failure.kind == "storage":
            job.fail("storage", outcome.failure.message)
        else:
            job.ctx.refuse("results: bytes withheld", lease.peer, outcome.failure.message)
            self._withheld(lease, bar=outcome.failure.kind in WITHHELD)
        self.pump()


def _bad_bytes(result: SliceResult, inline: bytes, largest: int) -> str:
    """Return what is wrong with the bytes of a result, or nothing."""
    expected = result.size if result.status == "ok" and result.size <= INLINE_LIMIT else 0
    if len(inline) != expected:
        return "a result that came with more or fewer bytes than it says"
    if expected and digest(inline) != result.digest:
        return "a result whose bytes have another digest"
    if result.size > largest:
        return "a result over the limit of bytes"
    return ""
