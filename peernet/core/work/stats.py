"""What is counted of a job, and the job as front ends see it."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from peernet.core.records import JobRecord, RetractedRecord
from peernet.types import JobId, Payload, PeerId


class PeerWork(msgspec.Struct, frozen=True, array_like=True):
    """One peer's part in a job. slices: accepted ones whose result it agreed with. cpu_seconds: of all that it
    returned, by its own account. share: of the slices of all peers; shares add to 1."""

    peer: PeerId
    slices: int
    cpu_seconds: float
    share: float


class Unfit(msgspec.Struct, frozen=True, array_like=True):
    """Peers that can't take part in a job. why: as in "lacks numpy>=2"."""

    why: str
    peers: tuple[PeerId, ...]


class JobStats(msgspec.Struct, frozen=True, array_like=True):
    """The counts of a job. executions: results returned, late ones and audits included. disagreements: slices
    that results differed on. accepted, calls: slices and calls accepted. audits: executions of decided slices.
    strikes: results found wrong. taken_back: slices that were accepted and, before the end, opened again. banned:
    peers banned for strikes in this job. skipped: calls that failed and are not in the value of a job that
    reduces."""

    executions: int = 0
    disagreements: int = 0
    accepted: int = 0
    calls: int = 0
    peers: tuple[PeerWork, ...] = ()
    audits: int = 0
    strikes: int = 0
    taken_back: int = 0
    banned: tuple[PeerId, ...] = ()
    skipped: int = 0


class Tally:
    """Counts while a job runs. See `JobStats`."""

    def __init__(self) -> None:
        self.executions = 0
        self.disagreements = 0
        self.audits = 0
        self.own_audits = 0
        self.own_refuted = 0
        self.strikes = 0
        self.taken_back = 0
        self.skipped = 0
        self.banned: dict[PeerId, None] = {}
        self._slices: dict[PeerId, int] = {}
        self._cpu: dict[PeerId, float] = {}

    def returned(self, peer: PeerId, cpu_seconds: float) -> None:
        """A result came back."""
        self.executions += 1
        self._cpu[peer] = self._cpu.get(peer, 0.0) + cpu_seconds

    def agreed(self, peer: PeerId) -> None:
        """A peer's result is, or equals, the accepted one of a slice."""
        self._slices[peer] = self._slices.get(peer, 0) + 1

    def stats(self, accepted: int, calls: int) -> JobStats:
        """Return the counts as they are now."""
        total = sum(self._slices.values())
        peers = tuple(
            PeerWork(peer, count, self._cpu.get(peer, 0.0), count / total) for peer, count in self._slices.items()
        )
        return JobStats(
            self.executions,
            self.disagreements,
            accepted,
            calls,
            peers,
            self.audits,
            self.strikes,
            self.taken_back,
            tuple(self.banned),
            self.skipped,
        )


def encode_stats(stats: JobStats) -> bytes:
    """Return the bytes that a `JobRecord` keeps."""
    return msgspec.msgpack.encode(stats)


def decode_stats(data: bytes) -> JobStats:
    """Return the counts of an ended job; no bytes are no counts.

    Raises:
        msgspec.DecodeError: the journal is of another version or damaged.
    """
    return msgspec.msgpack.decode(data, type=JobStats) if data else JobStats()


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as front ends see it.

    host: the key under which its job host runs, while it runs. state: running, done, failed or stopped.
    calls: number of calls if known. slices: number of slices once all are cut. cut: slices cut so far. open:
    undecided slices that nobody works on. leased: undecided ones that somebody works on. working: peers that hold
    a lease in time. waiting_reason: why nothing runs, or what is short, else empty. submitted, ended: wall
    seconds, 0.0 if not yet. reason_kind: "usage", "too-few", "stopped", "storage", "box", "disputed", "task", or
    another status of a slice ("timeout", "exited", ...). eta_seconds: from now, or None if it can't be told.
    value: of a job that reduces, once it is done; skipped: calls that failed and are not in it. unfit: peers known
    that can't take part and why, while it runs; unfit_text: the same for people; fit: how many of those known may.
    retracted: as in `JobRecord`.
    """

    id: JobId
    name: str
    state: str
    submitted: float
    host: JobId | None = None
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
    waiting_reason: str = ""
    eta_seconds: float | None = None
    reason: str = ""
    reason_kind: str = ""
    traceback: str = ""
    peers: tuple[PeerWork, ...] = ()
    policy: str = ""
    audits: int = 0
    strikes: int = 0
    taken_back: int = 0
    banned: tuple[PeerId, ...] = ()
    skipped: int = 0
    value: Payload | None = None
    unfit: tuple[Unfit, ...] = ()
    unfit_text: str = ""
    fit: int = 0
    retracted: tuple[RetractedRecord, ...] = ()


def view_of(record: JobRecord) -> JobView:
    """Return an ended job as front ends see it."""
    stats = decode_stats(record.stats)
    return JobView(
        id=record.job,
        name=record.name,
        state=record.state,
        submitted=record.submitted,
        ended=record.ended,
        reduces=record.reduces,
        calls=record.length if record.length is not None else stats.calls,
        slices=record.slices,
        cut=record.slices,
        accepted=stats.accepted,
        executions=stats.executions,
        disagreements=stats.disagreements,
        reason=record.reason,
        reason_kind=record.reason_kind,
        traceback=record.traceback,
        peers=stats.peers,
        policy=record.policy,
        audits=stats.audits,
        strikes=stats.strikes,
        taken_back=stats.taken_back,
        banned=stats.banned,
        skipped=stats.skipped,
        value=record.value,
        retracted=record.retracted,
    )
