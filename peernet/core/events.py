"""What happens to the core: past facts, each an argument of `NodeCore.handle`.

`Done` and `Failed` are the outcome of one effect that carried an id; every such effect yields exactly one of them.

What comes with each message is a msgspec struct: it is created ten times faster than a frozen dataclass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from peernet.core.records import EvidenceRecord, JobRecord
from peernet.types import Digest, Instance, JobId, Payload, PeerId
from peernet.wire.link import Body


class Now(msgspec.Struct, frozen=True, gc=False):
    """Two clocks, both in seconds. mono: never goes back, runs on through suspend; for timers.
    wall: since 1970; for records."""

    mono: float
    wall: float


FailureKind = Literal[
    "unreachable",  # nobody answers, or no address is known
    "wrong-peer",  # another peer answered at the address
    "lost",  # the connection ended during the call
    "timeout",  # no answer in time
    "busy",  # a queue of this peer is full
    "refused",  # the remote peer answered with an error
    "missing",  # the remote peer does not hold the blob
    "corrupt",  # the blob's bytes do not match its digest
    "storage",  # this peer's disk refused
    "usage",  # the project is wrong: its author's mistake
    "task",  # the user's code raised
    "unencodable",  # a value is not plain data
    "box",  # the box could not start, or ended by itself
]


class Failure(msgspec.Struct, frozen=True, gc=False):
    """Why an effect failed. message: one line for the user; traceback: of user code, if any."""

    kind: FailureKind
    message: str
    traceback: str = ""


class Tick(msgspec.Struct, frozen=True, gc=False):
    """A deadline is due: `next_deadline()` has passed."""


class PeerConnected(msgspec.Struct, frozen=True, gc=False):
    """An authenticated connection stands. One for each peer at a time, whoever dialled.

    addresses: full multiaddrs where the peer can be dialled, as far as known: what this peer dialled itself, or
    the observed host with the announced port. Empty when it does not listen. host: the observed remote host.
    observed: the host at which the remote peer sees this one. ahead: seconds that its clock is ahead of this
    one's, as it said when it connected.
    """

    peer: PeerId
    instance: Instance
    addresses: tuple[str, ...]
    host: str
    observed: str
    inbound: bool
    rtt: float
    ahead: float = 0.0


class PeerLost(msgspec.Struct, frozen=True, gc=False):
    """The connection ended. clean: one of the two said goodbye. spare: nobody needed the connection, or its room
    was wanted; the peer itself goes on, and may be connected to again."""

    peer: PeerId
    reason: str
    clean: bool
    spare: bool = False


class Received(msgspec.Struct, frozen=True, gc=False):
    """A notice arrived."""

    peer: PeerId
    body: Body


class Requested(msgspec.Struct, frozen=True, gc=False):
    """A call arrived; the core answers it in the same handle with a `Reply` of the same `call`."""

    peer: PeerId
    call: int
    body: Body


class Began(msgspec.Struct, frozen=True, gc=False):
    """A `RunSlice` has started to run. Comes before its `Done` or `Failed`, or not at all."""

    id: int


class Done(msgspec.Struct, frozen=True, gc=False):
    """An effect succeeded. The type of `value` is stated at each effect."""

    id: int
    value: object = None


class Failed(msgspec.Struct, frozen=True, gc=False):
    """An effect failed."""

    id: int
    failure: Failure


Outcome = Done | Failed


@dataclass(frozen=True, slots=True)
class SliceOutcome:
    """Value of a done `RunSlice`: what the user's code did, which may well be a failure of its own."""

    status: Literal["ok", "error", "timeout", "memory", "exited", "unencodable", "too_large", "scratch"]
    value: Payload | None
    error: str
    call: int | None
    traceback: str
    cpu_seconds: float
    wall_seconds: float


@dataclass(frozen=True, slots=True)
class HostOpened:
    """Value of a done `OpenHost`: what the project declares (the overrides of the submission applied).

    length: number of calls if known. slice_size: None for "choose by measurement". replicas, quorum: None for the
    default policy. timeout: seconds for a slice, or None. confidence: how probable each result has to be right, in
    place of replicas and quorum. memory, scratch: bytes for a slice, or None. python: versions that it runs on,
    empty for any. packages: requirements. reuse: slices may share a process. pickles: results are pickles.
    retries: slices that fail are run again before that counts.
    checks: results prove themselves, by the project's own `check`. compares: results may be equal although their
    bytes differ, by its own `equal`. numeric: the numeric class that peers must have, empty for any.
    """

    name: str
    length: int | None
    slice_size: int | None
    replicas: int | None
    quorum: int | None
    timeout: float | None
    whole_slice: bool
    reduces: bool
    confidence: float | None = None
    memory: int | None = None
    scratch: int | None = None
    python: str = ""
    packages: tuple[str, ...] = ()
    reuse: bool = False
    pickles: bool = False
    checks: bool = False
    retries: bool = False
    compares: bool = False
    numeric: str = ""


