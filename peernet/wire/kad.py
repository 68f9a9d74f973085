"""Messages of the DHT, after Maymounkov and Mazières, "Kademlia" (2002), with signed expiring records.

A record is an envelope; its key is derived from its domain, author and name (`core.kad.records`), so nobody can
store over another peer's record.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from peernet.wire.base import Addresses, Key160, Message, PeerKey, ShortText, SignedBytes

MAX_CONTACTS = 20
MAX_RECORDS = 4


class WireContact(Message, frozen=True, array_like=True, gc=False):
    """A peer and where it may be dialled. Unverified: only a handshake proves it."""

    peer: PeerKey
    addresses: Addresses


Contacts = Annotated[tuple[WireContact, ...], Meta(max_length=MAX_CONTACTS)]
Records = Annotated[tuple[SignedBytes, ...], Meta(max_length=MAX_RECORDS)]


class FindNode(Message, frozen=True, array_like=True, gc=False, tag=20):
    """Request: the contacts you know nearest to `target`. Answer: `Nodes`."""

    target: Key160


class Nodes(Message, frozen=True, array_like=True, gc=False, tag=21):
    """Answer to `FindNode`: nearest first, at most k."""

    contacts: Contacts


class FindValue(Message, frozen=True, array_like=True, gc=False, tag=22):
    """Request: the records under `key`, else the contacts nearest to it. Answer: `Values`."""

    key: Key160


class Values(Message, frozen=True, array_like=True, gc=False, tag=23):
    """Answer to `FindValue`: envelopes held under the key, and nearer contacts in any case."""

    records: Records
    contacts: Contacts


class Store(Message, frozen=True, array_like=True, gc=False, tag=24):
    """Request: hold this record under `key`. Answer: `Stored`."""

    key: Key160
    name: ShortText
    record: SignedBytes


class Stored(Message, frozen=True, array_like=True, gc=False, tag=25):
    """Answer to `Store`. `refused` is empty when the record is held, else the reason."""

    refused: ShortText


class Probe(Message, frozen=True, array_like=True, gc=False, tag=26):
    """Request: are you there? Sent before a contact is dropped or replaced. Answer: `Alive`."""


class Alive(Message, frozen=True, array_like=True, gc=False, tag=27):
    """Answer to `Probe`."""
