"""A number for each peer, as BOINC and iExec keep one: for the policies that they are compared by."""

from __future__ import annotations

from peernet.types import PeerId


class Scores:
    """Scores of peers by name of the policy, for as long as this peer runs. The least recently scored go first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._scores: dict[tuple[str, PeerId], int] = {}

    def of(self, policy: str, peer: PeerId) -> int:
        """Return a peer's score; 0 for a newcomer."""
        return self._scores.get((policy, peer), 0)

    def put(self, policy: str, peer: PeerId, score: int) -> None:
        """Set a peer's score."""
        self._scores.pop((policy, peer), None)
        self._scores[policy, peer] = score
        if len(self._scores) > self._limit:
            del self._scores[next(iter(self._scores))]
