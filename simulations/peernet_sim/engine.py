"""A heap of things to do on a virtual clock: the only clock of a scale run.

Nothing here sleeps, waits or reads the time of day, so a run costs what its steps cost and no more.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from typing import Any

from peernet_sim.violations import Broken

Entry = tuple[float, int, Callable[..., None], tuple[Any, ...]]


class Engine:
    """Runs acts in the order of their times, and those of one time in the order in which they were asked for; but
    what is wanted `soon` comes before all that is set for a time.

    now: virtual seconds since the start.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.stopped = False
        self._number = 0
        self._heap: list[Entry] = []
        self._soon: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()

    def __len__(self) -> int:
        return len(self._heap) + len(self._soon)

    @property
    def steps(self) -> int:
        """How many acts were set for a time and have been carried out."""
        return self._number - len(self._heap)

    def soon(self, act: Callable[..., None], *args: Any) -> None:
        """Have `act(*args)` called at this time, after the act that is under way. Cheaper than `at`."""
        self._soon.append((act, args))

    def at(self, when: float, act: Callable[..., None], *args: Any) -> None:
        """Have `act(*args)` called when the clock reads `when`. Not to be called for a time that has passed."""
        self._number += 1
        heapq.heappush(self._heap, (when, self._number, act, args))

    def after(self, seconds: float, act: Callable[..., None], *args: Any) -> None:
        """Have `act(*args)` called in so many virtual seconds."""
        self._number += 1
        heapq.heappush(self._heap, (self.now + seconds, self._number, act, args))

    def stop(self) -> None:
        """End `run` after the act that is under way."""
        self.stopped = True

    def run(self, until: float) -> None:
        """Let virtual time pass up to `until` (seconds since the start), or to a `stop`.

        Raises:
            Broken: somebody asked for something in the past. Whatever an act raises leaves here too.
        """
        heap, pop, soon = self._heap, heapq.heappop, self._soon
        while not self.stopped:
            if soon:
                act, args = soon.popleft()
                act(*args)
                continue
            if not heap or heap[0][0] > until:
                break
            when, _, act, args = pop(heap)
            if when < self.now:
                raise Broken("virtual time", f"something was set for {when} s, and it is {self.now} s already", ())
            self.now = when
            act(*args)
        if not self.stopped and self.now < until:
            self.now = until
