"""The broadcast tree: pushes along eager links, names along the others, and mends itself.

Source: Leitão, Pereira and Rodrigues, "Epidemic Broadcast Trees" (SRDS 2007). One tree is shared by all
authors, as in the paper's own measurements: links are eager both ways, so it serves any author, and offers are
small and seldom. Different from the paper:

- One that pushes here and names a rumour got it late itself, by asking: it is asked at once, for that rumour only,
  as the tree is whole there; and what was got so is named onward, not pushed, as those behind have missed it too
  and mostly asked others by now. A copy of what was asked for so prunes nothing: it was asked of two, or comes by
  the tree after all.
- Who has named a rumour is not sent it again, pushed or named.
- Rings (a reach below `MAX_DEPTH`) don't use the tree, whose paths are no measure of nearness: the author gives
  the rumour to all neighbours, and from there on it is named to everybody and asked for at once. That is one
  copy each, and hops are those of the shortest paths.
"""

from __future__ import annotations

from peernet.core.context import Context
from peernet.core.gossip.missing import Missing, MissingRumours
from peernet.core.gossip.naming import Naming
from peernet.core.gossip.neighbour import Neighbour
from peernet.core.gossip.neighbourhood import Neighbourhood
from peernet.core.gossip.store import Heard, Store
from peernet.types import PeerId
from peernet.wire.gossip import MAX_DEPTH, Graft, Have, IHave, Prune, Rumour
from peernet.wire.link import Body


