"""One live connection: an exchange with a peer, kept alive, from its greeting to its end.

Three tasks: one reads and hands frames on at once, one writes all that was queued in as few records as it
fits, one keeps time. Whoever wants to send appends to the queue and never waits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import trio

from peernet.config.net import NetConfig
from peernet.errors import (
    ConnectionLostError,
    PeernetError,
    ProtocolError,
)
from peernet.net.blobs import BlobSource
from peernet.net.exchange import BUSY, Exchange
from peernet.net.greeting import Greeted
from peernet.net.text import printable
from peernet.net.vigil import Vigil
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


class Owner(Protocol):
    """Who takes what arrives on a connection. Neither may block."""

    def on_notice(self, connection: Connection, body: Body) -> None:
        """A notice has arrived."""

    def on_request(self, connection: Connection, call: int, body: Body) -> None:
        """A call has arrived: `connection.answer(call, ...)` is due, once. A PeernetError refuses it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a connection ended. clean: after a goodbye. fault: the peer broke the protocol. spare: nobody needed it,
    or its room was wanted."""

    reason: str
    clean: bool
    fault: bool = False
    spare: bool = False


class Connection(Exchange):
    """An authenticated connection to a peer. `run` it; all else may be used at once, and is without effect
    once it has ended.

    counters: what happened, by name, as "sent Pull" for each message of the core; shared with other connections.
    needed, needed_there: whether this side, and as its last ping or pong says the other one, wants it kept.
    """

    def __init__(
        self, greeted: Greeted, config: NetConfig, blobs: BlobSource, owner: Owner, counters: Counter[str]
    ) -> None:
        self.greeted = greeted
        self.peer = greeted.peer
        super().__init__(config, blobs, counters, self._on_due, self._on_choked)
        self.since = self.last_used
        self.ending: Ending | None = None
        self.ended = trio.Event()
        self.needed_there = False
        self._needed = False
        self._owner = owner
        self._secure = greeted.secure
        self._vigil = Vigil(
            config, greeted.rtt, self._is_watched, self._send_ping, self._next_deadline, self._expire
        )
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
    def needed(self) -> bool:
        """Whether this side wants it kept."""
        return self._needed

    @needed.setter
    def needed(self, needed: bool) -> None:
        self._needed = needed
        if needed:
            self._vigil.look_closely()

    @property
    def rtt(self) -> float:
        """The last measured round trip, in seconds."""
        return self._vigil.rtt

    # What the owner does.

    async def run(self) -> Ending:
        """Serve the connection until it ends. Calls under way stay so until `fail_calls`."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._write)
                    nursery.start_soon(self._watch)
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
        self._fail_all(reason)
        self._vigil.release()

    def close(self, reason: str, spare: bool = False) -> None:
        """Say goodbye, let what is queued leave, and end within `goodbye_seconds`. Nothing more is sent. spare: as
        nobody needs it."""
        if not self.closing:
            self._close_reason = reason
            self._outbox.close(Goodbye(printable(reason, 127), spare))
            self._vigil.close_by(trio.current_time() + self._config.goodbye_seconds)

    def abort(self, reason: str) -> None:
        """End at once, without a goodbye."""
        self._end(Ending(reason, clean=False))

    async def ping(self, timeout: float) -> bool:
        """Whether the peer answers a ping within `timeout` seconds."""
        event = self._vigil.ping(trio.current_time())
        with trio.move_on_after(timeout):
            await event.wait()
        return event.is_set() and not self.closing

    def _end(self, ending: Ending) -> None:
        if self.ending is None:
            self.ending = ending
            self._outbox.abandon()
            self._scope.cancel()

    # The three tasks.

    async def _write(self) -> None:
        try:
            await self._outbox.run(self._secure)
        except (ConnectionLostError, ProtocolError) as error:
            self._end(Ending(str(error), clean=False))

    async def _watch(self) -> None:
        if await self._vigil.run() == "closed":
            self._end(Ending(self._close_reason, clean=True))
        else:
            self._end(Ending(f"it has been silent for {self._config.dead_seconds:g} s", clean=False))

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
                self._vigil.heard = trio.current_time()
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

    # What arrives, by type of frame.

    def _take_request(self, request: Request) -> None:
        self.last_used = self._vigil.heard
        self.incoming += 1
        if self.incoming > self._config.calls:
            self._counters["requests refused"] += 1
            self.answer(request.call, BUSY)
            return
        try:
            self._owner.on_request(self, request.call, request.body)
        except PeernetError as error:
            self.answer(request.call, str(error))

    def _take_notice(self, notice: Notice) -> None:
        self.last_used = self._vigil.heard
        try:
            self._owner.on_notice(self, notice.body)
        except PeernetError:
            self._counters["notices failed"] += 1

    def _take_get(self, get: BlobGet) -> None:
        self.last_used = self._vigil.heard
        if not self._outbox.serve(get):
            self._refuse(get.call, BUSY)

    def _take_ping(self, ping: Ping) -> None:
        self.needed_there = ping.needed
        if self._outbox.size < self._config.queue_bytes:
            self._outbox.push(Pong(ping.nonce, self.needed))

    def _take_pong(self, pong: Pong) -> None:
        self.needed_there = pong.needed
        self._vigil.pong(pong.nonce)

    def _take_goodbye(self, goodbye: Goodbye) -> None:
        self._end(Ending(printable(goodbye.reason, self._config.text), clean=True, spare=goodbye.spare))

    # What the vigil asks for, and is told.

    def _is_watched(self) -> bool:
        return self._needed or self.needed_there or self._awaiting

    def _send_ping(self, nonce: int) -> None:
        self._outbox.push(Ping(nonce, self.needed))

    def _on_due(self, deadline: float) -> None:
        self._vigil.wake_by(deadline)
        self._vigil.look_closely()

    def _on_choked(self) -> None:
        self._end(Ending("it asks without reading the answers", clean=False, fault=True))
