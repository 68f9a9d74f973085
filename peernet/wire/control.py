"""Messages of the control socket: one request a connection, then one or more replies.

Framed as between peers (4-byte length, msgspec), but keyed by field name, as programs in other languages and
versions may speak it. Only the user who runs the peer can open the socket.
"""

from __future__ import annotations

import msgspec

from peernet.errors import ProtocolError

CONTROL_LIMIT = 256 * 1024 * 1024
"""The largest control frame. Local and of one's own user; it bounds a mistake, not an attacker."""


class ControlMessage(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The base of control messages."""


class Status(ControlMessage, frozen=True):
    """Request: how are you? Reply: `StatusReply`."""


class ListPeers(ControlMessage, frozen=True):
    """Request: whom do you know? Reply: `PeersReply`."""


class Join(ControlMessage, frozen=True):
    """Request: join the network through these multiaddrs. Reply: `Ok`."""

    addresses: tuple[str, ...]


class Submit(ControlMessage, frozen=True):
    """Request: run a project. Bundles are `project.Bundle.encode()`. Reply: `Submitted`."""

    host_bundle: bytes
    worker_bundle: bytes
    needs_python: str = ""
    name: str = ""
    slice_size: int | None = None
    replicas: int | None = None
    quorum: int | None = None
    timeout: float | None = None
    trusted: tuple[str, ...] = ()
    patience: float = 10.0
    memory: int | None = None
    scratch: int | None = None
    tier: str = ""
    confidence: float | None = None


class ListJobs(ControlMessage, frozen=True):
    """Request: all jobs, newest first. Reply: `JobsReply`."""


class Show(ControlMessage, frozen=True):
    """Request: one job; an id or a unique prefix. Reply: `JobReply`."""

    job: str


class Watch(ControlMessage, frozen=True):
    """Request: tell me as the job goes on. Replies: `JobReply` and `Printed`, until the job has ended."""

    job: str


class Results(ControlMessage, frozen=True):
    """Request: accepted results in order, from slice `start` on, as they come. Replies: `SliceValue`, or one
    `FinalValue` for a job that reduces; then `JobReply`."""

    job: str
    start: int = 0


class Evidence(ControlMessage, frozen=True):
    """Request: why the slices of a job were accepted. whole: with the signed batches and the results' bytes, as
    `peernet verify` needs them. Replies: `EvidenceHead`; if whole, `EvidenceBatch` for each; `EvidenceSlice` in
    order; then `JobReply`."""

    job: str
    whole: bool = False


class Stop(ControlMessage, frozen=True):
    """Request: stop the job. Reply: `Ok`."""

    job: str


class Mine(ControlMessage, frozen=True):
    """Request: mark keys as my own (`mine`), or take the mark back. Reply: `Ok`."""

    peers: tuple[str, ...]
    mine: bool = True


class Block(ControlMessage, frozen=True):
    """Request: take no results of these peers (`blocked`), or take that back and forgive them. Reply: `Ok`."""

    peers: tuple[str, ...]
    blocked: bool = True


class Trust(ControlMessage, frozen=True):
    """Request: what is known of these peers' honesty, or of all that anything is known of. Reply: `TrustReply`."""

    peers: tuple[str, ...] = ()


class Ok(ControlMessage, frozen=True):
    """Reply: done."""


class Fault(ControlMessage, frozen=True):
    """Reply: it failed. error: name of the class in `peernet.errors`."""

    error: str
    message: str
    traceback: str = ""


class WorkerState(msgspec.Struct, frozen=True):
    """What this peer computes for others and itself. paused: why it takes no work, else empty."""

    slots: int
    running: int
    queued: int
    done: int
    paused: str


class Health(msgspec.Struct, frozen=True):
    """What a running peer has learned of itself.

    uptime: seconds since it started. behind: seconds that its clock is behind the others' (their median; less than
    none: ahead), None without others; compared: how many others. reached: connections that others opened to it,
    afar: those from other machines. blob_bytes: what it keeps of others' and its own data; blob_quota: at most.
    """

    uptime: float
    behind: float | None
    compared: int
    reached: int
    afar: int
    blob_bytes: int
    blob_quota: int


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
    sent: dict[str, int] = {}
    health: Health | None = None


class PeerRow(msgspec.Struct, frozen=True):
    """A known peer. Numbers of the advert are None while none is known. rtt in seconds."""

    peer: str
    me: bool
    mine: bool
    connected: bool
    addresses: tuple[str, ...]
    rtt: float | None = None
    cores: int | None = None
    memory: int | None = None
    slots: int | None = None
    free: int | None = None
    load: float | None = None
    speed: float | None = None
    python: str | None = None
    platform: str | None = None
    tier: str | None = None
    serves: str | None = None
    paused: str | None = None


class PeersReply(ControlMessage, frozen=True):
    """Peers, this one first. refused: counts of what was refused, by kind."""

    peers: tuple[PeerRow, ...]
    refused: dict[str, int]


class MarkRow(msgspec.Struct, frozen=True):
    """One result that was found wrong. when: seconds since 1970. index: of the slice."""

    when: float
    job: str
    index: int
    reason: str


class TrustRow(msgspec.Struct, frozen=True):
    """What this submitter knows of a peer's honesty, by its own jobs only.

    credibility: how probable its next result is right, at least; 1.0 for a key of one's own, 0.0 for one that is
    shut out. checks, strikes: faded with time; passed, failed: counted since it was first seen. vouchers: those
    who repeated its results; sure: a trusted one did. marks: the latest strikes.
    """

    peer: str
    mine: bool
    credibility: float
    checks: float
    strikes: float
    passed: int
    failed: int
    banned: bool
    blocked: bool
    sure: bool
    vouchers: tuple[str, ...]
    marks: tuple[MarkRow, ...]


class TrustReply(ControlMessage, frozen=True):
    """Peers, the least credible first. liars: the share of liars that newcomers are taken to have."""

    rows: tuple[TrustRow, ...]
    liars: float


class UnfitRow(msgspec.Struct, frozen=True):
    """Peers that can't take part in a job. why: as in "lacks numpy>=2"."""

    why: str
    peers: tuple[str, ...]


class Submitted(ControlMessage, frozen=True):
    """The job's id; how many of the peers known may take part, and what the others lack. text: the same for
    people, empty where nobody lacks anything."""

    job: str
    fit: int = 0
    unfit: tuple[UnfitRow, ...] = ()
    text: str = ""


class WorkRow(msgspec.Struct, frozen=True):
    """What one peer did for a job. share: of the slices, adds to 1."""

    id: str
    slices: int
    cpu_seconds: float
    share: float


class JobRow(msgspec.Struct, frozen=True):
    """A job as people see it. Times are seconds since 1970; `eta` seconds from now. policy: how its results are
    verified. retracted: slices that were accepted and taken back. banned: peers banned in it."""

    job: str
    name: str
    state: str
    submitted: float
    ended: float = 0.0
    reduces: bool = False
    calls: int | None = None
    slices: int | None = None
    cut: int = 0
    open: int = 0
    leased: int = 0
    accepted: int = 0
    disputed: int = 0
    executions: int = 0
    disagreements: int = 0
    working: int = 0
    waiting: str = ""
    eta: float | None = None
    reason: str = ""
    reason_kind: str = ""
    traceback: str = ""
    peers: tuple[WorkRow, ...] = ()
    unfit: tuple[UnfitRow, ...] = ()
    policy: str = ""
    audits: int = 0
    strikes: int = 0
    retracted: int = 0
    banned: tuple[str, ...] = ()


class JobReply(ControlMessage, frozen=True):
    """One job."""

    row: JobRow


class JobsReply(ControlMessage, frozen=True):
    """All jobs, newest first."""

    rows: tuple[JobRow, ...]


class Printed(ControlMessage, frozen=True):
    """Text that the project printed in its job host."""

    text: str


class SliceValue(ControlMessage, frozen=True):
    """The canonical bytes of one accepted slice: a list of results. pickles: they are pickles, of own peers.
    traceback: of calls that failed and were skipped."""

    index: int
    value: bytes
    pickles: bool = False
    traceback: str = ""


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


class EvidencePart(msgspec.Struct, frozen=True):
    """One worker's part. lease, status, digest: what it signed in `batch`, which is empty where it was not kept.
    agrees: with the accepted result; trusted: its word alone was believed; audit: it came after that."""

    peer: str
    lease: bytes
    status: str
    digest: bytes
    agrees: bool
    trusted: bool
    audit: bool
    batch: bytes


class EvidenceSlice(ControlMessage, frozen=True):
    """Why one slice was accepted. digest, size: of the canonical bytes of its results; value: these bytes, if
    asked for. reached: the probability that they are right, 0.0 under policies that do not weigh any."""

    index: int
    calls: int
    digest: bytes
    size: int
    reached: float
    parts: tuple[EvidencePart, ...]
    value: bytes = b""


ControlRequest = (
    Status | ListPeers | Join | Submit | ListJobs | Show | Watch | Results | Evidence | Stop | Mine | Block | Trust
)
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
    | SliceValue
    | FinalValue
    | EvidenceHead
    | EvidenceBatch
    | EvidenceSlice
)

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
