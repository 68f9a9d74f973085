"""What was heard: the ids of rumours seen lately, and the latest rumours themselves, to be asked for. Both
bounded."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import msgspec

from peernet.config.gossip import GossipConfig
from peernet.types import PeerId

_KEPT = 64
"""Envelopes whose id is remembered: copies of one come within moments. At 16 KiB each they hold 1 MiB at most."""


@lru_cache(maxsize=_KEPT)
def rumour_id(envelope: bytes) -> bytes:
    """Return the id of a rumour: the 16-byte BLAKE2b digest of its envelope. Equal ids are mostly one object,
    however many peers of a process keep it."""
    return hashlib.blake2b(envelope, digest_size=16).digest()


class Heard(msgspec.Struct, gc=False):
    """A valid rumour. hops: of the `Rumour` that goes on from here (0: it is this peer's own). reach: its
    limit. source: who brought it, or None. pulled: somebody was asked for it alone, so that copies say nothing
    about the tree. until: monotonic time up to which it is kept."""

    envelope: bytes
    hops: int
    reach: int
    source: PeerId | None
    pulled: bool
    until: float


class Store:
    """Ids in two generations, of which the older is forgotten at once: no order to keep for each id."""

    __slots__ = ("_bytes", "_config", "_heard", "_new", "_old", "_turned")

    def __init__(self, config: GossipConfig) -> None:
        self._config = config
        self._new: dict[bytes, None] = {}
        self._old: dict[bytes, None] = {}
        self._turned = 0.0
        self._heard: dict[bytes, Heard] = {}
        self._bytes = 0

    def __contains__(self, name: bytes) -> bool:
        return name in self._new or name in self._old

    def __len__(self) -> int:
        return len(self._new) + len(self._old)

    def see(self, name: bytes, now: float) -> None:
        """Remember an id. now: monotonic seconds."""
        if len(self._new) >= self._config.seen // 2 or now - self._turned >= self._config.seen_seconds:
            self._turn(now)
        self._new[name] = None

    def _turn(self, now: float) -> None:
        self._old, self._new, self._turned = self._new, {}, now

    def keep(self, name: bytes, heard: Heard, now: float) -> None:
        """Keep a rumour for those who ask for it; old ones go, and the oldest while there are too many."""
        self._heard[name] = heard
        self._bytes += len(heard.envelope)
        while len(self._heard) > self._config.cache or self._bytes > self._config.cache_bytes:
            self._forget_oldest()
        self.expire(now)

    def expire(self, now: float) -> None:
        """Drop the rumours whose time is over, and ids that are old enough. now: monotonic seconds."""
        while self._heard and next(iter(self._heard.values())).until <= now:
            self._forget_oldest()
        if not self._heard:
            self._heard = {}  # A dict that was large stays so.
        if now - self._turned >= self._config.seen_seconds:
            self._turn(now)

    def get(self, name: bytes) -> Heard | None:
        """Return a rumour that is kept, or None."""
        return self._heard.get(name)

    def _forget_oldest(self) -> None:
        heard = self._heard.pop(next(iter(self._heard)))
        self._bytes -= len(heard.envelope)
