"""Control messages as bytes."""

from __future__ import annotations

import msgspec

from peernet.errors import ProtocolError
from peernet.wire.control.replies import ControlReply
from peernet.wire.control.requests import ControlRequest

_encoder = msgspec.msgpack.Encoder()
_requests: msgspec.msgpack.Decoder[ControlRequest] = msgspec.msgpack.Decoder(ControlRequest)
_replies: msgspec.msgpack.Decoder[ControlReply] = msgspec.msgpack.Decoder(ControlReply)


def encode_control(message: ControlRequest | ControlReply) -> bytes:
    """Return the frame of a control message, its length included."""
    data = _encoder.encode(message)
    return len(data).to_bytes(4, "big") + data


def decode_request(data: bytes) -> ControlRequest:
    """Return a request.

    Raises:
        ProtocolError: the bytes are no request.
    """
    try:
        return _requests.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"not a control request: {error}") from error


def decode_reply(data: bytes) -> ControlReply:
    """Return a reply.

    Raises:
        ProtocolError: the bytes are no reply, so the peer is of another version.
    """
    try:
        return _replies.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"not a control reply: {error}; is the running peer of another version?") from error
