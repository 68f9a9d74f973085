"""Which addresses have failed lately, and until when they are left alone."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from random import Random

from peernet.config.net import NetConfig

Place = tuple[str, int]
"""Host and port."""


@dataclass(frozen=True, slots=True)
class _Failures:
    times: int
    until: float


class Backoff:
    """Exponential back-off with jitter for each address. Bounded: the oldest failures are forgotten first.

    Times are monotonic seconds.
    """

    def __init__(self, config: NetConfig, random: Random) -> None:
        self._config = config
        self._random = random
        self._failures: OrderedDict[Place, _Failures] = OrderedDict()

    def __len__(self) -> int:
        return len(self._failures)

    def wait(self, place: Place, now: float) -> float:
        """Seconds for which this address is to be left alone; 0 if it may be tried."""
        failures = self._failures.get(place)
        return 0.0 if failures is None else max(0.0, failures.until - now)

    def failed(self, place: Place, now: float) -> None:
        """A dial has failed: leave the address alone for longer than the last time."""
        config = self._config
        last = self._failures.pop(place, None)
        times = 1 if last is None else last.times + 1
        pause = min(config.backoff_limit, config.backoff_first * 2.0 ** min(times - 1, 64))
        self._failures[place] = _Failures(times, now + pause * self._random.uniform(0.5, 1.0))
        if len(self._failures) > config.backoff_addresses:
            self._failures.popitem(last=False)

    def succeeded(self, place: Place) -> None:
        """The address answers, or its peer has connected from there: forget its failures."""
        self._failures.pop(place, None)
