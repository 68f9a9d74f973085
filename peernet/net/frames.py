"""Frames: how messages lie in a stream of bytes. A length (big-endian), then so many bytes.

Records (a 2-byte length, a ciphertext) and frames (a 4-byte length, a msgspec array) are cut by the same
`Splitter`.
"""

from __future__ import annotations

import struct

import msgspec

from peernet.errors import ProtocolError
from peernet.wire.codec import FRAME_LIMIT, decode_frame
from peernet.wire.link import Frame

_encoder = msgspec.msgpack.Encoder()
_pack_length = struct.Struct(">I").pack_into
_NO_LENGTH = bytes(4)


def append_frame(buffer: bytearray, frame: Frame) -> None:
    """Encode a frame, its length in front, at the end of a buffer, without a copy in between.

    Raises ProtocolError if it is over the limit; the buffer is then as it was.
    """
    start = len(buffer)
    buffer += _NO_LENGTH
    try:
        _encoder.encode_into(frame, buffer, -1)
        length = len(buffer) - start - 4
        if length > FRAME_LIMIT:
            raise ProtocolError(f"a message of {length} bytes can't be sent: the limit is {FRAME_LIMIT}")
    except BaseException:
        del buffer[start:]  # Half a frame would garble all that follows.
        raise
    _pack_length(buffer, start, length)


class Splitter:
    """Cuts a stream into its length-prefixed messages as bytes arrive.

    Only the message that is incomplete is kept, and only as much of it as has arrived: a length that is
    claimed costs nothing until the bytes come.

    header: struct format of the length. least, most: allowed lengths. what: their name in errors.
    """

    __slots__ = ("_header", "_least", "_most", "_partial", "_what")

    def __init__(self, header: str, least: int, most: int, what: str) -> None:
        self._header = struct.Struct(header)
        self._least = least
        self._most = most
        self._what = what
        self._partial = bytearray()

    @property
    def pending(self) -> int:
        """Bytes of the incomplete message that are kept."""
        return len(self._partial)

    def feed(self, data: bytes | bytearray) -> list[memoryview]:
        """Take the next bytes of the stream and return the messages that are complete now.

        They are views that hold for as long as they are kept. Raises ProtocolError for a length out of
        bounds.
        """
        messages: list[memoryview] = []
        view = memoryview(data)
        at = self._complete(view, messages) if self._partial else 0
        size = self._header.size
        unpack = self._header.unpack_from
        end = len(data)
        while end - at >= size:
            length = unpack(data, at)[0]
            if not self._least <= length <= self._most:
                raise self._out_of_bounds(length)
            stop = at + size + length
            if stop > end:
                break
            messages.append(view[at + size : stop])
            at = stop
        if at < end:
            self._partial += view[at:]
        return messages

    def _complete(self, view: memoryview, messages: list[memoryview]) -> int:
        """Add what belongs to the incomplete message; return how much that was."""
        partial, size = self._partial, self._header.size
        at = max(0, min(size - len(partial), len(view)))
        partial += view[:at]
        if len(partial) < size:
            return at
        length: int = self._header.unpack_from(partial)[0]
        if not self._least <= length <= self._most:
            raise self._out_of_bounds(length)
        taken = min(size + length - len(partial), len(view) - at)
        partial += view[at : at + taken]
        if len(partial) == size + length:
            messages.append(memoryview(partial)[size:])
            self._partial = bytearray()
        return at + taken

    def _out_of_bounds(self, length: int) -> ProtocolError:
        return ProtocolError(f"a {self._what} of {length} bytes: {self._least} to {self._most} are allowed")


class FrameReader:
    """Cuts and decodes the frames of a peer."""

    __slots__ = ("_splitter",)

    def __init__(self, limit: int = FRAME_LIMIT) -> None:
        self._splitter = Splitter(">I", 1, limit, "frame")

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next bytes of the stream and return the frames that are complete now.

        Raises ProtocolError for a length out of bounds, and for bytes that are no frame.
        """
        return [decode_frame(message) for message in self._splitter.feed(data)]
