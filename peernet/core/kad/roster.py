"""Keeps the routing table true: who answers gets in, who does not is probed and leaves; the journal remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from peernet.core.context import Context, Then
from peernet.core.effects import Call, Note
from peernet.core.events import Done, Failure, Outcome
from peernet.core.kad.contact import Contact, introduction, number, place
from peernet.core.kad.reunion import Reunion
from peernet.core.kad.table import Table
from peernet.core.records import ContactRecord
from peernet.errors import AddressError
from peernet.identity.multiaddr import Multiaddr
from peernet.types import DhtKey, PeerId
from peernet.wire.kad import Alive, Probe, WireContact
from peernet.wire.link import Body

BLAMELESS = ("busy", "refused", "storage")
"""Failures of a call that say nothing against the peer's being alive."""


@lru_cache(maxsize=16_384)
def usable(peer: PeerId, text: str) -> tuple[str, str]:
    """The canonical form of an address at which somebody says a peer may be dialled, or why it is not believed.

    Remembered because each lookup hears of the same few peers, and parsing costs as much as the rest of a call.
    Full it takes 8 MB.
    """
    try:
        address = Multiaddr.parse(text)
    except AddressError:
        return "", "kad: no address"
    if address.peer not in (None, peer) or not address.port:
        return "", "kad: another's address"
    canonical = str(address.with_peer(peer))
    return (text if canonical == text else canonical), ""


