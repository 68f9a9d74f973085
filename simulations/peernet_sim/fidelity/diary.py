"""What is going to happen in a run at stated times, carried out in one task: `engine.Engine` for fidelity mode."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

import trio

from peernet_sim.fidelity.clock import VirtualClock


class Diary:
    """Carries out acts in the order of their times, and those of one time in the order in which they were asked
    for. Unlike the `Pump`, what an act raises ends the run in the open.

    now: virtual seconds since the start.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._number = 0
        self._woken = trio.Event()

    @property
    def now(self) -> float:
        """Virtual seconds since the start."""
        return self._clock.time

    def at(self, when: float, act: Callable[..., None], *args: Any) -> None:
        """Have `act(*args)` called at so many virtual seconds since the start."""
        self._number += 1
        heapq.heappush(self._heap, (when, self._number, act, args))
        if self._heap[0][1] == self._number:
            self._woken.set()

    def after(self, seconds: float, act: Callable[..., None], *args: Any) -> None:
        """Have `act(*args)` called in so many virtual seconds."""
        self.at(self.now + seconds, act, *args)

    async def run(self) -> None:
        """Carry out all that is written here until cancelled."""
        while True:
            self._woken = trio.Event()
            due = self._heap[0][0] if self._heap else float("inf")
            if due > self._clock.time:
                with trio.move_on_at(due):
                    await self._woken.wait()
            else:
                await trio.lowlevel.checkpoint()
            while self._heap and self._heap[0][0] <= self._clock.time:
                _, _, act, args = heapq.heappop(self._heap)
                act(*args)
