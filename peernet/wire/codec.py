"""Encoding and decoding of frames and signed bodies, with validation and bounds."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from peernet.errors import ProtocolError
from peernet.wire.base import Message
from peernet.wire.link import Frame

FRAME_LIMIT = 4 * 1024 * 1024
"""The largest frame: a `Return` of 64 results at 48 KiB each with room to spare."""

_encoder = msgspec.msgpack.Encoder()
_frame_decoder: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)
_body_decoders: dict[type[Message], msgspec.msgpack.Decoder[Message]] = {}

M = TypeVar("M", bound=Message)


def encode_frame(frame: Frame) -> bytes:
    """Return the bytes of a frame, without its length prefix."""
    return _encoder.encode(frame)


def decode_frame(data: bytes | memoryview) -> Frame:
    """Return the frame that a peer sent.

    Raises:
        ProtocolError: the bytes are no valid frame.
    """
    try:
        return _frame_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"a frame of {len(data)} bytes does not decode: {error}") from error


def encode_body(body: Message) -> bytes:
    """Return the bytes of a body that is going to be signed, or kept in the journal."""
    return _encoder.encode(body)


def decode_body(kind: type[M], data: bytes) -> M:
    """Return a signed body of the given type.

    Raises:
        ProtocolError: the bytes are not such a body.
    """
    decoder = _body_decoders.get(kind)
    if decoder is None:
        decoder = _body_decoders[kind] = msgspec.msgpack.Decoder(kind)
    try:
        body = decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"{len(data)} bytes are no {kind.__name__}: {error}") from error
    assert isinstance(body, kind)
    return body
