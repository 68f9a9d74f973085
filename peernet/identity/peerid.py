"""Peer ids as people and other programs see them: the text form of libp2p for Ed25519 keys.

Follows the libp2p peer id specification: base58btc of the identity multihash of the protobuf of the public key.
"""

from __future__ import annotations

import hashlib

from peernet.errors import AddressError
from peernet.identity.base58 import base58_decode, base58_encode
from peernet.types import DhtKey, PeerId

PEER_ID_TEXT = 52
"""Characters in the text form of every Ed25519 peer id."""

DHT_KEY_BYTES = 20
"""The width of a DHT key: 160 bits, as in the `kademlia` package."""

# Multihash: code 0 (identity), 36 bytes. Protobuf: field 1 (type) = 1 (Ed25519), field 2 (data) of 32 bytes.
_PREFIX = bytes.fromhex("002408011220")
_KEY_BYTES = 32


def format_peer_id(peer: PeerId) -> str:
    """The libp2p text form of a peer id: 52 characters that begin with `12D3KooW`.

    Raises ValueError unless the id has 32 bytes; one that came over the wire was checked when it was decoded.
    """
    if len(peer) != _KEY_BYTES:
        raise ValueError(f"a peer id has {_KEY_BYTES} bytes, this one has {len(peer)}")
    return base58_encode(_PREFIX + peer)


def parse_peer_id(text: str) -> PeerId:
    """The peer id that a libp2p text form names. Strict: formatting the answer gives the same text.

    Raises AddressError, with the value and what to do, for anything else, RSA ids (`Qm…`) and CIDs included.
    """
    if len(text) != PEER_ID_TEXT:
        raise _refused(text, f"it has {len(text)} characters, not {PEER_ID_TEXT}")
    try:
        data = base58_decode(text)
    except ValueError as error:
        raise _refused(text, str(error)) from None
    # Base58 maps texts and bytes one to one, so these bytes can't have come from another text.
    peer = PeerId(data[len(_PREFIX) :])
    if not data.startswith(_PREFIX) or len(peer) != _KEY_BYTES:
        raise _refused(text, "it does not hold an Ed25519 key")
    return peer


def short_peer_id(peer: PeerId) -> str:
    """A peer id for logs and tables: `12D3…` and the last 6 characters. Not unique, never parsed again."""
    text = format_peer_id(peer)
    return f"{text[:4]}…{text[-6:]}"


def dht_id(peer: PeerId) -> DhtKey:
    """Where a peer stands in the DHT: the first 20 bytes of the SHA-256 of its key."""
    return DhtKey(hashlib.sha256(peer).digest()[:DHT_KEY_BYTES])


def _refused(text: str, why: str) -> AddressError:
    shown = text if len(text) <= 80 else text[:80] + "…"
    return AddressError(
        f"{shown!r} is not a peer id: {why}; copy the whole id, 12D3KooW and 44 more characters, from `peernet id`"
    )
