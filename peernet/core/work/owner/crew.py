"""What the jobs of one owner share."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peernet.core.advertcache import AdvertView
from peernet.core.context import Context
from peernet.core.sealing import Sealer
from peernet.core.work.policies import Scores
from peernet.core.work.trust import Trust
from peernet.types import PeerId
from peernet.wire.base import Message

if TYPE_CHECKING:
    from random import Random

Spread = Callable[[Callable[[tuple[str, ...]], bytes], int], None]
"""`spread(make, reach)`: gossip an envelope over `reach` hops, and to this peer's own worker. `make(addresses)`
builds it for the neighbours who see this peer at these addresses; it is called once for each such group."""


@dataclass(slots=True)
class Crew:
    """Shared by all jobs of one owner.

    trust: what is known of the peers; scores: the same as other systems keep it. draws: the secret source that
    chooses peers and slices, so that nobody can foresee what it gets. busy: peers that hold leases of running
    jobs. seated: peers that have a seat in one. known: adverts, this peer's included.
    """

    ctx: Context
    trust: Trust
    spread: Spread
    draws: Random
    busy: Callable[[], Iterable[PeerId]]
    seated: Callable[[], Iterable[PeerId]]
    known: Callable[[], Iterable[AdvertView]]
    scores: Scores
    _sealer: Sealer = field(init=False)
    _proven: OrderedDict[PeerId, None] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self._sealer = Sealer(self.ctx)

    def seal(self, domain: str, body: Message, lifetime: float, max_size: int) -> bytes:
        """Sign what this owner says. See `Sealer.seal`."""
        return self._sealer.seal(domain, body, lifetime, max_size)

    def prove(self, peer: PeerId) -> None:
        """Remember that a peer has returned something."""
        self._proven[peer] = None
        self._proven.move_to_end(peer)
        if len(self._proven) > self.ctx.config.work.proven:
            self._proven.popitem(last=False)

    def is_proven(self, peer: PeerId) -> bool:
        """Return whether a peer is known to return what it takes."""
        return peer in self._proven
