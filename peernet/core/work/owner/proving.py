"""Results that prove themselves: each is shown to the job host, whose word decides.

The vote of a result that did not pass has the status `REJECTED`, that of one on which the check raised
`UNCHECKED`: it is no strike as long as no other result passes. A result that comes when its slice is decided is
not shown: its input is not here any more.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from peernet.core.effects import Check
from peernet.core.events import Failure, Outcome
from peernet.core.work.owner.leases import Lease
from peernet.core.work.owner.showing import Queue, Shown
from peernet.core.work.votes import REJECTED, UNCHECKED, Key
from peernet.types import Payload
from peernet.wire.signed import SliceResult

if TYPE_CHECKING:
    from peernet.core.context import Context
    from peernet.core.work.owner.job import Job
    from peernet.types import JobId


TEXT = 4096
"""Characters of what a check raised that are kept with the vote."""


class Proving:
    """A `Showing` that asks of each result whether it is right."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._queue = Queue(job)

    @property
    def busy(self) -> bool:
        """See `Showing.busy`."""
        return self._queue.busy

    def wants(self, index: int, value: Payload) -> bool:
        """See `Showing.wants`."""
        return self._job.record.checks and index in self._job.slices.undecided

    def take(self, lease: Lease, result: SliceResult, value: Payload) -> None:
        """See `Showing.take`."""
        self._queue.take(lease, result, value)

    def resume(self, lease: Lease, claim: SliceResult, value: Payload) -> None:
        """See `Showing.resume`."""
        self._queue.resume(lease, claim, value)

    def key(self, index: int, said: Key) -> Key:
        """See `Showing.key`."""
        return said

    def pump(self) -> None:
        """See `Showing.pump`."""
        job, queue = self._job, self._queue
        while queue.waiting and queue.room:
            shown = queue.waiting.popleft()
            entry = job.slices.undecided.get(shown.lease.index)
            if entry is None:
                queue.count(shown, shown.key)
                continue
            queue.asked += 1
            _ask(job.ctx, job.host, entry.input, shown, self)

    def on_checked(self, shown: Shown, outcome: Outcome) -> None:
        """The host has looked at a result."""
        proven = self._queue.answered(shown, outcome)
        if isinstance(proven, Failure):
            told = msgspec.structs.replace(
                shown.result, error=proven.message[:TEXT], traceback=proven.traceback[:TEXT]
            )
            self._queue.count(replace(shown, result=told), (UNCHECKED, shown.result.digest))
        elif isinstance(proven, bool):
            self._queue.count(shown, shown.key if proven else (REJECTED, shown.result.digest))


def _ask(ctx: Context, host: JobId, given: Payload, shown: Shown, proving: Proving) -> None:
    """Ask about one result. A function of its own, so that each effect holds its own."""
    ctx.ask(lambda number: Check(number, host, given, shown.value), partial(proving.on_checked, shown))
