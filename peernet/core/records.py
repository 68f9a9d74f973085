"""What the journal keeps: typed records, each in a space of its own, rebuilt into the core at a restart.

A slice is three records because they are written at different times: its input once, its outcome once, its
leases as they change. Keys of one job begin with its id, so a job's records load together and in order.
"""

from __future__ import annotations

from typing import ClassVar, Literal, TypeVar

import msgspec

from peernet.types import Digest, JobId, LeaseId, Payload, PeerId
from peernet.wire.signed import Needs


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The base of all records. `space` names the journal's table."""

    space: ClassVar[str] = ""

    def key(self) -> bytes:
        """Return the key within the space."""
        raise AssertionError("a record defines its key")


class RetractedRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How many accepted slices of an ended job, of so many calls, are believed no more without a peer. when: wall
    seconds, of the latest of them. reason: what the peer is shut out for."""

    peer: PeerId
    slices: int
    calls: int
    when: float
    reason: str


class JobRecord(Record, frozen=True, array_like=True, gc=False):
    """A job that this peer owns. manifest: its envelope. policy: how its results are verified, as
    `core.work.policies.choose` reads it. pickles: its results are pickles, which only the user's own peers may
    make. locked: its manifest locks the packages that it needs. secret: what the seeds of its slices are
    derived from. checks: its results prove themselves. retries: slices that fail are run again. compares: results
    may be equal although their bytes differ. The numbers of a finished job are final, apart from `retracted`: a
    record for each peer that was shut out since and that accepted slices rested on."""

    space: ClassVar[str] = "job"

    job: JobId
    manifest: bytes
    host_bundle: Digest
    worker_bundle: Digest
    worker_bundle_size: int
    needs: Needs
    name: str
    slice_size: int | None
    timeout: float | None
    reduces: bool
    trusted: tuple[PeerId, ...]
    patience: float
    length: int | None
    submitted: float
    state: Literal["running", "done", "failed", "stopped"] = "running"
    ended: float = 0.0
    reason: str = ""
    reason_kind: str = ""
    traceback: str = ""
    slices: int = 0
    value: Payload | None = None
    stats: bytes = b""
    policy: str = "plain"
    pickles: bool = False
    locked: bool = False
    secret: bytes = b""
    checks: bool = False
    retries: bool = False
    compares: bool = False
    retracted: tuple[RetractedRecord, ...] = ()

    def key(self) -> bytes:
        return self.job


class SliceRecord(Record, frozen=True, array_like=True, gc=False):
    """A slice as it was cut."""

    space: ClassVar[str] = "slice"

    job: JobId
    index: int
    calls: int
    input: Payload

    def key(self) -> bytes:
        return self.job + self.index.to_bytes(8, "big")


class OutcomeRecord(Record, frozen=True, array_like=True, gc=False):
    """An accepted slice: its result and who agreed on it. traceback: of its calls that failed and were skipped, as
    one of them told it."""

    space: ClassVar[str] = "outcome"

    job: JobId
    index: int
    value: Payload
    agreeing: tuple[PeerId, ...]
    disputed: bool
    cpu_seconds: float
    traceback: str = ""

    def key(self) -> bytes:
        return self.job + self.index.to_bytes(8, "big")


class LeaseRecord(Record, frozen=True, array_like=True, gc=False):
    """A lease and, once returned, what the worker signed (`batch` names the `BatchRecord`, and is empty where
    there was no room for it) and the bytes it stands for while the slice is undecided. calls: of a narrowed one,
    those that were lent, and base: the digest of the result whose other calls go with them; `value` is the whole
    that they make, once it is returned. said: the digest that the worker signed, where `value` has another."""

    space: ClassVar[str] = "lease"

    job: JobId
    lease: LeaseId
    index: int
    attempt: int
    peer: PeerId
    state: Literal["sent", "running", "late", "returned", "lost", "recalled"]
    granted: float
    status: str = ""
    value: Payload | None = None
    error: str = ""
    traceback: str = ""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    batch: bytes = b""
    calls: tuple[int, ...] = ()
    base: Digest | None = None
    said: Digest | None = None

    def key(self) -> bytes:
        return self.job + self.lease


class BatchRecord(Record, frozen=True, array_like=True, gc=False):
    """Results as their worker signed them. digest: of the envelope, which is kept exactly as it came."""

    space: ClassVar[str] = "batch"

    job: JobId
    digest: Digest
    envelope: bytes

    def key(self) -> bytes:
        return self.job + self.digest


class PartRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One worker's part in an `EvidenceRecord`. status, digest: what it signed, under `lease`. agrees: with what
    was accepted. trusted: its word alone is believed. audit: it repeated a slice that was accepted by then. batch:
    names the `BatchRecord`; empty where there was no room for it. counts: its peer was not shut out by then.
    calls: those that it executed, of whose results alone the digest is; empty for all of them. shares: it differs
    from what was accepted in the calls in dispute alone."""

    peer: PeerId
    lease: LeaseId
    status: str
    digest: Digest
    agrees: bool
    trusted: bool
    audit: bool
    batch: bytes
    counts: bool = True
    calls: tuple[int, ...] = ()
    shares: bool = False


