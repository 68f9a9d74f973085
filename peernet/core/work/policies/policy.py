"""What a policy of verification decides, whatever its method."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from peernet.core.work.votes import Key, Vote
from peernet.types import PeerId


class Policy(Protocol):
    """When a slice's result is believed, and how many executions are asked for until it is.

    name: as people write it, e.g. "majority:2/3". believes: one result of a trusted peer is enough. retains: what
    is accepted may be audited, and taken back when a peer that it rests on turns out to lie. limit: results of a
    slice after which it has failed if none is accepted. judges_once: what is learnt of peers changes nothing for
    the results of theirs that wait already, only for the next one that comes; else slices are judged anew then.
    """

    @property
    def name(self) -> str: ...

    @property
    def believes(self) -> bool: ...

    @property
    def retains(self) -> bool: ...

    @property
    def limit(self) -> int: ...

    @property
    def judges_once(self) -> bool: ...

    def decide(self, votes: Collection[Vote]) -> Key | None:
        """Return the result that is accepted, or None while there is none."""
        ...

    def reached(self, votes: Collection[Vote], key: Key) -> float:
        """Return how probable it is that this result is right, at least: 1.0 on a trusted peer's word, 0.0 where
        the policy does not weigh probabilities."""
        ...

    def suffices(self, reached: float) -> bool:
        """Return whether a result is accepted that is right with this probability, as `reached` says it. True
        where the policy does not weigh probabilities."""
        ...

    def missing(self, votes: Collection[Vote], live: int, trusted_live: bool) -> int:
        """Return how many more leases an undecided slice needs now, if it is not held.

        live: leases that may still return in time. trusted_live: one of them is held by a trusted peer.
        """
        ...

    def holds(self, vote: Vote, checking: int) -> bool:
        """Return whether a slice with this one vote may wait for what the peer's other results show.

        checking: the peer's results that are being checked by another execution now.
        """
        ...

    def audits(self, *, trusted: bool) -> float:
        """Return the share of leases that repeat a decided slice. trusted: of trusted workers."""
        ...

    def settled(self, votes: Collection[Vote], key: Key) -> None:
        """Learn from a slice that was accepted with these votes."""
        ...

    def enough(self, peers: Collection[PeerId]) -> bool:
        """Return whether these peers, none of them trusted, can get a slice accepted if they agree."""
        ...

    def shortage(self, peers: Collection[PeerId]) -> tuple[str, str]:
        """Return for people why they are not enough, and what to do."""
        ...

    @property
    def unmet(self) -> str:
        """What undecided results do not reach, for people."""
        ...
