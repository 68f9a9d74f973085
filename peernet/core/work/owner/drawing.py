"""Who gets which slice: chosen late, at random from a secret source, and only for pulls that wait.

Nobody chooses its own slices, and no peer gets two replicas of one. Untrusted peers first complete slices that
others have begun, so that few are half done; trusted ones begin new slices, since what they do alone is enough.
Replicas go to different networks where that is possible at the moment. At the tail of a job slices that wait in a
worker's queue are recalled for workers that are idle.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING

from peernet.core.events import Failed, Outcome
from peernet.core.work.owner.leases import Lease
from peernet.core.work.owner.seeds import slice_seed
from peernet.core.work.owner.slices import Slice
from peernet.types import LeaseId, PeerId
from peernet.wire.work import MAX_LEASES, Grant, LeaseGrant, Recall, Recalled, WirePayload

if TYPE_CHECKING:
    from peernet.core.work.owner.job import Job

_PROBES = 32
"""Half-done slices looked at for one that a peer may have, while there are new ones to fall back on."""

_CHOICES = 4
"""Slices of one's own network looked at before one of them is taken: in one network all of them are."""

_KEPT = 32
"""Slices passed over because they are kept for other networks, before the peer waits: there may be thousands."""

_MISSES = 64
"""Peers in a row that nothing is found for before a draw ends; the next one starts with others."""

_NEIGHBOURS = 16
"""Idle peers looked at before slices are recalled for them."""

_SEATS = 64
"""Workers looked at before a replica goes to a network that has one already."""


