"""Several disjoint lookups of one place, run as one: the defence against peers that lead lookups astray.

After Baumgart and Mies, "S/Kademlia: A Practicable Approach Towards Secure Key-Based Routing" (2007). Colluders
answer with each other, so a path that asks only them at first never meets an honest peer. The paths begin at
different contacts and never ask the same peer, so one honest path is enough: what it finds is nearer to the place
than what the others were told. Unlike the paper, a path counts a peer that another path asks as settled, instead
of looking for k of its own: the answers are joined in the end, and a search costs little more than k calls.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from peernet.config.kad import KadConfig
from peernet.core.kad.lookup import Lookup
from peernet.core.kad.pace import Pace
from peernet.core.kad.shortlist import NEVER, Candidate, Claims
from peernet.types import DhtKey, PeerId
from peernet.wire.kad import WireContact


class Paths:
    """A search for the k live peers nearest to a place over up to `config.paths` disjoint paths.

    It is run as a `Lookup` is.
    """

    __slots__ = ("_by_peer", "_config", "_dirty", "_paths", "_until", "done", "target")

    def __init__(
        self,
        target: DhtKey,
        seeds: Sequence[WireContact],
        *,
        me: PeerId,
        config: KadConfig,
        pace: Pace,
        links: Container[PeerId] = (),
        paths: int | None = None,
        calls: int | None = None,
    ) -> None:
        """Deal `seeds` out to the paths in turn, so that each begins at a near one. paths, calls: how many at
        most, and calls of one path, else as configured."""
        self.target = target
        self.done = False
        self._config = config
        count = max(1, min(paths or config.paths, len(seeds)))
        # Few paths, as in a join through one or two peers, ask as much as a single lookup does.
        alpha = max(config.path_alpha, config.alpha // count)
        calls = calls or max(config.path_calls, config.lookup_calls // count)
        claims = Claims(config.k)
        self._paths = [
            Lookup(
                target,
                seeds[index::count],
                me=me,
                config=config,
                pace=pace,
                links=links,
                claims=claims,
                alpha=alpha,
                calls=calls,
            )
            for index in range(count)
        ]
        self._by_peer: dict[PeerId, Lookup] = {}
        self._dirty = dict.fromkeys(self._paths)
        self._until = NEVER

    @property
    def calls(self) -> int:
        """Peers asked."""
        return sum(path.calls for path in self._paths)

    @property
    def hops(self) -> int:
        """Introductions on the longest path."""
        return max(path.hops for path in self._paths)

    def advance(self, now: float) -> list[Candidate]:
        """As `Lookup.advance`, for the paths to which something has happened."""
        chosen: list[Candidate] = []
        dirty, until, settled = self._dirty, NEVER, True
        for path in self._paths:
            if path in dirty or path.deadline() <= now:
                for candidate in path.advance(now):
                    self._by_peer[candidate.peer] = path
                    chosen.append(candidate)
            if not path.settled:
                settled = False
            if (deadline := path.deadline()) < until:
                until = deadline
        dirty.clear()
        self._until = until
        # A path whose calls are all slow is waited for only while no other has an answer.
        self.done = settled and (
            any(path.answers for path in self._paths) or all(path.done for path in self._paths)
        )
        return chosen

    def deadline(self) -> float:
        """As `Lookup.deadline`, as of the last `advance`."""
        return self._until

    def answered(self, peer: PeerId, contacts: Sequence[WireContact], now: float) -> None:
        """As `Lookup.answered`."""
        path = self._by_peer.get(peer)
        if path is not None:
            path.answered(peer, contacts, now)
            self._dirty[path] = None

    def failed(self, peer: PeerId) -> None:
        """As `Lookup.failed`. Paths that relied on this peer look further."""
        path = self._by_peer.get(peer)
        if path is not None:
            path.failed(peer)
            self._stir()

    def redial(self, peer: PeerId, now: float) -> bool:
        """As `Lookup.redial`."""
        path = self._by_peer.get(peer)
        return path is not None and path.redial(peer, now)

    def unreachable(self, candidate: Candidate) -> None:
        """As `Lookup.unreachable`."""
        self._by_peer.pop(candidate.peer).unreachable(candidate)
        self._stir()

    def _stir(self) -> None:
        for path in self._paths:
            path.stir()
            self._dirty[path] = None

    def nearest(self) -> list[WireContact]:
        """The peers that answered on any path, nearest first, at most k."""
        proven = [entry for path in self._paths for entry in path.proven()]
        proven.sort(key=lambda entry: entry[0])
        return [candidate.wire() for _, candidate in proven[: self._config.k]]

    def agree(self) -> bool:
        """Whether most paths that had answers know most of what was found. One led astray knows little of it."""
        found = {contact.peer for contact in self.nearest()}
        answered = [path for path in self._paths if path.answers]
        agreeing = [path for path in answered if 2 * sum(peer in found for peer in path.known()) > len(found)]
        return 2 * len(agreeing) > len(answered)