@dataclass(frozen=True, slots=True)
class CutSlice:
    """One slice's inputs."""

    calls: int
    input: Payload


@dataclass(frozen=True, slots=True)
class CutsMade:
    """Value of a done `Cut`. end: the iterable is exhausted. May hold fewer than asked without being the end."""

    cuts: tuple[CutSlice, ...]
    end: bool


@dataclass(frozen=True, slots=True)
class JobValue:
    """Value of a done `Finish`. skipped: calls that failed and are not in it."""

    value: Payload
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Value of a done `Review`: of one job that has ended, the accepted slices that a peer agreed with.

    after: where to look on. last: the job has no more of them.
    """

    job: JobRecord
    evidence: tuple[EvidenceRecord, ...]
    after: bytes
    last: bool


@dataclass(frozen=True, slots=True)
class DifferencesFound:
    """Value of a done `Differ`. counts: of each result the number of calls in which it differs from the first one;
    None where it can't be compared. places: the first `MAX_NARROWED_CALLS` of these calls, ascending. narrowed:
    the calls whose input is `input`, ascending; empty and None where there are none, or too many."""

    counts: tuple[int | None, ...]
    places: tuple[tuple[int, ...], ...]
    narrowed: tuple[int, ...] = ()
    input: Payload | None = None


class Listening(msgspec.Struct, frozen=True, gc=False):
    """This peer accepts connections on this port."""

    port: int


@dataclass(frozen=True, slots=True)
class MachineMeasured:
    """This machine now, for the advert. load: 1-minute load over cores; memory: bytes free to lend. packages: what
    the advert tells of those installed, as "name==version". installed: all of them, versions by canonical name.
    numeric: the numeric class (`project.numeric`), of numpy too once it was measured."""

    cores: int
    memory: int
    load: float
    speed: float
    python: str
    platform: str
    tier: str
    packages: tuple[str, ...] = ()
    installed: Mapping[str, str] = field(default_factory=dict)
    numeric: str = ""


class JoinAsked(msgspec.Struct, frozen=True, gc=False):
    """The user wants to join through these multiaddrs. Its outcome leaves as `Answer(id)`: None, or a Failure."""

    id: int
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Submission:
    """What a submitter hands over. host_bundle and worker_bundle are blobs already stored here.

    overrides: of the decorator's values; None where not given. trusted: peers whose single execution is believed
    for this job (`--local`). needs_python: minor version needed, or empty. tier: the lowest sandbox tier that may
    run it, or empty. policy: how results are verified, by name, in place of what the project declares. numeric: as
    the decorator's; None where not given.
    """

    host_bundle: Digest
    worker_bundle: Digest
    worker_bundle_size: int
    needs_python: str
    name: str = ""
    slice_size: int | None = None
    replicas: int | None = None
    quorum: int | None = None
    timeout: float | None = None
    trusted: tuple[PeerId, ...] = ()
    patience: float = 10.0
    memory: int | None = None
    scratch: int | None = None
    tier: str = ""
    confidence: float | None = None
    policy: str = ""
    numeric: str | None = None


class SubmitAsked(msgspec.Struct, frozen=True, gc=False):
    """A job is submitted. `Answer(id)` gives its JobId once the host has opened, or a Failure."""

    id: int
    submission: Submission


class StopAsked(msgspec.Struct, frozen=True, gc=False):
    """The user wants the job to stop. `Answer(id)` gives None, or a Failure if it has ended or is unknown."""

    id: int
    job: JobId


class TrustAsked(msgspec.Struct, frozen=True, gc=False):
    """The user marks keys as their own (`mine` true) or takes the mark back."""

    id: int
    peers: tuple[PeerId, ...] = ()
    mine: bool = True


class BlockAsked(msgspec.Struct, frozen=True, gc=False):
    """The user wants no results of these peers (`blocked` true), or takes that back and forgives their strikes."""

    id: int
    peers: tuple[PeerId, ...]
    blocked: bool


class LeaveAsked(msgspec.Struct, frozen=True, gc=False):
    """The peer is about to stop: say so to whom it concerns. `Answer(id)` follows in the same handle."""

    id: int


Event = (
    Tick
    | PeerConnected
    | PeerLost
    | Received
    | Requested
    | Began
    | Done
    | Failed
    | Listening
    | MachineMeasured
    | JoinAsked
    | SubmitAsked
    | StopAsked
    | TrustAsked
    | BlockAsked
    | LeaveAsked
)
