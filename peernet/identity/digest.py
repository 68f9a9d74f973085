"""The one hash that names things."""

from __future__ import annotations

import hashlib

from peernet.types import Digest


def digest(data: bytes) -> Digest:
    """The SHA-256 (32 bytes) of exactly these bytes: the name of a blob, of a slice's results, of a job."""
    return Digest(hashlib.sha256(data).digest())
