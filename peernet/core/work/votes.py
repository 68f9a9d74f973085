"""Votes on what the result of a slice is.

Results of distinct peers are votes, and equal votes are equal keys: the status and the digest of the canonical
bytes. A failure is a result like any other, so one peer can't fail a job that others can do. Its digest must come
out the same on every honest peer and therefore leaves out messages and tracebacks, which hold addresses and paths.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace

from peernet.types import Digest, LeaseId, Payload, PeerId

Key = tuple[str, Digest]
"""What must be equal for two results to agree: (status, digest)."""

REJECTED = "rejected"
"""The status of a result that the project's own check has refused. Its peer had signed "ok"."""

UNCHECKED = "unchecked"
"""The status of a result on which the project's own check raised: it may be wrong, or the check."""

UNPROVEN = (REJECTED, UNCHECKED)


_MOST_TRIED = 100_000
"""Calls of a slice of which one is looked for that raised: a tenth of a second."""


def failure_digest(status: str, error: str, call: int | None) -> Digest:
    """Return the name of a failure, the same on every peer where the user's code failed in the same way.

    status: of the slice, e.g. "error". error: the exception's type name, empty where there is none. call: index
    within the slice of the call that failed, or None. Parts are separated by zero bytes, which none of them has.
    """
    parts = ("peernet/failure/1", status, error.replace("\0", ""), "" if call is None else str(call))
    return Digest(hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest())


@dataclass(frozen=True, slots=True)
class Vote:
    """One peer's result of a slice, its bytes being here. value: None unless the status is "ok". batch: names the
    signed batch that it came in. audit: the slice was accepted by then. said: the digest that the peer signed,
    where `key` is that of an equal result, or of a whole one that its own is a part of. calls: those that it has
    executed, where these are not all: it is a vote on them alone (`core.work.partial`)."""

    peer: PeerId
    trusted: bool
    key: Key
    lease: LeaseId
    value: Payload | None = None
    error: str = ""
    traceback: str = ""
    cpu_seconds: float = 0.0
    batch: bytes = b""
    audit: bool = False
    said: Digest | None = None
    calls: tuple[int, ...] = ()

    @property
    def signed(self) -> Key:
        """What the peer itself said."""
        return signed(self.key) if self.said is None else (self.key[0], self.said)

    def alike(self, other: Vote) -> Vote:
        """Return another peer's vote for the same result, which then shares this one's bytes."""
        return replace(other, value=self.value)


def signed(key: Key) -> Key:
    """Return what a peer said whose result counts as `key`."""
    return ("ok", key[1]) if key[0] in UNPROVEN else key


def failed_call(vote: Vote, calls: int) -> int | None:
    """Return which of a slice's calls raised, according to a vote; None if it does not say so. A failure has the
    call in its digest alone, so all are tried: a microsecond each."""
    if vote.key[0] != "error" or calls > _MOST_TRIED:
        return None
    kind = vote.error.partition(":")[0].strip()
    return next((call for call in range(calls) if failure_digest("error", kind, call) == vote.key[1]), None)


def differ(votes: Collection[Vote]) -> bool:
    """Return whether the votes name more than one result."""
    return len(counts(votes)) > 1


def counts(votes: Collection[Vote]) -> dict[Key, int]:
    """Return how many votes each result has."""
    given: dict[Key, int] = {}
    for vote in votes:
        given[vote.key] = given.get(vote.key, 0) + 1
    return given
