"""Results that prove themselves: each is shown to the job host, whose word decides.

A result waits here between the arrival of its bytes and its vote. Its lease stays out with its claim, as while
bytes are pulled, so nothing is decided by it, and a restart asks again. The vote of a result that did not pass has
the status `REJECTED`. A result that comes when its slice is decided is not shown: its input is not here any more.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from peernet.core.effects import Check
from peernet.core.events import Failed, Outcome
from peernet.core.work.owner.hosting import fail_by_host
from peernet.core.work.owner.leases import Lease
from peernet.core.work.votes import REJECTED
from peernet.types import Payload
from peernet.wire.signed import SliceResult

if TYPE_CHECKING:
    from peernet.core.context import Context
    from peernet.core.work.owner.job import Job
    from peernet.types import JobId


@dataclass(frozen=True, slots=True)
class Shown:
    """A result whose bytes are here, on its way to the host and back."""

    lease: Lease
    result: SliceResult
    value: Payload


class Proving:
    """Asks the host of one job about results."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._waiting: deque[Shown] = deque()
        self._asked = 0

    @property
    def busy(self) -> bool:
        """Results wait for the host's word."""
        return bool(self._waiting or self._asked)

    def take(self, lease: Lease, result: SliceResult, value: Payload) -> None:
        """A result has come in: note it as a claim, and have it shown to the host."""
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
        """Have a claim that is on record shown to the host."""
        lease.claim = claim
        self._waiting.append(Shown(lease, claim, value))

    def pump(self) -> None:
        """Ask about as many as may be at once. A slice may be decided while its results wait."""
        job = self._job
        while self._waiting and job.hosting.opened and not job.over and self._asked < job.ctx.config.work.checks:
            shown = self._waiting.popleft()
            entry = job.slices.undecided.get(shown.lease.index)
            if entry is None:
                self._count(shown, "ok")
                continue
            self._asked += 1
            _ask(job.ctx, job.host, entry.input, shown, self)

    def on_checked(self, shown: Shown, outcome: Outcome) -> None:
        """The host has looked at a result. That it can't is the fault of the project, or of the host."""
        job = self._job
        self._asked -= 1
        job.changed()
        if job.over:
            return
        if isinstance(outcome, Failed):
            fail_by_host(job, outcome.failure)
            return
        assert isinstance(outcome.value, bool), f"the host answered {type(outcome.value).__name__}"
        self._count(shown, "ok" if outcome.value else REJECTED)

    def _count(self, shown: Shown, status: str) -> None:
        lease = shown.lease
        lease.claim = None
        if lease.id in self._job.leases.known:  # else it was settled meanwhile, with its peer
            self._job.verdicts.counted(lease, shown.result, shown.value, (status, shown.result.digest))


def _ask(ctx: Context, host: JobId, given: Payload, shown: Shown, proving: Proving) -> None:
    """Ask about one result. A function of its own, so that each effect holds its own."""
    ctx.ask(lambda number: Check(number, host, given, shown.value), partial(proving.on_checked, shown))
