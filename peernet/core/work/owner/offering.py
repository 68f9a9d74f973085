"""How the network hears of a job: offers in a ring that grows while slices wait, and a tombstone at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peernet.wire.base import ENVELOPE_LIMIT, Addresses
from peernet.wire.gossip import MAX_HOPS
from peernet.wire.signed import OFFER, TOMBSTONE, Offer, Tombstone

if TYPE_CHECKING:
    from peernet.core.work.owner.job import EndState, Job


class Offering:
    """Offers of one job. offered: it was offered before a restart. reach: hops of the last offer of this run.
    widest_since: monotonic time since when nobody further can be told, or None."""

    def __init__(self, job: Job, *, offered: bool) -> None:
        self._job = job
        self._offered = offered
        self._next = 0.0
        self.reach = 0
        self.widest_since: float | None = None

    def beat(self, short: bool) -> None:
        """Offer if it is time to. short: there are too few peers, so no time is lost."""
        job, now = self._job, self._job.ctx.now.mono
        if job.leaving or now < self._next or self._covered():
            return
        config = job.ctx.config.work
        self.reach = min(self.reach + 1, MAX_HOPS)
        if self.widest_since is None and (self.reach == MAX_HOPS or not job.ctx.links):
            self.widest_since = now
        widest = self.reach == MAX_HOPS
        self._next = now + (config.beat if short and not widest else config.offer_interval)
        if widest and not short:
            self._next = now + config.offer_renewal
        job.crew.spread(self._make_offer, self.reach)

    def bury(self, reason: EndState) -> None:
        """Tell those who heard an offer that the job is over."""
        reach = self.reach or (MAX_HOPS if self._offered else 0)
        if reach:
            self._job.crew.spread(
                lambda addresses: self._job.crew.seal(
                    TOMBSTONE,
                    Tombstone(self._job.id, reason),
                    self._job.ctx.config.work.tombstone_lifetime,
                    ENVELOPE_LIMIT,
                ),
                reach,
            )

    def _covered(self) -> bool:
        """Whether nothing waits that those who have pulled would not take."""
        slices = self._job.slices
        waiting = len(slices.fresh) + len(slices.partial)
        return self._job.hosting.exhausted and not waiting

    def _make_offer(self, addresses: Addresses) -> bytes:
        job = self._job
        offer = Offer(job.id, self._open_slices(), job.record.needs, addresses)
        return job.crew.seal(OFFER, offer, job.ctx.config.work.offer_lifetime, ENVELOPE_LIMIT)

    def _open_slices(self) -> int:
        """Slices that wait, those included that are not cut yet, as far as that can be told."""
        job = self._job
        waiting = len(job.slices.fresh) + len(job.slices.partial)
        if job.hosting.exhausted:
            return waiting
        length = job.record.length
        if length is None:
            return waiting + job.ctx.config.work.window_least
        size = job.sizing.calls(job.slices.calls, job.seats.wanted + job.leases.live)
        return waiting + -(-max(0, length - job.slices.calls) // size)
