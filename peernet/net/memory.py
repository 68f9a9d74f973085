"""The in-memory twin of TCP: for tests on a virtual clock and for the simulator. No bytes leave the
process."""

from __future__ import annotations

import operator
from collections import deque

import trio

from peernet.errors import PortInUseError, UnreachableError, UsageError

BUFFER = 64 * 1024
"""Bytes that one direction holds before the sender waits, like a small socket buffer."""

_FIRST_PORT = 49152  # Where the system's ephemeral ports begin (RFC 6335).


class _Pipe:
    """One direction: bytes in order, at most `limit` of them between the two ends."""

    __slots__ = ("buffer", "closed_by_reader", "closed_by_writer", "limit", "lot", "receiving", "sending")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.buffer = bytearray()
        self.closed_by_writer = False
        self.closed_by_reader = False
        self.sending = False
        self.receiving = False
        self.lot = trio.lowlevel.ParkingLot()


class MemoryStream(trio.abc.Stream):
    """One end of a connection. Behaves as a socket does, also when the other end is gone or does not read."""

    def __init__(self, incoming: _Pipe, outgoing: _Pipe) -> None:
        self._in = incoming
        self._out = outgoing
        self._closed = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Hand over all bytes; waits while the buffer is full."""
        pipe = self._out
        with memoryview(data) as view:
            self._claim_sending()
            try:
                await trio.lowlevel.checkpoint()
                sent = 0
                while True:
                    self._check_sending()
                    taken = view[sent : sent + pipe.limit - len(pipe.buffer)]
                    pipe.buffer += taken
                    sent += len(taken)
                    pipe.lot.unpark_all()
                    if sent == len(view):
                        return
                    await pipe.lot.park()
            finally:
                pipe.sending = False

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the buffer has room."""
        pipe = self._out
        self._claim_sending()
        try:
            await trio.lowlevel.checkpoint()
            self._check_sending()
            while len(pipe.buffer) >= pipe.limit:
                await pipe.lot.park()
                self._check_sending()
        finally:
            pipe.sending = False

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """The next bytes, at most so many; empty at the end of the stream."""
        if max_bytes is not None and operator.index(max_bytes) < 1:
            raise ValueError("max_bytes must be 1 or more")
        pipe = self._in
        if pipe.receiving:
            raise trio.BusyResourceError("another task is receiving from this stream")
        pipe.receiving = True
        try:
            await trio.lowlevel.checkpoint()
            while True:
                if self._closed:
                    raise trio.ClosedResourceError("this end was closed")
                if pipe.buffer:
                    data = bytes(pipe.buffer[:max_bytes])
                    del pipe.buffer[: len(data)]
                    pipe.lot.unpark_all()
                    return data
                if pipe.closed_by_writer:
                    return b""
                await pipe.lot.park()
        finally:
            pipe.receiving = False

    async def aclose(self) -> None:
        """Close both directions. What was sent can still be received by the other end."""
        self.close()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """What `aclose` does, at once."""
        self._closed = True
        self._in.closed_by_reader = True
        self._in.buffer.clear()
        self._out.closed_by_writer = True
        self._in.lot.unpark_all()
        self._out.lot.unpark_all()

    def _claim_sending(self) -> None:
        if self._out.sending:
            raise trio.BusyResourceError("another task is sending on this stream")
        self._out.sending = True

    def _check_sending(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this end was closed")
        if self._out.closed_by_reader:
            raise trio.BrokenResourceError("the other end was closed")


def memory_pair(limit: int = BUFFER) -> tuple[MemoryStream, MemoryStream]:
    """The two ends of a connection. limit: bytes that each direction holds."""
    one, other = _Pipe(limit), _Pipe(limit)
    return MemoryStream(one, other), MemoryStream(other, one)


class MemoryNetwork:
    """Hosts by name, and who listens on them. One for all transports that shall reach each other.

    limit: bytes that each direction of a connection holds.
    """

    def __init__(self, limit: int = BUFFER) -> None:
        self.limit = limit
        self.listeners: dict[tuple[str, int], MemoryListener] = {}
        self._next_port: dict[str, int] = {}

    def free_port(self, host: str) -> int:
        """The next port of a host that nobody has."""
        port = self._next_port.get(host, _FIRST_PORT)
        while (host, port) in self.listeners:
            port += 1
        self._next_port[host] = port + 1
        return port


class MemoryTransport:
    """The network as one host sees it: `host` is where its connections come from, and what it may listen
    at."""

    def __init__(self, network: MemoryNetwork, host: str) -> None:
        self.network = network
        self.host = host

    async def listen(self, host: str, port: int, backlog: int) -> MemoryListener:
        """See `Transport.listen`. The host is this transport's own, or 0.0.0.0 for the same."""
        await trio.lowlevel.checkpoint()
        if host not in (self.host, "0.0.0.0", "::"):
            raise UsageError(f"can't listen at {host} port {port}: this host is {self.host}")
        port = port or self.network.free_port(self.host)
        if (self.host, port) in self.network.listeners:
            raise PortInUseError(
                f"port {port} is in use by another program: choose another with --port, or 0 for any"
            )
        listener = MemoryListener(self.network, (self.host, port), backlog)
        self.network.listeners[self.host, port] = listener
        return listener

    async def dial(self, host: str, port: int) -> tuple[MemoryStream, str]:
        """See `Transport.dial`."""
        await trio.lowlevel.checkpoint()
        listener = self.network.listeners.get((host, port))
        if listener is None:
            raise UnreachableError(f"nobody answers at {host} port {port}: Connection refused")
        near, far = memory_pair(self.network.limit)
        if not listener.offer(far, self.host):
            raise UnreachableError(f"nobody answers at {host} port {port}: its queue is full")
        return near, host


class MemoryListener:
    """See `Listener`."""

    def __init__(self, network: MemoryNetwork, place: tuple[str, int], backlog: int) -> None:
        self._network = network
        self._place = place
        self._backlog = backlog
        self._waiting: deque[tuple[MemoryStream, str]] = deque()
        self._lot = trio.lowlevel.ParkingLot()
        self._closed = False

    @property
    def port(self) -> int:
        """The port in use."""
        return self._place[1]

    @property
    def hosts(self) -> tuple[str, ...]:
        """See `Listener.hosts`."""
        return (self._place[0],)

    def offer(self, stream: MemoryStream, host: str) -> bool:
        """Queue a connection of a dialler. False when the queue is full."""
        if len(self._waiting) >= self._backlog:
            return False
        self._waiting.append((stream, host))
        self._lot.unpark()
        return True

    async def accept(self) -> tuple[MemoryStream, str]:
        """See `Listener.accept`."""
        await trio.lowlevel.checkpoint()
        while not self._closed:
            if self._waiting:
                return self._waiting.popleft()
            await self._lot.park()
        raise trio.ClosedResourceError("this listener was closed")

    async def aclose(self) -> None:
        """See `Listener.aclose`."""
        if not self._closed:
            self._closed = True
            del self._network.listeners[self._place]
            for stream, _ in self._waiting:
                stream.close()
            self._waiting.clear()
            self._lot.unpark_all()
        await trio.lowlevel.checkpoint()
