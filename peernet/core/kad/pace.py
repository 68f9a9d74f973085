"""How long to wait for an answer, learned from the round trips of this peer's calls (after RFC 6298)."""

from __future__ import annotations

from peernet.config.kad import KadConfig


class Pace:
    """The time after which a call counts as slow. One for each peer, shared by its lookups."""

    __slots__ = ("_config", "_mean", "_seconds", "_spread")

    def __init__(self, config: KadConfig) -> None:
        self._config = config
        self._seconds = config.first_slow_seconds
        self._mean = 0.0
        self._spread = 0.0

    @property
    def seconds(self) -> float:
        """Seconds to wait for an answer over a standing connection."""
        return self._seconds

    def measured(self, seconds: float) -> None:
        """A call over a standing connection was answered after this time."""
        if self._mean:
            self._spread += (abs(seconds - self._mean) - self._spread) / 4
            self._mean += (seconds - self._mean) / 8
        else:
            self._mean, self._spread = seconds, seconds / 2
        self._set(self._mean + 4 * self._spread)

    def slow(self) -> None:
        """A call was slow: wait longer until the next measurement."""
        self._set(self._seconds * 1.5)

    def _set(self, seconds: float) -> None:
        self._seconds = min(max(seconds, self._config.least_slow_seconds), self._config.most_slow_seconds)
