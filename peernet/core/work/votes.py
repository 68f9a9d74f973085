"""When a slice's result is believed: the plain policy of replicas and a quorum.

Results of distinct peers are votes, and equal votes are equal keys: the status and the digest of the canonical
bytes. A failure is a result like any other, so one peer can't fail a job that others can do. Its digest must come
out the same on every honest peer and therefore leaves out messages and tracebacks, which hold addresses and paths.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

from peernet.types import Digest, LeaseId, Payload, PeerId

Key = tuple[str, Digest]
"""What must be equal for two results to agree: (status, digest)."""

EXTRA_EXECUTIONS = 4
"""Executions of a slice beyond its replicas before it has failed: a bound on what liars may cost."""

DEFAULT_QUORUM = 2
"""Untrusted peers that must agree when the project asks for nothing else."""


def failure_digest(status: str, error: str, call: int | None) -> Digest:
    """Return the name of a failure, the same on every peer where the user's code failed in the same way.

    status: of the slice, e.g. "error". error: the exception's type name, empty where there is none. call: index
    within the slice of the call that failed, or None. Parts are separated by zero bytes, which none of them has.
    """
    parts = ("peernet/failure/1", status, error.replace("\0", ""), "" if call is None else str(call))
    return Digest(hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest())


@dataclass(frozen=True, slots=True)
class Vote:
    """One peer's result of a slice, its bytes being here. value: None unless the status is "ok"."""

    peer: PeerId
    trusted: bool
    key: Key
    lease: LeaseId
    value: Payload | None = None
    error: str = ""
    traceback: str = ""
    cpu_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Policy:
    """How many executions a slice gets and how many must agree.

    replicas: executions asked for at first. quorum: equal results that accept. believes: one result of a trusted
    peer is enough.
    """

    replicas: int
    quorum: int
    believes: bool

    @classmethod
    def of(cls, replicas: int | None, quorum: int | None) -> Policy:
        """Return the policy of a project; None and None is the default, where trusted peers are believed.

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
    def limit(self) -> int:
        """Results of a slice after which it has failed if none is accepted."""
        return self.replicas + EXTRA_EXECUTIONS

    def decide(self, votes: Collection[Vote]) -> Key | None:
        """Return the key that is accepted, or None while there is none."""
        counts: dict[Key, int] = {}
        for vote in votes:
            if self.believes and vote.trusted:
                return vote.key
            counts[vote.key] = counts.get(vote.key, 0) + 1
            if counts[vote.key] >= self.quorum:
                return vote.key
        return None

    def missing(self, votes: Collection[Vote], live: int, trusted_live: bool) -> int:
        """Return how many more leases an undecided slice needs now.

        live: leases that may still return in time. trusted_live: one of them is held by a trusted peer.
        """
        if self.believes and trusted_live:
            return 0
        given = len(votes)
        best = max(_counts(votes).values(), default=0)
        target = max(self.replicas, given + self.quorum - best)
        return max(0, min(target, self.limit) - given - live)


def differ(votes: Collection[Vote]) -> bool:
    """Return whether the votes name more than one result."""
    return len(_counts(votes)) > 1


def _counts(votes: Collection[Vote]) -> dict[Key, int]:
    counts: dict[Key, int] = {}
    for vote in votes:
        counts[vote.key] = counts.get(vote.key, 0) + 1
    return counts
