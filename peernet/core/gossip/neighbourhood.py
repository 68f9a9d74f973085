"""The active view: a bounded neighbourhood of peers of low round trip plus a random floor.

A peer fills its own choice (near + random) from connected peers, the passive view and contacts of the DHT,
asking a few at a time with `Befriend`, as others ask it meanwhile; it takes in others that ask up to a limit, and
when full makes room for one that has nobody. Once it has enough it looks for more only when clearly fewer are
left, and then at once: so a loss here does not move neighbours elsewhere. Now and then a farther neighbour gives
way to a much nearer peer, which is asked first. Neighbours collect points for what honest ones do not do, and are
dropped when they have too many.

Source: HyParView (see `passive`), whose priorities of NEIGHBOR are `Befriend.urgent`. Different from it,
nearness counts, and views are of 12 to 24: a small view saves no copies once a tree is laid over it, and a
large one survives.
"""

from __future__ import annotations

from collections.abc import Callable

from peernet.core.context import Context
from peernet.core.effects import Hold
from peernet.core.events import Done, Outcome
from peernet.core.gossip.candidates import Candidates
from peernet.core.gossip.neighbour import Neighbour
from peernet.core.gossip.passive import OWN_ADDRESSES, PassiveView
from peernet.core.kad import Kad
from peernet.types import PeerId
from peernet.wire.gossip import Befriend, Befriended, Shuffle, Shuffled, Unfriend
from peernet.wire.kad import WireContact
from peernet.wire.link import Body


