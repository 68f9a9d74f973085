"""Names rumours to neighbours to which they are not pushed, in one message for each neighbour and moment.

Source: the lazy pushes of Plumtree (section 3.4), which the paper lets gather under a policy. Policy here: of the
two ends of a lazy link one names first, by a coin that the rumour throws for the link, so that everybody is first
on about half of its links; the other end names a while later, and only if it was not named to by then. So a rumour
is named once on each link, not twice, and if the first end does not have it, it still hears of it.
"""

from __future__ import annotations

from functools import partial

from peernet.core.context import Context, Timer
from peernet.core.gossip.neighbourhood import Neighbourhood
from peernet.types import PeerId
from peernet.wire.gossip import MAX_DEPTH, MAX_HAVES, Have, IHave

Batch = list[tuple[Have, set[PeerId]]]


class Naming:
    """What is to be named, and who knows it already."""

    __slots__ = ("_config", "_ctx", "_hood", "_open", "_second", "_soon", "_waiting")

    def __init__(self, ctx: Context, hood: Neighbourhood) -> None:
        self._ctx = ctx
        self._config = ctx.config.gossip
        self._hood = hood
        self._soon: Batch = []
        self._open: dict[bytes, set[PeerId]] = {}
        self._second: dict[bytes, tuple[Batch, Timer]] = {}
        self._waiting = False

    def name(self, have: Have, told: set[PeerId]) -> None:
        """Name a rumour soon to all neighbours but those in `told`, who know it."""
        self._open[have.id] = told
        self._soon.append((have, told))
        if len(self._soon) >= MAX_HAVES:
            self._name_first()
        elif not self._waiting:
            self._waiting = True
            self._ctx.after(self._config.lazy_seconds, self._wake)

    def known_to(self, peer: PeerId, name: bytes) -> None:
        """A neighbour shows that it has a rumour: it need not be told. Once nobody need be, none waits."""
        told = self._open.get(name)
        if told is None:
            return
        told.add(peer)
        if len(told) >= len(self._hood.active) and name in self._second:
            batch, timer = self._second[name]
            if not self._is_left(batch):
                timer.cancel()
                self._close(batch)

    def _wake(self) -> None:
        self._waiting = False
        self._name_first()

    def _name_first(self) -> None:
        """Name what is gathered where it is this peer's turn; the rest waits, unless too much waits already."""
        batch, self._soon = self._soon, []
        patient = len(self._open) <= self._config.names_waiting
        self._send(batch, first=patient)
        if not (patient and self._is_left(batch)):
            self._close(batch)
            return
        timer = self._ctx.after(self._config.lazy_second_seconds, partial(self._name_rest, batch))
        for have, _ in batch:
            self._second[have.id] = batch, timer

    def _is_left(self, batch: Batch) -> bool:
        """Whether any of it is still to be named to anybody."""
        active = self._hood.active
        return any(not told.issuperset(active) for _, told in batch)

    def _name_rest(self, batch: Batch) -> None:
        self._send(batch, first=False)
        self._close(batch)

    def _close(self, batch: Batch) -> None:
        for have, _ in batch:
            self._open.pop(have.id, None)
            self._second.pop(have.id, None)

    def _send(self, batch: Batch, *, first: bool) -> None:
        """Tell each neighbour what it does not have, as far as is known. first: only where this end is."""
        if not batch:
            return
        me = self._ctx.me
        whole = IHave(tuple([have for have, _ in batch]))
        for peer, neighbour in self._hood.active.items():
            items = []
            for have, told in batch:
                if peer not in told and (not first or neighbour.eager or is_first(me, peer, have)):
                    items.append(have)
                    told.add(peer)
            if items:
                self._ctx.send(peer, whole if len(items) == len(batch) else IHave(tuple(items)))


def is_first(me: PeerId, peer: PeerId, have: Have) -> bool:
    """Whether this end of the link names the rumour first. The other end gets the other answer. Rings travel by
    what is named alone, so both ends name them at once."""
    coin = (me[0] ^ peer[0] ^ have.id[0]) & 1
    return have.reach < MAX_DEPTH or (me < peer) == bool(coin)
