"""Connections of simulated peers: who is connected, what a message costs on its way, and how connections end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from peernet.config.net import NetConfig
from peernet.core.events import Event, Failed, Failure, PeerConnected, PeerLost
from peernet.types import PeerId
from peernet_sim.engine import Engine
from peernet_sim.machine import NEVER, Machine

UNUSED = "nobody needs it"

LONG_AGO = 0.0


class Post(Protocol):
    """Hands an event to a peer's core, if that life of the peer still goes on."""

    def __call__(self, machine: Machine, life: int, event: Event) -> None: ...


class Link(msgspec.Struct, gc=False, eq=False):
    """A connection between two peers. Each end has it in its table until that end learns that it is over.

    delay: one way, in seconds. used: when the last message was sent. a_last, b_last: when the last message on the
    way to that end arrives. doubt: a check is under way whether anything still passes. holders: ends that hold it.
    """

    a: Machine
    b: Machine
    delay: float
    used: float
    a_last: float = LONG_AGO
    b_last: float = LONG_AGO
    doubt: bool = False
    holders: int = 0

    def other(self, machine: Machine) -> Machine:
        """Return the other end."""
        return self.b if machine is self.a else self.a

    def rest(self, now: float) -> None:
        """Forget when messages arrived that are past: a number is 24 bytes, and most connections are idle."""
        if self.a_last < now:
            self.a_last = LONG_AGO
        if self.b_last < now:
            self.b_last = LONG_AGO


class Links:
    """Makes and ends connections, by the rules of `peernet.net.links` as far as they matter here. made, closed:
    how many there were, and how many of them were closed since nobody needed them or room was wanted."""

    def __init__(self, engine: Engine, config: NetConfig, post: Post) -> None:
        self._engine = engine
        self._config = config
        self._post = post
        self.made = self.closed = 0
        # There are few different ones, and all peers share them.
        self._reasons: dict[tuple[str, ...], tuple[str, ...]] = {}

    def hold(self, machine: Machine, peer: PeerId, why: str, on: bool) -> None:
        """Keep a connection when room is needed, as long as any reason stands."""
        before = machine.holds.get(peer, ())
        reasons = tuple([reason for reason in before if reason != why])
        if on:
            reasons += (why,)
        if reasons:
            machine.holds[peer] = self._reasons.setdefault(reasons, reasons)
        else:
            machine.holds.pop(peer, None)
        link = machine.links.get(peer)
        if link is not None and bool(reasons) != bool(before):
            link.holders += 1 if reasons else -1
            if not link.holders:
                link.a.tidy_at = link.b.tidy_at = 0.0

    def connect(self, dialler: Machine, listener: Machine, delay: float) -> Link | None:
        """Connect two peers that have greeted each other. None when one of them has no room."""
        link = dialler.links.get(listener.id)
        if link is not None and listener.links.get(dialler.id) is link:
            return link
        for one, other in ((dialler, listener), (listener, dialler)):
            old = one.links.get(other.id)
            if old is not None:
                self.lose(old, one, "the peer has connected again", clean=False)
        if not (self._make_room(dialler) and self._make_room(listener)):
            return None
        holders = (listener.id in dialler.holds) + (dialler.id in listener.holds)
        link = Link(dialler, listener, delay, self._engine.now, holders=holders)
        self.made += 1
        rtt = 2 * delay
        for one, other, inbound in ((dialler, listener, False), (listener, dialler, True)):
            one.links[other.id] = link
            one.tidy_at = 0.0
            assert other.core is not None
            self._tell(
                one,
                PeerConnected(
                    other.id,
                    other.core.context.instance,
                    other.addresses,
                    other.host,
                    one.host,
                    inbound,
                    rtt,
                ),
            )
        return link

    def close(self, link: Link, machine: Machine, reason: str, spare: bool = False) -> None:
        """End a connection with a goodbye, which the other side hears after what is on its way already. spare: as
        nobody needs it."""
        other = link.other(machine)
        last = link.b_last if other is link.b else link.a_last
        self.lose(link, machine, reason, True, spare)
        when = max(last, self._engine.now + link.delay)
        self._engine.at(when, self.lose, link, other, reason, True, spare)

    def tidy(self, machine: Machine) -> None:
        """Close what neither side needs and nobody has used for a while, beyond what is kept for later use.

        Mostly there is nothing to be found, so it is not looked for before `machine.tidy_at`: only a new
        connection or a reason that has ceased gives one more to close, and use only puts off when it is.
        """
        now = self._engine.now
        if now < machine.tidy_at:
            return
        machine.tidy_at = NEVER
        spare = [link for link in machine.links.values() if not link.holders]
        excess = len(spare) - self._config.spare_connections
        if excess > 0:
            spare.sort(key=_used)
            machine.tidy_at = self._close_unused(machine, spare[:excess], now)

    def _close_unused(self, machine: Machine, spare: list[Link], now: float) -> float:
        """Close those that were not used for long enough, the first of `spare`. Returns when to look again."""
        again = NEVER
        busy = {id(link) for link, _ in machine.asked.values()}
        for link in spare:
            over = link.used + self._config.spare_seconds
            if over > now:
                return min(again, over)
            if id(link) in busy:
                again = now
            else:
                self.closed += 1
                self.close(link, machine, UNUSED, spare=True)
        return again

    def lose(self, link: Link, machine: Machine, reason: str, clean: bool, spare: bool = False) -> None:
        """One end learns that the connection is over, unless it knows already."""
        peer = link.other(machine).id
        if machine.links.get(peer) is not link:
            return
        del machine.links[peer]
        self._tell(machine, PeerLost(peer, reason, clean, spare))
        for handle in [handle for handle, asked in machine.asked.items() if asked[0] is link]:
            _, number = machine.asked.pop(handle)
            self._tell(machine, Failed(number, Failure("lost", reason)))

    def cut_off(self, machine: Machine, *, silent: bool) -> None:
        """The process of a peer has ended. Others hear of it at once, or by their keep-alive if it is silent."""
        for link in list(machine.links.values()):
            wait = self.patience(link) if silent else link.delay
            self._engine.after(wait, self.lose, link, link.other(machine), "the connection broke", False)
        machine.links = {}

    def needed(self, link: Link) -> bool:
        """Whether either side holds a connection."""
        return link.holders > 0

    def patience(self, link: Link) -> float:
        """Return the seconds of silence after which a side gives the other one up: what nobody needs is pinged
        seldom."""
        config = self._config
        if self.needed(link):
            return config.dead_seconds
        return config.spare_ping_seconds + config.dead_seconds - config.ping_seconds

    def silence(self, machine: Machine, links: list[Link], still: Callable[[], bool]) -> None:
        """A peer has said nothing for so long that others give it up, if it still says nothing."""
        if not still():
            return
        for link in links:
            self.lose(link, link.other(machine), "no answer", False)
            self.lose(link, machine, "the connection broke", False)

    def _make_room(self, machine: Machine) -> bool:
        if len(machine.links) < self._config.connections:
            return True
        free = [link for peer, link in machine.links.items() if peer not in machine.holds]
        if not free:
            return False
        self.closed += 1
        self.close(min(free, key=_used), machine, "no room", spare=True)
        return True

    def _tell(self, machine: Machine, event: Event) -> None:
        self._engine.soon(self._post, machine, machine.life, event)


def _used(link: Link) -> float:
    return link.used
