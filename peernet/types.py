"""The identifiers that every layer shares. Plain bytes and strings underneath, so nothing is imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

PeerId = NewType("PeerId", bytes)
"""A peer: its raw 32-byte Ed25519 public key. `identity.peerid` gives the libp2p text form (`12D3KooW…`)."""

JobId = NewType("JobId", bytes)
"""A job: SHA-256 (32 bytes) of the envelope of its manifest."""

Digest = NewType("Digest", bytes)
"""SHA-256 (32 bytes) of exact bytes: the name of a blob."""

LeaseId = NewType("LeaseId", bytes)
"""A lease: 16 secret random bytes chosen by the owner, so a worker cannot tell which slice it holds."""

Instance = NewType("Instance", bytes)
"""16 random bytes chosen at each start of a peer: tells a restart or a cloned key from one running peer."""

DhtKey = NewType("DhtKey", bytes)
"""A place in the DHT: the first 20 bytes of a SHA-256."""


@dataclass(frozen=True, slots=True)
class Payload:
    """Bytes by digest: carried along while small, else a blob to be pulled.

    digest: SHA-256 of the bytes. size: how many. inline: the bytes themselves, or None for a blob.
    """

    digest: Digest
    size: int
    inline: bytes | None = None
