"""Finding those again who were lost together.

When a network is cut in two, each side drops the other from its tables, and nothing that it still knows leads
back. So a peer remembers some of the contacts that it dropped, and tries one of them now and then. Those that have
left for good are forgotten after a few tries; one that answers brings its side with it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from peernet.core.context import Context
from peernet.core.events import Done, Outcome
from peernet.types import PeerId
from peernet.wire.kad import Alive, Probe

if TYPE_CHECKING:
    from peernet.core.kad.contact import Contact
    from peernet.core.kad.roster import Roster


class Reunion:
    """The contacts that this peer has dropped lately: where they were, and how often they were tried since."""

    def __init__(self, ctx: Context, roster: Roster) -> None:
        self._ctx = ctx
        self._roster = roster
        self._config = ctx.config.kad
        self._gone: dict[PeerId, tuple[tuple[str, ...], int]] = {}

    def dropped(self, contact: Contact) -> None:
        """A contact has left the table, as it did not answer."""
        if not self._gone:
            self._later()
        self._gone.pop(contact.peer, None)
        self._gone[contact.peer] = (contact.addresses, 0)
        if len(self._gone) > self._config.gone_contacts:
            # Any of them, so that those of a cut are not all pushed out by those that leave one by one.
            del self._gone[self._draw()]

    def _later(self) -> None:
        first = self._ctx.now.mono + self._config.gone_seconds * self._ctx.random.uniform(0.75, 1.0)
        self._ctx.between(first, first + 0.25 * self._config.gone_seconds, self._try)

    def _draw(self) -> PeerId:
        return self._ctx.random.choice(list(self._gone))

    def _try(self) -> None:
        for peer in [peer for peer in self._gone if peer in self._ctx.links or peer in self._roster.table]:
            del self._gone[peer]
        if not self._gone:
            return
        peer = self._draw()
        addresses, _ = self._gone[peer]
        self._roster.call(peer, addresses, Probe(), partial(self._tried, peer, addresses))
        self._later()

    def _tried(self, peer: PeerId, addresses: tuple[str, ...], outcome: Outcome) -> None:
        if isinstance(outcome, Done) and isinstance(outcome.value, Alive):
            self._gone.pop(peer, None)
            self._roster.saw(peer, addresses)
            self._roster.reunited(peer)
            return
        known = self._gone.get(peer)
        if known is None:
            return
        if known[1] + 1 >= self._config.gone_tries:
            del self._gone[peer]
        else:
            self._gone[peer] = (known[0], known[1] + 1)
