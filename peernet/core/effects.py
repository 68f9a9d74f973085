"""What the core wants done: the only way in which it acts. The driver carries effects out in order.

Those with an `id` have an outcome: exactly one `Done(id, value)` or `Failed(id, failure)` comes back.
All are idempotent: after a restart the core emits again what is still open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from peernet.core.events import Failure
from peernet.core.records import Record
from peernet.types import Digest, JobId, Payload, PeerId
from peernet.wire.link import Body


@dataclass(frozen=True, slots=True)
class Save:
    """Put a record into the journal, before any other effect of this handle is carried out."""

    record: Record


@dataclass(frozen=True, slots=True)
class Forget:
    """Remove all records of a space whose key begins with `prefix`."""

    space: str
    prefix: bytes


@dataclass(frozen=True, slots=True)
class Send:
    """Send a notice, dialling if need be. Lost silently when the peer can't be reached."""

    peer: PeerId
    addresses: tuple[str, ...]
    body: Body


@dataclass(frozen=True, slots=True)
class Call:
    """Call a peer, dialling if need be. Done(value: the answer's Body)."""

    id: int
    peer: PeerId
    addresses: tuple[str, ...]
    body: Body
    timeout: float


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer a `Requested`. A str refuses the call, saying why."""

    peer: PeerId
    call: int
    body: Body | str


@dataclass(frozen=True, slots=True)
class Dial:
    """Connect to an address, whose peer may be unknown. Done(value: PeerId) after its `PeerConnected`."""

    id: int
    address: str


@dataclass(frozen=True, slots=True)
class Disconnect:
    """End the connection to a peer, if there is one."""

    peer: PeerId
    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep the connection to this peer when others are closed for want of room (`on`), or no longer.

    why: who wants it; a connection is held while any reason stands."""

    peer: PeerId
    why: Literal["neighbour", "owner", "worker"]
    on: bool


@dataclass(frozen=True, slots=True)
class Fetch:
    """Pull a blob from a peer into the blob store, verified. Done(None) at once when it is there already."""

    id: int
    peer: PeerId
    addresses: tuple[str, ...]
    digest: Digest
    size: int


@dataclass(frozen=True, slots=True)
class PinBlob:
    """Keep a blob as long as the job is known."""

    digest: Digest
    job: JobId


@dataclass(frozen=True, slots=True)
class UnpinBlobs:
    """The job needs its blobs no more: they may be dropped when room is wanted."""

    job: JobId


@dataclass(frozen=True, slots=True)
class OpenBox:
    """Start a box for a job's slices, `slots` at once; its bundle is a stored blob. Done(None)."""

    id: int
    job: JobId
    bundle: Digest
    slots: int


@dataclass(frozen=True, slots=True)
class RunSlice:
    """Run a slice in the job's box. `Began(id)` when it starts; Done(value: SliceOutcome).

    seconds: wall time it may take. memory: bytes, 0 for the default."""

    id: int
    job: JobId
    input: Payload
    seconds: float
    memory: int


@dataclass(frozen=True, slots=True)
class KillSlice:
    """End a `RunSlice` that is under way. It still yields its outcome (Failed "box")."""

    id: int


@dataclass(frozen=True, slots=True)
class CloseBox:
    """End a job's box and all that runs in it."""

    job: JobId


@dataclass(frozen=True, slots=True)
class OpenHost:
    """Start the job host: the box that holds the project. Done(value: HostOpened)."""

    id: int
    job: JobId
    bundle: Digest
    name: str
    slice_size: int | None
    replicas: int | None
    quorum: int | None
    timeout: float | None


@dataclass(frozen=True, slots=True)
class Cut:
    """Cut the next `count` slices of `calls` calls each. Done(value: CutsMade)."""

    id: int
    job: JobId
    calls: int
    count: int


@dataclass(frozen=True, slots=True)
class Replay:
    """After a restart: cut these slices again and compare digests. Done(None); Failed "usage" if they differ."""

    id: int
    job: JobId
    cuts: tuple[tuple[int, Digest], ...]


@dataclass(frozen=True, slots=True)
class Fold:
    """Fold an accepted slice's result into the reduction. Done(None)."""

    id: int
    job: JobId
    index: int
    value: Payload


@dataclass(frozen=True, slots=True)
class Finish:
    """End the reduction over `slices` slices. Done(value: Payload of the reduced value)."""

    id: int
    job: JobId
    slices: int


@dataclass(frozen=True, slots=True)
class CloseHost:
    """End the job host."""

    job: JobId


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a command of the local user. value: as stated at the command, or a Failure."""

    id: int
    value: object | Failure


@dataclass(frozen=True, slots=True)
class Note:
    """Something that people or watchers want to know. Never changes anything.

    topic "job": the job changed (watchers look it up); "peers": the set of known peers changed; "refused": bytes
    of a peer were refused; "warning": the user should read `text`; "work": what this worker does."""

    topic: Literal["job", "peers", "refused", "warning", "work"]
    text: str = ""
    job: JobId | None = None
    peer: PeerId | None = None


Effect = (
    Save
    | Forget
    | Send
    | Call
    | Reply
    | Dial
    | Disconnect
    | Hold
    | Fetch
    | PinBlob
    | UnpinBlobs
    | OpenBox
    | RunSlice
    | KillSlice
    | CloseBox
    | OpenHost
    | Cut
    | Replay
    | Fold
    | Finish
    | CloseHost
    | Answer
    | Note
)
