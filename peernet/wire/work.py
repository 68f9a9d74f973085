"""Messages of work: pulls, grants, results. The flow is in ARCHITECTURE.md; signed bodies in `wire.signed`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from peernet.config.project import MAX_NARROWED_CALLS
from peernet.wire.base import (
    Count,
    Hash,
    JobKey,
    LeaseKey,
    Message,
    Seconds,
    ShortText,
    SignedBytes,
    SmallCount,
)

INLINE_LIMIT = 48 * 1024
MAX_LEASES = 64
"""Slices in one grant, and results in one batch."""

BATCH_LIMIT = 64 * 1024

SEED_BYTES = 16
"""Of a slice's seed: so many that two slices of any number of jobs never share one."""


CallPlaces = Annotated[tuple[Count, ...], Meta(max_length=MAX_NARROWED_CALLS)]
"""Which calls of a slice a narrowed lease is of: their places from 0, ascending. Empty: it is of all of them."""


class WirePayload(Message, frozen=True, array_like=True, gc=False):
    """Bytes by digest: inline when small, else a blob to be pulled from the sender."""

    digest: Hash
    size: Count
    inline: Annotated[bytes, Meta(max_length=INLINE_LIMIT)] | None


class Pull(Message, frozen=True, array_like=True, gc=False, tag=40):
    """Request, worker to owner: I want up to `want` slices of this job; park this until there are some.

    A new pull replaces the parked one. Answer: `Parked` or `PullRefused`. `advert` is the worker's current
    signed advert, so that the owner knows its needs are met. `unable`: why the worker gives the job up after
    all, as when its box does not open; empty while it does not.
    """

    job: JobKey
    want: SmallCount
    manifest_known: bool
    advert: SignedBytes
    unable: ShortText = ""


class Parked(Message, frozen=True, array_like=True, gc=False, tag=41):
    """Answer to `Pull`: grants will come. `manifest` is the signed manifest, or empty when it was known."""

    manifest: SignedBytes


class PullRefused(Message, frozen=True, array_like=True, gc=False, tag=42):
    """Answer to `Pull`. busy: come back after `retry_after` seconds; over: the job has ended or is unknown;
    unfit: you lack a need (`text` says which); banned: your results are not wanted."""

    why: Literal["busy", "over", "unfit", "banned"]
    retry_after: Seconds
    text: ShortText


class LeaseGrant(Message, frozen=True, array_like=True, gc=False):
    """One slice lent, or some calls of it. `seconds`: how long it may run before it is late. `calls`: how many
    calls the slice holds. `seed`: of the random numbers that its calls draw, equal in all leases of the slice.
    `only`: the calls that are lent, whose inputs `input` holds, where others have agreed on the rest."""

    lease: LeaseKey
    attempt: SmallCount
    seconds: Seconds
    calls: Count
    input: WirePayload
    seed: Annotated[bytes, Meta(min_length=SEED_BYTES, max_length=SEED_BYTES)]
    only: CallPlaces = ()


class Grant(Message, frozen=True, array_like=True, gc=False, tag=43):
    """Notice, owner to worker: slices for a parked pull."""

    job: JobKey
    leases: Annotated[tuple[LeaseGrant, ...], Meta(max_length=MAX_LEASES)]


class Started(Message, frozen=True, array_like=True, gc=False, tag=44):
    """Notice, worker to owner: these leases run now."""

    job: JobKey
    leases: Annotated[tuple[LeaseKey, ...], Meta(max_length=MAX_LEASES)]


class Return(Message, frozen=True, array_like=True, gc=False, tag=45):
    """Request, worker to owner: a signed batch of results (`wire.signed.ResultBatch`) and the inline bytes.

    inlines: for each result of the batch its value bytes, or empty for a blob or a failure. want: how many
    more slices the worker wants, as in `Pull`. Answer: `Taken`.
    """

    job: JobKey
    batch: Annotated[bytes, Meta(max_length=BATCH_LIMIT)]
    inlines: Annotated[tuple[Annotated[bytes, Meta(max_length=INLINE_LIMIT)], ...], Meta(max_length=MAX_LEASES)]
    want: SmallCount


class Taken(Message, frozen=True, array_like=True, gc=False, tag=46):
    """Answer to `Return`: the results are in the owner's journal (blobs are pulled after it).

    receipts: a signed `wire.signed.ReceiptBatch`.
    """

    receipts: Annotated[bytes, Meta(max_length=BATCH_LIMIT)]


class Recall(Message, frozen=True, array_like=True, gc=False, tag=47):
    """Request, owner to worker: give these back if they have not started. missing: no, say only which of them are
    not here and have no result here. Answer: `Recalled`."""

    job: JobKey
    leases: Annotated[tuple[LeaseKey, ...], Meta(max_length=MAX_LEASES)]
    missing: bool = False


class Recalled(Message, frozen=True, array_like=True, gc=False, tag=48):
    """Answer to `Recall`: those that were dropped, or that never came."""

    leases: Annotated[tuple[LeaseKey, ...], Meta(max_length=MAX_LEASES)]


class JobOver(Message, frozen=True, array_like=True, gc=False, tag=49):
    """Notice, owner to worker: stop, drop what you hold of this job. `reason`: done, failed or stopped."""

    job: JobKey
    reason: Literal["done", "failed", "stopped"]
