"""Gossip: adverts among neighbours, offers and tombstones over rings or to everybody.

This is the face that the rest of the core sees; the neighbourhood, the tree, and the checks are rooms of their
own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from peernet.core.adverts import Adverts
from peernet.core.context import Context
from peernet.core.gossip.intake import Intake, OfferListener, Verdict, is_advert
from peernet.core.gossip.neighbourhood import Neighbourhood
from peernet.core.gossip.passive import own_addresses
from peernet.core.gossip.plumtree import Plumtree
from peernet.core.gossip.store import Store, rumour_id
from peernet.core.handlers import Handler, Handlers, bound
from peernet.core.kad import Kad
from peernet.types import PeerId
from peernet.wire.base import Message
from peernet.wire.gossip import (
    MAX_DEPTH,
    MAX_HOPS,
    Befriend,
    Graft,
    IHave,
    Prune,
    Rumour,
    Shuffle,
    Shuffled,
    Unfriend,
)
from peernet.wire.link import Body


class Gossip:
    """Spreads and takes in adverts, offers and tombstones."""

    __slots__ = ("_adverts", "_config", "_ctx", "_intake", "_kad", "_store", "_tree", "neighbourhood")

    def __init__(self, ctx: Context, kad: Kad, adverts: Adverts, listener: OfferListener) -> None:
        self._ctx = ctx
        self._config = ctx.config.gossip
        self._kad = kad
        self._adverts = adverts
        self._intake = Intake(ctx, adverts, listener)
        self._store = Store(self._config)
        self.neighbourhood = Neighbourhood(ctx, kad, self._welcome, self._store.expire)
        self._tree = Plumtree(ctx, self.neighbourhood, self._store)
        adverts.tell_by(self.spread_advert)
        kad.tell_reunions(self.neighbourhood.reunite)

    @property
    def handlers(self) -> dict[type[Message], Handler]:
        """What each message is given to, for those who drive this behaviour alone."""
        return bound(self)

    def start(self) -> None:
        """Begin to look for neighbours."""
        self.neighbourhood.start()

    def on_connected(self, peer: PeerId) -> None:
        """See `Neighbourhood.on_connected`."""
        self.neighbourhood.on_connected(peer)

    def on_lost(self, peer: PeerId, clean: bool) -> None:
        """See `Neighbourhood.on_lost`."""
        self.neighbourhood.on_lost(peer)

    def leave(self) -> None:
        """Tell the neighbours that this peer goes."""
        self.neighbourhood.leave_all()

    def spread_advert(self, envelope: bytes) -> None:
        """Tell the neighbours of this peer's own advert. It goes no further."""
        rumour = Rumour(envelope, 0, 1)
        for peer in self.neighbourhood.active:
            self._ctx.send(peer, rumour)

    def spread(self, make: Callable[[tuple[str, ...]], bytes], reach: int) -> None:
        """Spread an own offer or tombstone, and give it to this peer's own worker.

        make: seals the envelope for a set of reply addresses. Neighbours that see this peer at different hosts
        get envelopes of their own, each with the one address that they can check. reach: hops from 1 on;
        `MAX_HOPS` and more are everybody.
        """
        groups: dict[str, list[PeerId]] = {}
        for peer in self.neighbourhood.active:
            groups.setdefault(self._ctx.links[peer].observed, []).append(peer)
        self._take_own(make(()))
        limit = reach if reach < MAX_HOPS else MAX_DEPTH
        for host, peers in groups.items():
            envelope = make(own_addresses(self._ctx, host))
            name = rumour_id(envelope)
            self._store.see(name, self._ctx.now.mono)
            self._tree.publish(name, envelope, limit, peers)

    def _take_own(self, envelope: bytes) -> None:
        self._store.see(rumour_id(envelope), self._ctx.now.mono)
        verdict, kind = self._intake.take(self._ctx.me, envelope, first_hop=False)
        if kind:
            self._ctx.refuse(kind, self._ctx.me, verdict.value)

    def _welcome(self, peer: PeerId) -> None:
        """A new neighbour hears this peer's advert at once. It is named to others, if it can be dialled."""
        self._kad.stays(peer)
        envelope = self._adverts.own()
        if envelope:
            self._ctx.send(peer, Rumour(envelope, 0, 1))

    def _on_befriend(self, peer: PeerId, body: Body) -> Body:
        assert isinstance(body, Befriend)
        return self.neighbourhood.on_befriend(peer, body)

    def _on_rumour(self, peer: PeerId, body: Body) -> None:
        assert isinstance(body, Rumour)
        neighbour = self.neighbourhood.get(peer)
        if neighbour is None:
            self._ctx.refuse("rumour: not a neighbour", peer, "")
            self.neighbourhood.stranger(peer)
            return
        # Adverts need no name, as they are not remembered among rumours.
        name = b"" if is_advert(body.envelope) else rumour_id(body.envelope)
        if name and name in self._store:
            self._tree.repeated(peer, neighbour, name, body)
        elif body.hops >= body.reach:
            self.neighbourhood.blame(peer, self._config.blame_turn, "rumour: beyond its reach")
        elif not neighbour.may_bring(self._ctx.now.mono, self._config):
            self.neighbourhood.blame(peer, self._config.blame_turn, "rumour: too many")
        elif name:
            self._take_new(peer, name, body)
        else:
            verdict, kind = self._intake.take_advert(peer, body.envelope)
            if verdict is not Verdict.DIRECT:
                self.neighbourhood.blame(peer, self._points(verdict), kind)

    def _take_new(self, peer: PeerId, name: bytes, rumour: Rumour) -> None:
        """Check a rumour that was not seen before, and send it on if it is worth it."""
        verdict, kind = self._intake.take(peer, rumour.envelope, first_hop=rumour.hops == 0)
        if verdict.remembered:
            self._store.see(name, self._ctx.now.mono)
            missing = self._tree.came(name)
            if verdict is Verdict.FRESH:
                self._tree.carry(peer, name, rumour, missing)
        if kind:
            self.neighbourhood.blame(peer, self._points(verdict), kind)

    def _points(self, verdict: Verdict) -> float:
        config = self._config
        if verdict is Verdict.FORGED:
            return config.blame_forged
        return config.blame_turn if verdict is Verdict.TURN else config.blame_unfit

    HANDLERS: ClassVar[Handlers] = {
        Befriend: _on_befriend,
        Unfriend: lambda self, peer, body: self.neighbourhood.on_unfriend(peer, body),
        Shuffle: lambda self, peer, body: self.neighbourhood.on_shuffle(peer, body),
        Shuffled: lambda self, peer, body: self.neighbourhood.on_shuffled(peer, body),
        Rumour: _on_rumour,
        IHave: lambda self, peer, body: self._tree.on_ihave(peer, body),
        Graft: lambda self, peer, body: self._tree.on_graft(peer, body),
        Prune: lambda self, peer, body: self._tree.on_prune(peer, body),
    }
