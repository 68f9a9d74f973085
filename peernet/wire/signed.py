"""The bodies that peers sign. Each travels in an envelope (`identity.envelope`) of its own domain."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from peernet.config.environments import (
    MAX_LISTED_PACKAGES,
    MAX_LOCK_BYTES,
    MAX_PACKAGE_CHARS,
    MAX_REQUIREMENT_CHARS,
    MAX_REQUIREMENTS,
)
from peernet.config.numeric import MAX_CLASS_CHARS
from peernet.project.numeric import NUMERIC_PATTERN
from peernet.wire.base import (
    Addresses,
    Count,
    Hash,
    InstanceKey,
    JobKey,
    LeaseKey,
    Message,
    PeerKey,
    Seconds,
    ShortText,
    SmallCount,
    Text,
)
from peernet.wire.work import MAX_LEASES, CallPlaces

ADVERT = "peernet/advert/1"
MANIFEST = "peernet/manifest/1"
OFFER = "peernet/offer/1"
RESULTS = "peernet/results/1"
RECEIPTS = "peernet/receipts/1"
TOMBSTONE = "peernet/tombstone/1"

PackageText = Annotated[str, Meta(max_length=MAX_PACKAGE_CHARS)]
RequirementText = Annotated[str, Meta(max_length=MAX_REQUIREMENT_CHARS)]
NumericText = Annotated[str, Meta(max_length=MAX_CLASS_CHARS, pattern=NUMERIC_PATTERN)]


class Advert(Message, frozen=True, array_like=True, gc=False):
    """What a peer can do now. cores: logical; memory: bytes it lends; slots: slices it runs at once, free of
    them `free`; load: 1-minute load average over cores; speed: relative to a reference core (1.0); python:
    "3.11"; platform: "linux-x86_64"; tier: sandbox tier, empty when it does not execute; serves: whose code it
    runs; paused: why it takes no work now, else empty; packages: "name==version" of what its boxes can import,
    sorted, perhaps not all; slice_memory, slice_seconds, slice_scratch: the most that it lends to a stranger's
    slice, in bytes and seconds, 0 where it does not say; builds: whose jobs get packages that it lacks; numeric:
    its numeric class (`project.numeric`), of numpy too once it was asked for."""

    instance: InstanceKey
    cores: SmallCount
    memory: Count
    slots: SmallCount
    free: SmallCount
    load: Seconds
    speed: Seconds
    python: ShortText
    platform: ShortText
    tier: ShortText
    serves: Literal["anyone", "mine"]
    paused: ShortText
    packages: Annotated[tuple[PackageText, ...], Meta(max_length=MAX_LISTED_PACKAGES)] = ()
    slice_memory: Count = 0
    slice_seconds: Seconds = 0.0
    slice_scratch: Count = 0
    builds: Literal["none", "mine", "anyone"] = "none"
    numeric: NumericText = ""


class Needs(Message, frozen=True, array_like=True, gc=False):
    """What a worker must have. python: a minor version as "3.11", a range as ">=3.11", or empty for any; tier: the
    lowest sandbox tier, or empty; packages: requirements (PEP 508); memory, scratch: bytes, and seconds: of
    wall-clock time, that a slice may use, 0 for the worker's default; numeric: the beginning of the worker's
    numeric class (`project.numeric`), or empty for any."""

    python: RequirementText
    memory: Count
    tier: ShortText
    packages: Annotated[tuple[RequirementText, ...], Meta(max_length=MAX_REQUIREMENTS)] = ()
    seconds: Seconds = 0.0
    scratch: Count = 0
    numeric: NumericText = ""


class Manifest(Message, frozen=True, array_like=True, gc=False):
    """A job, as its owner signs it; the job's id is the SHA-256 of the envelope.

    replicas, quorum: 0 where the owner asks for a confidence instead. reuse: slices that run on one
    worker may share a process. lock: the wheels that its packages stand for, as `project.lock` encodes them, for
    workers that build what they lack; empty where there are none.
    """

    nonce: Annotated[bytes, Meta(min_length=16, max_length=16)]
    name: ShortText
    bundle: Hash
    bundle_size: Count
    needs: Needs
    replicas: SmallCount
    quorum: SmallCount
    reuse: bool = False
    lock: Annotated[bytes, Meta(max_length=MAX_LOCK_BYTES)] = b""


class Offer(Message, frozen=True, array_like=True, gc=False):
    """There is work. `open_slices`: how many slices wait (0: none now); `addresses`: where the owner answers."""

    job: JobKey
    open_slices: Count
    needs: Needs
    addresses: Addresses


class SliceResult(Message, frozen=True, array_like=True, gc=False):
    """The outcome of one lease. status "ok": digest and size of the canonical bytes. Else digest names the
    failure (`core.work.votes`) and error is its one line. traceback: its text, or those of calls that were
    skipped. only: the calls of the slice that were executed, whose results the digest is of; empty for all."""

    lease: LeaseKey
    status: Literal["ok", "error", "timeout", "memory", "exited", "unencodable", "too_large", "scratch"]
    digest: Hash
    size: Count
    cpu_seconds: Seconds
    wall_seconds: Seconds
    error: Text
    traceback: Annotated[str, Meta(max_length=8192)]
    only: CallPlaces = ()


class ResultBatch(Message, frozen=True, array_like=True, gc=False):
    """Results of one job by one worker, signed together: a signature costs as much as a small slice."""

    job: JobKey
    results: Annotated[tuple[SliceResult, ...], Meta(max_length=MAX_LEASES)]


class ReceiptBatch(Message, frozen=True, array_like=True, gc=False):
    """The owner's word that it took these results from `worker`."""

    job: JobKey
    worker: PeerKey
    leases: Annotated[tuple[LeaseKey, ...], Meta(max_length=MAX_LEASES)]
    cpu_seconds: Seconds


class Tombstone(Message, frozen=True, array_like=True, gc=False):
    """The job is over; forget its offers until its expiry."""

    job: JobKey
    reason: Literal["done", "failed", "stopped"]
