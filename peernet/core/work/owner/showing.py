"""Results on which the project itself has a say: its job host is shown them before they count.

A result waits here between the arrival of its bytes and its vote. Its lease stays out with its claim, as while
bytes are pulled, so nothing is decided by it, and a restart asks again. `proving` shows results that prove
themselves, `comparing` those that differ and may be equal all the same; a project has one of them at most.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from peernet.core.events import Failed, Outcome
from peernet.core.work.owner.hosting import fail_by_host
from peernet.core.work.owner.leases import Lease
from peernet.core.work.votes import Key
from peernet.types import Payload, PeerId
from peernet.wire.signed import SliceResult

if TYPE_CHECKING:
    from peernet.core.work.owner.job import Job


RAISED = 3
"""Peers whose results have to make the project's function raise before it is taken for the project's own fault."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A result whose bytes are here, on its way to the host and back."""

    lease: Lease
    result: SliceResult
    value: Payload

    @property
    def key(self) -> Key:
        """What its peer said."""
        return (self.result.status, self.result.digest)


class Showing(Protocol):
    """What `proving` and `comparing` have in common for those who hand results over."""

    @property
    def busy(self) -> bool:
        """Results wait for the host's word."""
        ...

    def wants(self, index: int, value: Payload) -> bool:
        """Return whether a result of this slice has to be shown before it counts."""
        ...

    def take(self, lease: Lease, result: SliceResult, value: Payload) -> None:
        """A result has come in: note it as a claim, and have it shown to the host."""
        ...

    def resume(self, lease: Lease, claim: SliceResult, value: Payload) -> None:
        """Have a claim that is on record shown to the host."""
        ...

    def key(self, index: int, said: Key) -> Key:
        """Return as what a result counts that need not be shown."""
        ...

    def pump(self) -> None:
        """Ask about as many as may be at once. A slice may be decided while its results wait."""
        ...


class Queue:
    """The results of one job that wait to be shown, and how many of them the host is asked about now."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.waiting: deque[Shown] = deque()
        self.asked = 0
        self._raised: dict[PeerId, None] = {}
        """Peers of whose results the project's function raised something; and in `_fair`, those of others."""
        self._fair: dict[PeerId, None] = {}

    @property
    def busy(self) -> bool:
        """See `Showing.busy`."""
        return bool(self.waiting or self.asked)

    @property
    def room(self) -> bool:
        """The host can be asked about one more."""
        job = self._job
        return job.hosting.opened and not job.over and self.asked < job.ctx.config.work.checks

    def take(self, lease: Lease, result: SliceResult, value: Payload) -> None:
        """See `Showing.take`."""
        job = self._job
        lease.due = max(lease.due, job.ctx.now.mono + job.ctx.config.work.claim_seconds)
        job.save_lease(
            lease,
            status=result.status,
            value=value,
            cpu_seconds=result.cpu_seconds,
            wall_seconds=result.wall_seconds,
        )
        self.resume(lease, result, value)
        job.changed()

    def resume(self, lease: Lease, claim: SliceResult, value: Payload) -> None:
        """See `Showing.resume`."""
        lease.claim = claim
        self.waiting.append(Shown(lease, claim, value))

    def answered(self, shown: Shown, outcome: Outcome) -> object:
        """The host has answered. Returns what, or None if there is nobody left to tell.

        What the project's function raises may be its own fault, or that of a peer that returned nonsense: then the
        failure is returned. It ends the job where a trusted peer's result made it raise, or those of several
        peers, and of more than it did not.
        """
        job, peer = self._job, shown.lease.peer
        self.asked -= 1
        job.changed()
        if job.over:
            return None
        if not isinstance(outcome, Failed):
            self._fair[peer] = None
            return outcome.value
        self._raised[peer] = None
        enough = min(RAISED, max(1, len(job.seats.all)))
        blamed = len(self._raised) >= enough and len(self._raised) > len(self._fair)
        if outcome.failure.kind != "task" or job.trusted(peer) or blamed:
            fail_by_host(job, outcome.failure)
            return None
        return outcome.failure

    def count(self, shown: Shown, key: Key) -> None:
        """Let a result count as `key`, unless its lease was settled meanwhile, with its peer."""
        shown.lease.claim = None
        if shown.lease.id in self._job.leases.known:
            self._job.verdicts.counted(shown.lease, shown.result, shown.value, key)
