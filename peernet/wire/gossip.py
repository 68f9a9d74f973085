"""Messages of the neighbourhood and of what is gossiped in it.

Sources: the broadcast tree is that of Leitão, Pereira and Rodrigues, "Epidemic Broadcast Trees" (SRDS 2007),
whose GOSSIP, IHAVE, GRAFT and PRUNE are `Rumour`, `IHave`, `Graft` and `Prune`; the neighbourhood follows the
same authors' "HyParView" (DSN 2007), whose NEIGHBOR, DISCONNECT, SHUFFLE and SHUFFLEREPLY are `Befriend`,
`Unfriend`, `Shuffle` and `Shuffled`.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from peernet.wire.base import Message, PeerKey, SignedBytes
from peernet.wire.kad import Contacts, WireContact

MAX_HOPS = 6
"""The widest ring that an author asks for. Rings below it count hops of the neighbourhood, of 8 peers and
more: 10, 90, 700, 5,000 in rings 1 to 4. The widest is everybody, whom the tree reaches (`MAX_DEPTH`)."""

MAX_DEPTH = 64
"""Hops that a rumour for everybody may travel. Paths of the tree are longer than the shortest ones: measured 11 of
6,000 peers after it was laid, and at most 31 after broadcasts of changing authors at 5 % loss. Twice that is room
for far larger networks, as depth grows with the logarithm."""

MAX_HAVES = 64
"""Rumours named in one `IHave`: 20 bytes each, so below 2 KiB."""

MAX_GRAFTS = 32
"""Rumours asked for in one `Graft`."""

MAX_SHUFFLED = 8
"""Contacts in one shuffle: as in the paper (one's own, 3 active, 4 passive)."""

MAX_WALK = 6
"""Hops of a shuffle's random walk: as in the paper."""

RumourId = Annotated[bytes, Meta(min_length=16, max_length=16)]
Hops = Annotated[int, Meta(ge=0, le=MAX_DEPTH)]
Reach = Annotated[int, Meta(ge=1, le=MAX_DEPTH)]
Shufflings = Annotated[tuple[WireContact, ...], Meta(max_length=MAX_SHUFFLED)]


class Befriend(Message, frozen=True, array_like=True, gc=False, tag=30):
    """Request: let us be neighbours. urgent: the sender has no neighbour at all. grow: it has no link of the tree,
    so this is to be one; else rumours are only named over it, until one is missed. Answer: `Befriended`."""

    urgent: bool = False
    grow: bool = True


class Befriended(Message, frozen=True, array_like=True, gc=False, tag=31):
    """Answer to `Befriend`: whether it was accepted, and other peers to try."""

    accepted: bool
    others: Contacts


class Unfriend(Message, frozen=True, array_like=True, gc=False, tag=32):
    """Notice: we are neighbours no more, or never were."""


class Rumour(Message, frozen=True, array_like=True, gc=False, tag=33):
    """Notice: a signed envelope (advert, offer or tombstone) on its way through the neighbourhood.

    hops: how many hops it has travelled (0 from its author). reach: how many it may travel at most; `MAX_DEPTH`
    for everybody.
    """

    envelope: SignedBytes
    hops: Hops
    reach: Reach


class Have(Message, frozen=True, array_like=True, gc=False):
    """A rumour that the sender can give. id: the 16-byte BLAKE2b digest of its envelope; hops and reach: of the
    `Rumour` that would be sent."""

    id: RumourId
    hops: Hops
    reach: Reach


class IHave(Message, frozen=True, array_like=True, gc=False, tag=34):
    """Notice: rumours that the sender has and does not push here. Ask for those that are missing with
    `Graft`."""

    items: Annotated[tuple[Have, ...], Meta(max_length=MAX_HAVES)]


class Graft(Message, frozen=True, array_like=True, gc=False, tag=35):
    """Notice: send these rumours, which you said you have. grow: and push from now on (join the tree here)."""

    ids: Annotated[tuple[RumourId, ...], Meta(max_length=MAX_GRAFTS)]
    grow: bool


class Prune(Message, frozen=True, array_like=True, gc=False, tag=36):
    """Notice: you pushed what I had already; only say what you have from now on."""


class Shuffle(Message, frozen=True, array_like=True, gc=False, tag=37):
    """Notice: peers that `origin` knows, on a random walk of `left` more hops. Whoever ends it keeps them."""

    origin: PeerKey
    left: Annotated[int, Meta(ge=0, le=MAX_WALK)]
    contacts: Shufflings


class Shuffled(Message, frozen=True, array_like=True, gc=False, tag=38):
    """Notice: peers in return for those of a `Shuffle`."""

    contacts: Shufflings
