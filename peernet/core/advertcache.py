"""The adverts of others: the newest of each peer until it expires, bounded and compact: every peer has a dozen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import msgspec

from peernet.core.context import Context, Timer
from peernet.core.effects import Note
from peernet.identity.envelope import KEPT, KEPT_BYTES, Opened
from peernet.types import PeerId
from peernet.wire.codec import decode_body
from peernet.wire.signed import Advert

SPAN = 5.0
"""Seconds that one which has expired may still be known: a peer is not woken for it alone."""


@dataclass(frozen=True, slots=True)
class AdvertView:
    """A valid advert of another peer. age: seconds since it was received."""

    peer: PeerId
    advert: Advert
    age: float


class _Cached(msgspec.Struct, frozen=True, gc=False):
    """received, until: monotonic seconds."""

    envelope: bytes
    sequence: int
    advert: Advert
    received: float
    until: float


class AdvertCache:
    """Keeps valid adverts."""

    __slots__ = ("_cached", "_ctx", "_expiry", "_limit")

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._limit = ctx.config.work.advert_cache
        self._cached: dict[PeerId, _Cached] = {}
        self._expiry: Timer | None = None

    def __len__(self) -> int:
        return len(self._cached)

    def get(self, peer: PeerId) -> AdvertView | None:
        """Return the newest advert of a peer, or None."""
        cached = self._cached.get(peer)
        return None if cached is None else self._view(peer, cached)

    def views(self) -> list[AdvertView]:
        """Return all, in the order in which their peers were first heard of."""
        return [self._view(peer, cached) for peer, cached in self._cached.items()]

    def free(self, most: int) -> int:
        """Return the free slots that they tell of, of each peer at most `most`."""
        return sum(min(most, cached.advert.free) for cached in self._cached.values())

    def take(self, opened: Opened, advert: Advert) -> str:
        """Keep an advert if it is its author's newest; return as what it is refused, or nothing."""
        known = self._cached.get(opened.author)
        if known is not None and opened.raw == known.envelope:
            return ""
        if known is not None and opened.sequence <= known.sequence:
            return "replayed" if opened.sequence < known.sequence else "contradictory"
        now = self._ctx.now
        until = now.mono + (opened.expires - now.wall)
        self._cached[opened.author] = _Cached(opened.raw, opened.sequence, advert, now.mono, until)
        if len(self._cached) > self._limit:
            del self._cached[min(self._cached, key=lambda peer: self._cached[peer].until)]
        self._expire_at(until)
        if known is None:
            self._ctx.note(Note("peers", peer=opened.author))
        return ""

    def _view(self, peer: PeerId, cached: _Cached) -> AdvertView:
        return AdvertView(peer, cached.advert, self._ctx.now.mono - cached.received)

    def _expire_at(self, until: float) -> None:
        if self._expiry is not None and until + SPAN < self._expiry.when:
            self._expiry.cancel()
            self._expiry = None
        if self._expiry is None:
            self._expiry = self._ctx.between(until, until + SPAN, self._expire)

    def _expire(self) -> None:
        """Drop what has expired. One timer for all: it may wake early once an advert was renewed."""
        self._expiry = None
        now = self._ctx.now.mono
        for peer in [peer for peer, cached in self._cached.items() if cached.until <= now]:
            del self._cached[peer]
            self._ctx.note(Note("peers", peer=peer))
        if self._cached:
            self._expire_at(min(cached.until for cached in self._cached.values()))


@lru_cache(maxsize=KEPT)
def _decoded_kept(body: bytes) -> Advert:
    return decode_body(Advert, body)


def decoded(body: bytes) -> Advert:
    """Decode an advert, or remember having done so: equal bytes are one object, however many peers of a process
    keep it.

    Raises:
        ProtocolError: it is none.
    """
    return _decoded_kept(body) if len(body) <= KEPT_BYTES else decode_body(Advert, body)
