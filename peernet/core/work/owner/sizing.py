"""How large a slice should be and how long it may take, from what slices took so far.

The first slices hold one call. From then on the time of a call is the median over the latest slices, those much
smaller than the largest left out, because the fixed cost of a slice hides the cost of its calls. The median stands
up to a minority of peers that tell stories. Sizes grow by a bounded factor over what has been measured, since
later inputs may cost more than the first ones, and shrink at once.
"""

from __future__ import annotations

import math
from collections import deque

from peernet.config import WorkConfig

_SMALLEST_SHARE = 4
"""Samples with under a quarter of the calls of the largest are left out of the estimate."""

_FASTEST = 1e-9
"""Seconds that a call takes at least, so that clocks that see nothing do not divide by zero."""


class Sizing:
    """Chooses sizes and limits from samples. Deterministic: the same samples give the same answers.

    fixed: the project's own slice size, or None to choose. length: number of calls in all, or None if unknown.
    """

    def __init__(self, config: WorkConfig, fixed: int | None, length: int | None) -> None:
        self._config = config
        self._fixed = fixed
        self._length = length
        self._samples: deque[tuple[int, float]] = deque(maxlen=config.size_samples)
        self._largest = 0
        self._call_seconds: float | None = None
        self._slow = 0.0
        self._stale = False

    def measured(self, calls: int, seconds: float) -> None:
        """Learn that a slice of so many calls ran for so many seconds. Nonsense is dropped."""
        if calls < 1 or not (math.isfinite(seconds) and seconds >= 0):
            return
        self._samples.append((calls, seconds))
        self._largest = max(self._largest, calls)
        self._stale = True

    def seconds_per_call(self) -> float | None:
        """Return the estimate of what one call takes, or None before any slice has returned."""
        self._estimate()
        return self._call_seconds

    def calls(self, cut: int, slots: int) -> int:
        """Return how many calls the next slice should hold.

        cut: calls that are cut already. slots: slices that workers run or want at once, as far as known.
        """
        if self._fixed is not None:
            return self._fixed
        each = self.seconds_per_call()
        if each is None:
            return 1
        most = min(self._config.slice_seconds / each, self._largest * self._config.slice_growth)
        if self._length is not None:
            share = (self._length - cut) / max(1, slots * self._config.slices_per_slot)
            most = min(most, max(share, self._fewest(each)))
        return max(1, min(int(most), self._config.slice_calls))

    def limit(self, timeout: float | None, stretches: int, most: float) -> float:
        """Return how many seconds a slice may run.

        timeout: of the project, which is the answer if there is one. stretches: how often this slice has exceeded
        an answer. most: seconds that no answer exceeds unless the project says so.
        """
        if timeout is not None:
            return timeout
        config = self._config
        self._estimate()
        limit = max(config.deadline_least, config.deadline_factor * self._slow)
        return float(min(limit * config.deadline_steps**stretches, most))

    def _estimate(self) -> None:
        if not self._stale:
            return
        self._stale = False
        largest = max(calls for calls, _ in self._samples)
        rates = sorted(s / calls for calls, s in self._samples if calls * _SMALLEST_SHARE >= largest)
        self._call_seconds = max(_FASTEST, rates[len(rates) // 2])
        times = sorted(seconds for _, seconds in self._samples)
        self._slow = times[int(len(times) * 0.95)]

    def _fewest(self, each: float) -> float:
        """Calls below which a slice is not split just to give everybody work: its fixed cost would show."""
        return min(self._config.slice_seconds_least / each, float(self._largest * self._config.slice_growth))
