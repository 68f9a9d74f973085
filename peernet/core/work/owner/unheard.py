"""Grants that were never heard of: a connection may break, or a worker be full, just when slices are on their way.

A worker says when a slice begins, not when it comes, since most wait in its queue. So a lease is in doubt when its
turn has passed: nothing of its worker's runs, as far as is known, or what runs was granted later. Its worker is
then asked whether it has it (`Recall.missing`), which costs an honest one nothing, however long it fetches an
input. What it does not have is taken back and may go to anybody, this worker included: so no peer ever holds two
leases of one slice, and nobody waits until it is late.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from peernet.core.events import Failed, Outcome
from peernet.core.work.owner.leases import Held
from peernet.types import LeaseId, PeerId
from peernet.wire.work import MAX_LEASES, Recall, Recalled

if TYPE_CHECKING:
    from peernet.core.work.owner.job import Job


@dataclass(slots=True)
class _Asked:
    """One worker. again: monotonic time from which it may be asked again. times: in a row, without its having been
    heard since."""

    again: float
    times: int


class Unheard:
    """Asks workers of one job for grants that may be lost."""

    __slots__ = ("_asked", "_job")

    def __init__(self, job: Job) -> None:
        self._job = job
        self._asked: dict[PeerId, _Asked] = {}

    def look(self) -> None:
        """Ask where a lease should have begun by now. To be called at every beat."""
        job = self._job
        held = job.leases.held
        self._asked = {peer: asked for peer, asked in self._asked.items() if peer in held}
        for peer, leases in held.items():
            if leases.unstarted and peer in job.ctx.links:
                self._ask(peer, leases)

    def _ask(self, peer: PeerId, held: Held) -> None:
        job, now, bounds = self._job, self._job.ctx.now.mono, self._job.ctx.config.work
        asked = self._asked.get(peer)
        if asked is not None and now < asked.again:
            return
        wait = bounds.unheard_least + bounds.unheard_trips * job.ctx.links[peer].rtt
        doubtful = _doubtful(held, now - wait)
        if not doubtful:
            return
        seat = job.seats.all.get(peer)
        heard = asked is None or (seat is not None and seat.heard >= asked.again)
        times = 1 if asked is None or heard else asked.times + 1
        pause = min(bounds.unheard_longest, wait * 2.0 ** min(times, 16))
        self._asked[peer] = _Asked(now + pause, times)
        then = partial(self._answered, peer, doubtful)
        job.ctx.call(peer, Recall(job.id, doubtful, True), then, wait)

    def _answered(self, peer: PeerId, asked: tuple[LeaseId, ...], outcome: Outcome) -> None:
        job = self._job
        if job.over or isinstance(outcome, Failed):
            return
        if not isinstance(outcome.value, Recalled):
            job.ctx.refuse("recall: wrong answer", peer, type(outcome.value).__name__)
            return
        for number in outcome.value.leases:
            lease = job.leases.known.get(number)
            if number not in asked:
                job.ctx.refuse("recall: not asked for", peer, "")
            elif lease is not None and lease.state == "sent" and lease.claim is None and not job.over:
                seat = job.seats.all.get(peer)
                if seat is not None:  # It wants them still: they never came.
                    job.seats.want(seat, seat.want + 1)
                job.recalled(lease)


def _doubtful(held: Held, before: float) -> tuple[LeaseId, ...]:
    """Return the leases that were granted by then and whose turn has passed."""
    oldest = min((lease.since for lease in held.out.values() if lease.state == "running"), default=float("inf"))
    return tuple(
        [
            lease.id
            for lease in held.out.values()
            if lease.state == "sent"
            and lease.claim is None
            and not lease.restored
            and lease.since <= before
            and lease.since < oldest
        ][:MAX_LEASES]
    )
