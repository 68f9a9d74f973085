"""Bytes by digest: small ones stay in memory, larger ones go to the blob store."""

from __future__ import annotations

import hashlib

from peernet.config import INLINE_LIMIT
from peernet.errors import BlobMissingError
from peernet.runtime.surroundings import Blocking
from peernet.storage.blobs import BlobStore
from peernet.types import Digest, Payload

THREAD_SIZE = 1024 * 1024
"""Bytes from which hashing and disk work move to a thread: below it they take less than 2 ms."""


class Payloads:
    """Turns bytes into payloads and back, over one blob store. blocking: where work on large ones runs."""

    def __init__(self, blobs: BlobStore, blocking: Blocking) -> None:
        self.blobs = blobs
        self._blocking = blocking

    async def get(self, payload: Payload) -> bytes:
        """Return the bytes of a payload.

        Raises:
            BlobMissingError: the blob is not here.
        """
        if payload.inline is not None:
            return payload.inline
        size = self.blobs.size(payload.digest)
        if size is None:
            raise BlobMissingError(f"the blob {payload.digest.hex()} of {payload.size} bytes is not here")
        if size < THREAD_SIZE:
            return self.blobs.get(payload.digest)
        return await self._blocking(self.blobs.get, payload.digest)

    async def keep(self, data: bytes) -> Payload:
        """Return the payload of bytes; large ones are written to the blob store first.

        Raises:
            StorageError: the disk refused.
        """
        if len(data) <= INLINE_LIMIT:
            return Payload(Digest(hashlib.sha256(data).digest()), len(data), data)
        if len(data) < THREAD_SIZE:
            return Payload(self.blobs.put(data), len(data))
        return Payload(await self._blocking(self.blobs.put, data), len(data))
