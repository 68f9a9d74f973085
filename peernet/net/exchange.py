"""What is asked and answered over one connection, both ways: calls, notices, chunks of blobs.

Nothing here waits for bytes: what is to leave is queued, and what has come is handed in by the connection.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import get_args

import outcome
import trio

from peernet.config.net import NetConfig
from peernet.errors import (
    BlobMissingError,
    BusyError,
    CallTimeoutError,
    ConnectionLostError,
    PeernetError,
    RemoteCallError,
)
from peernet.net.blobs import BlobSource, pull
from peernet.net.calls import Calls, Then
from peernet.net.outbox import Outbox
from peernet.net.text import printable
from peernet.types import Digest
from peernet.wire.link import BlobChunk, BlobGet, BlobGone, Body, Notice, Refusal, Request, Response

BUSY = "busy: try again later"
"""What a peer is told that asks for more than fits."""

_SENT = {kind: f"sent {kind.__name__}" for kind in get_args(Body)}
"""The counter of each message of the core, made once: a connection may send tens of thousands a second."""


class Exchange:
    """The calls of both sides, and what waits to be sent. A `Connection` is one that lives.

    counters: what happened, by name, as "sent Pull" for each message of the core. due: told until when an answer
    is awaited. choked: the peer asks without reading the answers. last_used: when either side last said something
    of its own.
    """

    def __init__(
        self,
        config: NetConfig,
        blobs: BlobSource,
        counters: Counter[str],
        due: Callable[[float], None],
        choked: Callable[[], None],
    ) -> None:
        self.incoming = 0
        self.last_used = trio.current_time()
        self._config = config
        self._counters = counters
        self._due = due
        self._choked = choked
        ids = count(1)
        self._calls: Calls[Body] = Calls(config.calls, ids)
        self._gets: Calls[BlobChunk] = Calls(config.blob_gets, ids)
        self._outbox = Outbox(config, blobs)

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, in either direction."""
        return not (self._calls or self._gets or self.incoming) and self._outbox.idle

    @property
    def closing(self) -> bool:
        """Whether nothing more is sent: this side has said goodbye, or the connection has ended."""
        return self._outbox.closed

    # What this side asks and answers.

    async def call(self, body: Body, timeout: float) -> Body:
        """Ask the peer, and wait for its answer, at most `timeout` seconds.

        Raises BusyError, CallTimeoutError, ConnectionLostError, or RemoteCallError if the peer refuses.
        """
        task = trio.lowlevel.current_task()

        def then(result: Body | PeernetError) -> None:
            trio.lowlevel.reschedule(task, outcome.Value(result))

        call = self.start_call(body, timeout, then)

        def abort(_: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
            self._calls.forget(call)
            return trio.lowlevel.Abort.SUCCEEDED

        result: Body | PeernetError = await trio.lowlevel.wait_task_rescheduled(abort)
        if isinstance(result, PeernetError):
            raise result
        return result

    def start_call(self, body: Body, timeout: float, then: Then[Body]) -> int:
        """Ask the peer without waiting: `then` gets the answer, or the error that `call` would raise.

        Raises BusyError or ConnectionLostError at once; then `then` is not called.
        """
        now = trio.current_time()
        self._check_room(now)
        call = self._calls.add(now + timeout, then)
        try:
            self._outbox.push(Request(call, body))
        except BaseException:
            self._calls.forget(call)
            raise
        self._counters[_SENT[type(body)]] += 1
        self._due(now + timeout)
        return call

    def notify(self, body: Body) -> bool:
        """Send a notice. False, and counted, if it was dropped since the queue is full."""
        if self.closing or self._outbox.size >= self._config.queue_bytes:
            self._counters["notices dropped"] += 1
            return False
        self._outbox.push(Notice(body))
        self._counters[_SENT[type(body)]] += 1
        self.last_used = trio.current_time()
        return True

    def answer(self, call: int, body: Body | str) -> None:
        """Answer a call of the peer, or refuse it with a text. Refused as busy if the queue is full."""
        self.incoming -= 1
        if isinstance(body, str):
            self._refuse(call, body)
        elif self._outbox.size >= self._config.queue_bytes:
            self._counters["answers dropped"] += 1
            self._refuse(call, BUSY)
        else:
            self._outbox.push(Response(call, body))
            self._counters[_SENT[type(body)]] += 1

    async def fetch(self, digest: Digest, size: int, sink: Callable[[bytes], None], offset: int = 0) -> None:
        """Pull a blob of `size` bytes from `offset` on, in order, into `sink`. See `net.blobs.pull`.

        Raises BlobMissingError if the peer does not hold it, ProtocolError for chunks that do not fit,
        RemoteCallError, CallTimeoutError, ConnectionLostError or BusyError.
        """
        await pull(self._get, digest, size, offset, sink, self._config)

    def _get(self, digest: Digest, offset: int, length: int, then: Then[BlobChunk]) -> None:
        now = trio.current_time()
        self._check_room(now)
        deadline = now + self._config.blob_seconds
        self._outbox.push(BlobGet(self._gets.add(deadline, then), digest, offset, length))
        self._due(deadline)

    def _check_room(self, now: float) -> None:
        if self.closing:
            raise ConnectionLostError("the connection is closed")
        if self._outbox.size >= self._config.queue_bytes:
            self._counters["busy"] += 1
            raise BusyError(f"{self._outbox.size} bytes wait to be sent to this peer: try again later")
        self.last_used = now

    def _refuse(self, call: int, text: str) -> None:
        if self._outbox.size >= 2 * self._config.queue_bytes:
            self._choked()
        else:
            self._outbox.push(Refusal(call, printable(text, self._config.text)))

    # What is under way.

    @property
    def _awaiting(self) -> bool:
        """Whether either side waits for the other."""
        return bool(self._calls or self._gets or self.incoming)

    def _next_deadline(self) -> float:
        return min(self._calls.next_deadline(), self._gets.next_deadline())

    def _expire(self, now: float) -> None:
        def late() -> PeernetError:
            return CallTimeoutError("the peer did not answer in time")

        self._counters["calls timed out"] += self._calls.expire(now, late) + self._gets.expire(now, late)

    def _fail_all(self, reason: str) -> None:
        def lost() -> PeernetError:
            return ConnectionLostError(f"the connection was lost: {reason}")

        self._calls.fail_all(lost)
        self._gets.fail_all(lost)

    # What the other side answers, by type of frame.

    def _take_response(self, response: Response) -> None:
        self._note_late(self._calls.settle(response.call, response.body))

    def _take_refusal(self, refusal: Refusal) -> None:
        error = RemoteCallError(printable(refusal.text, self._config.text) or "refused without a reason")
        call = refusal.call
        self._note_late(self._calls.settle(call, error) or self._gets.settle(call, error))

    def _take_chunk(self, chunk: BlobChunk) -> None:
        self.last_used = trio.current_time()
        self._note_late(self._gets.settle(chunk.call, chunk))

    def _take_gone(self, gone: BlobGone) -> None:
        self._note_late(self._gets.settle(gone.call, BlobMissingError("the peer does not hold this blob")))

    def _note_late(self, awaited: bool) -> None:
        if not awaited:
            self._counters["late answers"] += 1
