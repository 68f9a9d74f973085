"""What has been handed to those who read a job's results as they come, and was taken back since.

A slice that is accepted may be opened again while its job runs. Who has its value by then is told so, and gets the
value that is accepted in its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from peernet.types import JobId


class Delivery:
    """What one reader has been handed. next: the first slice that it has not.

    doubted: those taken back that it has not been told of, owed: those told that have no other value yet; in the
    order in which they were taken back, and each of them once, so that both are bounded by what it has.
    """

    def __init__(self, start: int) -> None:
        self.next = start
        self._start = start
        self.doubted: dict[int, None] = {}
        self.owed: dict[int, None] = {}

    def taken_back(self, index: int) -> None:
        """A slice of the job is believed no more."""
        if self._start <= index < self.next:
            self.doubted[index] = None

    def take_doubted(self) -> Iterator[int]:
        """Go through those to be told of; each is owed from then on."""
        while self.doubted:
            index = next(iter(self.doubted))
            del self.doubted[index]
            self.owed[index] = None
            yield index


class Deliveries:
    """All readers of results, by job."""

    def __init__(self) -> None:
        self._open: dict[JobId, list[Delivery]] = {}

    @contextmanager
    def of(self, job: JobId, start: int) -> Iterator[Delivery]:
        """Follow one reader, from slice `start` on, for as long as the context lasts."""
        delivery = Delivery(start)
        self._open.setdefault(job, []).append(delivery)
        try:
            yield delivery
        finally:
            self._open[job].remove(delivery)
            if not self._open[job]:
                del self._open[job]

    def taken_back(self, job: JobId, index: int) -> None:
        """A slice is believed no more: note it for all who have it."""
        for delivery in self._open.get(job, ()):
            delivery.taken_back(index)