class EvidenceRecord(Record, frozen=True, array_like=True, gc=False):
    """Why a slice was accepted. reached: how probable its result was by then, at least; 1.0 on a trusted peer's
    word, 0.0 under policies that do not weigh probabilities. retracted: the peer without whom it is believed no
    more, since the job has ended. differing: the first calls of the slice in which results differed, of
    `differences` in all; none where results did not differ, or could not be compared call by call."""

    space: ClassVar[str] = "evidence"

    job: JobId
    index: int
    calls: int
    reached: float
    parts: tuple[PartRecord, ...]
    retracted: PeerId | None = None
    differing: tuple[int, ...] = ()
    differences: int = 0

    def key(self) -> bytes:
        return self.job + self.index.to_bytes(8, "big")


class ReceiptRecord(Record, frozen=True, array_like=True, gc=False):
    """An owner's signed receipt for work that this peer did."""

    space: ClassVar[str] = "receipt"

    job: JobId
    number: int
    envelope: bytes

    def key(self) -> bytes:
        return self.job + self.number.to_bytes(8, "big")


class ContactRecord(Record, frozen=True, array_like=True, gc=False):
    """A peer that answered lately, to return to the network through."""

    space: ClassVar[str] = "contact"

    peer: PeerId
    addresses: tuple[str, ...]
    seen: float

    def key(self) -> bytes:
        return self.peer


class MineRecord(Record, frozen=True, array_like=True, gc=False):
    """A key that the user marked as their own."""

    space: ClassVar[str] = "mine"

    peer: PeerId

    def key(self) -> bytes:
        return self.peer


class MarkRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One strike in a `TrustRecord`."""

    when: float
    job: JobId
    index: int
    reason: str


class ProofRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a peer has proven in one function (`core.work.trust.Proof`), in a `TrustRecord`. function: the id that
    its name gives; name: the beginning of it, for people."""

    function: bytes
    name: str
    checks: float
    sure: bool
    vouchers: tuple[PeerId, ...]


class TrustRecord(Record, frozen=True, array_like=True, gc=False):
    """What this submitter knows of a peer's honesty (`core.work.trust.Standing`). proofs: the least recently
    touched first."""

    space: ClassVar[str] = "trust"

    peer: PeerId
    share: float
    touched: float
    strikes: float
    passed: int
    failed: int
    banned: bool
    blocked: bool
    marks: tuple[MarkRecord, ...] = ()
    proofs: tuple[ProofRecord, ...] = ()

    def key(self) -> bytes:
        return self.peer


class ReviewRecord(Record, frozen=True, array_like=True, gc=False):
    """Ended jobs are being looked through for slices that rested on a peer, which was shut out for `reason`.
    since: wall seconds. after: the key of the last `EvidenceRecord` that has been judged; empty at the
    beginning."""

    space: ClassVar[str] = "review"

    peer: PeerId
    reason: str
    since: float
    after: bytes = b""

    def key(self) -> bytes:
        return self.peer


R = TypeVar("R", bound=Record)

_encoder = msgspec.msgpack.Encoder()


def encode_record(record: Record) -> bytes:
    """Return the bytes that the journal keeps."""
    return _encoder.encode(record)


def decode_record(kind: type[R], data: bytes) -> R:
    """Return a record of the journal.

    Raises:
        msgspec.DecodeError: the bytes are not such a record, so the journal is of another version or damaged.
    """
    return msgspec.msgpack.decode(data, type=kind)
