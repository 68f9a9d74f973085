"""What a front end asks a peer: one request a connection."""

from __future__ import annotations

from peernet.wire.control.message import ControlMessage


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
    numeric: str | None = None


class ListJobs(ControlMessage, frozen=True):
    """Request: all jobs, newest first. Reply: `JobsReply`."""


class Show(ControlMessage, frozen=True):
    """Request: one job; an id or a unique prefix. Reply: `JobReply`."""

    job: str


class Watch(ControlMessage, frozen=True):
    """Request: tell me as the job goes on. Replies: `JobReply` and `Printed`, until the job has ended;
    and `Retraction` of any job that has."""

    job: str


class Results(ControlMessage, frozen=True):
    """Request: accepted results in order, from slice `start` on, as they come. Replies: `SliceValue`, or one
    `FinalValue` for a job that reduces; then `JobReply`. A slice that was sent and is believed no more is named by
    `TakenBack`; its next `SliceValue` comes when there is one, out of order, and before `JobReply`."""

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


ControlRequest = (
    Status | ListPeers | Join | Submit | ListJobs | Show | Watch | Results | Evidence | Stop | Mine | Block | Trust
)
