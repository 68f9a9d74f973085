"""Adverts: what this peer says it can do now, and what others say of themselves.

Of each author only the newest is kept; a forged, altered, stale or replayed one changes nothing and is counted. An
advert under this peer's own key that this run did not make, issued after it started, means that two machines share
one key.
"""

from __future__ import annotations

from collections.abc import Callable

from peernet.core.advertcache import AdvertCache, AdvertView, decoded
from peernet.core.context import Context
from peernet.core.effects import Note
from peernet.core.ownadvert import OwnAdvert
from peernet.errors import EnvelopeError, ProtocolError
from peernet.identity.envelope import Opened, open_envelope
from peernet.identity.peerid import short_peer_id
from peernet.types import PeerId
from peernet.wire.base import ENVELOPE_LIMIT
from peernet.wire.signed import ADVERT, Advert


class Adverts(OwnAdvert):
    """This peer's own advert and a bounded cache of others'. Args: see `OwnAdvert`."""

    def __init__(self, ctx: Context, publish: Callable[[bytes], None]) -> None:
        super().__init__(ctx, publish)
        self._heard = AdvertCache(ctx)
        self._warned = float("-inf")

    def accept(self, envelope: bytes, source: PeerId) -> Opened | None:
        """Take in another peer's advert, whoever brought it.

        Args:
            envelope: the bytes as they came.
            source: who sent them; the author may be another.

        Returns:
            The opened envelope while it is the newest of its author (also if it was known), else None: it was
            refused and counted, or is this peer's own.
        """
        try:
            opened = open_envelope(
                envelope,
                ADVERT,
                now=self._ctx.now.wall,
                verify=self._ctx.verify,
                max_lifetime=self._bounds.advert_lifetime,
                max_size=ENVELOPE_LIMIT,
            )
            advert = decoded(opened.body)
        except EnvelopeError as error:
            self._refuse(error.reason, source, str(error))
            return None
        except ProtocolError as error:
            self._refuse("undecodable", source, str(error))
            return None
        if opened.author == self._ctx.me:
            self._own_key(opened, advert, source)
            return None
        refused = self._heard.take(opened, advert)
        if refused:
            self._refuse(refused, source, f"sequence {opened.sequence} of {short_peer_id(opened.author)}")
            return None
        return opened

    def get(self, peer: PeerId) -> AdvertView | None:
        """Return the newest advert of a peer, or None."""
        return self._heard.get(peer)

    def known(self) -> list[AdvertView]:
        """Return all valid adverts of others, in the order in which their peers were first heard of."""
        return self._heard.views()

    def everyone(self) -> list[AdvertView]:
        """Return all valid adverts, this peer's own as it is now included once the machine has been measured."""
        own = [] if self._measured is None else [AdvertView(self._ctx.me, self.current(), 0.0)]
        return own + self.known()

    def capacity(self) -> int:
        """Return the free slots of all peers known, this one included. One that boasts counts as a large machine,
        or it would keep all others from asking for work."""
        return self._free() + self._heard.free(self._bounds.worker_pull_crowd)

    def _refuse(self, kind: str, source: PeerId, text: str) -> None:
        self._ctx.refuse(f"advert: {kind}", source, text)

    def _own_key(self, opened: Opened, advert: Advert, source: PeerId) -> None:
        """An advert under this peer's own key: an echo, one of an earlier run, or a copied key's."""
        now = self._ctx.now
        if advert.instance == self._ctx.instance or opened.issued <= self._started:
            return
        if now.mono - self._warned >= self._bounds.clone_warning:
            self._warned = now.mono
            text = (
                f"another running peer uses this peer's key {short_peer_id(opened.author)} "
                f"(a machine with {advert.cores} cores, {advert.platform or 'unknown platform'}): "
                "give one of the two a PEERNET_HOME with a key of its own"
            )
            self._ctx.note(Note("warning", text, peer=source))
