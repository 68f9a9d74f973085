"""Adaptive replication as in BOINC, to compare with and for those who know it.

After D. P. Anderson, "BOINC: a platform for volunteer computing", Journal of Grid Computing 18 (2020): results of
a peer whose last results were all validated by another's are accepted without replication, but for a random share
that falls as their number grows. Nothing that was accepted is ever taken back.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from peernet.core.work.policies.plain import Plain
from peernet.core.work.policies.quorum import EXTRA_EXECUTIONS
from peernet.core.work.policies.scores import Scores
from peernet.core.work.votes import Key, Vote, counts
from peernet.types import PeerId

RELIABLE = 10
"""Validated results in a row from which a peer counts as reliable (BOINC's own number)."""

QUORUM = 2
"""Equal results that validate each other."""


@dataclass(frozen=True, slots=True)
class Adaptive(Plain):
    """scores: how many results in a row of each peer were validated."""

    scores: Scores
    name: str = "adaptive"
    limit: int = QUORUM + EXTRA_EXECUTIONS
    judges_once: bool = True
    unmet: str = "no 2 of them agree"

    def decide(self, votes: Collection[Vote]) -> Key | None:
        """See `Policy.decide`."""
        for vote in votes:
            if vote.trusted:
                return vote.key
        given = counts(votes)
        best = max(given, key=lambda key: given[key], default=None)
        if best is not None and given[best] >= QUORUM:
            return best
        if len(votes) == 1:
            (vote,) = votes
            if vote.key[0] == "ok" and not self._replicated(vote):
                return vote.key
        return None

    def missing(self, votes: Collection[Vote], live: int, trusted_live: bool) -> int:
        """See `Policy.missing`."""
        if trusted_live or live or len(votes) >= self.limit:
            return 0
        return 1

    def enough(self, peers: Collection[PeerId]) -> bool:
        """See `Policy.enough`."""
        return len(peers) >= QUORUM

    def shortage(self, peers: Collection[PeerId]) -> tuple[str, str]:
        """See `Policy.shortage`."""
        return (
            f"{QUORUM} distinct peers that agree are needed, {len(peers)} can work",
            "join more peers, add some with --local N, or mark keys as your own",
        )

    def settled(self, votes: Collection[Vote], key: Key) -> None:
        """See `Policy.settled`."""
        if len(votes) < QUORUM:
            return
        for vote in votes:
            score = self.scores.of(self.name, vote.peer) + 1 if vote.key == key else 0
            self.scores.put(self.name, vote.peer, score)

    def _replicated(self, vote: Vote) -> bool:
        """Whether a result is to be validated. Drawn by the lease, whose id is secret until it is granted and
        random, so that the answer stays the same."""
        valid = self.scores.of(self.name, vote.peer)
        draw = int.from_bytes(vote.lease[:8].ljust(8, b"\0"), "big") / 2**64
        return valid < RELIABLE or draw < RELIABLE / (valid + 1)
