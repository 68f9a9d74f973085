"""The passive view of HyParView: a bounded list of peers that may become neighbours, mixed by shuffles.

Source: Leitão, Pereira and Rodrigues, "HyParView: a membership protocol for reliable gossip-based broadcast"
(DSN 2007). Different from it, because a connection here is a handshake and addresses that others tell are
unproven:

- who ends a walk answers its origin only over a connection that stands, so nobody can make peers dial a victim;
  the contacts are taken in any case, and as everybody's walks end somewhere, all views are fed alike;
- there is no ForwardJoin: the answer to `Befriend` names other neighbours, which the newcomer asks itself;
- the DHT's contacts are candidates besides, so an eclipse of this view alone isolates nobody.
"""

from __future__ import annotations

from peernet.core.context import Context
from peernet.core.gossip.neighbour import Neighbour
from peernet.core.kad import Kad
from peernet.identity.multiaddr import Multiaddr
from peernet.types import PeerId
from peernet.wire.gossip import MAX_SHUFFLED, Shuffle, Shuffled
from peernet.wire.kad import WireContact

OWN_ADDRESSES = 4
"""Addresses told of a peer: as seen from inside and from outside of its network, and two to spare."""


class PassiveView:
    """Known peers that are no neighbours. active: the neighbours, owned by the neighbourhood.

    answers_until: monotonic time until which an answer to a shuffle is taken.
    """

    __slots__ = ("_active", "_config", "_ctx", "_kad", "_known", "_next_shuffle", "answers_until")

    def __init__(self, ctx: Context, kad: Kad, active: dict[PeerId, Neighbour]) -> None:
        self._ctx = ctx
        self._kad = kad
        self._config = ctx.config.gossip
        self._active = active
        self._known: list[PeerId] = []  # Short enough to be searched, and a dict takes five times its room.
        self._next_shuffle = 0.0
        self.answers_until = 0.0

    def start(self) -> None:
        """Shuffle for the first time after the usual time: a newcomer asks for neighbours just now, whose answers
        name others."""
        self._plan_shuffle()

    def __len__(self) -> int:
        return len(self._known)

    def peers(self) -> list[PeerId]:
        """Return the known peers. Not to be changed."""
        return self._known

    def add(self, peer: PeerId) -> None:
        """Remember a peer whose addresses are in the book; a random one makes room."""
        if peer == self._ctx.me or peer in self._active or peer in self._known:
            return
        if len(self._known) < self._config.passive:
            self._known.append(peer)
        else:
            # At random: dropping the oldest would let a flood of new ones replace the whole view.
            self._known[self._ctx.random.randrange(len(self._known))] = peer

    def discard(self, peer: PeerId) -> None:
        """Forget a peer: it became a neighbour, or does not answer."""
        if peer in self._known:
            self._known.remove(peer)

    def learn(self, contacts: tuple[WireContact, ...]) -> None:
        """Take in what another peer says of others. Unproven: they are dialled before they count."""
        for contact in contacts:
            if contact.addresses or contact.peer in self._ctx.links:
                self._kad.heard_of(contact)
                self.add(contact.peer)

    def shuffle_if_due(self) -> None:
        """Send a sample of both views on a random walk, if it is time to."""
        now = self._ctx.now.mono
        if not self._active or now < self._next_shuffle:
            return
        self._plan_shuffle()
        first = self._pick(self._ctx.me)
        if first is not None:
            self.answers_until = now + self._config.shuffle_answer_seconds
            left = self._config.shuffle_walk - 1
            contacts = self._sample(first, MAX_SHUFFLED - 1)
            if self._reachable():
                here = own_addresses(self._ctx, self._ctx.links[first].observed)
                contacts = (WireContact(self._ctx.me, here), *contacts)
            self._ctx.send(first, Shuffle(self._ctx.me, left, contacts))

    def _plan_shuffle(self) -> None:
        pause = self._config.shuffle_seconds * self._ctx.random.uniform(0.5, 1.5)
        self._next_shuffle = self._ctx.now.mono + pause

    def _reachable(self) -> bool:
        """Whether somebody has dialled this peer. Behind a NAT nobody can: its address is of no use to others."""
        return any(link.inbound for link in self._ctx.links.values())

    def take_answer(self, contacts: tuple[WireContact, ...]) -> None:
        """Take in what came in return for a shuffle: once for each."""
        self.answers_until = 0.0
        self.learn(contacts)

    def on_shuffle(self, peer: PeerId, body: Shuffle) -> None:
        """Pass a walk on, or end it: keep its peers, and give others in return where that is possible."""
        if body.origin == self._ctx.me:
            return
        onward = self._pick(peer, body.origin) if body.left else None
        if onward is not None:
            self._ctx.send(onward, Shuffle(body.origin, body.left - 1, body.contacts))
            return
        if body.origin in self._ctx.links:
            self._ctx.send(body.origin, Shuffled(self._sample(body.origin, MAX_SHUFFLED)))
        self.learn(body.contacts)

    def _pick(self, *without: PeerId) -> PeerId | None:
        others = [peer for peer in self._active if peer not in without]
        return self._ctx.random.choice(others) if others else None

    def _sample(self, target: PeerId, count: int) -> tuple[WireContact, ...]:
        """Up to 3 neighbours, and known peers to fill up."""
        random, book = self._ctx.random, self._ctx.book
        active = [peer for peer in self._active if peer != target and book.get(peer)]
        known = [peer for peer in self._known if peer != target and book.get(peer)]
        chosen = random.sample(active, min(3, len(active)))
        chosen += random.sample(known, min(count - len(chosen), len(known)))
        return tuple([WireContact(peer, book.get(peer)[:OWN_ADDRESSES]) for peer in chosen])


def own_addresses(ctx: Context, host: str) -> tuple[str, ...]:
    """Where this peer can be dialled by those who see it at `host`; none if it does not listen."""
    if ctx.port is None or not host:
        return ()
    return (str(Multiaddr(host, ctx.port, ctx.me)),)