class Drawing:
    """Grants and recalls of one job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._unwanted: dict[PeerId, list[LeaseId]] = {}

    def draw(self) -> None:
        """Grant slices to those who wait, as far as there are any that they may have."""
        job = self._job
        self._recall_unwanted()
        if job.leaving or job.over or job.hosting.backlogged or job.hosting.stopping:
            return
        slices, ready, draws = job.slices, job.seats.ready, job.crew.draws
        grants: dict[PeerId, list[LeaseGrant]] = {}
        aside: list[PeerId] = []
        while len(ready) and slices.drawable and len(aside) < _MISSES:
            peer = ready.draw(draws)
            entry = self._choose(peer)
            if entry is None:
                ready.discard(peer)
                aside.append(peer)
            else:
                grants.setdefault(peer, []).append(self._grant(peer, entry))
        for peer in aside:
            ready.add(peer)
        for peer, leases in grants.items():
            for batch in _batches(leases, job.ctx.config.work.grant_bytes):
                job.ctx.send(peer, Grant(job.id, batch))
        if len(ready) and job.hosting.exhausted and not len(slices.fresh):
            self._recall_for_idle()

    def unwanted(self, lease: Lease) -> None:
        """A lease's slice is decided: take it back if it has not started."""
        self._unwanted.setdefault(lease.peer, []).append(lease.id)

    def _choose(self, peer: PeerId) -> Slice | None:
        job = self._job
        trusted = job.policy.believes and job.trusted(peer)
        share = job.policy.audits(trusted=trusted)
        if trusted and job.tally.own_refuted:
            share = min(1.0, 3 * share)  # how bad it is has to be known before the job ends
        if share and job.crew.draws.random() < share:
            audit = job.slices.retained.draw(job.crew.draws, peer)
            if audit is not None:
                return audit
        if trusted:
            return self._fresh() or self._partial(peer) or self._held(peer)
        return self._partial(peer) or self._fresh() or self._held(peer)

    def _held(self, peer: PeerId) -> Slice | None:
        """Return a slice that waits for its one peer to prove itself, when nothing else is left to do."""
        slices = self._job.slices
        if not len(slices.held) or not self._job.hosting.exhausted:
            return None
        for index in islice(slices.held.rotated(self._job.crew.draws), _PROBES):
            entry = slices.undecided[index]
            if entry.may_lease(peer):
                slices.release(entry)
                return entry
        return None

    def _fresh(self) -> Slice | None:
        slices = self._job.slices
        full = slices.bytes > self._job.ctx.config.work.open_bytes and self._job.leases.live
        if not len(slices.fresh) or full:
            return None
        return slices.undecided[slices.fresh.draw(self._job.crew.draws)]

    def _partial(self, peer: PeerId) -> Slice | None:
        """Return a slice that others have had; one that its peer's network has not, if there is such a choice."""
        slices = self._job.slices
        look = slices.partial.rotated(self._job.crew.draws) if len(slices.partial) else iter(())
        second = None
        near = 0
        for index in islice(look, _PROBES if len(slices.fresh) else None):
            entry = slices.undecided[index]
            if not entry.may_lease(peer):
                continue
            if not self._near(entry, peer):
                return entry
            if second is None and not self._elsewhere(entry):
                second = entry
            near += 1
            if near >= (_CHOICES if second is not None else _KEPT):
                break
        return second

    def _near(self, entry: Slice, peer: PeerId) -> bool:
        """Whether somebody in the peer's network has this slice."""
        seats = self._job.seats.all
        prefix = seats[peer].prefix
        return any(other in seats and seats[other].prefix == prefix for other in entry.peers())

    def _elsewhere(self, entry: Slice) -> bool:
        """Whether a peer in a network that does not have this slice waits for one, or works and may take it soon:
        a slice is kept for it a while, lest those who hold many addresses in one network take both replicas.
        Trusted peers don't count: they have slices of their own to do, and replicas are for strangers."""
        job = self._job
        newest = max((lease.since for lease in entry.leases.values()), default=0.0)
        if job.ctx.now.mono - newest > job.ctx.config.work.network_grace:
            return False
        seats = job.seats.all
        taken = {seats[other].prefix for other in entry.peers() if other in seats}
        others = (others for prefix, others in job.seats.networks.items() if prefix not in taken)
        return any(
            not seats[other].gone and not job.trusted(other) and entry.may_lease(other)
            for other in islice(chain.from_iterable(others), _SEATS)
        )

    def _grant(self, peer: PeerId, entry: Slice) -> LeaseGrant:
        job, now, config = self._job, self._job.ctx.now, self._job.ctx.config.work
        seconds = job.sizing.limit(job.record.timeout, entry.stretches, job.ctx.config.box.seconds)
        queued = len(job.leases.of(peer).out)
        part = job.narrowing.lends(entry, peer)
        entry.attempts += 1
        lease = Lease(
            id=LeaseId(job.ctx.secret(16)),
            index=entry.index,
            attempt=min(entry.attempts, 65_535),
            peer=peer,
            trusted=job.trusted(peer),
            seconds=seconds,
            due=now.mono + seconds + min(seconds * queued, config.late_queue) + config.late_margin,
            granted=now.wall,
            since=now.mono,
            part=part,
        )
        job.leases.add(lease)
        entry.leases[lease.id] = lease
        job.slices.advance(entry, "granted")
        job.slices.place(entry)
        seat = job.seats.all[peer]
        job.seats.want(seat, seat.want - 1)
        job.seated(peer)
        job.save_lease(lease)
        given = entry.input if part is None or part.input is None else part.input
        payload = WirePayload(given.digest, given.size, given.inline)
        seed = slice_seed(job.record.secret, entry.index)
        return LeaseGrant(lease.id, lease.attempt, seconds, entry.calls, payload, seed, lease.calls)

    def _recall_unwanted(self) -> None:
        job = self._job
        while self._unwanted:
            peer, numbers = self._unwanted.popitem()
            known = (job.leases.known.get(number) for number in numbers)
            unstarted = [lease.id for lease in known if lease is not None and _unstarted(lease)]
            for start in range(0, len(unstarted), MAX_LEASES):
                self._recall(peer, tuple(unstarted[start : start + MAX_LEASES]))

    def _recall_for_idle(self) -> None:
        """Take unstarted slices from the longest queue for a worker that has none and wants some."""
        job = self._job
        idle = [peer for peer in islice(job.seats.ready, _NEIGHBOURS) if not job.leases.of(peer).out]
        if not idle:
            return
        longest, queue = None, 0
        for peer, held in job.leases.held.items():
            seat = job.seats.all.get(peer)
            if seat is not None and not seat.recalling and held.unstarted > queue and len(held.out) > 1:
                longest, queue = seat, held.unstarted
        if longest is None:
            return
        waiting = [lease for lease in job.leases.of(longest.peer).out.values() if _unstarted(lease)]
        wanted = [lease.id for lease in reversed(waiting) if self._helps(lease, idle)]
        count = min((queue + 1) // 2, sum(job.seats.all[peer].want for peer in idle), MAX_LEASES)
        if wanted and count:
            longest.recalling = True
            job.seats.want(longest, 0)
            job.seated(longest.peer)
            self._recall(longest.peer, tuple(wanted[:count]))

    def _helps(self, lease: Lease, idle: list[PeerId]) -> bool:
        entry = self._job.slices.undecided.get(lease.index)
        return entry is not None and any(entry.may_lease(peer) for peer in idle)

    def _recall(self, peer: PeerId, leases: tuple[LeaseId, ...]) -> None:
        job = self._job
        then = partial(self._on_recalled, peer, leases)
        job.ctx.call(peer, Recall(job.id, leases), then, job.ctx.config.work.recall_timeout)

    def _on_recalled(self, peer: PeerId, asked: tuple[LeaseId, ...], outcome: Outcome) -> None:
        job = self._job
        seat = job.seats.all.get(peer)
        if seat is not None:
            seat.recalling = False
        if job.over or isinstance(outcome, Failed):
            return
        if not isinstance(outcome.value, Recalled):
            job.ctx.refuse("recall: wrong answer", peer, type(outcome.value).__name__)
            return
        for number in outcome.value.leases:
            lease = job.leases.known.get(number)
            if number not in asked:
                job.ctx.refuse("recall: not asked for", peer, "")
            elif lease is not None and lease.state in ("sent", "late") and lease.claim is None and not job.over:
                job.recalled(lease)


def _unstarted(lease: Lease) -> bool:
    return lease.state == "sent" and lease.claim is None


def _batches(leases: list[LeaseGrant], limit: int) -> Iterator[tuple[LeaseGrant, ...]]:
    """Cut what one peer gets into messages of bounded size."""
    batch: list[LeaseGrant] = []
    size = 0
    for lease in leases:
        inline = len(lease.input.inline or b"")
        if batch and (len(batch) == MAX_LEASES or size + inline > limit):
            yield tuple(batch)
            batch, size = [], 0
        batch.append(lease)
        size += inline
    yield tuple(batch)
