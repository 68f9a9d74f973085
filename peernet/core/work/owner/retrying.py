"""Slices that fail are run again, elsewhere where that can be, before the failure counts (`on_error="retry"`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peernet.core.work.owner.slices import Slice
from peernet.core.work.votes import Key

if TYPE_CHECKING:
    from peernet.core.work.owner.job import Job


def try_again(job: Job, entry: Slice, key: Key) -> bool:
    """Take back that a slice has failed, if its job wants that and it was not tried too often. key: the failure.

    The peers that failed get the slice no more as long as another one waits for work that may have it: it may be
    their machines' fault. How often it was tried is forgotten at a restart.
    """
    if not job.record.retries or entry.retries >= job.ctx.config.work.slice_retries:
        return False
    entry.retries += 1
    failing = [vote for vote in entry.votes.values() if vote.key == key]
    for vote in failing:
        job.slices.drop_vote(entry, vote.peer)
        for lease in [lease for lease in entry.leases.values() if lease.peer == vote.peer]:
            del entry.leases[lease.id]
            job.leases.settle(lease, vote.signed)
    peers = [vote.peer for vote in failing]
    if any(
        other not in peers and not seat.gone and entry.may_lease(other) for other, seat in job.seats.all.items()
    ):
        entry.barred = (*entry.barred, *peers)
    if entry.state == "leased" and not entry.votes and not entry.leased:
        job.slices.advance(entry, "freed")
    if entry.votes:
        job.verdicts.judge(entry)
    else:
        job.slices.place(entry)
    job.changed()
    return True
