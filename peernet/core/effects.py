"""What the core wants done: the only way in which it acts. The driver carries effects out in order.

Those with an `id` have an outcome: exactly one `Done(id, value)` or `Failed(id, failure)` comes back.
All are idempotent: after a restart the core emits again what is still open.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from peernet.core.events import Failure
from peernet.core.records import Record
from peernet.types import Digest, JobId, Payload, PeerId
from peernet.wire.link import Body


class Save(msgspec.Struct, frozen=True, gc=False):
    """Put a record into the journal, before any other effect of this handle is carried out."""

    record: Record


class Forget(msgspec.Struct, frozen=True, gc=False):
    """Remove all records of a space whose key begins with `prefix`."""

    space: str
    prefix: bytes


class Send(msgspec.Struct, frozen=True, gc=False):
    """Send a notice, dialling if need be. Lost silently when the peer can't be reached."""

    peer: PeerId
    addresses: tuple[str, ...]
    body: Body


class Call(msgspec.Struct, frozen=True, gc=False):
    """Call a peer, dialling if need be. Done(value: the answer's Body)."""

    id: int
    peer: PeerId
    addresses: tuple[str, ...]
    body: Body
    timeout: float


class Reply(msgspec.Struct, frozen=True, gc=False):
    """Answer a `Requested`. A str refuses the call, saying why."""

    peer: PeerId
    call: int
    body: Body | str


class Dial(msgspec.Struct, frozen=True, gc=False):
    """Connect to an address, whose peer may be unknown. Done(value: PeerId) after its `PeerConnected`."""

    id: int
    address: str


class Knock(msgspec.Struct, frozen=True, gc=False):
    """See whether anybody accepts connections at an address, and no more than that. Done(None)."""

    id: int
    address: str


class Disconnect(msgspec.Struct, frozen=True, gc=False):
    """End the connection to a peer, if there is one."""

    peer: PeerId
    reason: str


class Hold(msgspec.Struct, frozen=True, gc=False):
    """Keep the connection to this peer when others are closed for want of room or use (`on`), or no longer.

    why: who wants it; a connection is held while any reason stands."""

    peer: PeerId
    why: Literal["neighbour", "owner", "worker"]
    on: bool


class Fetch(msgspec.Struct, frozen=True, gc=False):
    """Pull a blob from a peer into the blob store, verified. Done(None) at once when it is there already."""

    id: int
    peer: PeerId
    addresses: tuple[str, ...]
    digest: Digest
    size: int


class PinBlob(msgspec.Struct, frozen=True, gc=False):
    """Keep a blob as long as the job is known, or the lease whose id is given in its place."""

    digest: Digest
    job: JobId


class UnpinBlobs(msgspec.Struct, frozen=True, gc=False):
    """The job, or the lease, needs its blobs no more: they may be dropped when room is wanted."""

    job: JobId


class OpenBox(msgspec.Struct, frozen=True, gc=False):
    """Start a box for a job's slices, `slots` at once; its bundle is a stored blob. Done(None).

    seconds, memory, scratch: what its slices may use, as in `RunSlice`. reuse: they may share a process. lock: of
    the packages to put on their path, empty where this machine has them. own: the job is of an own key.
    numeric: the numeric class that the box has to be of, empty for any."""

    id: int
    job: JobId
    bundle: Digest
    slots: int
    seconds: float = 0.0
    memory: int = 0
    scratch: int = 0
    reuse: bool = False
    lock: bytes = b""
    own: bool = False
    numeric: str = ""


class RunSlice(msgspec.Struct, frozen=True, gc=False):
    """Run a slice in the job's box. `Began(id)` when it starts; Done(value: SliceOutcome).

    seconds: wall time it may take, and processor time: it has one slot. memory, scratch: bytes. 0: the default.
    seed: of the random numbers that its calls draw. calls: of a narrowed slice, which calls of the whole one its
    inputs are."""

    id: int
    job: JobId
    input: Payload
    seconds: float
    memory: int
    scratch: int = 0
    seed: bytes = b""
    calls: tuple[int, ...] = ()


class KillSlice(msgspec.Struct, frozen=True, gc=False):
    """End a `RunSlice` that is under way. It still yields its outcome (Failed "box")."""

    id: int


class MeasureNumpy(msgspec.Struct, frozen=True, gc=False):
    """Measure what numpy computes with this machine's own packages. It has no outcome: the next `MachineMeasured`
    tells it. Once is enough, and more are no harm."""


class CloseBox(msgspec.Struct, frozen=True, gc=False):
    """End a job's box and all that runs in it."""

    job: JobId


