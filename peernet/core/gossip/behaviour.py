"""Gossip: eager flooding of signed envelopes in the neighbourhood, with a seen-set and a hop limit.

An envelope is checked before it is forwarded, so nobody can make the network carry rubbish. The first hop of an
offer also checks that the address where its owner wants answers is the one that the offer came from: otherwise one
signed offer could aim the whole network at a victim.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from peernet.core.adverts import Adverts
from peernet.core.context import Context
from peernet.core.gossip.neighbourhood import Neighbourhood
from peernet.core.gossip.seen import Allowance, SeenSet
from peernet.core.kad import Kad
from peernet.errors import EnvelopeError, ProtocolError
from peernet.identity.envelope import Opened, open_envelope, peek_domain
from peernet.identity.multiaddr import Multiaddr
from peernet.types import JobId, PeerId
from peernet.wire.base import Message
from peernet.wire.codec import decode_body
from peernet.wire.gossip import MAX_HOPS, Befriend, Rumour, Unfriend
from peernet.wire.link import Body
from peernet.wire.signed import ADVERT, OFFER, TOMBSTONE, Offer, Tombstone


class OfferListener(Protocol):
    """Who wants to hear of offers: the worker."""

    def on_offer(self, opened: Opened, offer: Offer) -> None:
        """A valid offer was heard."""

    def on_tombstone(self, author: PeerId, job: JobId) -> None:
        """The author says that its job is over."""


class Gossip:
    """Spreads and takes in adverts, offers and tombstones."""

    def __init__(self, ctx: Context, kad: Kad, adverts: Adverts, listener: OfferListener) -> None:
        self._ctx = ctx
        self._config = ctx.config.gossip
        self._adverts = adverts
        self._listener = listener
        self._seen = SeenSet(self._config.seen)
        self._allowance = Allowance(self._config.rate, self._config.burst)
        self._ended: OrderedDict[tuple[PeerId, JobId], float] = OrderedDict()
        self.neighbourhood = Neighbourhood(ctx, kad, self._welcome, self._allowance.forget)
        self.handlers: dict[type[Message], Callable[[PeerId, Body], Body | str | None]] = {
            Befriend: self.neighbourhood.on_befriend,
            Unfriend: self.neighbourhood.on_unfriend,
            Rumour: self._on_rumour,
        }

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
        """Tell the neighbours of this peer's own advert."""
        self._seen.add(envelope)
        for peer in self.neighbourhood.members():
            self._ctx.send(peer, Rumour(envelope, 0, 1))

    def spread(self, make: Callable[[tuple[str, ...]], bytes], reach: int) -> None:
        """Spread an own offer or tombstone over `reach` hops, and to this peer's own worker.

        make: seals the envelope for a set of reply addresses. Neighbours that see this peer at different hosts get
        envelopes of their own, each with the one address that they can check.
        """
        groups: dict[str, list[PeerId]] = {}
        for peer in self.neighbourhood.members():
            groups.setdefault(self._ctx.links[peer].observed, []).append(peer)
        self._take_own(make(()))
        for host, peers in groups.items():
            envelope = make(self._reply_addresses(host))
            self._seen.add(envelope)
            for peer in peers:
                self._ctx.send(peer, Rumour(envelope, 0, min(reach, MAX_HOPS)))

    def _reply_addresses(self, host: str) -> tuple[str, ...]:
        if self._ctx.port is None or not host:
            return ()
        return (str(Multiaddr(host, self._ctx.port, self._ctx.me)),)

    def _welcome(self, peer: PeerId) -> None:
        """A new neighbour hears this peer's advert at once."""
        envelope = self._adverts.own()
        if envelope:
            self._ctx.send(peer, Rumour(envelope, 0, 1))

    def _take_own(self, envelope: bytes) -> None:
        self._seen.add(envelope)
        domain = peek_domain(envelope)
        self._take(self._ctx.me, envelope, domain, first_hop=False)

    def _on_rumour(self, peer: PeerId, body: Body) -> None:
        assert isinstance(body, Rumour)
        if not self.neighbourhood.expects(peer):
            self._ctx.refuse("rumour: not a neighbour", peer, "")
            return
        if body.hops >= body.reach:
            self._ctx.refuse("rumour: beyond its reach", peer, "")
            return
        if body.envelope in self._seen:
            return
        if not self._allowance.take(peer, self._ctx.now.mono):
            self._ctx.refuse("rumour: too many", peer, "")
            return
        self._seen.add(body.envelope)
        try:
            domain = peek_domain(body.envelope)
            fresh = self._take(peer, body.envelope, domain, first_hop=body.hops == 0)
        except EnvelopeError as error:
            self._ctx.refuse(f"rumour: {error.reason}", peer, str(error))
            return
        except ProtocolError as error:
            self._ctx.refuse("rumour: undecodable", peer, str(error))
            return
        if fresh and body.hops + 1 < body.reach:
            onward = Rumour(body.envelope, body.hops + 1, body.reach)
            for other in self.neighbourhood.members():
                if other != peer:
                    self._ctx.send(other, onward)

    def _take(self, peer: PeerId, envelope: bytes, domain: str, *, first_hop: bool) -> bool:
        """Check an envelope and hand it to whom it concerns; return whether it is worth forwarding."""
        if domain == ADVERT:
            return self._adverts.accept(envelope, peer) is not None
        if domain == OFFER:
            return self._take_offer(peer, self._open(envelope, OFFER, self._config.offer_lifetime), first_hop)
        if domain == TOMBSTONE:
            return self._take_tombstone(self._open(envelope, TOMBSTONE, self._config.tombstone_lifetime))
        self._ctx.refuse("rumour: unknown domain", peer, repr(domain))
        return False

    def _take_offer(self, peer: PeerId, opened: Opened, first_hop: bool) -> bool:
        offer = decode_body(Offer, opened.body)
        if self._ended.get((opened.author, offer.job), 0.0) > self._ctx.now.wall:
            return False
        if first_hop and not self._answers_where_it_is(peer, opened, offer):
            self._ctx.refuse("offer: foreign reply address", peer, ", ".join(offer.addresses))
            return False
        self._listener.on_offer(opened, offer)
        return True

    def _answers_where_it_is(self, peer: PeerId, opened: Opened, offer: Offer) -> bool:
        """Whether the first hop got the offer from its author, and it wants answers where it is connected from."""
        link = self._ctx.links.get(peer)
        return (
            link is not None
            and opened.author == peer
            and all(address in link.addresses for address in offer.addresses)
        )

    def _take_tombstone(self, opened: Opened) -> bool:
        job = decode_body(Tombstone, opened.body).job
        self._ended[(opened.author, job)] = opened.expires
        if len(self._ended) > self._config.tombstones:
            self._ended.popitem(last=False)
        self._listener.on_tombstone(opened.author, job)
        return True

    def _open(self, envelope: bytes, domain: str, lifetime: float) -> Opened:
        return open_envelope(
            envelope, domain, now=self._ctx.now.wall, verify=self._ctx.verify, max_lifetime=lifetime
        )
