"""Finished results on their way to the owner: what a run became, and what waits to be sent.

A result keeps its place until the owner has answered that it took it, so a lost connection, a lost answer or an
owner that restarts costs a repetition and never a result.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from peernet.box.messages import clip
from peernet.config.work import WorkConfig
from peernet.core.events import SliceOutcome
from peernet.core.work.votes import failure_digest
from peernet.types import LeaseId
from peernet.wire.codec import encode_body
from peernet.wire.signed import SliceResult
from peernet.wire.work import BATCH_LIMIT, INLINE_LIMIT, MAX_LEASES

ERROR_LIMIT = 1024
TRACEBACK_LIMIT = 8192
_ENVELOPE_ROOM = 1024
"""Bytes of a batch that are not results: the envelope's header and signature, the job, lengths."""


@dataclass(frozen=True, slots=True)
class Finished:
    """One result that the owner has not taken yet. inline: the value's bytes, or empty for a blob or a failure.
    weight: bytes that it takes in the signed batch. at: when it was done (monotonic)."""

    result: SliceResult
    inline: bytes
    weight: int
    at: float


def finish(lease: LeaseId, outcome: SliceOutcome, at: float, only: tuple[int, ...] = ()) -> Finished:
    """Return what is told to the owner about a run. only: the calls that it was of; empty for the whole slice."""
    value = outcome.value if outcome.status == "ok" else None
    inline = b""
    if value is not None:
        digest, size = value.digest, value.size
        if value.inline is not None and len(value.inline) <= INLINE_LIMIT:
            inline = value.inline
    else:
        # Only an exception has a type name; other texts may differ from machine to machine.
        kind = outcome.error.partition(":")[0].strip() if outcome.status == "error" else ""
        digest, size = failure_digest(outcome.status, kind, outcome.call), 0
    result = SliceResult(
        lease=lease,
        status=outcome.status,
        digest=digest,
        size=size,
        cpu_seconds=_seconds(outcome.cpu_seconds),
        wall_seconds=_seconds(outcome.wall_seconds),
        error=" ".join(clip(outcome.error, ERROR_LIMIT).split()) if value is None else "",
        traceback=clip(outcome.traceback, TRACEBACK_LIMIT),
        only=only,
    )
    return Finished(result, inline, len(encode_body(result)), at)


def _seconds(measured: float) -> float:
    """A time as messages allow it. A box reports its own; a NaN fails both comparisons."""
    return float(measured) if 0 <= measured <= 10**9 else 0.0


class Outbox:
    """The results of one job that its owner has not taken. At most one batch is under way."""

    def __init__(self, bounds: WorkConfig) -> None:
        self._bounds = bounds
        self._waiting: deque[Finished] = deque()
        self._sent: tuple[Finished, ...] = ()
        self._inline_bytes = 0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._sent)

    @property
    def sending(self) -> bool:
        """Whether a batch is under way."""
        return bool(self._sent)

    @property
    def full(self) -> bool:
        """Whether so much waits that no further slice should start."""
        return (
            len(self) >= self._bounds.worker_kept_results or self._inline_bytes >= self._bounds.worker_kept_bytes
        )

    @property
    def brims(self) -> bool:
        """Whether what waits makes a whole batch."""
        return len(self._waiting) >= MAX_LEASES or self._inline_bytes >= self._bounds.worker_return_bytes

    @property
    def oldest(self) -> float | None:
        """When the oldest result that is not under way was done, or None."""
        return self._waiting[0].at if self._waiting else None

    def add(self, finished: Finished) -> None:
        """Put in a result."""
        self._waiting.append(finished)
        self._inline_bytes += len(finished.inline)

    def send(self) -> tuple[Finished, ...]:
        """Return the next batch, oldest first, within the bounds of a message. Nothing else may be under way."""
        weight, inline = _ENVELOPE_ROOM, 0
        batch: list[Finished] = []
        while self._waiting and len(batch) < MAX_LEASES:
            head = self._waiting[0]
            weight, inline = weight + head.weight, inline + len(head.inline)
            if batch and (weight > BATCH_LIMIT or inline > self._bounds.worker_return_bytes):
                break
            batch.append(self._waiting.popleft())
        self._sent = tuple(batch)
        return self._sent

    def taken(self) -> tuple[Finished, ...]:
        """The owner has the batch, which is returned."""
        batch, self._sent = self._sent, ()
        self._inline_bytes -= sum(len(done.inline) for done in batch)
        return batch

    def unsent(self) -> None:
        """The batch may not have arrived: it is the next again."""
        self._waiting.extendleft(reversed(self._sent))
        self._sent = ()
