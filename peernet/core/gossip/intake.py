"""Whether an envelope is worth passing on, and who hears of it: nothing is forwarded before it is checked.

The first hop of an offer also checks that the address where its owner wants answers is the one that the offer
came from: otherwise one signed offer could aim the whole network at a victim. A tombstone ends the spreading of
a job's offers until it expires.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import Protocol

from peernet.core.adverts import Adverts
from peernet.core.context import Context
from peernet.errors import EnvelopeError, ProtocolError
from peernet.identity.envelope import Opened, open_envelope, peek_author, peek_domain
from peernet.types import JobId, PeerId
from peernet.wire.codec import decode_body
from peernet.wire.signed import ADVERT, OFFER, TOMBSTONE, Offer, Tombstone

_CLOCKS = ("expired", "future")


class OfferListener(Protocol):
    """Who wants to hear of offers: the worker."""

    def on_offer(self, opened: Opened, offer: Offer) -> None:
        """A valid offer was heard."""

    def on_tombstone(self, author: PeerId, job: JobId) -> None:
        """The author says that its job is over."""


class Verdict(Enum):
    """What an envelope is. `remembered`: the same bytes are not looked at again, whoever brings them."""

    FRESH = "new, worth passing on"
    STALE = "of no use to others"
    DIRECT = "an advert of a neighbour, for this peer only"
    TURN = "an advert of another, or one that is refused"
    UNTIMELY = "a matter of clocks"
    MISLED = "made wrong by its way here only: the right one may bring it too"
    FORGED = "what no honest peer passes on"

    @property
    def remembered(self) -> bool:
        return self is not Verdict.MISLED


class Intake:
    """Checks envelopes and hands them to whom they concern."""

    __slots__ = ("_adverts", "_config", "_ctx", "_ended", "_listener")

    def __init__(self, ctx: Context, adverts: Adverts, listener: OfferListener) -> None:
        self._ctx = ctx
        self._config = ctx.config.gossip
        self._adverts = adverts
        self._listener = listener
        self._ended: dict[tuple[PeerId, JobId], float] = {}

    def take(self, peer: PeerId, envelope: bytes, *, first_hop: bool) -> tuple[Verdict, str]:
        """Check an envelope other than an advert that `peer` brought, hand it on; return what it is and, if
        refused, as what.

        first_hop: it says that it comes from its author.
        """
        try:
            domain = peek_domain(envelope)
            if domain == OFFER:
                opened = self._open(envelope, OFFER, self._config.offer_lifetime)
                return self._take_offer(peer, opened, first_hop)
            if domain == TOMBSTONE:
                opened = self._open(envelope, TOMBSTONE, self._config.tombstone_lifetime)
                return self._take_tombstone(opened)
        except EnvelopeError as error:
            verdict = Verdict.UNTIMELY if error.reason in _CLOCKS else Verdict.FORGED
            return verdict, f"rumour: {error.reason}"
        except ProtocolError:
            return Verdict.FORGED, "rumour: undecodable"
        return Verdict.FORGED, "rumour: unknown domain"

    def take_advert(self, peer: PeerId, envelope: bytes) -> tuple[Verdict, str]:
        """As `take`, of an envelope that says that it is an advert (`is_advert`). Adverts go one hop only, so they
        come from their authors; the cache of adverts counts what is wrong. They are not remembered among rumours:
        they are few, live long, and would be most of these."""
        if peek_author(envelope) != peer:
            return Verdict.TURN, "advert: not its author's"
        if self._adverts.accept(envelope, peer) is None:
            return Verdict.TURN, ""
        return Verdict.DIRECT, ""

    def _take_offer(self, peer: PeerId, opened: Opened, first_hop: bool) -> tuple[Verdict, str]:
        offer = decode_body(Offer, opened.body)
        if self._ended.get((opened.author, offer.job), 0.0) > self._ctx.now.wall:
            return Verdict.STALE, ""
        if first_hop and not self._answers_where_it_is(peer, opened, offer):
            return Verdict.MISLED, "offer: foreign reply address"
        self._listener.on_offer(opened, offer)
        return Verdict.FRESH, ""

    def _answers_where_it_is(self, peer: PeerId, opened: Opened, offer: Offer) -> bool:
        """Whether the first hop got the offer from its author, and it wants answers where it is connected
        from."""
        link = self._ctx.links.get(peer)
        return (
            link is not None
            and opened.author == peer
            and all(address in link.addresses or address in link.announced for address in offer.addresses)
        )

    def _take_tombstone(self, opened: Opened) -> tuple[Verdict, str]:
        key = _ended_key(opened.author, opened.body)
        known = self._ended.pop(key, 0.0) > self._ctx.now.wall
        self._ended[key] = opened.expires
        if len(self._ended) > self._config.tombstones:
            del self._ended[next(iter(self._ended))]
        if not known:
            self._listener.on_tombstone(*key)
        return (Verdict.STALE if known else Verdict.FRESH), ""

    def _open(self, envelope: bytes, domain: str, lifetime: float) -> Opened:
        return open_envelope(
            envelope, domain, now=self._ctx.now.wall, verify=self._ctx.verify, max_lifetime=lifetime
        )


def is_advert(envelope: bytes) -> bool:
    """Whether an envelope says that it is an advert; it may be none."""
    try:
        return peek_domain(envelope) == ADVERT
    except EnvelopeError:
        return False


@lru_cache(maxsize=64)
def _ended_key(author: PeerId, body: bytes) -> tuple[PeerId, JobId]:
    """Decode a tombstone, or remember having done so: what ended is one object, however many peers of a process
    keep it."""
    return author, decode_body(Tombstone, body).job
