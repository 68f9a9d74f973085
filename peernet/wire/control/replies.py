"""What a peer answers a front end: one or more replies to a request."""

from __future__ import annotations

import msgspec

from peernet.wire.control.message import ControlMessage
from peernet.wire.control.rows import EvidencePart, Health, JobRow, PeerRow, TrustRow, UnfitRow, WorkerState


class Ok(ControlMessage, frozen=True):
    """Reply: done."""


class Fault(ControlMessage, frozen=True):
    """Reply: it failed. error: name of the class in `peernet.errors`."""

    error: str
    message: str
    traceback: str = ""


class StatusReply(ControlMessage, frozen=True):
    """The peer itself. refused: counts of what it refused, by kind; sent: of messages sent, by type."""

    peer: str
    addresses: tuple[str, ...]
    version: str
    pid: int
    connected: int
    contacts: int
    tier: str
    worker: WorkerState
    refused: dict[str, int]
    warnings: tuple[str, ...] = ()
    sent: dict[str, int] = msgspec.field(default_factory=dict)
    health: Health | None = None


class PeersReply(ControlMessage, frozen=True):
    """Peers, this one first. refused: counts of what was refused, by kind."""

    peers: tuple[PeerRow, ...]
    refused: dict[str, int]


class TrustReply(ControlMessage, frozen=True):
    """Peers, the least credible first. liars: the share of liars that newcomers are taken to have."""

    rows: tuple[TrustRow, ...]
    liars: float


class Submitted(ControlMessage, frozen=True):
    """The job's id; how many of the peers known may take part, and what the others lack. text: the same for
    people, empty where nobody lacks anything."""

    job: str
    fit: int = 0
    unfit: tuple[UnfitRow, ...] = ()
    text: str = ""


class JobReply(ControlMessage, frozen=True):
    """One job."""

    row: JobRow


class JobsReply(ControlMessage, frozen=True):
    """All jobs, newest first."""

    rows: tuple[JobRow, ...]


class Printed(ControlMessage, frozen=True):
    """Text that the project printed in its job host."""

    text: str


class Retraction(ControlMessage, frozen=True):
    """Accepted results of a job that has ended are believed no more without a peer. text: the same for people."""

    job: str
    peer: str
    text: str


class SliceValue(ControlMessage, frozen=True):
    """The canonical bytes of one accepted slice: a list of results. pickles: they are pickles, of own peers.
    traceback: of calls that failed and were skipped. retracted: the peer without whom it is believed no more,
    since the job has ended; else empty."""

    index: int
    value: bytes
    pickles: bool = False
    traceback: str = ""
    retracted: str = ""


class TakenBack(ControlMessage, frozen=True):
    """A slice whose value was sent is believed no more, and computed again. Another `SliceValue` of it follows
    when there is one."""

    index: int


class FinalValue(ControlMessage, frozen=True):
    """The canonical bytes of the reduced value. pickles: it is a pickle, of own peers."""

    value: bytes
    pickles: bool = False


class EvidenceHead(ControlMessage, frozen=True):
    """What the evidence of a job begins with. manifest: its signed envelope, whose SHA-256 is the job's id. value:
    the canonical bytes of a reduced value. pickles: all values are pickles, of own peers."""

    manifest: bytes
    policy: str
    value: bytes | None = None
    pickles: bool = False


class EvidenceBatch(ControlMessage, frozen=True):
    """Results as a worker signed them. name: SHA-256 of the envelope."""

    name: bytes
    envelope: bytes


class EvidenceSlice(ControlMessage, frozen=True):
    """Why one slice was accepted. digest, size: of the canonical bytes of its results; value: these bytes, if
    asked for. reached: the probability that they were right when it was accepted, 0.0 under policies that do not
    weigh any. retracted: the peer without whom they are believed no more, since the job has ended; else empty.
    differing: the first calls of the slice in which results differed, of `differences` in all."""

    index: int
    calls: int
    digest: bytes
    size: int
    reached: float
    parts: tuple[EvidencePart, ...]
    value: bytes = b""
    retracted: str = ""
    differing: tuple[int, ...] = ()
    differences: int = 0


ControlReply = (
    Ok
    | Fault
    | StatusReply
    | PeersReply
    | TrustReply
    | Submitted
    | JobReply
    | JobsReply
    | Printed
    | Retraction
    | SliceValue
    | TakenBack
    | FinalValue
    | EvidenceHead
    | EvidenceBatch
    | EvidenceSlice
)