class Neighbourhood:
    """Who the neighbours are. `welcome` is called with each new one, `expire` with the monotonic time at each look
    at them."""

    __slots__ = (
        "_asking",
        "_by_chance",
        "_candidates",
        "_config",
        "_ctx",
        "_expire",
        "_filling",
        "_forced",
        "_hurried",
        "_next_swap",
        "_swapping",
        "_welcome",
        "active",
        "passive",
    )

    def __init__(
        self,
        ctx: Context,
        kad: Kad,
        welcome: Callable[[PeerId], None],
        expire: Callable[[float], None],
    ) -> None:
        self._ctx = ctx
        self._config = ctx.config.gossip
        self._welcome = welcome
        self._expire = expire
        self.active: dict[PeerId, Neighbour] = {}
        self.passive = PassiveView(ctx, kad, self.active)
        self._asking: dict[PeerId, Neighbour] = {}
        # How many are of the random floor. Those who chose this peer don't count, as they may all be near.
        self._by_chance = 0
        self._candidates = Candidates(ctx, kad, self.passive)
        self._hurried = False
        self._forced = float("-inf")
        self._filling = True
        self._next_swap = 0.0
        self._swapping: PeerId | None = None

    def __contains__(self, peer: PeerId) -> bool:
        return peer in self.active

    def get(self, peer: PeerId) -> Neighbour | None:
        """Return what is kept of a neighbour, or of one whose word to our asking is on its way (it may tell its
        news before the answer is here); None for others, whose gossip is not welcome."""
        return self.active.get(peer) or self._asking.get(peer)

    def members(self) -> list[PeerId]:
        """Return the neighbours, the oldest first."""
        return list(self.active)

    def start(self) -> None:
        """Begin to look after the neighbourhood."""
        self._next_swap = self._later(self._config.swap_seconds)
        self.passive.start()
        self._schedule()

    def on_connected(self, peer: PeerId) -> None:
        """A connection stands: perhaps a neighbour, and soon rather than at the next look."""
        if not self._hurried and self._is_short():
            self._hurry()

    def on_lost(self, peer: PeerId) -> None:
        """A connection ended: a neighbour without one is none, and another takes its place soon."""
        if peer in self.active:
            self._drop(peer)
            self._hurry()

    def reunite(self, peer: PeerId) -> None:
        """A peer is back that could not be reached for a while, and perhaps all others of its side neither. Both
        sides have neighbours enough of their own by now: only who asks brings them together soon."""
        room = len(self.active) + len(self._asking) < self._config.limit
        if room and peer not in self.active and peer not in self._asking and not self._candidates.is_banned(peer):
            self._ask(peer, by_chance=True)

    def on_befriend(self, peer: PeerId, body: Befriend) -> Body:
        """Take in a peer that asks, while there is room."""
        accepted = peer in self.active or (peer in self._ctx.links and not self._candidates.is_banned(peer))
        member = self.active.get(peer)
        if member is not None:
            member.eager = member.eager or body.grow
        elif accepted:
            if len(self.active) >= self._config.limit and body.urgent:
                self._make_room()
            accepted = len(self.active) < self._config.limit
            if accepted:
                self._add(peer, Neighbour(chosen=False, by_chance=False, eager=body.grow))
        return Befriended(accepted, self._some_others(peer))

    def _some_others(self, peer: PeerId) -> tuple[WireContact, ...]:
        """Neighbours that another peer may ask as well."""
        book = self._ctx.book
        others = [other for other in self.active if other != peer and book.get(other)]
        chosen = self._ctx.random.sample(others, min(self._config.others, len(others)))
        return tuple([WireContact(other, book.get(other)[:OWN_ADDRESSES]) for other in chosen])

    def on_unfriend(self, peer: PeerId, body: Body) -> None:
        """A neighbour ends the neighbourhood."""
        if peer in self.active:
            self._drop(peer)
            self._refuse(peer)
            self._hurry()

    def on_shuffle(self, peer: PeerId, body: Body) -> None:
        """See `PassiveView.on_shuffle`. Only neighbours send walks this way, and only so many."""
        assert isinstance(body, Shuffle)
        neighbour = self.get(peer)
        if neighbour is None:
            self._ctx.refuse("shuffle: not a neighbour", peer, "")
        elif not neighbour.may_shuffle(self._ctx.now.mono, self._config):
            self.blame(peer, self._config.blame_turn, "shuffle: too many")
        else:
            self.passive.on_shuffle(peer, body)

    def on_shuffled(self, peer: PeerId, body: Body) -> None:
        """Peers in return for a shuffle, or forced upon this one: unproven either way, and few."""
        assert isinstance(body, Shuffled)
        if self._ctx.now.mono < self.passive.answers_until:
            self.passive.take_answer(body.contacts)
        else:
            self._ctx.refuse("shuffle: out of turn", peer, "")

    def stranger(self, peer: PeerId) -> None:
        """One that is no neighbour gossips here: it does not know yet, or missed the word."""
        if peer in self._ctx.links:
            self._ctx.send(peer, Unfriend())

    def blame(self, peer: PeerId, points: float, kind: str, text: str = "") -> None:
        """Count what an honest neighbour does not do; with too many points it is one no more, for some time.

        kind: what is told and counted; empty if that has been done."""
        if kind:
            self._ctx.refuse(kind, peer, text)
        neighbour = self.get(peer)
        if neighbour is None:
            return
        config, now = self._config, self._ctx.now.mono
        if neighbour.add_blame(points, now, config.blame_half_life) < config.blame_limit:
            return
        self._ctx.refuse("neighbour: dropped", peer, f"{kind or 'a refused advert'} was the last of too many")
        self._candidates.ban(peer)
        if peer in self.active:
            self._ctx.send(peer, Unfriend())
            self._drop(peer)
            self._hurry()

    def leave_all(self) -> None:
        """Tell all neighbours that this peer goes."""
        for peer in self.members():
            self._ctx.send(peer, Unfriend())
            self._drop(peer)

    def _wanted(self) -> int:
        return self._config.near + self._config.random

    def _later(self, seconds: float) -> float:
        return self._ctx.now.mono + seconds * self._ctx.random.uniform(0.5, 1.5)

    def _schedule(self) -> None:
        config = self._config
        if self.active:
            first = self._later(config.tend_seconds)
            self._ctx.between(first, first + 0.5 * config.tend_seconds, self._tend)
        else:
            self._ctx.at(self._later(config.lonely_seconds), self._tend)

    def _hurry(self) -> None:
        if not self._hurried:
            self._hurried = True
            self._ctx.after(self._config.tend_first_seconds, self._fill_soon)

    def _fill_soon(self) -> None:
        self._hurried = False
        if self._is_short():
            self._fill()

    def _tend(self) -> None:
        self._schedule()
        now = self._ctx.now.mono
        self._candidates.forgive()
        self._expire(now)
        self.passive.shuffle_if_due()
        if self._is_short():
            self._fill()
        elif now >= self._next_swap:
            self._next_swap = self._later(self._config.swap_seconds)
            self._swap()

    def _is_short(self) -> bool:
        """Whether to look for neighbours: from when clearly fewer are left than wanted, until there are enough."""
        config, count = self._config, len(self.active)
        slack = 0 if self._filling else config.slack
        missing = count + slack < config.near + config.random or (
            count < config.limit and self._by_chance + slack < config.random
        )
        self._filling = missing
        return missing

    def _fill(self) -> None:
        """Ask a few candidates of those that are missing: the random floor first, then the nearest."""
        config, asking = self._config, self._asking
        places = min(config.limit - len(self.active), config.asked_at_once) - len(asking)
        by_chance = config.random - self._by_chance - sum([asked.by_chance for asked in asking.values()])
        near = self._wanted() - len(self.active) - len(asking) - max(0, by_chance)
        if places <= 0 or (by_chance <= 0 and near <= 0):
            return
        candidates = self._others()
        for _ in range(min(by_chance, places, len(candidates))):
            self._ask(candidates.pop(self._ctx.random.randrange(len(candidates))), by_chance=True)
            places -= 1
        if near > 0 and places > 0:
            for peer in sorted(candidates, key=self._candidates.distance)[: min(near, places)]:
                self._ask(peer, by_chance=False)

    def _swap(self) -> None:
        """Ask one peer that is clearly nearer than the farthest chosen near neighbour, which is to go for it."""
        farthest = self._farthest()
        candidates = self._candidates.linked(self.active, self._asking)
        if farthest is None or not candidates or len(self.active) >= self._config.limit:
            return
        nearest = min(candidates, key=self._candidates.distance)
        if self._candidates.distance(nearest) < self._config.swap_gain * self._candidates.distance(farthest):
            self._swapping = nearest
            self._ask(nearest, by_chance=False)

    def _farthest(self) -> PeerId | None:
        near = [peer for peer, member in self.active.items() if member.chosen and not member.by_chance]
        return max(near, key=self._candidates.distance) if near else None

    def _swap_with(self, peer: PeerId) -> None:
        """A nearer peer has become a neighbour: the farthest goes, unless enough others have gone meanwhile."""
        self._swapping = None
        farthest = self._farthest()
        if farthest is not None and farthest != peer and len(self.active) > self._wanted():
            self._part(farthest)
            self._refuse(farthest)

    def _make_room(self) -> None:
        """Let a neighbour go for one that has nobody: one that this peer did not choose, if there is one."""
        now = self._ctx.now.mono
        if now - self._forced < self._config.forced_seconds:
            return
        self._forced = now
        others = [peer for peer, member in self.active.items() if not member.chosen] or self.members()
        self._part(self._ctx.random.choice(others))

    def _part(self, peer: PeerId) -> None:
        """End a neighbourhood with a peer that is as good as others."""
        self._ctx.send(peer, Unfriend())
        self._drop(peer)
        self.passive.add(peer)

    def _others(self) -> list[PeerId]:
        return self._candidates.choose(self._wanted(), self.active, self._asking)

    def _ask(self, peer: PeerId, *, by_chance: bool) -> None:
        grow = not any(member.eager for member in self.active.values())
        self._asking[peer] = Neighbour(chosen=True, by_chance=by_chance, eager=grow)
        self._ctx.call(
            peer,
            # The first to be asked are asked politely: a full one would let another go, which asks around then.
            Befriend(urgent=not self.active and self._candidates.refused_any, grow=grow),
            lambda outcome: self._answered(peer, outcome),
            self._config.befriend_timeout,
        )

    def _answered(self, peer: PeerId, outcome: Outcome) -> None:
        neighbour = self._asking.pop(peer)
        if not self._asking:
            self._asking.clear()  # A dict that was large stays so.
        answer = outcome.value if isinstance(outcome, Done) else None
        if not isinstance(answer, Befriended):
            self.passive.discard(peer)
            self._refuse(peer)
            if self._is_short():
                self._hurry()
            return
        self.passive.learn(answer.others)
        wanted = peer in self._ctx.links and not self._candidates.is_banned(peer)
        if answer.accepted and (peer in self.active or (wanted and len(self.active) < self._config.limit)):
            self._add(peer, neighbour)
            if peer == self._swapping:
                self._swap_with(peer)
        elif answer.accepted:
            self._ctx.send(peer, Unfriend())
        else:
            self._refuse(peer)
        if self._is_short():
            self._hurry()

    def _add(self, peer: PeerId, neighbour: Neighbour) -> None:
        member = self.active.get(peer)
        if member is not None:
            member.chosen = member.chosen or neighbour.chosen
            member.eager = member.eager or neighbour.eager
            return
        self.active[peer] = neighbour
        self._by_chance += neighbour.by_chance
        self.passive.discard(peer)
        self._ctx.emit(Hold(peer, "neighbour", True))
        self._welcome(peer)

    def _drop(self, peer: PeerId) -> None:
        neighbour = self.active.pop(peer, None)
        if neighbour is not None:
            self._by_chance -= neighbour.by_chance
            self._ctx.emit(Hold(peer, "neighbour", False))

    def _refuse(self, peer: PeerId) -> None:
        self._candidates.refused(peer, lonely=not self.active)
