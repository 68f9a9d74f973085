"""What replies are made of: the states of peers, jobs and trust as people see them."""

from __future__ import annotations

import msgspec


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
    numeric: str | None = None


class MarkRow(msgspec.Struct, frozen=True):
    """One result that was found wrong. when: seconds since 1970. index: of the slice."""

    when: float
    job: str
    index: int
    reason: str


class RetractedJobRow(msgspec.Struct, frozen=True):
    """A job that has ended, of which so many accepted slices rested on a peer and are believed no more."""

    job: str
    name: str
    slices: int
    when: float


class ProofRow(msgspec.Struct, frozen=True):
    """What a peer has proven in one function. name: of its jobs, at most 64 characters. credibility: how probable
    its next result there is right, at least. checks: those that it passed, faded with time. vouchers: the first of
    those who repeated its results; sure: a trusted one did."""

    name: str
    credibility: float
    checks: float
    sure: bool
    vouchers: tuple[str, ...]


class TrustRow(msgspec.Struct, frozen=True):
    """What this submitter knows of a peer's honesty, by its own jobs only.

    credibility: how probable its next result is right, at least, in the function in which that is most; 1.0 for a
    key of one's own, 0.0 for one that is shut out. strikes: faded with time; passed, failed: counted since it was
    first seen. marks: the latest strikes. functions: those in which it passed checks since its last strike, the
    latest last. retracted: what rested on it in jobs that have ended, where peers are asked for by name.
    """

    peer: str
    mine: bool
    credibility: float
    strikes: float
    passed: int
    failed: int
    banned: bool
    blocked: bool
    marks: tuple[MarkRow, ...]
    functions: tuple[ProofRow, ...] = ()
    retracted: tuple[RetractedJobRow, ...] = ()


class UnfitRow(msgspec.Struct, frozen=True):
    """Peers that can't take part in a job. why: as in "lacks numpy>=2"."""

    why: str
    peers: tuple[str, ...]


class WorkRow(msgspec.Struct, frozen=True):
    """What one peer did for a job. share: of the slices, adds to 1."""

    id: str
    slices: int
    cpu_seconds: float
    share: float


class RetractedRow(msgspec.Struct, frozen=True):
    """Accepted slices of a job that has ended which are believed no more, because they rested on a peer. when:
    seconds since 1970, of the latest of them. reason: what the peer is shut out for."""

    peer: str
    slices: int
    calls: int
    when: float
    reason: str


class JobRow(msgspec.Struct, frozen=True):
    """A job as people see it. Times are seconds since 1970; `eta` seconds from now. policy: how its results are
    verified. taken_back: slices that were accepted and, before the end, opened again. banned: peers banned in it.
    retracted: accepted results that are believed no more since the job has ended.
    skipped: calls that failed and are not in the value; None where each of them stands in the list of results."""

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
    taken_back: int = 0
    banned: tuple[str, ...] = ()
    skipped: int | None = None
    retracted: tuple[RetractedRow, ...] = ()


class EvidencePart(msgspec.Struct, frozen=True):
    """One worker's part. lease, status, digest: what it signed in `batch`, which is empty where it was not kept.
    agrees: with the accepted result; trusted: its word alone was believed; audit: it came after that. calls: those
    that it executed and signed; empty for all of the slice."""

    peer: str
    lease: bytes
    status: str
    digest: bytes
    agrees: bool
    trusted: bool
    audit: bool
    batch: bytes
    calls: tuple[int, ...] = ()
