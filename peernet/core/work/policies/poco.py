"""iExec's Proof of Contribution, to compare with and for those who know it.

After the PoCo documentation ("Replication & Trust") and contracts of iExec, version 5: the rule for groups is
Sarmenta's, with a weight for each worker of max(score / 3, 3) - 1. A score rises by one with each result that
others confirmed, and falls by a third with a wrong one. Nothing is audited, and nothing is taken back.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from peernet.core.work.policies.plain import Plain
from peernet.core.work.policies.scores import Scores
from peernet.core.work.votes import Key, Vote
from peernet.types import PeerId

MOST_EXECUTIONS = 24
"""Results of a slice before it has failed. Seven newcomers that agree reach 0.99."""


@dataclass(frozen=True, slots=True)
class Poco(Plain):
    """scores: of the peers. target: the confidence at which a result is accepted."""

    scores: Scores
    target: float
    name: str = "poco"
    limit: int = MOST_EXECUTIONS
    judges_once: bool = True

    def decide(self, votes: Collection[Vote]) -> Key | None:
        """See `Policy.decide`."""
        for vote in votes:
            if vote.trusted:
                return vote.key
        groups = self._groups(votes)
        if not groups:
            return None
        best = max(groups, key=lambda key: groups[key])
        total = 1 + sum(groups.values())
        return best if groups[best] >= self.target * total else None

    def reached(self, votes: Collection[Vote], key: Key) -> float:
        """See `Policy.reached`."""
        if any(vote.trusted and vote.key == key for vote in votes):
            return 1.0
        groups = self._groups(votes)
        return groups.get(key, 0) / (1 + sum(groups.values()))

    def missing(self, votes: Collection[Vote], live: int, trusted_live: bool) -> int:
        """See `Policy.missing`."""
        if trusted_live or live or len(votes) >= self.limit:
            return 0
        return 1

    def enough(self, peers: Collection[PeerId]) -> bool:
        """See `Policy.enough`."""
        return self._reached(peers) >= self.target

    def shortage(self, peers: Collection[PeerId]) -> tuple[str, str]:
        """See `Policy.shortage`."""
        return (
            f"a confidence of {self.target:g} is asked for, and {len(peers)} peers can work, which reach "
            f"{self._reached(peers):.3g} if all agree",
            "join more peers, add some with --local N, or mark keys as your own",
        )

    @property
    def unmet(self) -> str:
        """See `Policy.unmet`."""
        return f"none is believed at a confidence of {self.target:g}"

    def settled(self, votes: Collection[Vote], key: Key) -> None:
        """See `Policy.settled`."""
        if len(votes) < 2:
            return
        for vote in votes:
            score = self.scores.of(self.name, vote.peer)
            self.scores.put(self.name, vote.peer, score + 1 if vote.key == key else score * 2 // 3)

    def _groups(self, votes: Collection[Vote]) -> dict[Key, int]:
        """The weight of each result."""
        groups: dict[Key, int] = {}
        for vote in votes:
            groups[vote.key] = groups.get(vote.key, 1) * self._weight(vote.peer)
        return groups

    def _weight(self, peer: PeerId) -> int:
        return max(self.scores.of(self.name, peer) // 3, 3) - 1

    def _reached(self, peers: Collection[PeerId]) -> float:
        product = math.prod(map(self._weight, peers))
        return product / (1 + product) if peers else 0.0
