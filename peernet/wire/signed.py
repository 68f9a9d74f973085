"""The bodies that peers sign. Each travels in an envelope (`identity.envelope`) of its own domain."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

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
from peernet.wire.work import MAX_LEASES

ADVERT = "peernet/advert/1"
MANIFEST = "peernet/manifest/1"
OFFER = "peernet/offer/1"
RESULTS = "peernet/results/1"
RECEIPTS = "peernet/receipts/1"
TOMBSTONE = "peernet/tombstone/1"


class Advert(Message, frozen=True, array_like=True, gc=False):
    """What a peer can do now. cores: logical; memory: bytes it lends; slots: slices it runs at once, free of
    them `free`; load: 1-minute load average over cores; speed: relative to a reference core (1.0); python:
    "3.11"; platform: "linux-x86_64"; tier: sandbox tier, empty when it does not execute; serves: whose code it
    runs; paused: why it takes no work now, else empty."""

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


class Needs(Message, frozen=True, array_like=True, gc=False):
    """What a worker must have. python: minor version, or empty for any; memory: bytes a slice may use, 0 for
    the worker's default; tier: the lowest sandbox tier, or empty."""

    python: ShortText
    memory: Count
    tier: ShortText


class Manifest(Message, frozen=True, array_like=True, gc=False):
    """A job, as its owner signs it; the job's id is the SHA-256 of the envelope.

    slices: number if known, else None. timeout: seconds a slice may run. replicas, quorum: 0 for the default
    policy (one trusted execution, else 2 of 2).
    """

    nonce: Annotated[bytes, Meta(min_length=16, max_length=16)]
    name: ShortText
    bundle: Hash
    bundle_size: Count
    needs: Needs
    timeout: Seconds
    replicas: SmallCount
    quorum: SmallCount


class Offer(Message, frozen=True, array_like=True, gc=False):
    """There is work. `open_slices`: how many slices wait (0: none now); `addresses`: where the owner answers."""

    job: JobKey
    open_slices: Count
    needs: Needs
    addresses: Addresses


class SliceResult(Message, frozen=True, array_like=True, gc=False):
    """The outcome of one lease. status "ok": digest and size of the canonical bytes. Else digest names the
    failure (`core.work.votes`), error is its one line and traceback its text."""

    lease: LeaseKey
    status: Literal["ok", "error", "timeout", "memory", "exited", "unencodable", "too_large", "scratch"]
    digest: Hash
    size: Count
    cpu_seconds: Seconds
    wall_seconds: Seconds
    error: Text
    traceback: Annotated[str, Meta(max_length=8192)]


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