class OpenHost(msgspec.Struct, frozen=True, gc=False):
    """Start the job host: the box that holds the project. Done(value: HostOpened)."""

    id: int
    job: JobId
    bundle: Digest
    name: str
    slice_size: int | None = None
    replicas: int | None = None
    quorum: int | None = None
    timeout: float | None = None
    memory: int | None = None
    scratch: int | None = None
    confidence: float | None = None
    numeric: str | None = None


class LockPackages(msgspec.Struct, frozen=True, gc=False):
    """Choose the wheels that the requirements of the host's project stand for. Done(value: bytes): the encoded
    lock, empty where there is nothing to lock, or it can't be: then the user is told why."""

    id: int
    job: JobId
    packages: tuple[str, ...]


class Cut(msgspec.Struct, frozen=True, gc=False):
    """Cut the next `count` slices of `calls` calls each. Done(value: CutsMade)."""

    id: int
    job: JobId
    calls: int
    count: int


class Replay(msgspec.Struct, frozen=True, gc=False):
    """After a restart: cut these slices again and compare digests. Done(None); Failed "usage" if they differ."""

    id: int
    job: JobId
    cuts: tuple[tuple[int, Digest], ...]


class Fold(msgspec.Struct, frozen=True, gc=False):
    """Fold an accepted slice's result into the reduction. Done(bool): it ends the job. keep: it may be taken back;
    a later fold of the same slice then takes its place."""

    id: int
    job: JobId
    index: int
    value: Payload
    keep: bool = False


class Check(msgspec.Struct, frozen=True, gc=False):
    """Ask whether a slice's results prove themselves, by the project's own `check`. Done(bool)."""

    id: int
    job: JobId
    input: Payload
    value: Payload


class Compare(msgspec.Struct, frozen=True, gc=False):
    """Put distinct results of a slice into groups of equal ones, by the project's own `equal`. Done(value:
    tuple[int, ...]): of each the place of its group's medoid."""

    id: int
    job: JobId
    values: tuple[Payload, ...]


class Differ(msgspec.Struct, frozen=True, gc=False):
    """Find in which of its `calls` calls distinct results of a slice differ from the first of them, and make the
    input of these calls, if they are at most `most`. also: calls that it holds in any case. Done(value:
    DifferencesFound)."""

    id: int
    job: JobId
    input: Payload
    calls: int
    values: tuple[Payload, ...]
    also: tuple[int, ...]
    most: int


class Compose(msgspec.Struct, frozen=True, gc=False):
    """Put the results of some calls of a slice, which a peer returned, into those of a whole one. Done(value:
    Payload of the whole, or None if they are nothing of the kind)."""

    id: int
    job: JobId
    base: Payload
    calls: tuple[int, ...]
    part: Payload


class Finish(msgspec.Struct, frozen=True, gc=False):
    """End the reduction over `slices` slices. Done(value: `JobValue`). partial: of those of them
    that were folded, apart from `without`; the reduction may go on afterwards."""

    id: int
    job: JobId
    slices: int
    partial: bool = False
    without: tuple[int, ...] = ()


class CloseHost(msgspec.Struct, frozen=True, gc=False):
    """End the job host."""

    job: JobId


class Review(msgspec.Struct, frozen=True, gc=False):
    """Look through the journal for accepted slices of ended jobs that a peer had a part in, from the key `after`
    of an `EvidenceRecord` on, at most so many as make no long work. Done(value: Reviewed, or None where there is
    nothing after it)."""

    id: int
    peer: PeerId
    after: bytes


class Answer(msgspec.Struct, frozen=True, gc=False):
    """The answer to a command of the local user. value: as stated at the command, or a Failure."""

    id: int
    value: object | Failure


class Note(msgspec.Struct, frozen=True, gc=False):
    """Something that people or watchers want to know. Never changes anything.

    topic "job": the job changed (watchers look it up); "peers": the set of known peers changed; "refused": bytes
    of a peer were refused; "retracted": results of `job`, which has ended, are believed no more without `peer`;
    "taken back": the result of slice `index` is believed no more while the job runs; "trust": a peer was banned;
    "warning": the user should read `text`; "work": what this worker does."""

    topic: Literal["job", "peers", "refused", "retracted", "taken back", "trust", "warning", "work"]
    text: str = ""
    job: JobId | None = None
    peer: PeerId | None = None
    index: int | None = None


Effect = (
    Save
    | Forget
    | Send
    | Call
    | Reply
    | Dial
    | Knock
    | Disconnect
    | Hold
    | Fetch
    | PinBlob
    | UnpinBlobs
    | OpenBox
    | RunSlice
    | KillSlice
    | CloseBox
    | MeasureNumpy
    | OpenHost
    | LockPackages
    | Cut
    | Replay
    | Fold
    | Check
    | Compare
    | Differ
    | Compose
    | Finish
    | CloseHost
    | Review
    | Answer
    | Note
)
