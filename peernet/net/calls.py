"""The calls that a connection has under way: by id, each with a deadline and one outcome."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from peernet.errors import BusyError, PeernetError

T = TypeVar("T")
Then = Callable[[T | PeernetError], None]
"""Gets the answer, or why there is none. Called once, never before the call that took it has returned."""


class Calls(Generic[T]):
    """What was asked and not yet answered. limit: calls under way at most. ids: gives a fresh id with each
    `next`."""

    __slots__ = ("_ids", "_limit", "_waiting")

    def __init__(self, limit: int, ids: Iterator[int]) -> None:
        self._limit = limit
        self._ids = ids
        self._waiting: dict[int, tuple[float, Then[T]]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, deadline: float, then: Then[T]) -> int:
        """Take a call and return its id. Raises BusyError at the limit."""
        if len(self._waiting) >= self._limit:
            raise BusyError(f"{self._limit} calls to this peer are under way already: try again later")
        call = next(self._ids)
        self._waiting[call] = (deadline, then)
        return call

    def settle(self, call: int, outcome: T | PeernetError) -> bool:
        """Give a call its outcome. False if there is no such call: it has timed out, or never was."""
        waiting = self._waiting.pop(call, None)
        if waiting is None:
            return False
        waiting[1](outcome)
        return True

    def forget(self, call: int) -> None:
        """Drop a call that nobody waits for any more."""
        self._waiting.pop(call, None)

    def next_deadline(self) -> float:
        """When the next call is overdue, or infinity. Looks at all of them."""
        return min((deadline for deadline, _ in self._waiting.values()), default=math.inf)

    def expire(self, now: float, error: Callable[[], PeernetError]) -> int:
        """End the calls that are overdue, each with an error of its own. Returns how many."""
        overdue = [call for call, (deadline, _) in self._waiting.items() if deadline <= now]
        for call in overdue:
            self.settle(call, error())
        return len(overdue)

    def fail_all(self, error: Callable[[], PeernetError]) -> None:
        """End all calls."""
        self.expire(math.inf, error)
