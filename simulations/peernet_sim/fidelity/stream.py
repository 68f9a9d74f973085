"""One connection of the simulated network: TCP between two sites, at the speed of their access links."""

from __future__ import annotations

import operator
from collections import deque
from typing import TYPE_CHECKING

import trio

from peernet.net.sleeper import Sleeper

if TYPE_CHECKING:
    from peernet_sim.fidelity.network import SimNetwork, Site

WINDOW = 1024 * 1024
"""Bytes under way and not yet read in one direction, as of a tuned socket buffer: 10 MB/s at 100 ms."""

PARCEL = 64 * 1024
"""Bytes that travel as one: so much of bulk comes before another connection's turn on the access link."""

RETRANSMIT = 0.2
"""Seconds that a lost parcel costs beside a round trip: the least timeout of common systems."""

RETRANSMIT_LIMIT = 8.0
"""The longest pause between two attempts."""

STALL_SECONDS = 60.0
"""After so long without getting through the system gives a connection up."""

QUICK = 0.0005
"""A parcel that takes less than this on the receiver's access link is delivered at once: less than a process
takes to be woken on a busy machine, and it saves an event."""


class Lane:
    """One direction of a connection: bytes in order."""

    def __init__(self, network: SimNetwork, source: Site, target: Site) -> None:
        self.network = network
        self.source = source
        self.target = target
        self.delay = network.delay(source, target)
        self.arrived: deque[bytes] = deque()
        self.under_way = 0
        self.ended = False
        self.broken = False
        self.closed_by_writer = False
        self.closed_by_reader = False
        self.reader = Sleeper()
        self.writer = Sleeper()
        self._queue: deque[bytes] = deque()
        self._stalled = False
        self._landing = 0
        self._last_arrival = 0.0

    @property
    def room(self) -> int:
        """Bytes that may be sent now."""
        return WINDOW - self.under_way

    def push(self, data: bytes) -> None:
        """Send bytes; none mean the end."""
        self.under_way += len(data)
        if self._stalled or self.source.frozen:
            self._queue.append(data)
        else:
            self._leave(data)

    def flush(self) -> None:
        """Send what waited, as far as it gets."""
        while self._queue and not self._stalled and not self.source.frozen:
            self._leave(self._queue.popleft())

    def reset(self) -> None:
        """Nothing passes any more."""
        self.broken = True
        self._queue.clear()
        self.reader.wake()
        self.writer.wake()

    def refuse(self) -> None:
        """The reader has closed its end. As with TCP, unread bytes make its system reset the connection."""
        self.closed_by_reader = True
        if self.arrived:
            self.arrived.clear()
            self._send_reset()
        self.reader.wake()

    def _send_reset(self) -> None:
        self.network.pump.at(self.network.clock.time + self.delay, self.reset)

    def _leave(self, data: bytes) -> None:
        """Put a parcel on the access link, behind what is on it already."""
        source, now = self.source, self.network.clock.time
        left = max(now, source.up_free) + len(data) / source.spec.up
        source.up_free = left
        source.bytes += len(data)
        self._travel(data, left, 0.0, 0.0)

    def _travel(self, data: bytes, when: float, pause: float, stalled: float) -> None:
        """Send a parcel at `when`. pause: since the last attempt. stalled: seconds since the first."""
        verdict = self.network.judge(self.source, self.target, "bytes", len(data), when)
        if not verdict.copies:
            self._stalled = True
            pause = min(2 * pause, RETRANSMIT_LIMIT) if pause else RETRANSMIT + 2 * self.delay
            self.network.pump.at(when + pause, self._retry, data, pause, stalled + pause)
            return
        arrival = max(when + self.delay + verdict.delay, self._last_arrival)
        self._last_arrival = arrival
        self.network.pump.at(arrival, self._arrive, data)

    def _retry(self, data: bytes, pause: float, stalled: float) -> None:
        if self.broken:
            return
        if stalled > STALL_SECONDS or (self.closed_by_reader and self.closed_by_writer):
            self.reset()
            return
        self._stalled = False
        self._travel(data, self.network.clock.time, pause, stalled)
        self.flush()

    def _arrive(self, data: bytes) -> None:
        """A parcel has come to the receiver's access link."""
        target, now = self.target, self.network.clock.time
        through = max(now, target.down_free) + len(data) / target.spec.down
        target.down_free = through
        if not self._landing and through - now < QUICK:
            self._deliver(data)
        else:
            self._landing += 1
            self.network.pump.at(through, self._land, data)

    def _land(self, data: bytes) -> None:
        self._landing -= 1
        self._deliver(data)

    def _deliver(self, data: bytes) -> None:
        if self.closed_by_reader:
            if data:
                self._send_reset()
            return
        if data:
            self.arrived.append(data)
        else:
            self.ended = True
        if not self.target.frozen:
            self.reader.wake()


