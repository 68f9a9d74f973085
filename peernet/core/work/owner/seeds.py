"""Seeds of the random numbers that tasks draw (`peernet.rng`): derived when they are needed, never kept.

Replicas of a slice get one seed, other slices another. It is keyed by a secret, as a peer that could count seeds
through would know which slice an opaque lease lends it.
"""

from __future__ import annotations

import hashlib

from peernet.types import JobId
from peernet.wire.work import SEED_BYTES


def job_secret(host: JobId) -> bytes:
    """Return the secret that a job's seeds are derived from. host: the key of its first job host, 32 random bytes
    that no other peer ever sees. The job keeps it: a later host has another key."""
    return hashlib.blake2b(host, digest_size=32, person=b"peernet/seeds/1").digest()


def slice_seed(secret: bytes, index: int) -> bytes:
    """Return the seed of a slice."""
    return hashlib.blake2b(index.to_bytes(8, "big"), key=secret, digest_size=SEED_BYTES).digest()
