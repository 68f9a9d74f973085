"""How long to wait for an answer, learned from the round trips of this peer's calls (after RFC 6298)."""

from __future__ import annotations

from peernet.config.kad import KadConfig

LOST_OVER = 16
"""Dials over which the share of lost ones is taken: those of the last lookup or two."""


class Estimate:
    """A running estimate of how long something takes, and of how much that varies."""

    __slots__ = ("mean", "spread")

    def __init__(self) -> None:
        self.mean = 0.0
        self.spread = 0.0

    def add(self, seconds: float, spreads: int) -> float:
        """It has taken so long. Returns the mean, and as many times the mean deviation."""
        if self.mean:
            self.spread += (abs(seconds - self.mean) - self.spread) / 4
            self.mean += (seconds - self.mean) / 8
        else:
            self.mean, self.spread = seconds, seconds / 2
        return self.mean + spreads * self.spread


class Pace:
    """The time after which a call counts as slow. One for each peer, shared by its lookups.

    Calls that have to dial first are measured by themselves: they take some round trips more, and the peers with a
    connection are often near ones, whose round trips say little about others.
    """

    __slots__ = ("_answers", "_config", "_dials", "dial_seconds", "lost", "seconds")

    def __init__(self, config: KadConfig) -> None:
        self._config = config
        self._answers = Estimate()
        self._dials = Estimate()
        self.seconds = config.first_slow_seconds
        """Seconds to wait for an answer over a standing connection."""
        self.dial_seconds = self._bounded(config.first_slow_seconds * config.dial_factor)
        """The same where the peer has to be dialled first."""
        self.lost = 0.0
        """The share of the last dials that did not lead to an answer in time."""

    def measured(self, seconds: float, *, dialled: bool = False) -> None:
        """A call was answered after this time. dialled: no connection stood when it was made."""
        if dialled:
            self.dial_seconds = self._bounded(self._dials.add(seconds, 2))
            self.lost -= self.lost / LOST_OVER
        else:
            self.seconds = self._bounded(self._answers.add(seconds, 4))

    def missed(self) -> None:
        """A peer that had to be dialled did not answer in time, or can't be reached."""
        self.lost += (1.0 - self.lost) / LOST_OVER

    def slow(self) -> None:
        """A call over a standing connection was slow: wait longer until the next measurement."""
        self.seconds = self._bounded(self.seconds * 1.5)

    def _bounded(self, seconds: float) -> float:
        return min(max(seconds, self._config.least_slow_seconds), self._config.most_slow_seconds)
