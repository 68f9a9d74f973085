"""Who may be asked to be a neighbour: connected peers, known ones and contacts of the DHT, but for those who have
refused lately or were dropped for what they did."""

from __future__ import annotations

from collections.abc import Container, Iterable

from peernet.core.context import Context
from peernet.core.gossip.passive import PassiveView
from peernet.core.kad import Kad
from peernet.types import PeerId

_FAR = 1.0
"""Seconds of round trip taken of a peer that is not connected: nobody known is farther."""


class Candidates:
    """Chooses among known peers, and remembers whom not to ask."""

    __slots__ = ("_banned", "_config", "_ctx", "_kad", "_passive", "_refused")

    def __init__(self, ctx: Context, kad: Kad, passive: PassiveView) -> None:
        self._ctx = ctx
        self._config = ctx.config.gossip
        self._kad = kad
        self._passive = passive
        self._refused: dict[PeerId, float] = {}
        self._banned: dict[PeerId, float] = {}

    @property
    def refused_any(self) -> bool:
        """Whether anybody has refused or failed lately."""
        return bool(self._refused)

    def choose(self, count: int, *without: Container[PeerId]) -> list[PeerId]:
        """Return those who may be asked. count: how many contacts of the DHT are among them at most."""
        known: dict[PeerId, None] = dict.fromkeys(self._ctx.links)
        known.update(dict.fromkeys(self._passive.peers()))
        known.update(dict.fromkeys(self._kad.sample(count)))
        return self._willing(known, without)

    def linked(self, *without: Container[PeerId]) -> list[PeerId]:
        """Return those of the connected peers who may be asked."""
        return self._willing(self._ctx.links, without)

    def _willing(self, peers: Iterable[PeerId], without: tuple[Container[PeerId], ...]) -> list[PeerId]:
        me, now, refused, banned = self._ctx.me, self._ctx.now.mono, self._refused, self._banned
        willing = [
            peer
            for peer in peers
            if peer != me and not (refused.get(peer, 0.0) > now or banned.get(peer, 0.0) > now)
        ]
        for others in without:
            willing = [peer for peer in willing if peer not in others]
        return willing

    def distance(self, peer: PeerId) -> float:
        """Return the round trip to a peer in seconds."""
        link = self._ctx.links.get(peer)
        return link.rtt if link is not None else _FAR

    def is_banned(self, peer: PeerId) -> bool:
        """Whether a peer was dropped for what it did, not long ago."""
        return self._banned.get(peer, 0.0) > self._ctx.now.mono

    def ban(self, peer: PeerId) -> None:
        """Neither ask a peer nor take it for a while."""
        until = self._ctx.now.mono + self._config.blame_seconds
        _remember(self._banned, peer, until, self._config.refused_peers)
        self._passive.discard(peer)

    def refused(self, peer: PeerId, *, lonely: bool) -> None:
        """A peer has refused, failed or parted: it is not asked for a while. lonely: there is no neighbour left,
        so everybody is asked again soon."""
        seconds = self._config.lonely_seconds if lonely else self._config.refused_seconds
        _remember(self._refused, peer, self._ctx.now.mono + seconds, self._config.refused_peers)

    def forgive(self) -> None:
        """Forget what is over."""
        now = self._ctx.now.mono
        self._refused = {peer: until for peer, until in self._refused.items() if until > now}
        self._banned = {peer: until for peer, until in self._banned.items() if until > now}


def _remember(table: dict[PeerId, float], peer: PeerId, until: float, limit: int) -> None:
    """Put a peer at the end of a bounded table; the oldest goes."""
    table.pop(peer, None)
    table[peer] = until
    if len(table) > limit:
        del table[next(iter(table))]
