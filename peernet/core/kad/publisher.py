"""Keeps records alive at the peers nearest to their keys: this peer's own, and those that it holds for others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from peernet.core.context import Context, Timer
from peernet.core.events import Done, Outcome
from peernet.core.kad.finder import Finder
from peernet.core.kad.lookup import Lookup
from peernet.core.kad.records import RecordStore, record_key
from peernet.types import DhtKey, PeerId
from peernet.wire.kad import Store, Stored

Placed = Callable[[int], None]
RETRY_SHARE = 0.1
"""A record that nobody took is tried again after this share of its lifetime."""


@dataclass(slots=True)
class Publication:
    """A record of this peer that is kept alive. make: signs a fresh one, with a higher sequence each time."""

    key: DhtKey
    name: str
    make: Callable[[], bytes]
    timer: Timer | None = None


@dataclass(slots=True)
class Placing:
    """One record on its way to its holders."""

    open: int
    held: int
    then: Placed


class Publisher:
    """Puts records where they belong, again and again."""

    def __init__(self, ctx: Context, finder: Finder, store: RecordStore) -> None:
        self._ctx = ctx
        self._config = ctx.config.kad
        self._finder = finder
        self._store = store
        self._own: dict[DhtKey, Publication] = {}

    def put(self, domain: str, name: str, make_record: Callable[[], bytes], then: Placed) -> None:
        """As `Kad.put`."""
        key = record_key(domain, self._ctx.me, name)
        if key not in self._own and len(self._own) >= self._config.own_records:
            raise ValueError(f"{len(self._own)} records are published already, as many as are allowed")
        self._drop(key)
        publication = Publication(key, name, make_record)
        self._own[key] = publication
        refused = self._publish(publication, then)
        if refused:
            self._drop(key)
            raise ValueError(f"a record of this peer's own would be refused by others: {refused}")

    def withdraw(self, domain: str, name: str) -> None:
        """As `Kad.withdraw`."""
        key = record_key(domain, self._ctx.me, name)
        self._drop(key)
        self._store.drop(key)

    def renew_all(self) -> None:
        """Publish every own record again now: this peer has just come to a network."""
        for publication in list(self._own.values()):
            self._renew(publication)

    def republish_due(self) -> None:
        """Store those records of others again whose time has come."""
        for held in self._store.due(self._ctx.now, self._config.republishes):
            if held.key not in self._own:
                self._place(held.key, held.name, held.opened.raw, _ignore)

    def _drop(self, key: DhtKey) -> None:
        publication = self._own.pop(key, None)
        if publication is not None and publication.timer is not None:
            publication.timer.cancel()

    def _renew(self, publication: Publication) -> None:
        refused = self._publish(publication, _ignore)
        if refused:
            self._drop(publication.key)
            self._ctx.refuse(f"own record: {refused}", None, "it is published no longer")

    def _publish(self, publication: Publication, then: Placed) -> str:
        """Sign a record and place it. Returns why it can't be, or the empty text."""
        record = publication.make()
        refused = self._store.accept(publication.key, publication.name, record, self._ctx.now)
        held = self._store.get(publication.key, self._ctx.now)
        if refused or held is None:
            return refused or "expired"
        lifetime = held.until - self._ctx.now.mono

        def placed(count: int) -> None:
            if count == 0 and self._own.get(publication.key) is publication:
                self._renew_after(publication, lifetime * RETRY_SHARE)
            then(count)

        self._renew_after(publication, lifetime * self._config.renew_share)
        self._place(publication.key, publication.name, record, placed)
        return ""

    def _renew_after(self, publication: Publication, seconds: float) -> None:
        if publication.timer is not None:
            publication.timer.cancel()
        pause = seconds * self._ctx.random.uniform(0.75, 1.0)
        publication.timer = self._ctx.after(pause, lambda: self._renew(publication))

    def _place(self, key: DhtKey, name: str, record: bytes, then: Placed) -> None:
        """Store a record at the peers nearest to its key; `then` gets how many hold it."""
        body = Store(key, name, record)
        if not self._finder.find(key, lambda lookup: self._store_at(lookup, body, then)):
            then(0)

    def _store_at(self, lookup: Lookup, body: Store, then: Placed) -> None:
        holders = lookup.nearest()
        placing = Placing(open=len(holders), held=0, then=then)
        if not holders:
            then(0)
        for contact in holders:
            self._call_store(contact.peer, body, placing)

    def _call_store(self, peer: PeerId, body: Store, placing: Placing) -> None:
        self._ctx.call(peer, body, lambda outcome: self._stored(peer, placing, outcome), self._config.call_seconds)

    def _stored(self, peer: PeerId, placing: Placing, outcome: Outcome) -> None:
        if isinstance(outcome, Done):
            if isinstance(outcome.value, Stored):
                placing.held += not outcome.value.refused
            else:
                self._ctx.refuse("kad: wrong answer", peer, f"{type(outcome.value).__name__} to a Store")
        placing.open -= 1
        if placing.open == 0:
            placing.then(placing.held)


def _ignore(count: int) -> None:
    """For a record that nobody waits for."""
