"""Keeps records alive at the peers nearest to their keys: this peer's own, and those that it holds for others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from peernet.core.context import Context, Timer
from peernet.core.events import Done, Outcome
from peernet.core.kad.contact import number, place
from peernet.core.kad.finder import Course, Finder
from peernet.core.kad.paths import Paths
from peernet.core.kad.records import Held, RecordStore, record_key
from peernet.core.kad.roster import Roster
from peernet.types import DhtKey
from peernet.wire.kad import Store, Stored, WireContact

Placed = Callable[[int], None]
RETRY_SHARE = 0.1
"""A record that nobody took is tried again after this share of its lifetime."""


@dataclass(slots=True)
class Publication:
    """A record of this peer that is kept alive. make: signs a fresh one, with a higher sequence each time.
    holders: who took the last one, found at `found_at`; none if they are to be looked for."""

    key: DhtKey
    name: str
    make: Callable[[], bytes]
    timer: Timer | None = None
    holders: tuple[WireContact, ...] = ()
    found_at: float = 0.0


@dataclass(slots=True)
class Placing:
    """One record on its way to its holders. took: those that hold it; missed: any of them could not be reached."""

    open: int
    then: Callable[[Placing], None]
    took: list[WireContact] = field(default_factory=list)
    missed: bool = False


class Publisher:
    """Puts records where they belong, again and again."""

    def __init__(self, ctx: Context, roster: Roster, finder: Finder, store: RecordStore) -> None:
        self._ctx = ctx
        self._config = ctx.config.kad
        self._roster = roster
        self._finder = finder
        self._store = store
        self._own: dict[DhtKey, Publication] = {}
        self._home = place(ctx.me)[0]

    def put(self, domain: str, name: str, make_record: Callable[[], bytes], then: Placed) -> None:
        """As `Kad.put`."""
        key = record_key(domain, self._ctx.me, name)
        if key not in self._own and len(self._own) >= self._config.own_records:
            raise ValueError(f"{len(self._own)} records are published already, as many as are allowed")
        before = self._own.get(key)
        self._drop(key)
        publication = Publication(key, name, make_record)
        if before is not None:
            publication.holders, publication.found_at = before.holders, before.found_at
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
            publication.holders = ()
            self._renew(publication)

    def republish_due(self) -> None:
        """Store those records of others again whose time has come."""
        for held in self._store.due(self._ctx.now, self._config.republishes):
            if held.key not in self._own:
                # One path: the other holders do the same, each from where it stands.
                body = Store(held.key, held.name, held.raw)
                self._finder.find(held.key, partial(self._found_near, body))

    def hand(self, contact: WireContact, held: Held) -> None:
        """Store a record of another peer at a newcomer, which is to hold it from now on."""
        self._store_at([contact], Store(held.key, held.name, held.raw), _settled)

    def _found_near(self, body: Store, lookup: Course) -> None:
        self._store_at(lookup.nearest(), body, _settled)

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
        self._place(publication, Store(publication.key, publication.name, record), placed)
        return ""

    def _renew_after(self, publication: Publication, seconds: float) -> None:
        if publication.timer is not None:
            publication.timer.cancel()
        pause = seconds * self._ctx.random.uniform(0.75, 1.0)
        publication.timer = self._ctx.after(pause, lambda: self._renew(publication))

    def _place(self, publication: Publication, body: Store, then: Placed) -> None:
        """Store a record at the peers nearest to its key; `then` gets how many hold it.

        Those who took the last one are stored at again without a search, until one of them fails or enough time
        has passed that others may have come nearer. For a record at this peer's own place nobody is ever looked
        for: the table always has those nearest to it, as far as they are known, and some of them are enough.
        """
        if body.key == self._home:
            near = self._roster.table.nearest(self._home, self._config.advert_holders, healthy=True)
            self._store_at([contact.wire for contact in near], body, lambda placing: then(len(placing.took)))
            return

        def again(placing: Placing) -> None:
            if placing.missed:
                publication.holders = ()
            if 2 * len(placing.took) < len(holders):
                self._search(publication, body, then)
            else:
                then(len(placing.took))

        holders = publication.holders
        if holders and self._ctx.now.mono - publication.found_at < self._config.republish_seconds:
            self._store_at(holders, body, again)
        else:
            self._search(publication, body, then)

    def _search(self, publication: Publication, body: Store, then: Placed) -> None:
        """Look for the holders on disjoint paths, once more from elsewhere if in doubt, and store there."""

        def first(lookup: Course) -> None:
            found = lookup.nearest()
            again = partial(second, found)
            if not self._doubtful(lookup, goal) or not self._finder.find(body.key, again, way="scattered"):
                store(found)

        def second(before: list[WireContact], lookup: Course) -> None:
            both = {place(contact.peer)[1] ^ goal: contact for contact in (*before, *lookup.nearest())}
            store([both[distance] for distance in sorted(both)][: self._config.k])

        def store(found: list[WireContact]) -> None:
            self._store_at(found, body, placed)

        def placed(placing: Placing) -> None:
            publication.holders = tuple(placing.took)
            publication.found_at = self._ctx.now.mono
            then(len(placing.took))

        goal = number(body.key)
        if not self._finder.find(body.key, first, way="disjoint"):
            then(0)

    def _doubtful(self, lookup: Course, goal: int) -> bool:
        """Whether the paths disagree, or what they found lies much farther from its place than contacts do here:
        colluders who lead all paths astray know their own kind only, and so are spread more thinly."""
        if isinstance(lookup, Paths) and not lookup.agree():
            return True
        found = lookup.nearest()
        reach = self._roster.table.reach()
        near = [contact for contact in found if place(contact.peer)[1] ^ goal <= self._config.sparse * reach]
        return 2 * len(near) < len(found)

    def _store_at(self, contacts: Sequence[WireContact], body: Store, then: Callable[[Placing], None]) -> None:
        placing = Placing(open=len(contacts), then=then)
        if not contacts:
            then(placing)
        for contact in contacts:
            ways = self._roster.ways(contact.peer, contact.addresses)
            self._roster.call(contact.peer, ways, body, partial(self._stored, contact, placing))

    def _stored(self, contact: WireContact, placing: Placing, outcome: Outcome) -> None:
        if not isinstance(outcome, Done):
            placing.missed = True
        elif not isinstance(outcome.value, Stored):
            self._ctx.refuse("kad: wrong answer", contact.peer, f"{type(outcome.value).__name__} to a Store")
        elif not outcome.value.refused:
            placing.took.append(contact)
        placing.open -= 1
        if placing.open == 0:
            placing.then(placing)


def _ignore(count: int) -> None:
    """For a record that nobody waits for."""


def _settled(placing: Placing) -> None:
    """Stored again for another peer: nobody waits for it."""
