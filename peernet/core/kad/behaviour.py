"""The DHT as the rest of the core sees it: join, find peers, get and put signed records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from peernet.core.context import Context, Timer
from peernet.core.events import Failure
from peernet.core.handlers import Handler, Handlers, bound
from peernet.core.kad.contact import Contact, place
from peernet.core.kad.fetching import Fetching
from peernet.core.kad.finder import Finder
from peernet.core.kad.handing import Handing
from peernet.core.kad.knocking import Knocking
from peernet.core.kad.membership import Membership
from peernet.core.kad.publisher import Publisher
from peernet.core.kad.records import DOMAINS, Domain, RecordStore
from peernet.core.kad.roster import Roster
from peernet.core.records import ContactRecord
from peernet.identity.envelope import Opened
from peernet.types import DhtKey, PeerId
from peernet.wire.base import Message
from peernet.wire.kad import Alive, FindNode, FindValue, Nodes, Probe, Store, Stored, Values, WireContact
from peernet.wire.link import Body
from peernet.wire.signed import ADVERT


@dataclass(frozen=True, slots=True)
class ContactView:
    """A contact for people. age: seconds since it was last heard. linked: a connection stands."""

    peer: PeerId
    addresses: tuple[str, ...]
    age: float
    failures: int
    linked: bool


class Kad:
    """The behaviour of the DHT. Every continuation is called exactly once, never before the method returns,
    except where too many lookups wait already: then at once, with nothing found."""

    def __init__(self, ctx: Context, domains: Mapping[str, Domain] = DOMAINS) -> None:
        """domains: which records are held and fetched."""
        self._ctx = ctx
        self._config = ctx.config.kad
        self._domains = domains
        self._roster = Roster(ctx)
        self._knocking = Knocking(ctx, self._roster)
        self._finder = Finder(ctx, self._roster)
        self.table = self._roster.table
        self.store = RecordStore(place(ctx.me)[0], self._config, ctx.verify, ctx.random, domains)
        self._publisher = Publisher(ctx, self._roster, self._finder, self.store)
        self._handing = Handing(ctx, self.table, self._publisher, self.store)
        self._membership = Membership(ctx, self._roster, self._finder, self._publisher.renew_all)
        self._advert = b""
        self._advert_put = float("-inf")
        self._advert_timer: Timer | None = None

    @property
    def handlers(self) -> dict[type[Message], Handler]:
        """What each message is given to, for those who drive this behaviour alone."""
        return bound(self)

    def restore(self, contacts: Iterable[ContactRecord]) -> None:
        """Take the cached contacts of the journal, before `start`."""
        self._membership.restore(contacts)

    def start(self) -> None:
        """Begin: return to the network if contacts are cached, and look after the table from now on."""
        self.rejoin()
        self._tick_later()

    def tell_reunions(self, tell: Callable[[PeerId], None]) -> None:
        """Have `tell` told of each peer that was dropped, as it did not answer, and has been found again."""
        self._roster.reunited = tell

    def on_connected(self, peer: PeerId) -> None:
        """A connection stands; a peer that can be dialled gets into the table."""
        link = self._ctx.links[peer]
        self._ctx.book.learn(peer, link.addresses)
        self._roster.saw(peer)
        if link.inbound:
            self._knocking.came(peer)

    def stays(self, peer: PeerId) -> None:
        """A connected peer has come for more than a question: see whether it can be dialled, if it came by itself,
        so that it is found again, and others may be told of it."""
        self._knocking.knock(peer)

    def on_lost(self, peer: PeerId, clean: bool) -> None:
        """A connection has ended: see, sooner or later, whether the peer still lives."""
        self._roster.lost(peer, clean)

    def join(self, addresses: Iterable[str], then: Callable[[Failure | None], None]) -> None:
        """Come into a network through any of these multiaddrs. `then` gets None once one has answered and the own
        neighbourhood is known, or the failure: "wrong-peer" or "unreachable", with a message that names each
        address; "usage" if one is no address."""
        self._membership.join(addresses, then)

    def met(self, contacts: Iterable[Contact]) -> None:
        """Take in contacts that are known from elsewhere to live and to be dialable, as if each had just been
        dialled: in place of `join`, for who knows the network already. Some of them go into the journal."""
        self._roster.met(contacts)

    def rejoin(self) -> None:
        """Return to the network through cached contacts. Tried again with back-off while no connection stands."""
        self._membership.rejoin()

    def find_node(self, target: DhtKey, then: Callable[[list[WireContact]], None]) -> None:
        """Find the live peers nearest to a place, nearest first, at most k. Never includes this peer."""
        if not self._finder.find(target, lambda lookup: then(lookup.nearest())):
            then([])

    def get(self, key: DhtKey, domain: str, then: Callable[[list[Opened]], None]) -> None:
        """Fetch the record under a key (`records.record_key`). `then` gets the one of the highest sequence whose
        signature, key and times hold, or nothing. Disjoint paths ask until a quorum agrees or all k nearest were
        asked, so few liars can neither hide the record nor the newest of several; then others are tried once."""
        Fetching(self._ctx, self._finder, self.store, key, domain, then).start()

    def put(
        self,
        domain: str,
        name: str,
        make_record: Callable[[], bytes],
        then: Callable[[int], None] = lambda holders: None,
    ) -> None:
        """Publish a record of this peer at the k peers nearest to its key, and renew it until `withdraw`.

        make_record: returns a freshly signed envelope of `domain`, with a higher sequence at each call. name: one
        of the domain's names. then: gets the number of peers that hold it. A second put of the same name replaces
        the first.

        Raises ValueError if the record would be refused by others, or too many are published.
        """
        self._publisher.put(domain, name, make_record, then)

    def withdraw(self, domain: str, name: str) -> None:
        """Renew a record no longer; others drop it when it expires."""
        self._publisher.withdraw(domain, name)

    def put_advert(self, envelope: bytes) -> None:
        """Publish this peer's newest advert. Who calls it renews it; it is stored at most every
        `advert_seconds`, the latest then."""
        self._advert = envelope
        wait = self._advert_put + self._config.advert_seconds - self._ctx.now.mono
        if wait <= 0:
            self._store_advert()
        elif self._advert_timer is None:
            self._advert_timer = self._ctx.after(wait, self._store_advert)

    def _store_advert(self) -> None:
        self._advert_timer = None
        self._advert_put = self._ctx.now.mono
        try:
            self.put(ADVERT, "", lambda: self._advert)
        except ValueError as error:
            self._ctx.refuse("own record: advert", None, str(error))

    def sample(self, count: int) -> list[PeerId]:
        """Up to `count` random contacts that answered their last call; their addresses are in the book."""
        healthy = [contact for contact in self.table.contacts() if not contact.failures]
        chosen = self._ctx.random.sample(healthy, min(count, len(healthy)))
        for contact in chosen:
            self._roster.heard_of(contact.peer, contact.addresses)
        return [contact.peer for contact in chosen]

    def heard_of(self, contact: WireContact) -> None:
        """Take a hint where a peer may be dialled. It is used for dials only, until the peer has answered."""
        if contact.peer != self._ctx.me:
            self._roster.heard_of(contact.peer, contact.addresses)

    def view(self) -> list[ContactView]:
        """The contacts of the table for people, the latest heard first."""
        now = self._ctx.now.mono
        views = [
            ContactView(
                contact.peer,
                contact.addresses,
                0.0 if contact.peer in self._ctx.links else now - contact.last_seen,
                contact.failures,
                contact.peer in self._ctx.links,
            )
            for contact in self.table.contacts()
        ]
        return sorted(views, key=lambda view: (view.age, view.peer))

    def _tick_later(self) -> None:
        first = self._ctx.now.mono + self._config.tick_seconds * self._ctx.random.uniform(0.75, 1.25)
        self._ctx.between(first, first + 0.5 * self._config.tick_seconds, self._tick)

    def _tick(self) -> None:
        self._tick_later()
        self.store.expire(self._ctx.now)
        self._membership.retry()
        if self._ctx.links:
            self._roster.probe_stale()
            self._membership.refresh_due()
            self._publisher.republish_due()

    def _on_find_node(self, peer: PeerId, body: Body) -> Body:
        assert isinstance(body, FindNode)
        self._knocking.looks(peer)
        if body.target == place(peer)[0]:
            self._handing.came(peer)
        return Nodes(self.table.answer(body.target, peer))

    def _on_find_value(self, peer: PeerId, body: Body) -> Body:
        assert isinstance(body, FindValue)
        self._knocking.looks(peer)
        held = self.store.get(body.key, self._ctx.now)
        records = () if held is None else (held.raw,)
        return Values(records, self.table.answer(body.key, peer))

    def _on_store(self, peer: PeerId, body: Body) -> Body:
        assert isinstance(body, Store)
        refused = self.store.accept(body.key, body.name, body.record, self._ctx.now)
        if refused:
            self._ctx.refuse(f"record: {refused}", peer, f"not held under {body.key.hex()[:8]}…")
        return Stored(refused)

    def _on_probe(self, peer: PeerId, body: Body) -> Body:
        assert isinstance(body, Probe)
        return Alive()

    HANDLERS: ClassVar[Handlers] = {
        FindNode: _on_find_node,
        FindValue: _on_find_value,
        Store: _on_store,
        Probe: _on_probe,
    }
