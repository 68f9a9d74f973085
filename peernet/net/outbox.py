"""What a connection is going to send: small messages at once, chunks of blobs when it is their turn.

All that is queued leaves together, in as few records as it fits: that is what makes small messages cheap.
After each such batch one chunk of a blob may follow, so small messages wait for one chunk at most, and bulk
never starves.
"""

from __future__ import annotations

from collections import deque

from peernet.config.net import NetConfig
from peernet.errors import BlobMissingError, PeernetError
from peernet.net.blobs import BlobSource
from peernet.net.frames import append_frame
from peernet.net.secure import SecureStream
from peernet.net.sleeper import Sleeper
from peernet.net.text import printable
from peernet.wire.link import BlobChunk, BlobGet, BlobGone, Frame, Goodbye, Refusal


class Outbox:
    """The queue of one connection, and the task that writes it. Nobody else waits: whoever finds it too full
    gives up.

    closed: the goodbye is queued, and nothing comes after it.
    """

    def __init__(self, config: NetConfig, blobs: BlobSource) -> None:
        self.closed = False
        self._config = config
        self._blobs = blobs
        self._buffer = bytearray()
        self._gets: deque[BlobGet] = deque()
        self._sleeper = Sleeper()
        self._sending = False

    @property
    def size(self) -> int:
        """Bytes that wait, without the chunks of blobs, which are not read yet."""
        return len(self._buffer)

    @property
    def idle(self) -> bool:
        """Whether nothing waits, and nothing is being sent."""
        return not (self._buffer or self._gets or self._sending)

    def push(self, frame: Frame) -> None:
        """Queue a frame, full or not. Without effect after the goodbye."""
        if not self.closed:
            append_frame(self._buffer, frame)
            self._sleeper.wake()

    def serve(self, get: BlobGet) -> bool:
        """Queue the answer to a request for a chunk. False if too many wait already."""
        if len(self._gets) >= self._config.blob_gets:
            return False
        if not self.closed:
            self._gets.append(get)
            self._sleeper.wake()
        return True

    def close(self, goodbye: Goodbye) -> None:
        """Queue the last frame."""
        self.push(goodbye)
        self._gets.clear()
        self.closed = True

    def abandon(self) -> None:
        """Queue nothing any more, and drop what waits: the connection has ended."""
        self.closed = True
        self._buffer.clear()
        self._gets.clear()

    async def run(self, secure: SecureStream) -> None:
        """Write until the goodbye has left. Raises ConnectionLostError or ProtocolError as `secure.send`
        does."""
        while True:
            while not self._buffer and not self._gets:
                if self.closed:
                    return
                await self._sleeper.sleep()
            data, self._buffer = self._buffer, bytearray()
            if self._gets:
                self._append_chunk(data, self._gets.popleft())
            self._sending = True
            await secure.send(data)
            self._sending = False

    def _append_chunk(self, data: bytearray, get: BlobGet) -> None:
        """Read a chunk now that it is its turn, so that waiting for it costs no memory."""
        try:
            size = self._blobs.size(get.digest)
            if size is None:
                append_frame(data, BlobGone(get.call))
            elif get.offset > size:
                append_frame(data, Refusal(get.call, f"the blob has {size} bytes"))
            else:
                chunk = self._blobs.read(get.digest, get.offset, min(get.length, size - get.offset))
                append_frame(data, BlobChunk(get.call, size, chunk))
        except BlobMissingError:
            append_frame(data, BlobGone(get.call))
        except PeernetError as error:
            append_frame(data, Refusal(get.call, printable(str(error), self._config.text)))
