"""Messages of the neighbourhood and of what is gossiped in it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from peernet.wire.base import Message, SignedBytes
from peernet.wire.kad import Contacts

MAX_HOPS = 6


class Befriend(Message, frozen=True, array_like=True, gc=False, tag=30):
    """Request: let us be neighbours. Answer: `Befriended`."""


class Befriended(Message, frozen=True, array_like=True, gc=False, tag=31):
    """Answer to `Befriend`: whether it was accepted, and other peers to try."""

    accepted: bool
    others: Contacts


class Unfriend(Message, frozen=True, array_like=True, gc=False, tag=32):
    """Notice: we are neighbours no more."""


class Rumour(Message, frozen=True, array_like=True, gc=False, tag=33):
    """Notice: a signed envelope (advert, offer or tombstone) on its way through the neighbourhood.

    hops: how many hops it has travelled (0 from its author). reach: how many it may travel at most.
    """

    envelope: SignedBytes
    hops: Annotated[int, Meta(ge=0, le=MAX_HOPS)]
    reach: Annotated[int, Meta(ge=1, le=MAX_HOPS)]
