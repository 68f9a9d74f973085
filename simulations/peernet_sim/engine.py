"""Things to do on a virtual clock: the only clock of a scale run.

Nothing here sleeps, waits or reads the time of day, so a run costs what its steps cost and no more. What is to be
done stands in slots of time, which are sorted when their time has come: in a heap of all of it, each step would
move a dozen entries that have long left the processor's cache.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from typing import Any

from peernet_sim.violations import Broken

Entry = tuple[float, int, Callable[..., None], tuple[Any, ...]]

SLOTS = 64.0
"""Slots of a second: a few hundred entries each in a busy run. A power of two, so that their edges are exact."""


class Engine:
    """Runs acts in the order of their times, and those of one time in the order in which they were asked for; but
    what is wanted `soon` comes before all that is set for a time.

    now: virtual seconds since the start. steps: how many acts were set for a time and have been carried out.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.stopped = False
        self.steps = 0
        self._number = 0
        self._soon: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        # The slot that is open, up to `_edge`: its entries, the earliest last, and a heap of those set since.
        self._open: list[Entry] = []
        self._fresh: list[Entry] = []
        self._edge = 0.0
        # Those of later, by their numbers, in no order; and a heap of the numbers.
        self._slots: dict[int, list[Entry]] = {}
        self._order: list[int] = []

    def __len__(self) -> int:
        return self._number - self.steps + len(self._soon)

    def soon(self, act: Callable[..., None], *args: Any) -> None:
        """Have `act(*args)` called at this time, after the act that is under way. Cheaper than `at`."""
        self._soon.append((act, args))

    def at(self, when: float, act: Callable[..., None], *args: Any) -> None:
        """Have `act(*args)` called when the clock reads `when`. Not to be called for a time that has passed."""
        self._number = number = self._number + 1
        if when < self._edge:
            heapq.heappush(self._fresh, (when, number, act, args))
            return
        slot = self._slots.get(int(when * SLOTS))
        if slot is not None:
            slot.append((when, number, act, args))
        else:
            self._slots[int(when * SLOTS)] = [(when, number, act, args)]
            heapq.heappush(self._order, int(when * SLOTS))

    def after(self, seconds: float, act: Callable[..., None], *args: Any) -> None:
        """Have `act(*args)` called in so many virtual seconds."""
        self.at(self.now + seconds, act, *args)

    def stop(self) -> None:
        """End `run` after the act that is under way."""
        self.stopped = True

    def run(self, until: float) -> None:
        """Let virtual time pass up to `until` (seconds since the start), or to a `stop`.

        Raises:
            Broken: somebody asked for something in the past. Whatever an act raises leaves here too.
        """
        soon, fresh, pop = self._soon, self._fresh, heapq.heappop
        ready = self._open
        while not self.stopped:
            if soon:
                act, args = soon.popleft()
                act(*args)
                continue
            if fresh and (not ready or fresh[0] < ready[-1]):
                if fresh[0][0] > until:
                    break
                when, _, act, args = pop(fresh)
            elif ready:
                if ready[-1][0] > until:
                    break
                when, _, act, args = ready.pop()
            elif self._order and self._order[0] <= until * SLOTS:
                self._open_next()
                continue
            else:
                break
            if when < self.now:
                raise Broken("virtual time", f"something was set for {when} s, and it is {self.now} s already", ())
            self.now = when
            self.steps += 1
            act(*args)
        if not self.stopped and self.now < until:
            self.now = until

    def _open_next(self) -> None:
        """Open the next slot that has entries."""
        number = heapq.heappop(self._order)
        self._open += self._slots.pop(number)
        self._open.sort(reverse=True)
        self._edge = (number + 1) / SLOTS
