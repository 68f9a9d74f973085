"""A bounded neighbourhood: peers of low round trip plus a random floor.

A peer fills its own choice (near + random) from connected peers and from contacts of the DHT, asking each with
`Befriend`; it takes in others that ask up to a limit. Now and then a farther neighbour gives way to a nearer peer.
This is the place where an active and a passive view (HyParView) would stand.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from peernet.core.context import Context
from peernet.core.effects import Hold
from peernet.core.events import Done, Outcome
from peernet.core.kad import Kad
from peernet.types import PeerId
from peernet.wire.gossip import Befriend, Befriended, Unfriend
from peernet.wire.kad import MAX_CONTACTS, WireContact
from peernet.wire.link import Body


@dataclass(slots=True)
class Neighbour:
    """A neighbour. chosen: this peer asked for it. by_chance: it belongs to the random floor."""

    chosen: bool
    by_chance: bool


class Neighbourhood:
    """Who the neighbours are. `welcome` is called with each new one, `parted` with each that leaves."""

    def __init__(
        self,
        ctx: Context,
        kad: Kad,
        welcome: Callable[[PeerId], None],
        parted: Callable[[PeerId], None],
    ) -> None:
        self._ctx = ctx
        self._kad = kad
        self._config = ctx.config.gossip
        self._welcome = welcome
        self._parted = parted
        self._members: dict[PeerId, Neighbour] = {}
        self._asking: dict[PeerId, bool] = {}
        self._refused: OrderedDict[PeerId, float] = OrderedDict()
        self._hints: OrderedDict[PeerId, None] = OrderedDict()
        self._hurried = False
        self._last_swap = 0.0

    def __contains__(self, peer: PeerId) -> bool:
        return peer in self._members

    def expects(self, peer: PeerId) -> bool:
        """Whether rumours of this peer are welcome: a neighbour, or one whose word to our asking is on its way (it
        may tell its news before the answer is here)."""
        return peer in self._members or peer in self._asking

    def members(self) -> list[PeerId]:
        """Return the neighbours, the oldest first."""
        return list(self._members)

    def start(self) -> None:
        """Begin to look after the neighbourhood."""
        self._schedule()

    def on_connected(self, peer: PeerId) -> None:
        """A connection stands: perhaps a neighbour, and soon rather than at the next look."""
        if not self._hurried and len(self._members) < self._wanted():
            self._hurried = True
            self._ctx.after(self._config.tend_first_seconds, self._hurry)

    def on_lost(self, peer: PeerId) -> None:
        """A connection ended: a neighbour without one is none."""
        self._drop(peer)

    def on_befriend(self, peer: PeerId, body: Body) -> Body:
        """Take in a peer that asks, while there is room."""
        accepted = peer in self._members or (len(self._members) < self._config.limit and peer in self._ctx.links)
        if accepted:
            self._add(peer, chosen=False, by_chance=False)
        others = [
            WireContact(other, self._ctx.book.get(other)[:8])
            for other in self._members
            if other != peer and self._ctx.book.get(other)
        ]
        self._ctx.random.shuffle(others)
        return Befriended(accepted, tuple(others[:MAX_CONTACTS]))

    def on_unfriend(self, peer: PeerId, body: Body) -> None:
        """A neighbour ends the neighbourhood."""
        self._drop(peer)
        self._refuse(peer)

    def leave_all(self) -> None:
        """Tell all neighbours that this peer goes."""
        for peer in self.members():
            self._ctx.send(peer, Unfriend())
            self._drop(peer)

    def _wanted(self) -> int:
        return self._config.near + self._config.random

    def _schedule(self) -> None:
        jitter = self._ctx.random.uniform(0.5, 1.5)
        self._ctx.after(self._config.tend_seconds * jitter, self._tend)

    def _hurry(self) -> None:
        self._hurried = False
        self._fill()

    def _tend(self) -> None:
        self._schedule()
        if len(self._members) + len(self._asking) < self._wanted():
            self._fill()
        elif self._ctx.now.mono - self._last_swap >= self._config.swap_seconds:
            self._swap()

    def _fill(self) -> None:
        """Ask as many candidates as are missing: the random floor first, then the nearest."""
        missing = self._wanted() - len(self._members) - len(self._asking)
        if missing <= 0:
            return
        candidates = self._candidates()
        by_chance = sum(member.by_chance for member in self._members.values())
        for _ in range(min(missing, max(0, self._config.random - by_chance), len(candidates))):
            self._ask(candidates.pop(self._ctx.random.randrange(len(candidates))), by_chance=True)
            missing -= 1
        for peer in sorted(candidates, key=self._distance)[:missing]:
            self._ask(peer, by_chance=False)

    def _swap(self) -> None:
        """Ask one peer that is clearly nearer than the farthest chosen near neighbour, and let that one go."""
        near = [peer for peer, member in self._members.items() if member.chosen and not member.by_chance]
        candidates = [peer for peer in self._candidates() if peer in self._ctx.links]
        if not near or not candidates:
            return
        farthest = max(near, key=self._distance)
        nearest = min(candidates, key=self._distance)
        if self._distance(nearest) < self._config.swap_gain * self._distance(farthest):
            self._last_swap = self._ctx.now.mono
            self._ctx.send(farthest, Unfriend())
            self._drop(farthest)
            self._refuse(farthest)
            self._ask(nearest, by_chance=False)

    def _candidates(self) -> list[PeerId]:
        """Peers that may be asked: connected ones, contacts of the DHT, and those that others named."""
        now = self._ctx.now.mono
        known: dict[PeerId, None] = dict.fromkeys(self._ctx.links)
        known.update(dict.fromkeys(self._kad.sample(self._wanted() * 2)))
        known.update(self._hints)
        return [
            peer
            for peer in known
            if peer != self._ctx.me
            and peer not in self._members
            and peer not in self._asking
            and self._refused.get(peer, 0.0) <= now
        ]

    def _distance(self, peer: PeerId) -> float:
        link = self._ctx.links.get(peer)
        return link.rtt if link is not None else 1.0

    def _ask(self, peer: PeerId, *, by_chance: bool) -> None:
        self._asking[peer] = by_chance
        self._hints.pop(peer, None)
        self._ctx.call(
            peer, Befriend(), lambda outcome: self._answered(peer, outcome), self._config.befriend_timeout
        )

    def _answered(self, peer: PeerId, outcome: Outcome) -> None:
        by_chance = self._asking.pop(peer)
        answer = outcome.value if isinstance(outcome, Done) else None
        if not isinstance(answer, Befriended):
            self._refuse(peer)
            return
        for contact in answer.others:
            if contact.peer not in self._ctx.links:
                self._kad.heard_of(contact)
                self._hints[contact.peer] = None
                if len(self._hints) > self._config.limit:
                    self._hints.popitem(last=False)
        if answer.accepted and peer in self._ctx.links and len(self._members) < self._config.limit:
            self._add(peer, chosen=True, by_chance=by_chance)
        elif answer.accepted:
            self._ctx.send(peer, Unfriend())
        else:
            self._refuse(peer)

    def _add(self, peer: PeerId, *, chosen: bool, by_chance: bool) -> None:
        member = self._members.get(peer)
        if member is not None:
            member.chosen = member.chosen or chosen
            return
        self._members[peer] = Neighbour(chosen, by_chance)
        self._ctx.emit(Hold(peer, "neighbour", True))
        self._welcome(peer)

    def _drop(self, peer: PeerId) -> None:
        if self._members.pop(peer, None) is not None:
            self._ctx.emit(Hold(peer, "neighbour", False))
            self._parted(peer)

    def _refuse(self, peer: PeerId) -> None:
        self._refused[peer] = self._ctx.now.mono + self._config.refused_seconds
        self._refused.move_to_end(peer)
        if len(self._refused) > self._config.refused_peers:
            self._refused.popitem(last=False)