class Roster:
    """The table, fed with what calls and connections tell, and the contacts kept in the journal."""

    def __init__(self, ctx: Context) -> None:
        self.table = Table(ctx.me, ctx.config.kad)
        self._ctx = ctx
        self._config = ctx.config.kad
        self._probing: dict[PeerId, None] = {}
        self._parted: dict[PeerId, float] = {}
        self._saved: dict[PeerId, float] = {}
        self._reunion = Reunion(ctx, self)
        self.reunited: Callable[[PeerId], None] = lambda peer: None
        """Told of each peer that was dropped and has been found again."""
        self.vacated: Callable[[int], None] = lambda long_id: None
        """Told of the place of each contact that has left the table."""

    def restore(self, records: Iterable[ContactRecord]) -> list[WireContact]:
        """Take the contacts of the journal. Returns those seen last; those too many leave it."""
        latest = sorted(records, key=lambda record: (-record.seen, record.peer))
        kept, excess = latest[: self._config.saved_contacts], latest[self._config.saved_contacts :]
        for record in excess:
            self._ctx.forget(ContactRecord.space, record.peer)
        for record in reversed(kept):
            self._saved[record.peer] = float("-inf")
        return [introduction(record.peer, record.addresses) for record in kept]

    def touched(self, target: DhtKey) -> None:
        """A lookup has gone through the bucket of this id, which so needs no refresh for a while."""
        self.table.bucket_for(number(target)).touch_last_updated(self.next_refresh())

    def next_refresh(self) -> float:
        """When the next refresh of a bucket is due that is touched now."""
        interval = self._config.refresh_seconds * self._ctx.random.uniform(0.75, 1.25)
        return self._ctx.now.mono + interval

    def saw(self, peer: PeerId, addresses: tuple[str, ...] = ()) -> None:
        """A peer has answered or connected. addresses: where it was dialled, if no live link says it better."""
        link = self._ctx.links.get(peer)
        if link is not None:
            addresses = link.addresses
        now = self._ctx.now.mono
        contact = self.table.get(peer)
        if contact is not None:
            self.table.heard(contact, addresses, now)
            if now - self._saved.get(peer, 0.0) >= self._config.save_seconds:
                self._save(contact)
            return
        if not addresses:
            return
        contact = Contact.of(peer, addresses)
        rival = self.table.saw(contact, now)
        if rival is not None:
            self._press(rival)
        if self.table.get(peer) is contact:
            self._ctx.note(Note("peers", peer=peer))
            self._save(contact)

    def met(self, contacts: Iterable[Contact]) -> None:
        """As `Kad.met`."""
        now, saw, learn = self._ctx.now.mono, self.table.saw, self._ctx.book.learn
        for contact in contacts:
            saw(contact, now)
            learn(contact.peer, contact.addresses)
            if len(self._saved) < self._config.saved_contacts:
                self._save(contact)

    def reachable(self, peer: PeerId) -> None:
        """A connected peer can be dialled where it says: it may have a place, and others may be told of it."""
        link = self._ctx.links[peer]
        link.addresses = link.announced
        self._ctx.book.learn(peer, link.addresses)
        self.saw(peer)

    def turned_away(self, peer: PeerId) -> None:
        """A peer has come for whom the table has no place: see whether the one there that was heard least recently
        still lives."""
        rival = self.table.bucket_for(place(peer)[1]).head()
        if rival is not None:
            self._press(rival)

    def heard_of(self, peer: PeerId, addresses: tuple[str, ...]) -> None:
        """Somebody says where a peer may be dialled, unproven: remember it for those who will."""
        if peer not in self._ctx.links:
            self._ctx.book.learn(peer, self.ways(peer, addresses))

    def ways(self, peer: PeerId, addresses: tuple[str, ...]) -> tuple[str, ...]:
        """Where to dial a peer that somebody says is at these addresses. None are needed while it is connected.

        Hearsay never replaces the addresses of a live connection or of a contact that answers. It is not kept
        either: a lookup hears of hundreds of peers, and calls a few.
        """
        link = self._ctx.links.get(peer)
        if link is not None:
            return link.addresses
        proven = self.table.get(peer)
        if proven is not None and not proven.failures:
            return proven.addresses
        known = self._ctx.book.get(peer)
        if known == addresses:
            return known
        # Some of the old stay, lest a liar's addresses hide the true ones; some of the new, lest the stale do.
        usable = self._usable(peer, addresses)
        if not known:
            return usable
        half = self._config.addresses // 2
        return tuple(dict.fromkeys((*known[:half], *usable)))[: self._config.addresses]

    def call(self, peer: PeerId, addresses: tuple[str, ...], body: Body, then: Then) -> None:
        """Call another peer at addresses that need not be in the book; `then` gets the outcome."""
        timeout = self._config.call_seconds
        self._ctx.ask(lambda number: Call(number, peer, addresses, body, timeout), then)

    def _usable(self, peer: PeerId, addresses: tuple[str, ...]) -> tuple[str, ...]:
        """Those of unproven addresses that name this peer, in canonical form, at most as many as are believed."""
        if len(addresses) == 1:
            address, problem = usable(peer, addresses[0])
            if address == addresses[0]:
                return addresses  # The most common case, and no copy of it.
        good: dict[str, None] = {}
        for text in addresses[: self._config.addresses]:
            address, problem = usable(peer, text)
            if problem:
                self._count(problem)
            else:
                good[address] = None
        return tuple(good)

    def _count(self, kind: str) -> None:
        self._ctx.counters[kind] = self._ctx.counters.get(kind, 0) + 1

    def failed(self, peer: PeerId, failure: Failure) -> None:
        """A call to a peer failed."""
        if failure.kind in BLAMELESS:
            return
        if failure.kind == "lost":
            # One broken connection fails all its calls: that is one sign of death, not many.
            self.table.suspect(peer)
            return
        gone = self.table.failed(peer, evict=bool(self._ctx.links))
        if gone is None:
            return
        self._reunion.dropped(gone)
        if self._saved.pop(peer, None) is not None:
            self._ctx.forget(ContactRecord.space, peer)
        self._ctx.note(Note("peers", peer=peer))
        self.vacated(gone.long_id)

    def lost(self, peer: PeerId, clean: bool) -> None:
        """A connection has ended. An unclean end is a reason to see at once whether the peer still lives.

        A clean one may mean no more than that its room was wanted, so a dial must not follow at once.
        """
        if not clean:
            self.table.suspect(peer)
            self.probe(peer)
        elif peer in self.table and peer not in self._parted:
            self._parted[peer] = self._ctx.now.mono + self._config.parted_seconds
            if len(self._parted) == 1:
                self._ctx.at(self._parted[peer], self._look_after)

    def _look_after(self) -> None:
        """Probe those that left long enough ago. One timer for all, as all wait equally long."""
        now = self._ctx.now.mono
        for peer in [peer for peer, due in self._parted.items() if due <= now]:
            del self._parted[peer]
            if peer not in self._ctx.links:
                self.probe(peer)
        if self._parted:
            self._ctx.at(next(iter(self._parted.values())), self._look_after)

    def probe(self, peer: PeerId) -> None:
        """Ask a contact whether it is still there, unless enough are being asked."""
        contact = self.table.get(peer)
        if contact is None or peer in self._probing or len(self._probing) >= self._config.probes:
            return
        self._probing[peer] = None
        ways = self.ways(peer, contact.addresses)
        self.call(peer, ways, Probe(), lambda outcome: self._probed(peer, ways, outcome))

    def probe_stale(self) -> None:
        """Probe those that have failed, and those that were not heard for longest; a live connection is proof
        enough for these."""
        now = self._ctx.now.mono
        suspects = self.table.suspects()
        stale = []
        for contact in self.table.stale(now):
            if contact.failures:
                continue
            if contact.peer in self._ctx.links:
                self.table.saw(contact, now)
            else:
                stale.append(contact)
        # Those with a failure come first: one more call settles whether they stay.
        for those in (suspects, stale):
            those.sort(key=lambda contact: contact.last_seen)
        for contact in (suspects + stale)[: self._config.probes]:
            self.probe(contact.peer)

    def _probe_suspects(self) -> None:
        for contact in self.table.suspects():
            self.probe(contact.peer)

    def _press(self, rival: Contact) -> None:
        """Others want the place of a contact."""
        if self._ctx.now.mono - rival.last_seen < self._config.crowded_seconds:
            return
        if rival.peer in self._ctx.links:
            self.table.saw(rival, self._ctx.now.mono)
        else:
            self.probe(rival.peer)

    def _probed(self, peer: PeerId, ways: tuple[str, ...], outcome: Outcome) -> None:
        del self._probing[peer]
        if not isinstance(outcome, Done):
            self.failed(peer, outcome.failure)
        elif isinstance(outcome.value, Alive):
            self.saw(peer, ways)
        else:
            self._ctx.refuse("kad: wrong answer", peer, f"{type(outcome.value).__name__} to a Probe")
            self.failed(peer, Failure("corrupt", "it answered a Probe with something else"))
        contact = self.table.get(peer)
        if contact is None or not contact.failures:
            # Settled: go on with the next suspect. Otherwise the next tick does, lest dials follow each other.
            self._probe_suspects()

    def _save(self, contact: Contact) -> None:
        """Keep a contact in the journal, seldom, and no more than there is room for."""
        now = self._ctx.now.mono
        last = self._saved.get(contact.peer)
        if last is None:
            full = len(self._saved) >= self._config.saved_contacts
            last = next(iter(self._saved.values())) if full else float("-inf")
        if now - last < self._config.save_seconds:
            return
        self._saved.pop(contact.peer, None)
        self._saved[contact.peer] = now
        self._ctx.save(ContactRecord(contact.peer, contact.addresses, self._ctx.now.wall))
        if len(self._saved) > self._config.saved_contacts:
            out = next(iter(self._saved))
            del self._saved[out]
            self._ctx.forget(ContactRecord.space, out)
