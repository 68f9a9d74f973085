"""The signed records that this peer holds for others, and the rules for taking one.

A record is an envelope. Its key is derived from its domain, its author and a name, so nobody can store over
another peer's record. The name is not under the signature: if any name were allowed, anyone could copy one
genuine record to many keys and so fill the places of its author. Therefore each domain says which names it has,
and whoever fetches a record can compute from it alone where it belongs.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, insort
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from peernet.config.kad import KadConfig
from peernet.core.events import Now
from peernet.core.kad.contact import ID_BYTES, number, place
from peernet.errors import EnvelopeError, EnvelopeRefusal
from peernet.identity.envelope import Opened, open_envelope
from peernet.identity.keys import Verifier
from peernet.types import DhtKey, PeerId
from peernet.wire.base import ENVELOPE_LIMIT
from peernet.wire.signed import ADVERT

if TYPE_CHECKING:
    from random import Random


@dataclass(frozen=True, slots=True)
class Domain:
    """What the DHT takes of one domain. max_lifetime: seconds. names: the names its records may have. republished:
    whether holders store them again elsewhere, so that they outlive both them and their author's absence."""

    max_lifetime: float
    names: tuple[str, ...] = ("",)
    republished: bool = True


DOMAINS: Mapping[str, Domain] = {ADVERT: Domain(max_lifetime=1800.0, republished=False)}
"""Domains whose records are held. An advert in the DHT lives as long (`advert_published_lifetime`), and is worth
nothing once its author has left."""


def record_key(domain: str, author: PeerId, name: str = "") -> DhtKey:
    """Where a record belongs: the first 20 bytes of SHA-256 over the parts, each framed by its length.

    Only an advert belongs at the place of its author itself. The peers nearest to that are those that each peer
    looks for when it joins and knows from then on, so that nobody has to search for the holders of its advert; and
    who looks for a peer finds its advert on the same way.
    """
    if domain == ADVERT and not name:
        return place(author)[0]
    parts = (domain.encode(), author, name.encode())
    framed = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return DhtKey(hashlib.sha256(framed).digest()[:ID_BYTES])


class Held(msgspec.Struct, gc=False, eq=False):
    """A record in the store. A struct of the least, as each peer of a simulation has dozens.

    raw: its envelope. until, republish_at: monotonic seconds. sibling: another record of the same author.
    """

    key: DhtKey
    name: str
    author: PeerId
    sequence: int
    raw: bytes
    until: float
    republish_at: float
    sibling: Held | None = None


