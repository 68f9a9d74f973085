"""The plain policy: so many replicas, of which so many must agree."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from peernet.core.work.policies.plain import Plain
from peernet.core.work.votes import Key, Vote, counts
from peernet.types import PeerId

EXTRA_EXECUTIONS = 4
"""Executions of a slice beyond its replicas before it has failed: a bound on what liars may cost."""

DEFAULT_QUORUM = 2
"""Untrusted peers that must agree when no number is given."""


@dataclass(frozen=True, slots=True)
class Quorum(Plain):
    """How many executions a slice gets and how many must agree.

    replicas: executions asked for at first. quorum: equal results that accept. believes: one result of a trusted
    peer is enough.
    """

    replicas: int
    quorum: int
    believes: bool

    @classmethod
    def of(cls, replicas: int | None, quorum: int | None) -> Quorum:
        """Return the policy of so many replicas; None and None is the one where trusted peers are believed.

        Raises:
            ValueError: the quorum can't be reached by so many replicas, or one of them is below 1.
        """
        if replicas is None and quorum is None:
            return cls(DEFAULT_QUORUM, DEFAULT_QUORUM, believes=True)
        many = replicas if replicas is not None else max(quorum or 0, 1)
        equal = quorum if quorum is not None else min(DEFAULT_QUORUM, many)
        if many < 1 or equal < 1:
            raise ValueError(f"replicas and quorum are at least 1, not {many} and {equal}")
        if equal > many:
            raise ValueError(f"a quorum of {equal} can't be reached by {many} replicas")
        return cls(many, equal, believes=False)

    @property
    def name(self) -> str:
        """See `Policy.name`."""
        return "plain" if self.believes else f"majority:{self.quorum}/{self.replicas}"

    @property
    def limit(self) -> int:
        """See `Policy.limit`."""
        return self.replicas + EXTRA_EXECUTIONS

    def decide(self, votes: Collection[Vote]) -> Key | None:
        """See `Policy.decide`."""
        given: dict[Key, int] = {}
        for vote in votes:
            if self.believes and vote.trusted:
                return vote.key
            given[vote.key] = given.get(vote.key, 0) + 1
            if given[vote.key] >= self.quorum:
                return vote.key
        return None

    def missing(self, votes: Collection[Vote], live: int, trusted_live: bool) -> int:
        """See `Policy.missing`."""
        if self.believes and trusted_live:
            return 0
        given = len(votes)
        best = max(counts(votes).values(), default=0)
        target = max(self.replicas, given + self.quorum - best)
        return max(0, min(target, self.limit) - given - live)

    def enough(self, peers: Collection[PeerId]) -> bool:
        """See `Policy.enough`."""
        return len(peers) >= self.quorum

    def shortage(self, peers: Collection[PeerId]) -> tuple[str, str]:
        """See `Policy.shortage`."""
        remedy = "mark keys as your own" if self.believes else "ask for a smaller quorum"
        needed = f"{self.quorum} distinct peers that agree are needed, {len(peers)} can work"
        if self.quorum == 1:
            needed, remedy = "no peer takes work", "start one on this machine"
        return needed, f"join more peers, add some with --local N, or {remedy}"

    @property
    def unmet(self) -> str:
        """See `Policy.unmet`."""
        return f"no {self.quorum} of them agree"
