"""Virtual time for trio: it stands still while a task can run, then jumps to whatever comes next.

trio asks its clock how long it may sleep only when no task can run. That is when this clock jumps: to the next
delivery of the network or to the next deadline of a task, whichever comes first. So nothing ever waits on real
time, and deliveries cost no task and no timer of trio: the one `Pump` carries out all that are due, then tasks run
again.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import trio

T = TypeVar("T")

IDLE_LIMIT = 1000
"""Looks for events of the system, with nothing else to do, before a run is given up. A run has none but those by
which trio itself ends."""


class Pump:
    """What happens outside of all tasks, in the order of its times, and of asking where times are equal."""

    def __init__(self) -> None:
        self.done = 0
        self._number = 0
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []

    def at(self, when: float, act: Callable[..., None], *args: Any) -> None:
        """Have `act(*args)` called when the clock reads `when`. It must not block; it may wake tasks."""
        self._number += 1
        heapq.heappush(self._heap, (when, self._number, act, args))

    def next_due(self) -> float:
        """When there is something to do next, or infinity."""
        return self._heap[0][0] if self._heap else math.inf

    def run_due(self, now: float) -> None:
        """Do all that is due."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            _, _, act, args = heapq.heappop(heap)
            self.done += 1
            act(*args)


class VirtualClock(trio.abc.Clock):
    """The clock of a run, of trio and of all peers. time: virtual seconds since the start of the run."""

    def __init__(self) -> None:
        self.time = 0.0
        self.pump = Pump()
        self._idle = 0
        self._stuck = trio.CancelScope()

    async def watch(self, main: Callable[[], Awaitable[T]]) -> T:
        """Run `main`, for once, and do not let it wait for what can't happen.

        Raises:
            RuntimeError: no task could ever run again. Whatever `main` raises leaves here too.
        """
        with self._stuck:
            return await main()
        raise RuntimeError("no task of the simulation can ever run again")

    def start_clock(self) -> None:
        """Nothing to start: time passes when trio asks for sleep."""

    def current_time(self) -> float:
        """The time. Stands still while a task runs."""
        return self.time

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """No task can run until `deadline`: jump to what comes first, and sleep not at all."""
        due = self.pump.next_due()
        self._idle = self._idle + 1 if due == deadline == math.inf else 0
        if self._idle > IDLE_LIMIT:
            self._stuck.cancel()
        if due <= deadline and due < math.inf:
            self.time = max(self.time, due)
            self.pump.run_due(self.time)
        elif deadline < math.inf:
            self.time = max(self.time, deadline)
        return 0.0
