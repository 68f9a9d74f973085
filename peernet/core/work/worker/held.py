"""What a worker holds: the jobs that it serves, their leases, and how many more slices it wants.

Credits work like this. `want`, in a pull or with results, replaces what the owner knew: so many more slices may
come. A worker wants the slots that are its owner's fair share, and so many slices behind each of them that the
next is here when one ends: round trip against run time. It wants none before its box is open, so that no slice
waits at a machine that can't run it. What was granted beyond anything asked for is refused.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from enum import Enum

from peernet.config.work import WorkConfig
from peernet.core.context import Context, Timer
from peernet.core.effects import PinBlob, UnpinBlobs
from peernet.core.work.worker.fairness import fair_share
from peernet.core.work.worker.outbox import Outbox
from peernet.types import Digest, JobId, LeaseId, Payload, PeerId
from peernet.wire.signed import Manifest

HeldKey = tuple[PeerId, JobId]
MOST_WANTED = 65_535


class Box(Enum):
    """The box of a job: absent -> fetching (its bundle) -> opening -> open; a second failure in a row ends the job
    here. `absent` again after this machine's disk refused, or an unanswered fetch."""

    ABSENT = "absent"
    FETCHING = "fetching"
    OPENING = "opening"
    OPEN = "open"


@dataclass(slots=True)
class Lease:
    """A slice that was lent. seed: of the random numbers that its calls draw. only: the calls of it that were
    lent; empty for all of them. tries: how often fetching or running it has failed through no fault of its code.
    box_round: which box of the job it runs in."""

    id: LeaseId
    calls: int
    input: Payload
    seed: bytes
    only: tuple[int, ...] = ()
    tries: int = 0
    box_round: int = 0


@dataclass(slots=True)
class Pace:
    """How long slices run and calls to the owner take, smoothed. None until measured. Seconds."""

    run: float | None = None
    trip: float | None = None

    def ran(self, seconds: float) -> None:
        """Take in the wall time of a slice."""
        self.run = _smooth(self.run, seconds)

    def answered(self, seconds: float) -> None:
        """Take in the time from sending results to their answer."""
        self.trip = _smooth(self.trip, seconds)

    def extra(self, bounds: WorkConfig) -> int:
        """Return how many slices to queue behind each running one."""
        if self.run is None:
            return 1
        if self.run >= bounds.worker_long_slice:
            return 0
        # Twice, since both the results' way and the wait for their batch vary.
        lead = 2 * ((self.trip or 0.0) + bounds.worker_flush_seconds)
        return max(1, min(bounds.worker_depth, math.ceil(lead / max(self.run, 1e-6))))


def _smooth(old: float | None, new: float) -> float:
    return new if old is None else old + (new - old) / 8


