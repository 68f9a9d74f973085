"""Sees whether those who have dialled this peer can be dialled themselves, before others are told so.

Behind a NAT a peer can dial and not be dialled: every lookup that is sent to it would wait for a dial in vain. So
who has come by itself is knocked at where its address will be used: if the routing table has a place for it, or if
it stays for more than a question. Who comes while its bucket is full is left alone; when a place there becomes
free and it is still connected, it is knocked at then. Once it looks for peers, as newcomers do, the contact there
that was heard least recently is probed for its sake, as in section 2.2 of the paper. Not before: a probe opens a
connection too, and if each of them led to a probe by the other side, they would go on for ever.
"""

from __future__ import annotations

from functools import partial

from peernet.core.context import Context, Link
from peernet.core.effects import Knock
from peernet.core.events import Done, Outcome
from peernet.core.kad.contact import place
from peernet.core.kad.roster import Roster
from peernet.types import PeerId


class Knocking:
    """Knocks at each connection at most once, except where too many were being knocked at."""

    def __init__(self, ctx: Context, roster: Roster) -> None:
        self._ctx = ctx
        self._roster = roster
        roster.vacated = self._vacated

    def came(self, peer: PeerId) -> None:
        """A peer has dialled this one."""
        link = self._ctx.links[peer]
        if link.addresses or not link.announced:
            return
        known = self._roster.table.get(peer)
        if known is not None and not known.failures and link.announced[0] in known.addresses:
            self._roster.reachable(peer)
        elif self._roster.table.wants(peer, link.announced[0]):
            self.knock(peer)
        else:
            link.entry = "placeless"

    def looks(self, peer: PeerId) -> None:
        """A peer has asked for peers, or for a value."""
        link = self._ctx.links.get(peer)
        if link is not None and link.entry == "placeless":
            link.entry = ""
            self._roster.turned_away(peer)

    def knock(self, peer: PeerId) -> None:
        """See whether a connected peer can be dialled, unless that is known or was tried over this connection."""
        link = self._ctx.links.get(peer)
        if link is None or link.addresses or not link.announced or link.entry == "knocked":
            return
        link.entry = "knocked"
        address = link.announced[0]
        self._ctx.ask(lambda number: Knock(number, address), partial(self._answered, peer, link))

    def _answered(self, peer: PeerId, link: Link, outcome: Outcome) -> None:
        if self._ctx.links.get(peer) is not link:
            return
        if isinstance(outcome, Done):
            self._roster.reachable(peer)
        elif outcome.failure.kind == "busy":
            link.entry = ""
            self._ctx.after(self._ctx.config.kad.knock_again_seconds, lambda: self.knock(peer))

    def _vacated(self, long_id: int) -> None:
        """A contact of this place has left the table: one who is connected may take it."""
        bucket = self._roster.table.bucket_for(long_id)
        free = bucket.ksize - len(bucket)
        for peer, link in self._ctx.links.items():
            if free <= 0:
                break
            if link.announced and not link.addresses and link.entry != "knocked":
                number = place(peer)[1]
                if number >> bucket.bits == bucket.lower >> bucket.bits:
                    self.knock(peer)
                    free -= 1