class SimStream(trio.abc.Stream):
    """One end of a connection."""

    def __init__(self, site: Site, incoming: Lane, outgoing: Lane) -> None:
        self._site = site
        self._in = incoming
        self._out = outgoing
        self._closed = False
        self._sending = False
        self._receiving = False
        site.streams[self] = None

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Hand over all bytes; waits while the window is full."""
        lane = self._out
        self._claim_sending()
        try:
            await trio.lowlevel.checkpoint()
            self._check_sending()
            with memoryview(data) as view:
                sent = 0
                while sent < len(view):
                    taken = min(PARCEL, len(view) - sent)
                    if taken <= lane.room:  # else wait: crumbs would cost as much as loaves
                        lane.push(bytes(view[sent : sent + taken]))
                        sent += taken
                    else:
                        await lane.writer.sleep()
                        self._check_sending()
        finally:
            self._sending = False

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the window has room."""
        self._claim_sending()
        try:
            await trio.lowlevel.checkpoint()
            self._check_sending()
            while self._out.room < PARCEL:
                await self._out.writer.sleep()
                self._check_sending()
        finally:
            self._sending = False

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """The next bytes, at most so many; empty at the end of the stream."""
        if max_bytes is not None and operator.index(max_bytes) < 1:
            raise ValueError("max_bytes must be 1 or more")
        if self._receiving:
            raise trio.BusyResourceError("another task is receiving from this stream")
        self._receiving = True
        lane = self._in
        try:
            if not self._closed and not lane.arrived and not lane.ended and not lane.broken:
                await lane.reader.sleep()  # a checkpoint as well
            else:
                await trio.lowlevel.checkpoint()
            while True:
                if self._closed:
                    raise trio.ClosedResourceError("this end was closed")
                if not self._site.frozen:
                    if lane.arrived:
                        return self._take(max_bytes)
                    if lane.ended:
                        return b""
                    if lane.broken:
                        raise trio.BrokenResourceError("the connection was reset")
                await lane.reader.sleep()
        finally:
            self._receiving = False

    def _take(self, max_bytes: int | None) -> bytes:
        """All that has arrived, as far as it is wanted."""
        lane = self._in
        if len(lane.arrived) == 1:
            data = lane.arrived.popleft()
        else:
            data = b"".join(lane.arrived)
            lane.arrived.clear()
        if max_bytes is not None and len(data) > max_bytes:
            lane.arrived.appendleft(data[max_bytes:])
            data = data[:max_bytes]
        lane.under_way -= len(data)
        if lane.room >= PARCEL:
            lane.writer.wake()
        return data

    async def aclose(self) -> None:
        """Close both directions. What was sent can still be received by the other end."""
        self.close()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """What `aclose` does, at once."""
        if self._closed:
            return
        self._closed = True
        self._site.streams.pop(self, None)
        self._in.refuse()
        self._out.closed_by_writer = True
        self._out.writer.wake()
        if not self._out.broken:
            self._out.push(b"")

    def thaw(self) -> None:
        """Its process goes on: send and read what waited."""
        self._out.flush()
        self._in.reader.wake()

    def _claim_sending(self) -> None:
        if self._sending:
            raise trio.BusyResourceError("another task is sending on this stream")
        self._sending = True

    def _check_sending(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this end was closed")
        if self._out.broken:
            raise trio.BrokenResourceError("the connection was reset")


def pair(network: SimNetwork, dialler: Site, listener: Site) -> tuple[SimStream, SimStream]:
    """Make the two ends of a connection."""
    there, back = Lane(network, dialler, listener), Lane(network, listener, dialler)
    return SimStream(dialler, back, there), SimStream(listener, there, back)