class Plumtree:
    """Carries valid rumours on, and finds missing ones."""

    __slots__ = (
        "_config",
        "_ctx",
        "_hood",
        "_missing",
        "_naming",
        "_next_move",
        "_store",
    )

    def __init__(self, ctx: Context, hood: Neighbourhood, store: Store) -> None:
        self._ctx = ctx
        self._config = ctx.config.gossip
        self._hood = hood
        self._store = store
        self._missing = MissingRumours(ctx, hood)
        self._next_move = 0.0
        self._naming = Naming(ctx, hood)

    # --- rumours ----------------------------------------------------------------------------------------------

    def publish(self, name: bytes, envelope: bytes, reach: int, peers: list[PeerId]) -> None:
        """Send an own rumour to `peers`: all neighbours, or those that this envelope was made for. For
        everybody it is pushed along the tree; where that has no link to them it is laid anew by pushing it to
        all."""
        if reach < 1:
            return
        heard = self._keep(name, envelope, 0, reach, None, pulled=False)
        push = peers
        if reach == MAX_DEPTH:
            push = [peer for peer in peers if self._hood.active[peer].eager]
            if not push:
                push = peers
                for peer in peers:
                    self._hood.active[peer].eager = True
        rumour = Rumour(heard.envelope, 0, reach)
        for peer in push:
            self._ctx.send(peer, rumour)
        if len(push) < len(peers):
            told = set(push)
            told.update(peer for peer in self._hood.active if peer not in peers)
            self._naming.name(Have(name, 0, reach), told)

    def came(self, name: bytes) -> Missing | None:
        """A rumour that was not seen before has come, valid or not: it is looked for no more."""
        return self._missing.came(name)

    def carry(self, peer: PeerId, name: bytes, rumour: Rumour, missing: Missing | None) -> None:
        """Send a new valid rumour on. missing: what `came` returned for it."""
        hops = rumour.hops + 1
        everybody = rumour.reach == MAX_DEPTH
        asked = None if missing is None or missing.grown else missing.asked
        neighbour = self._hood.get(peer)
        if everybody and asked != peer and neighbour is not None:
            neighbour.eager = True  # It pushes to this peer, so both push.
        self._keep(name, rumour.envelope, hops, rumour.reach, peer, pulled=asked is not None)
        if hops >= rumour.reach:
            return
        told = {peer}
        if missing is not None:
            told.update(missing.holders)
        if everybody and asked != peer:
            onward = Rumour(rumour.envelope, hops, rumour.reach)
            for other, neighbour in self._hood.active.items():
                if neighbour.eager and other not in told:
                    self._ctx.send(other, onward)
                    told.add(other)
        if not told.issuperset(self._hood.active):
            self._naming.name(Have(name, hops, rumour.reach), told)

    def repeated(self, peer: PeerId, neighbour: Neighbour, name: bytes, rumour: Rumour) -> None:
        """A rumour has come that was seen before. From the tree that is a link too many, else a waste."""
        config, now = self._config, self._ctx.now.mono
        if rumour.reach < MAX_DEPTH:
            if rumour.hops:
                self._hood.blame(peer, config.blame_waste, "rumour: not asked for")
            return
        self._naming.known_to(peer, name)
        heard = self._store.get(name)
        if heard is not None and (heard.pulled or heard.source == peer):
            return
        if neighbour.eager:
            neighbour.eager = False
            neighbour.pruned = now
            self._ctx.send(peer, Prune())
        elif now - neighbour.pruned > config.prune_grace:
            neighbour.pruned = now
            self._ctx.send(peer, Prune())
            self._hood.blame(peer, config.blame_waste, "rumour: pushed after prune")

    # --- the other messages -----------------------------------------------------------------------------------

    def on_ihave(self, peer: PeerId, body: Body) -> None:
        """A neighbour names rumours that it has."""
        assert isinstance(body, IHave)
        neighbour = self._hood.get(peer)
        if neighbour is None:
            self._hood.stranger(peer)
            return
        seen = self._store
        for have in body.items:
            if have.id in seen:
                self._naming.known_to(peer, have.id)
                if not neighbour.eager and have.reach == MAX_DEPTH and self._ctx.now.mono >= self._next_move:
                    self._move_if_shorter(peer, neighbour, have)
            elif have.hops >= have.reach:
                self._hood.blame(peer, self._config.blame_turn, "rumour: beyond its reach")
            else:
                self._missing.named(peer, have, neighbour)

    def on_graft(self, peer: PeerId, body: Body) -> None:
        """A neighbour asks for rumours, and perhaps to be pushed to."""
        assert isinstance(body, Graft)
        neighbour = self._hood.get(peer)
        if neighbour is None:
            self._hood.stranger(peer)
            return
        neighbour.eager = neighbour.eager or body.grow
        for name in body.ids:
            heard = self._store.get(name)
            if heard is None or heard.hops >= heard.reach:
                continue  # Too old to be kept, or never named to anybody.
            if not neighbour.may_ask(self._ctx.now.mono, self._config):
                self._hood.blame(peer, self._config.blame_turn, "graft: too many")
                return
            self._ctx.send(peer, Rumour(heard.envelope, heard.hops, heard.reach))

    def on_prune(self, peer: PeerId, body: Body) -> None:
        """A neighbour wants no more to be pushed to."""
        neighbour = self._hood.get(peer)
        if neighbour is None:
            self._hood.stranger(peer)
        elif neighbour.eager:
            neighbour.eager = False
            # What it pushes before it hears of this is no waste.
            neighbour.pruned = self._ctx.now.mono

    # --- inside -----------------------------------------------------------------------------------------------

    def _keep(
        self, name: bytes, envelope: bytes, hops: int, reach: int, source: PeerId | None, *, pulled: bool
    ) -> Heard:
        now = self._ctx.now.mono
        heard = Heard(envelope, hops, reach, source, pulled, now + self._config.cache_seconds)
        self._store.keep(name, heard, now)
        return heard

    def _move_if_shorter(self, peer: PeerId, neighbour: Neighbour, have: Have) -> None:
        """Take the neighbour that names a rumour instead of the one that pushed it, if its way is much shorter.

        Ways are compared for one rumour, so whoever moves gets nearer to its author and no circle can close.
        """
        heard = self._store.get(have.id)
        if heard is None or heard.pulled or heard.source is None:
            return
        source = self._hood.active.get(heard.source)
        if source is None or have.hops + 1 + self._config.optimise_hops > heard.hops:
            return
        now = self._ctx.now.mono
        self._next_move = now + self._config.optimise_seconds
        neighbour.eager, source.eager, source.pruned = True, False, now
        self._ctx.send(peer, Graft((), True))
        self._ctx.send(heard.source, Prune())
