"""The frames of one connection: what `net.connection` handles itself, and the carriers of the core's messages."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from peernet.wire.base import (
    Addresses,
    AddressText,
    CallId,
    Count,
    Hash,
    InstanceKey,
    Message,
    ShortText,
    Text,
    WallTime,
)
from peernet.wire.gossip import Befriend, Befriended, Graft, IHave, Prune, Rumour, Shuffle, Shuffled, Unfriend
from peernet.wire.kad import Alive, FindNode, FindValue, Nodes, Probe, Store, Stored, Values
from peernet.wire.work import (
    Grant,
    JobOver,
    Parked,
    Pull,
    PullRefused,
    Recall,
    Recalled,
    Return,
    Started,
    Taken,
)

PROTOCOL = "/peernet/1"
CHUNK_LIMIT = 256 * 1024
"""Bytes of a blob in one `BlobChunk`: four records, so that small messages wait at most one chunk."""


class Hello(Message, frozen=True, array_like=True, gc=False, tag=1):
    """First frame each way. `listening` are ports a peer accepts connections on, as full multiaddrs or
    `/tcp/PORT` for "the host that you see me at"; `observed` is the host that the sender sees the receiver at;
    `wall` is the sender's clock (seconds since 1970)."""

    protocol: ShortText
    instance: InstanceKey
    listening: Addresses
    observed: AddressText
    wall: WallTime
    agent: ShortText


class Ping(Message, frozen=True, array_like=True, gc=False, tag=2):
    """Keep-alive. Answered by `Pong` with the same nonce. needed: this side wants the connection kept."""

    nonce: CallId
    needed: bool = False


class Pong(Message, frozen=True, array_like=True, gc=False, tag=3):
    """Answer to `Ping`. needed: see there."""

    nonce: CallId
    needed: bool = False


class Goodbye(Message, frozen=True, array_like=True, gc=False, tag=4):
    """Last frame. An end of stream without it is a truncation. spare: the peer stays; it is only this connection
    that it has no use for."""

    reason: ShortText
    spare: bool = False


class KeyCloned(Message, frozen=True, array_like=True, gc=False, tag=5):
    """Notice: another running peer, `other`, uses your key from `host`."""

    other: InstanceKey
    host: AddressText


Body = (
    FindNode
    | Nodes
    | FindValue
    | Values
    | Store
    | Stored
    | Probe
    | Alive
    | Befriend
    | Befriended
    | Unfriend
    | Rumour
    | IHave
    | Graft
    | Prune
    | Shuffle
    | Shuffled
    | Pull
    | Parked
    | PullRefused
    | Grant
    | Started
    | Return
    | Taken
    | Recall
    | Recalled
    | JobOver
    | KeyCloned
)
"""Every message that the core sends or receives."""


class Request(Message, frozen=True, array_like=True, gc=False, tag=10):
    """A call. `call` is chosen by the caller and unique on this connection and direction."""

    call: CallId
    body: Body


class Response(Message, frozen=True, array_like=True, gc=False, tag=11):
    """The answer to the call."""

    call: CallId
    body: Body


class Refusal(Message, frozen=True, array_like=True, gc=False, tag=12):
    """The call could not be answered; `text` says why."""

    call: CallId
    text: Text


class Notice(Message, frozen=True, array_like=True, gc=False, tag=13):
    """A message that wants no answer."""

    body: Body


class BlobGet(Message, frozen=True, array_like=True, gc=False, tag=14):
    """Request for `length` bytes of a blob from `offset` on. Answered by `BlobChunk` or `BlobGone`."""

    call: CallId
    digest: Hash
    offset: Count
    length: Annotated[int, Meta(ge=1, le=CHUNK_LIMIT)]


class BlobChunk(Message, frozen=True, array_like=True, gc=False, tag=15):
    """Bytes of a blob. `size` is the size of the whole blob."""

    call: CallId
    size: Count
    data: Annotated[bytes, Meta(max_length=CHUNK_LIMIT)]


class BlobGone(Message, frozen=True, array_like=True, gc=False, tag=16):
    """The blob is not here."""

    call: CallId


Frame = Hello | Ping | Pong | Goodbye | Request | Response | Refusal | Notice | BlobGet | BlobChunk | BlobGone
"""What one frame of a connection holds."""