@dataclass(slots=True, eq=False)
class Held:
    """One job that this worker pulled.

    until: wall-clock time of its expiry. heard: when its owner last gave or took something (monotonic). leases:
    all that are here, results that the owner has not taken included (it may grant one again after its restart).
    pinned: those whose input or result is a blob that must stay here.
    parked: the owner knows that we want work. told: how many more slices it may still believe that we want;
    allowance: the most that may still come. closing: the owner was away too long, only results are left. ended:
    dropped; what still comes in is ignored.
    """

    owner: PeerId
    job: JobId
    until: float
    heard: float
    outbox: Outbox
    leases: dict[LeaseId, None] = field(default_factory=dict)
    pinned: dict[LeaseId, None] = field(default_factory=dict)
    manifest: Manifest | None = None
    parked: bool = False
    pulling: bool = False
    told: int = 0
    allowance: int = 0
    asked: int = 0
    box: Box = Box.ABSENT
    box_round: int = 0
    box_failures: int = 0
    bundle_here: bool = False
    bundle_tries: int = 0
    waiting: deque[Lease] = field(default_factory=deque)
    fetching: dict[LeaseId, Lease] = field(default_factory=dict)
    ready: deque[Lease] = field(default_factory=deque)
    running: dict[LeaseId, int] = field(default_factory=dict)
    began: list[LeaseId] = field(default_factory=list)
    pace: Pace = field(default_factory=Pace)
    turn: int = 0
    lost_since: float | None = None
    attempts: int = 0
    refusals: int = 0
    retry: Timer | None = None
    receipts: int = 0
    closing: bool = False
    ended: bool = False

    @property
    def key(self) -> HeldKey:
        """What identifies it here: a job id alone would let one peer stand in another's way."""
        return (self.owner, self.job)

    @property
    def count(self) -> int:
        """Leases that are not finished."""
        return len(self.waiting) + len(self.fetching) + len(self.ready) + len(self.running)

    def pin(self, ctx: Context, lease: LeaseId, blob: Digest) -> None:
        """Keep a blob for as long as a lease needs it: a job's blobs together may be more than the disk takes."""
        self.pinned[lease] = None
        ctx.emit(PinBlob(blob, JobId(lease)))

    def unpin(self, ctx: Context, lease: LeaseId) -> None:
        """A lease needs its blobs no more. They stay until their room is wanted."""
        if lease in self.pinned:
            del self.pinned[lease]
            ctx.emit(UnpinBlobs(JobId(lease)))

    def ask(self, want: int, most: int) -> None:
        """A message that says `want` leaves. most: what an owner may grant at all."""
        self.told = want
        self.allowance = min(self.allowance + want, most)
        self.asked += want

    def answered(self, want: int) -> None:
        """It was answered: grants for what was asked before it have all come."""
        self.asked -= want
        self.allowance = min(self.allowance, want + self.asked)

    def unanswered(self, want: int) -> None:
        """It was not answered, but may have arrived."""
        self.asked -= want

    def granted(self, count: int) -> None:
        """So many slices came."""
        self.allowance -= count
        self.told = max(0, self.told - count)


@dataclass(slots=True)
class Bench:
    """All that this worker holds, and how much it may take on.

    slots: slices run at once, busy of them now. max_slices: slices taken in all, or None. paused: why no work is
    taken, else empty. halted: nothing that is queued starts either. done: slices run.
    """

    bounds: WorkConfig
    slots: int
    max_slices: int | None
    paused: str = ""
    halted: bool = False
    done: int = 0
    busy: int = 0
    held: dict[HeldKey, Held] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Leases of all jobs that are not finished."""
        return sum(held.count for held in self.held.values())

    @property
    def most(self) -> int:
        """Slices that one owner may have outstanding grants for: twice what could ever be wanted."""
        return min(MOST_WANTED, 2 * self.slots * (1 + self.bounds.worker_depth))

    def free(self) -> int:
        """Return the slots not spoken for."""
        return 0 if self.paused else max(0, self.slots - self.count)

    def room(self) -> int | None:
        """Return how many more slices may be taken in all, or None for any number."""
        return None if self.max_slices is None else max(0, self.max_slices - self.done - self.count)

    def want(self, held: Held) -> int:
        """Return how many more slices of this job are wanted now."""
        if self.paused or held.closing or held.outbox.full or held.box is not Box.OPEN:
            return 0
        target = self._share(held) * (1 + held.pace.extra(self.bounds))
        want = min(target - held.count, MOST_WANTED)
        room = self.room()
        if room is not None:
            # What was asked for before may still come, also for this job: messages cross.
            want = min(want, room - sum(other.allowance for other in self.held.values()))
        return max(0, want)

    def _share(self, held: Held) -> int:
        """The slots that are this job's: an equal part for each owner at work, and again for each of its jobs."""
        busy = [other for other in self.held.values() if other is held or other.count]
        owners = dict.fromkeys(other.owner for other in busy)
        jobs = sum(other.owner == held.owner for other in busy)
        return fair_share(fair_share(self.slots, len(owners)), jobs)
