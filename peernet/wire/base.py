"""What all messages share: the base struct and bounded field types.

A message is a msgspec struct, tagged, `array_like` and frozen. Every field that another peer fills has a bound
here, so that decoding alone rejects what could cost memory or time later.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from peernet.types import DhtKey, Digest, Instance, JobId, LeaseId, PeerId

PeerKey = Annotated[PeerId, Meta(min_length=32, max_length=32)]
Hash = Annotated[Digest, Meta(min_length=32, max_length=32)]
JobKey = Annotated[JobId, Meta(min_length=32, max_length=32)]
LeaseKey = Annotated[LeaseId, Meta(min_length=16, max_length=16)]
InstanceKey = Annotated[Instance, Meta(min_length=16, max_length=16)]
Key160 = Annotated[DhtKey, Meta(min_length=20, max_length=20)]

ENVELOPE_LIMIT = 16 * 1024
"""An envelope of one advert, manifest, offer or tombstone: all fit in 2 KiB today; 16 KiB leaves room."""

MAX_SHORT_TEXT = 128
"""Characters of a name or of a reason."""

SignedBytes = Annotated[bytes, Meta(max_length=ENVELOPE_LIMIT)]
Text = Annotated[str, Meta(max_length=1024)]
ShortText = Annotated[str, Meta(max_length=MAX_SHORT_TEXT)]
AddressText = Annotated[str, Meta(max_length=256)]
Addresses = Annotated[tuple[AddressText, ...], Meta(max_length=8)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
SmallCount = Annotated[int, Meta(ge=0, le=65_535)]
Seconds = Annotated[float, Meta(ge=0, le=10**9)]
WallTime = Annotated[float, Meta(ge=0, le=10**11)]
CallId = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Message(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The base of everything that crosses a connection."""
