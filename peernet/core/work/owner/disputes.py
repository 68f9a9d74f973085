"""What the job host has found about a slice whose results differ."""

from __future__ import annotations

from dataclasses import dataclass

from peernet.types import Digest, Payload

MOST_NAMED = 32
"""Differing calls of a slice that are told to people: they show where to look, and a list of all helps nobody."""


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Some calls of a slice, to be executed by themselves. calls: which, ascending, from 0. base: a result of the
    whole slice, of which the other calls are taken. input: of these calls; None where it is not known any more."""

    calls: tuple[int, ...]
    base: Payload
    input: Payload | None = None

    @property
    def is_known(self) -> bool:
        """The base is here; after a restart it may be gone, with the slice's other results."""
        return self.base.size > 0


@dataclass(slots=True)
class Dispute:
    """One slice's. asking: the host is being asked, and the slice is not leased meanwhile. compared: what it was
    asked about last: digests of results, and of failures.

    narrowed: what leases may be on. It stays as it is once it was lent, so that all such votes are on the same
    calls. shares: the digests of results that are equal to its base but for its calls, and of failures in one of
    these. whole: results differ elsewhere as well, so leases are on the whole slice from now on.
    differing: the first calls in which results differ, as many as are named; total: how many there are, at least.
    """

    asking: bool = False
    compared: frozenset[Digest] = frozenset()
    narrowed: Narrowed | None = None
    lent: bool = False
    shares: frozenset[Digest] = frozenset()
    whole: bool = False
    differing: tuple[int, ...] = ()
    total: int = 0
