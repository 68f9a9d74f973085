"""The keeper of a connection's time: pings when nothing is heard, the end when silence lasts, overdue
calls."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from itertools import count
from typing import Literal

import trio

from peernet.config.net import NetConfig
from peernet.net.sleeper import Sleeper

_MAX_PINGS = 16  # Unanswered ones that are remembered: four times what fits into `dead_seconds`.


class Vigil:
    """Watches over one connection. Any byte from the peer counts as a sign of life.

    needed: whether somebody would miss the connection, so that it is to be watched closely. send_ping: sends a
    ping with this nonce. next_deadline: when the next call is overdue. expire: ends the calls that are overdue at
    a time. rtt: the last measured round trip, in seconds.
    """

    def __init__(
        self,
        config: NetConfig,
        rtt: float,
        needed: Callable[[], bool],
        send_ping: Callable[[int], None],
        next_deadline: Callable[[], float],
        expire: Callable[[float], None],
    ) -> None:
        self.rtt = rtt
        self.heard = trio.current_time()
        self._config = config
        self._needed = needed
        self._send_ping = send_ping
        self._next_deadline = next_deadline
        self._expire = expire
        self._pings: OrderedDict[int, tuple[float, trio.Event]] = OrderedDict()
        self._nonces = count(1)
        self._sleeper = Sleeper()
        self._wakes_at = math.inf
        self._close_by = math.inf

    async def run(self) -> Literal["silent", "closed"]:
        """Watch until the peer has been silent for too long, or the time to close has passed."""
        config = self._config
        asked = pinged = -math.inf  # The first and the last ping since anything was heard.
        while True:
            next_call = self._next_deadline()
            soonest = min(self._next_ping(asked, pinged), self._silent_at(asked), next_call, self._close_by)
            self._wakes_at = max(soonest, trio.current_time())
            with trio.move_on_at(self._wakes_at):
                await self._sleeper.sleep()
            now = trio.current_time()
            if now - self._wakes_at > config.pause_slack:
                self.heard = now  # It was this process that stood still: what the peer sent is still to be read.
            if now >= self._close_by:
                return "closed"
            if now >= self._silent_at(asked):
                return "silent"
            if now >= next_call:
                self._expire(now)
            if now >= self._next_ping(asked, pinged):
                self.ping(now)
                asked, pinged = (now if asked <= self.heard else asked), now

    def _next_ping(self, asked: float, pinged: float) -> float:
        """When to ping. asked, pinged: see `run`."""
        config = self._config
        if asked > self.heard:
            return pinged + config.ping_seconds
        return self.heard + (config.ping_seconds if self._needed() else config.spare_ping_seconds)

    def _silent_at(self, asked: float) -> float:
        """When an unanswered ping has waited for so long that the peer counts as lost."""
        config = self._config
        return asked + config.dead_seconds - config.ping_seconds if asked > self.heard else math.inf

    def wake_by(self, deadline: float) -> None:
        """A call must be looked at by then."""
        if deadline < self._wakes_at:
            self._wakes_at = deadline
            self._sleeper.wake()

    def look_closely(self) -> None:
        """The connection is needed from now on: a peer that was not heard for a while is pinged at once."""
        self.wake_by(max(self.heard + self._config.ping_seconds, trio.current_time()))

    def close_by(self, deadline: float) -> None:
        """Let `run` return "closed" by then."""
        self._close_by = deadline
        self.wake_by(deadline)

    def ping(self, now: float) -> trio.Event:
        """Send a ping. The event is set by its answer, or by `release`."""
        event = trio.Event()
        nonce = next(self._nonces)
        self._pings[nonce] = (now, event)
        if len(self._pings) > _MAX_PINGS:
            self._pings.popitem(last=False)
        self._send_ping(nonce)
        return event

    def pong(self, nonce: int) -> None:
        """The answer to a ping has arrived; `heard` is when. Answers that nobody asked for are passed
        over."""
        waiting = self._pings.pop(nonce, None)
        if waiting is not None:
            self.rtt = self.heard - waiting[0]
            waiting[1].set()

    def release(self) -> None:
        """The connection has ended: nobody need wait for a ping any more."""
        for _, event in self._pings.values():
            event.set()
        self._pings.clear()
