"""Hands records to newcomers, so that a get soon meets enough of the nearest peers that hold its record.

After section 2.5 of the paper: whoever learns of a new peer that is nearer to the key of a record than others are
stores the record at it. Without that, most of the k nearest to an older record are newcomers that never heard of
it (11 of 20 at 20 % of churn a minute), and a get asks all of them before enough holders agree. So that a newcomer
is not told by all k, the holder nearest to the key does it and the others keep still. If it has died or is a liar,
the newcomer gets the record when it is stored again in time.

A newcomer is known by its question: it looks for its own place. A peer that has been away does so too, whose store
is empty again although it never left the tables of others. Only those are told that the table holds: they have
proven that they can be dialled, and nobody can aim these stores at somebody else. What a round of them costs is
bounded, whoever asks how often; who wants records sent to itself has it cheaper by asking for them.
"""

from __future__ import annotations

from peernet.core.context import Context
from peernet.core.kad.contact import Contact, number
from peernet.core.kad.publisher import Publisher
from peernet.core.kad.records import Held, RecordStore
from peernet.core.kad.table import Table
from peernet.types import PeerId


class Handing:
    """Gathers newcomers for some seconds, and then stores at them what they lack."""

    def __init__(self, ctx: Context, table: Table, publisher: Publisher, store: RecordStore) -> None:
        self._ctx = ctx
        self._config = ctx.config.kad
        self._table = table
        self._publisher = publisher
        self._store = store
        self._newcomers: dict[PeerId, None] = {}

    def came(self, peer: PeerId) -> None:
        """A peer looks for its own place: it has come to the network, or back. What is put from now on comes to
        it by itself."""
        if not self._store.lasting:
            return
        if not self._newcomers:
            pause = self._config.hand_seconds * self._ctx.random.uniform(0.5, 1.5)
            self._ctx.after(pause, self._hand)
        self._newcomers[peer] = None
        if len(self._newcomers) > self._config.hand_newcomers:
            del self._newcomers[next(iter(self._newcomers))]

    def _hand(self) -> None:
        """Store at the newcomers what they lack; of too much that which is nearest to them."""
        newcomers, self._newcomers = self._newcomers, {}
        places = [
            (contact.long_id ^ number(held.key), contact, held)
            for held in self._store.lasting.values()
            if held.until > self._ctx.now.mono
            for contact in self._lacking(held, newcomers)
        ]
        places.sort(key=lambda place: place[0])
        for _, contact, held in places[: self._config.hand_stores]:
            self._publisher.hand(contact.wire, held)

    def _lacking(self, held: Held, newcomers: dict[PeerId, None]) -> list[Contact]:
        """The newcomers among the k nearest to a record, if it is for this peer to tell them."""
        goal, count = number(held.key), self._config.handers
        own = self._table.node.long_id ^ goal
        nearer = 0
        # Mostly there are others in the bucket of the key itself: a look at a few of them spares the rest.
        for contact in self._table.bucket_for(goal).nodes:
            if contact.long_id ^ goal < own and not contact.failures and contact.peer not in newcomers:
                nearer += 1
                if nearer == count:
                    return []
        near = self._table.nearest(held.key, self._config.k, healthy=True)
        others = [contact for contact in near if contact.peer not in newcomers]
        if len(others) >= count and others[count - 1].long_id ^ goal < own:
            return []
        return [contact for contact in near if contact.peer in newcomers]
