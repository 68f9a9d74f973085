"""One live connection: calls both ways, notices, blobs, keep-alive.

Three tasks: one reads and hands frames on at once, one writes all that was queued in as few records as it
fits, one keeps time. Whoever wants to send appends to the queue and never waits.
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol

import outcome
import trio

from peernet.config.net import NetConfig
from peernet.errors import (
    BlobMissingError,
    BusyError,
    CallTimeoutError,
    ConnectionLostError,
    PeernetError,
    ProtocolError,
    RemoteCallError,
)
from peernet.net.blobs import BlobSource, pull
from peernet.net.calls import Calls, Then
from peernet.net.frames import append_frame
from peernet.net.greeting import Greeted
from peernet.net.text import printable
from peernet.types import Digest
from peernet.wire.link import (
    BlobChunk,
    BlobGet,
    BlobGone,
    Body,
    Frame,
    Goodbye,
    Notice,
    Ping,
    Pong,
    Refusal,
    Request,
    Response,
)

_MAX_PINGS = 16
_BUSY = "busy: try again later"


class Owner(Protocol):
    """Who takes what arrives on a connection. Neither may block."""

    def on_notice(self, connection: Connection, body: Body) -> None:
        """A notice has arrived."""

    def on_request(self, connection: Connection, call: int, body: Body) -> None:
        """A call has arrived: `connection.answer(call, ...)` is due, once. A PeernetError refuses it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a connection ended. clean: after a goodbye. fault: the peer broke the protocol."""

    reason: str
    clean: bool
    fault: bool = False


class Connection:
    """An authenticated connection to a peer. `run` it; all else may be used at once, and is without effect
    once it has ended.

    counters: what happened, by name; shared with other connections.
    """

    def __init__(
        self, greeted: Greeted, config: NetConfig, blobs: BlobSource, owner: Owner, counters: Counter[str]
    ) -> None:
        self.greeted = greeted
        self.peer = greeted.peer
        self.rtt = greeted.rtt
        self.since = self.last_used = trio.current_time()
        self.ending: Ending | None = None
        self.ended = trio.Event()
        self.incoming = 0
        self._config = config
        self._blobs = blobs
        self._owner = owner
        self._counters = counters
        self._secure = greeted.secure
        ids = count(1)
        self._calls: Calls[Body] = Calls(config.calls, ids)
        self._gets: Calls[BlobChunk] = Calls(config.blob_gets, ids)
        self._pings: OrderedDict[int, tuple[float, trio.Event]] = OrderedDict()
        self._nonces = count(1)
        self._out = bytearray()
        self._asked_of_us: deque[BlobGet] = deque()
        self._wake_writer = trio.lowlevel.ParkingLot()
        self._wake_keeper = trio.lowlevel.ParkingLot()
        self._keeper_until = math.inf
        self._heard = self.since
        self._close_by = math.inf
        self._close_reason = ""
        self._scope = trio.CancelScope()
        self._take: dict[type[Frame], Callable[[Any], None]] = {
            Request: self._take_request,
            Response: self._take_response,
            Notice: self._take_notice,
            Refusal: self._take_refusal,
            BlobGet: self._take_get,
            BlobChunk: self._take_chunk,
            BlobGone: self._take_gone,
            Ping: self._take_ping,
            Pong: self._take_pong,
            Goodbye: self._take_goodbye,
        }

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, in either direction."""
        return not (self._calls or self._gets or self.incoming or self._asked_of_us or self._out)

    @property
    def closing(self) -> bool:
        """Whether this side has said goodbye, or the connection has ended."""
        return self._close_by < math.inf or self.ending is not None

    # What the owner does.

    async def run(self) -> Ending:
        """Serve the connection until it ends. Calls under way stay so until `fail_calls`."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._write)
                    nursery.start_soon(self._keep_time)
                    nursery.start_soon(self._read)
        finally:
            self.abort("this peer has stopped")
            with trio.CancelScope(shield=True):
                await self._secure.aclose()
            self.ended.set()
        assert self.ending is not None
        return self.ending

    def fail_calls(self) -> None:
        """End what is under way, after the connection itself has ended."""
        reason = self.ending.reason if self.ending is not None else "it was closed"

        def lost() -> PeernetError:
            return ConnectionLostError(f"the connection was lost: {reason}")

        self._calls.fail_all(lost)
        self._gets.fail_all(lost)
        for _, event in self._pings.values():
            event.set()

    def close(self, reason: str) -> None:
        """Say goodbye, let what is queued leave, and end within `goodbye_seconds`. Nothing more is sent."""
        if not self.closing:
            append_frame(self._out, Goodbye(printable(reason, 127)))
            self._asked_of_us.clear()
            self._close_by = trio.current_time() + self._config.goodbye_seconds
            self._close_reason = reason
            self._wake_writer.unpark()
            self._wake_keeper.unpark()

    def abort(self, reason: str) -> None:
        """End at once, without a goodbye."""
        self._end(Ending(reason, clean=False))

    # Calls, notices, blobs.

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
            append_frame(self._out, Request(call, body))
        except BaseException:
            self._calls.forget(call)
            raise
        self._wake_writer.unpark()
        self._keep_until(now + timeout)
        return call

    def notify(self, body: Body) -> bool:
        """Send a notice. False, and counted, if it was dropped since the queue is full."""
        if self.closing or len(self._out) >= self._config.queue_bytes:
            self._counters["notices dropped"] += 1
            return False
        append_frame(self._out, Notice(body))
        self._wake_writer.unpark()
        self.last_used = trio.current_time()
        return True

    def answer(self, call: int, body: Body | str) -> None:
        """Answer a call of the peer, or refuse it with a text. Refused as busy if the queue is full."""
        self.incoming -= 1
        if isinstance(body, str):
            self._refuse(call, body)
        elif len(self._out) >= self._config.queue_bytes:
            self._counters["answers dropped"] += 1
            self._refuse(call, _BUSY)
        else:
            self._push(Response(call, body))

    async def ping(self, timeout: float) -> bool:
        """Whether the peer answers a ping within `timeout` seconds."""
        event = self._ping(trio.current_time())
        with trio.move_on_after(timeout):
            await event.wait()
        return event.is_set() and not self.closing

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
        self._push(BlobGet(self._gets.add(deadline, then), digest, offset, length))
        self._keep_until(deadline)

    def _check_room(self, now: float) -> None:
        if self.closing:
            raise ConnectionLostError("the connection is closed")
        if len(self._out) >= self._config.queue_bytes:
            self._counters["busy"] += 1
            raise BusyError(f"{len(self._out)} bytes wait to be sent to this peer: try again later")
        self.last_used = now

    def _refuse(self, call: int, text: str) -> None:
        if len(self._out) >= 2 * self._config.queue_bytes:
            self._end(Ending("it asks without reading the answers", clean=False, fault=True))
        else:
            self._push(Refusal(call, printable(text, self._config.text)))

    def _push(self, frame: Frame) -> None:
        if not self.closing:
            append_frame(self._out, frame)
            self._wake_writer.unpark()

    def _end(self, ending: Ending) -> None:
        if self.ending is None:
            self.ending = ending
            self._scope.cancel()

    # The writer.

    async def _write(self) -> None:
        try:
            while True:
                while not self._out and not self._asked_of_us:
                    await self._wake_writer.park()
                data, self._out = self._out, bytearray()
                if self._asked_of_us:
                    self._append_chunk(data, self._asked_of_us.popleft())
                said_goodbye = self.closing
                await self._secure.send(data)
                if said_goodbye:
                    return
        except (ConnectionLostError, ProtocolError) as error:
            self._end(Ending(str(error), clean=False))

    def _append_chunk(self, data: bytearray, get: BlobGet) -> None:
        """Read a chunk now that it is its turn, so that waiting for it costs no memory."""
        try:
            size = self._blobs.size(get.digest)
            if size is None:
                append_frame(data, BlobGone(get.call))
            elif get.offset > size:
                append_frame(data, Refusal(get.call, f"the blob has {size} bytes"))
            else:
                chunk = self._blobs.read(get.digest, get.offset, min(get.length, size - get.offset))
                append_frame(data, BlobChunk(get.call, size, chunk))
        except BlobMissingError:
            append_frame(data, BlobGone(get.call))
        except PeernetError as error:
            append_frame(data, Refusal(get.call, printable(str(error), self._config.text)))

    # The reader.

    async def _read(self) -> None:
        try:
            self._dispatch(self.greeted.early)
            feed = self.greeted.frames.feed
            while self.ending is None:
                records = await self._secure.receive()
                if not records:
                    self._end(
                        Ending(self._close_reason, clean=True)
                        if self.closing
                        else Ending("it ended without a goodbye", clean=False)
                    )
                self._heard = trio.current_time()
                for record in records:
                    self._dispatch(feed(record))
        except ProtocolError as error:
            self._end(Ending(f"it broke the protocol: {printable(str(error), self._config.text)}", False, True))
        except ConnectionLostError as error:
            self._end(Ending(self._close_reason or str(error), clean=self.closing))

    def _dispatch(self, frames: list[Frame] | tuple[Frame, ...]) -> None:
        take = self._take
        for frame in frames:
            handler = take.get(type(frame))
            if handler is None:
                raise ProtocolError(f"a {type(frame).__name__} came out of turn")
            handler(frame)
            if self.ending is not None:
                return

    def _take_request(self, request: Request) -> None:
        self.last_used = self._heard
        self.incoming += 1
        if self.incoming > self._config.calls:
            self._counters["requests refused"] += 1
            self.answer(request.call, _BUSY)
            return
        try:
            self._owner.on_request(self, request.call, request.body)
        except PeernetError as error:
            self.answer(request.call, str(error))

    def _take_notice(self, notice: Notice) -> None:
        self.last_used = self._heard
        try:
            self._owner.on_notice(self, notice.body)
        except PeernetError:
            self._counters["notices failed"] += 1

    def _take_response(self, response: Response) -> None:
        self._note_late(self._calls.settle(response.call, response.body))

    def _take_refusal(self, refusal: Refusal) -> None:
        error = RemoteCallError(printable(refusal.text, self._config.text) or "refused without a reason")
        call = refusal.call
        self._note_late(self._calls.settle(call, error) or self._gets.settle(call, error))

    def _take_get(self, get: BlobGet) -> None:
        self.last_used = self._heard
        if len(self._asked_of_us) >= self._config.blob_gets:
            self._refuse(get.call, _BUSY)
        elif not self.closing:
            self._asked_of_us.append(get)
            self._wake_writer.unpark()

    def _take_chunk(self, chunk: BlobChunk) -> None:
        self.last_used = self._heard
        self._note_late(self._gets.settle(chunk.call, chunk))

    def _take_gone(self, gone: BlobGone) -> None:
        self._note_late(self._gets.settle(gone.call, BlobMissingError("the peer does not hold this blob")))

    def _note_late(self, awaited: bool) -> None:
        if not awaited:
            self._counters["late answers"] += 1

    def _take_ping(self, ping: Ping) -> None:
        if len(self._out) < self._config.queue_bytes:
            self._push(Pong(ping.nonce))

    def _take_pong(self, pong: Pong) -> None:
        waiting = self._pings.pop(pong.nonce, None)
        if waiting is not None:
            self.rtt = self._heard - waiting[0]
            waiting[1].set()

    def _take_goodbye(self, goodbye: Goodbye) -> None:
        self._end(Ending(printable(goodbye.reason, self._config.text), clean=True))

    # The keeper of time.

    async def _keep_time(self) -> None:
        config = self._config
        pinged = self._heard
        while True:
            next_ping = max(pinged, self._heard) + config.ping_seconds
            next_call = min(self._calls.next_deadline(), self._gets.next_deadline())
            self._keeper_until = min(next_ping, self._heard + config.dead_seconds, next_call, self._close_by)
            with trio.move_on_at(self._keeper_until):
                await self._wake_keeper.park()
            now = trio.current_time()
            if now - self._keeper_until > config.pause_slack:
                self._heard = now
            if now >= self._close_by:
                return self._end(Ending(self._close_reason, clean=True))
            if now >= self._heard + config.dead_seconds:
                return self._end(Ending(f"it has been silent for {config.dead_seconds:g} s", clean=False))
            if now >= next_call:
                self._expire(now)
            if now >= max(pinged, self._heard) + config.ping_seconds:
                self._ping(now)
                pinged = now

    def _keep_until(self, deadline: float) -> None:
        """Let the keeper wake in time for a deadline that is nearer than what it waits for."""
        if deadline < self._keeper_until:
            self._keeper_until = deadline
            self._wake_keeper.unpark()

    def _expire(self, now: float) -> None:
        def late() -> PeernetError:
            return CallTimeoutError("the peer did not answer in time")

        self._counters["calls timed out"] += self._calls.expire(now, late) + self._gets.expire(now, late)

    def _ping(self, now: float) -> trio.Event:
        event = trio.Event()
        nonce = next(self._nonces)
        self._pings[nonce] = (now, event)
        if len(self._pings) > _MAX_PINGS:
            self._pings.popitem(last=False)
        self._push(Ping(nonce))
        return event
