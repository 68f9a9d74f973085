"""The policy of jobs whose results prove themselves: what passes the project's own check is right."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from peernet.core.work.policies.policy import Policy
from peernet.core.work.votes import UNPROVEN, Key, Vote
from peernet.types import PeerId


@dataclass(frozen=True, slots=True)
class Proving:
    """One result that has passed is enough, whoever returned it, and nothing of it is ever taken back.

    A failure proves nothing, so it is agreed on as under `inner`: a liar can't fail an honest job.
    """

    inner: Policy

    @property
    def name(self) -> str:
        """See `Policy.name`. The inner one's, by which a restart finds it again."""
        return self.inner.name

    @property
    def believes(self) -> bool:
        """See `Policy.believes`."""
        return self.inner.believes

    @property
    def retains(self) -> bool:
        """See `Policy.retains`. The job itself retains no slice: there is nothing to audit."""
        return self.inner.retains

    @property
    def limit(self) -> int:
        """See `Policy.limit`."""
        return self.inner.limit

    @property
    def judges_once(self) -> bool:
        """See `Policy.judges_once`."""
        return self.inner.judges_once

    def decide(self, votes: Collection[Vote]) -> Key | None:
        """See `Policy.decide`."""
        proven = next((vote.key for vote in votes if vote.key[0] == "ok"), None)
        return proven or self.inner.decide(_failures(votes))

    def reached(self, votes: Collection[Vote], key: Key) -> float:
        """See `Policy.reached`."""
        return 1.0 if key[0] == "ok" else self.inner.reached(_failures(votes), key)

    def suffices(self, reached: float) -> bool:
        """See `Policy.suffices`."""
        return self.inner.suffices(reached)

    def missing(self, votes: Collection[Vote], live: int, trusted_live: bool) -> int:
        """See `Policy.missing`. One at a time: the next result may be proven."""
        return int(not live and not trusted_live and len(votes) < self.limit)

    def holds(self, vote: Vote, checking: int) -> bool:
        """See `Policy.holds`."""
        return False

    def audits(self, *, trusted: bool) -> float:
        """See `Policy.audits`."""
        return 0.0

    def settled(self, votes: Collection[Vote], key: Key) -> None:
        """See `Policy.settled`."""
        self.inner.settled(votes, key)

    def enough(self, peers: Collection[PeerId]) -> bool:
        """See `Policy.enough`."""
        return bool(peers)

    def shortage(self, peers: Collection[PeerId]) -> tuple[str, str]:
        """See `Policy.shortage`."""
        return "no peer takes work", "join more peers, add some with --local N, or start one on this machine"

    @property
    def unmet(self) -> str:
        """See `Policy.unmet`."""
        return f"none passes the project's check, and as failures {self.inner.unmet}"


def _failures(votes: Collection[Vote]) -> list[Vote]:
    return [vote for vote in votes if vote.key[0] not in ("ok", *UNPROVEN)]
