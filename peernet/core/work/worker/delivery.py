"""The way of results to their owner: signed in batches, repeated until they are taken, receipts kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from peernet.core.context import Context, Timer
from peernet.core.events import Failed, Outcome
from peernet.core.records import ReceiptRecord
from peernet.core.sealing import Sealer
from peernet.core.work.worker.held import Bench, Box, Held
from peernet.core.work.worker.outbox import Finished
from peernet.errors import EnvelopeError, ProtocolError
from peernet.identity.envelope import open_envelope
from peernet.wire.codec import decode_body
from peernet.wire.signed import RECEIPTS, RESULTS, ReceiptBatch, ResultBatch
from peernet.wire.work import BATCH_LIMIT, Return, Taken


class Delivery:
    """Sends results of all jobs on the bench.

    Args:
        ctx: the core's context.
        bench: what this worker holds.
        again: called with a job whose owner did not answer: try later.
        settled: called with a job one of whose batches is done with.
    """

    def __init__(
        self,
        ctx: Context,
        bench: Bench,
        *,
        again: Callable[[Held], None],
        settled: Callable[[Held], None],
    ) -> None:
        self._ctx = ctx
        self._bench = bench
        self._bounds = ctx.config.work
        self._again = again
        self._settled = settled
        self._sealer = Sealer(ctx)
        self._wake: Timer | None = None

    def flush(self) -> None:
        """Send what is due: at once while nothing is queued behind it, else with others."""
        now, wait = self._ctx.now.mono, self._bounds.worker_flush_seconds
        next_due: float | None = None
        for held in list(self._bench.held.values()):
            oldest = held.outbox.oldest
            if oldest is None or held.outbox.sending or held.retry is not None:
                continue
            if not self._runs_on(held) or held.outbox.brims or now >= oldest + wait:
                self.send(held)
            else:
                next_due = oldest + wait if next_due is None else min(next_due, oldest + wait)
        if next_due is not None and (self._wake is None or next_due < self._wake.when):
            if self._wake is not None:
                self._wake.cancel()
            self._wake = self._ctx.at(next_due, self._woken)

    def _runs_on(self, held: Held) -> bool:
        """Whether more results of this job will come without the owner's doing, so that waiting is of use."""
        return bool(held.ready) and held.box is Box.OPEN and not self._bench.halted

    def _woken(self) -> None:
        self._wake = None
        self.flush()

    def send(self, held: Held) -> None:
        """Send the next batch of a job, unless one is under way."""
        if held.outbox.sending or held.outbox.oldest is None:
            return
        batch = held.outbox.send()
        want = self._bench.want(held)
        held.ask(want, self._bench.most)
        body = Return(held.job, self._seal(held, batch), tuple(done.inline for done in batch), want)
        then = partial(self._answered, held, want, self._ctx.now.mono)
        self._ctx.call(held.owner, body, then, self._bounds.worker_return_timeout)

    def _seal(self, held: Held, batch: tuple[Finished, ...]) -> bytes:
        body = ResultBatch(held.job, tuple(done.result for done in batch))
        return self._sealer.seal(RESULTS, body, self._bounds.worker_batch_lifetime, BATCH_LIMIT)

    def _answered(self, held: Held, want: int, sent: float, outcome: Outcome) -> None:
        now = self._ctx.now.mono
        answer = None if isinstance(outcome, Failed) else outcome.value
        if not isinstance(answer, Taken):
            held.unanswered(want)
            if not held.ended:
                self._not_taken(held, outcome)
            return
        held.answered(want)
        if held.ended:
            return
        held.pace.answered(now - sent)
        held.heard, held.lost_since = now, None
        held.attempts = held.refusals = 0
        held.parked = not held.closing
        batch = self._let_go(held)
        if held.owner != self._ctx.me:
            self._keep_receipt(held, batch, answer.receipts)
        self._settled(held)

    def _let_go(self, held: Held) -> tuple[Finished, ...]:
        batch = held.outbox.taken()
        for done in batch:
            held.leases.pop(done.result.lease, None)
            held.unpin(self._ctx, done.result.lease)
        return batch

    def _not_taken(self, held: Held, outcome: Outcome) -> None:
        """Keep the batch for later, unless the owner has refused it for good: it may know none of its leases."""
        if not isinstance(outcome, Failed):
            self._ctx.refuse("results: wrong answer", held.owner, type(outcome.value).__name__)
        if not isinstance(outcome, Failed) or outcome.failure.kind == "refused":
            held.refusals += 1
        elif held.lost_since is None:
            held.lost_since = self._ctx.now.mono
        if held.refusals >= self._bounds.worker_refusals:
            held.refusals = 0
            self._let_go(held)
            self._settled(held)
        else:
            held.outbox.unsent()
        self._again(held)

    def _keep_receipt(self, held: Held, batch: tuple[Finished, ...], envelope: bytes) -> None:
        """Keep the owner's word for work that was done, if it is its word and for this work."""
        now = self._ctx.now
        try:
            opened = open_envelope(
                envelope,
                RECEIPTS,
                now=now.wall,
                verify=self._ctx.verify,
                max_lifetime=self._bounds.receipt_lifetime,
                max_size=BATCH_LIMIT,
            )
            receipt = decode_body(ReceiptBatch, opened.body)
        except EnvelopeError as error:
            self._ctx.refuse(f"receipt: {error.reason}", held.owner, str(error))
            return
        except ProtocolError as error:
            self._ctx.refuse("receipt: undecodable", held.owner, str(error))
            return
        sent = {done.result.lease for done in batch}
        if opened.author != held.owner or receipt.worker != self._ctx.me or receipt.job != held.job:
            self._ctx.refuse("receipt: of others", held.owner, "it names another owner, worker or job")
        elif not sent.issuperset(receipt.leases):
            self._ctx.refuse("receipt: other leases", held.owner, "it names leases that were not returned")
        elif receipt.leases:
            # The clock keeps numbers apart when a job is served again after a restart.
            held.receipts = max(held.receipts + 1, int(now.wall * 1000))
            self._ctx.save(ReceiptRecord(held.job, held.receipts, envelope))
