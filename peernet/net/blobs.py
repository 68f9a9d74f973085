"""Blobs: pulled by the receiver in chunks, a few ahead; read by the sender when it is a chunk's turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

import trio

from peernet.config.net import NetConfig
from peernet.errors import PeernetError, ProtocolError
from peernet.net.secure import RECORD_PLAINTEXT, RECORDS_PER_SEND
from peernet.types import Digest
from peernet.wire.link import CHUNK_LIMIT, BlobChunk

CHUNK = min(CHUNK_LIMIT, RECORDS_PER_SEND * RECORD_PLAINTEXT - 64)
"""Bytes of a chunk: with its frame around it, it fills the records of one send."""


class BlobSource(Protocol):
    """Where blobs that other peers ask for are read from. Both may touch the disk."""

    def size(self, digest: Digest) -> int | None:
        """Bytes of a blob, or None if it is not here."""

    def read(self, digest: Digest, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset` on. Raises BlobMissingError if the blob is not here any more."""


Get = Callable[[Digest, int, int, Callable[[BlobChunk | PeernetError], None]], None]
"""Asks for (digest, offset, length) and hands the outcome on. Raises BusyError or ConnectionLostError."""


async def pull(
    get: Get, digest: Digest, size: int, offset: int, sink: Callable[[bytes], None], config: NetConfig
) -> None:
    """Pull the bytes of a blob from `offset` on, in order, into `sink`. The digest is not checked here.

    sink: takes the next bytes; what it has taken need not be pulled again. May raise; then pulling ends.

    Raises what `get` raises and hands on, and ProtocolError for a chunk of another size or of another blob.
    """
    arrived: deque[_Chunk] = deque()
    asked = offset
    while offset < size:
        while asked < size and len(arrived) < config.blob_window:
            length = min(CHUNK, size - asked)
            chunk = _Chunk(length)
            get(digest, asked, length, chunk.arrive)
            arrived.append(chunk)
            asked += length
        data = (await arrived[0].wait(size)).data
        arrived.popleft()
        sink(data)
        offset += len(data)


class _Chunk:
    """A chunk that was asked for."""

    __slots__ = ("_event", "_length", "_outcome")

    def __init__(self, length: int) -> None:
        self._length = length
        self._event = trio.Event()
        self._outcome: BlobChunk | PeernetError | None = None

    def arrive(self, outcome: BlobChunk | PeernetError) -> None:
        self._outcome = outcome
        self._event.set()

    async def wait(self, size: int) -> BlobChunk:
        await self._event.wait()
        outcome = self._outcome
        if isinstance(outcome, BlobChunk):
            if outcome.size != size or len(outcome.data) != self._length:
                raise ProtocolError(
                    f"a chunk of {len(outcome.data)} bytes of a blob of {outcome.size} came "
                    f"where {self._length} of {size} were asked for"
                )
            return outcome
        assert outcome is not None
        raise outcome
