"""What was seen already, and how fast a neighbour may bring more: both bounded."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from peernet.types import PeerId


class SeenSet:
    """Digests of envelopes seen lately; the oldest go first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._digests: OrderedDict[bytes, None] = OrderedDict()

    def __contains__(self, envelope: bytes) -> bool:
        return _name(envelope) in self._digests

    def add(self, envelope: bytes) -> bool:
        """Remember an envelope; return whether it is new."""
        name = _name(envelope)
        if name in self._digests:
            self._digests.move_to_end(name)
            return False
        self._digests[name] = None
        if len(self._digests) > self._limit:
            self._digests.popitem(last=False)
        return True


class Allowance:
    """A token bucket for each neighbour: `rate` tokens a second, at most `burst`."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens: dict[PeerId, tuple[float, float]] = {}

    def take(self, peer: PeerId, now: float) -> bool:
        """Take a token of a peer; return whether it had one. now: monotonic seconds."""
        tokens, since = self._tokens.get(peer, (self._burst, now))
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        self._tokens[peer] = (max(tokens - 1.0, tokens if tokens < 1.0 else 0.0), now)
        return tokens >= 1.0

    def forget(self, peer: PeerId) -> None:
        """Drop the bucket of a peer that is a neighbour no more."""
        self._tokens.pop(peer, None)


def _name(envelope: bytes) -> bytes:
    return hashlib.blake2b(envelope, digest_size=16).digest()