class RecordStore:
    """Records of other peers (and this one's own), bounded in number and bytes, overall and for each author.

    When it is full, the record farthest from this peer makes room for a nearer one: others are nearer to that.
    """

    def __init__(
        self, me: DhtKey, config: KadConfig, verify: Verifier, random: Random, domains: Mapping[str, Domain]
    ) -> None:
        self._me = number(me)
        self._config = config
        self._verify = verify
        self._random = random
        self._domains = domains
        self._held: dict[DhtKey, Held] = {}
        self.lasting: dict[DhtKey, Held] = {}
        """The records that holders store again, as they are to outlive them, by key."""
        self._by_distance: list[DhtKey] = []
        # The latest record of each author, which leads to its others.
        self._authors: dict[PeerId, Held] = {}
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: DhtKey, now: Now) -> Held | None:
        """The record under a key, unless it has expired."""
        held = self._held.get(key)
        return held if held is not None and held.until > now.mono else None

    def open(self, data: bytes, key: DhtKey, now: Now, domain: str | None = None) -> Opened:
        """The record in an envelope that belongs under `key`.

        The sender does not say the domain; each allowed one is tried. That is cheap: a wrong domain is seen before
        the signature is looked at.

        Raises EnvelopeError; its reason is `domain` too if the record belongs under another key.
        """
        text = "no domain is allowed"
        reason: EnvelopeRefusal = "domain"
        for name in self._domains if domain is None else (domain,):
            rule = self._domains[name]
            try:
                opened = open_envelope(
                    data,
                    name,
                    now=now.wall,
                    verify=self._verify,
                    max_lifetime=rule.max_lifetime,
                    max_size=ENVELOPE_LIMIT,
                )
            except EnvelopeError as refusal:
                text, reason = str(refusal), refusal.reason
                if refusal.reason != "domain":
                    break
                continue
            if all(record_key(name, opened.author, each) != key for each in rule.names):
                raise EnvelopeError("the record belongs under another key", "domain")
            return opened
        raise EnvelopeError(text, reason)

    def accept(self, key: DhtKey, name: str, data: bytes, now: Now) -> str:
        """Take a record. Returns the empty text when it is held, else why it is refused."""
        before = self.get(key, now)
        if before is not None and before.raw == data:
            return ""  # Stored again by another holder: it is verified already, and lives no longer for it.
        try:
            opened = self.open(data, key, now)
        except EnvelopeError as error:
            return error.reason
        if record_key(opened.domain, opened.author, name) != key:
            return "key"
        if before is not None and opened.sequence <= before.sequence:
            return "stale" if opened.sequence < before.sequence else "two of one sequence"
        refused = self._make_room(key, opened, now)
        if not refused:
            self._put(key, name, opened, now)
        return refused

    def drop(self, key: DhtKey) -> None:
        """Hold the record under this key no longer."""
        held = self._held.pop(key, None)
        if held is None:
            return
        self.lasting.pop(key, None)
        self.bytes -= len(held.raw)
        del self._by_distance[bisect_left(self._by_distance, self._distance(key), key=self._distance)]
        rest = [each for each in self._of(held.author) if each is not held]
        del self._authors[held.author]
        for each in rest:
            self._link(each)

    def expire(self, now: Now) -> None:
        """Drop every record whose time has passed."""
        for key in [key for key, held in self._held.items() if held.until <= now.mono]:
            self.drop(key)

    def due(self, now: Now, limit: int) -> list[Held]:
        """Up to `limit` records that are to be stored again at the nearest peers, and set their next time."""
        due = [held for held in self.lasting.values() if held.republish_at <= now.mono < held.until][:limit]
        for held in due:
            held.republish_at = self._next_time(now)
        return due

    def check(self) -> None:
        """Raise AssertionError unless the store is sound. For tests and simulations."""
        assert self.bytes == sum(len(held.raw) for held in self._held.values()) <= self._config.record_bytes
        assert len(self._held) <= self._config.records
        assert self.lasting == {key: held for key, held in self._held.items() if held.republish_at < float("inf")}
        assert self._by_distance == sorted(self._held, key=self._distance)
        kept = {(held.author, key) for key, held in self._held.items()}
        assert kept == {(author, held.key) for author in self._authors for held in self._of(author)}
        for author in self._authors:
            records = self._of(author)
            assert 0 < len(records) <= self._config.author_records
            assert sum(len(held.raw) for held in records) <= self._config.author_bytes

    def _of(self, author: PeerId) -> list[Held]:
        """The records of an author."""
        found, held = [], self._authors.get(author)
        while held is not None:
            found.append(held)
            held = held.sibling
        return found

    def _link(self, held: Held) -> None:
        """Put a record among those of its author."""
        held.sibling = self._authors.get(held.author)
        self._authors[held.author] = held

    def _distance(self, key: DhtKey) -> int:
        return number(key) ^ self._me

    def _next_time(self, now: Now) -> float:
        return now.mono + self._config.republish_seconds * self._random.uniform(0.75, 1.25)

    def _make_room(self, key: DhtKey, opened: Opened, now: Now) -> str:
        """Check the bounds as they would be with this record, dropping farther ones. Returns why not, or empty."""
        old = self._held.get(key)
        size = len(opened.raw)
        others = [held for held in self._of(opened.author) if held.key != key]
        taken = sum(len(held.raw) for held in others)
        if len(others) >= self._config.author_records or taken + size > self._config.author_bytes:
            return "too many of this author"
        freed = len(old.raw) if old else 0
        fits_count = old is not None or len(self._held) < self._config.records
        if fits_count and self.bytes - freed + size <= self._config.record_bytes:
            return ""
        self.expire(now)
        while self._held and (
            (key not in self._held and len(self._held) >= self._config.records)
            or self.bytes - (freed if key in self._held else 0) + size > self._config.record_bytes
        ):
            farthest = self._by_distance[-1]
            if self._distance(farthest) <= self._distance(key):
                return "full"
            self.drop(farthest)
        return ""

    def _put(self, key: DhtKey, name: str, opened: Opened, now: Now) -> None:
        # Its author has just stored a newer one at all who are nearest, so nobody need do that for a while.
        republish_at = self._next_time(now) if self._domains[opened.domain].republished else float("inf")
        self.drop(key)
        until = now.mono + opened.expires - now.wall
        held = Held(key, name, opened.author, opened.sequence, opened.raw, until, republish_at)
        self._held[key] = held
        if self._domains[opened.domain].republished:
            self.lasting[key] = held
        self._link(held)
        self.bytes += len(held.raw)
        insort(self._by_distance, key, key=self._distance)
