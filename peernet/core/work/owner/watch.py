"""Time in the life of a job: late leases, and patience. A job never waits without a reason, nor for ever."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from peernet.core.work.owner.leases import LIVE
from peernet.core.work.owner.slices import Slice
from peernet.core.work.owner.unheard import Unheard
from peernet.core.work.owner.verdicts import told_of
from peernet.core.work.votes import REJECTED
from peernet.types import PeerId

if TYPE_CHECKING:
    from peernet.core.context import Timer
    from peernet.core.work.owner.job import Job


class Watch:
    """Looks at one job once a beat."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._timer: Timer | None = None
        self._short_since: float | None = None
        self._returning = 0.0
        self._unheard = Unheard(job)

    def start(self, *, restored: bool) -> None:
        """Look at once, and from then on at every beat. The first look makes the first offer. After a restart
        patience begins when the workers of before have had the time to find this peer again."""
        if restored:
            self._returning = self._job.ctx.now.mono + self._job.ctx.config.work.worker_retry_longest
        self._beat()

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def waiting_reason(self) -> str:
        """Return why nothing runs, or what is short although something runs; empty when all is well."""
        job = self._job
        short = self._shortage()
        if short:
            return short
        if job.leases.live:
            return ""
        if job.hosting.busy:
            return job.hosting.busy
        if job.intake.busy:
            return "results are being pulled from workers"
        if job.narrowing.busy:
            return "results that differ are being compared"
        late = sum(lease.state == "late" for lease in job.leases.known.values())
        if late and not len(job.slices.fresh):
            return f"{late} slices are late, and nobody else is there to take them"
        if not job.seats.all:
            return job.fitting.hopeless() or _joined("no peer has taken work yet", job.fitting.text())
        return _joined("all peers are busy", job.fitting.text())

    def _beat(self) -> None:
        job = self._job
        if job.over:
            return
        self._timer = job.ctx.after(job.ctx.config.work.beat, self._beat)
        self._mark_late()
        self._unheard.look()
        job.fitting.look()
        short = self._shortage()
        job.offering.beat(bool(short))
        self._be_patient(short)
        job.changed()

    def _mark_late(self) -> None:
        """Let the slices of overdue leases go elsewhere. A decided slice's lease is forgotten instead, unless its
        result is being pulled, and one that may have died with this peer's last run is lost: its worker must not
        be held back by it."""
        job, now = self._job, self._job.ctx.now.mono
        overdue = [
            lease
            for lease in job.leases.known.values()
            if lease.state in LIVE
            and lease.due <= now
            and (lease.claim is None or lease.index in job.slices.undecided)
        ]
        for lease in overdue:
            if lease.restored and lease.claim is None:
                job.lose(lease, blame=False)
                continue
            job.leases.advance(lease, "overdue")
            entry = job.slices.undecided.get(lease.index)
            if entry is None:
                job.leases.settle(lease, None)
            else:
                job.slices.place(entry)
            job.seated(lease.peer)

    def _be_patient(self, short: str) -> None:
        """End a job that has been short of peers for as long as its submitter wanted to wait."""
        job, now = self._job, self._job.ctx.now.mono
        if not short or job.leaving:
            self._short_since = None
            return
        if self._short_since is None:
            self._short_since = now
        widest = job.offering.widest_since
        if widest is not None and now - max(widest, self._short_since, self._returning) >= job.record.patience:
            job.fail("too-few", short)

    def _shortage(self) -> str:
        """Return why the job can't end with the peers that there are, or nothing if it can."""
        job, slices = self._job, self._job.slices
        begins = len(slices.fresh) > 0 or not job.hosting.exhausted
        if not begins and not len(slices.partial):
            return ""
        peers = self._candidates()
        policy = job.policy
        believed = policy.believes and any(map(job.trusted, peers))
        if begins and not believed and not policy.enough(peers):
            return self._too_few(peers)
        if begins or job.leases.live or job.hosting.busy or job.intake.busy or job.showing.busy:
            return ""
        if not peers:
            return self._too_few(peers)
        waiting = [slices.undecided[index] for index in slices.partial]
        if any(entry.may_lease(peer) for entry in waiting for peer in peers):
            return ""
        return self._nobody_left(waiting[0])

    def _candidates(self) -> dict[PeerId, None]:
        """Peers that may be expected to take a slice: seated here, or at work for another job of this owner."""
        job = self._job
        peers = {seat.peer: None for seat in job.seats.candidates(job.ctx.now.mono)}
        for peer in job.crew.busy():
            if peer not in job.seats.unfit and (peer in job.ctx.links or peer == job.ctx.me):
                peers[peer] = None
        return peers

    def _too_few(self, peers: Collection[PeerId]) -> str:
        policy, unfit = self._job.policy, self._job.fitting.text()
        if not peers and (hopeless := self._job.fitting.hopeless()):
            return hopeless
        if not peers and policy.believes:
            return _joined("no peer takes work", unfit) + "; join more peers, or add some with --local N"
        what, remedy = policy.shortage(peers)
        return _joined(what, unfit) + f"; {remedy}"

    def _nobody_left(self, entry: Slice) -> str:
        job = self._job
        name = job.name_slice(entry)
        unfit = job.fitting.text()
        if entry.state == "disputed":
            kinds = len({vote.key for vote in entry.votes.values()})
            text = f"{name}: {len(entry.votes)} peers returned {kinds} different results{told_of(entry)}"
            text += " and nobody is left to ask"
        elif entry.votes:
            there = len(entry.votes)
            results = "1 result is" if there == 1 else f"{there} results are"
            text = f"{name}: {results} there, {job.policy.unmet}, and nobody is left to ask"
        else:
            text = f"{name}: nobody is left to ask"
        remedy = "; join more peers, or add some with --local N"
        if any(vote.key[0] == REJECTED for vote in entry.votes.values()):
            remedy = f"; if check= is right that all of them are wrong{remedy.replace(';', ',', 1)}"
        return _joined(text, unfit) + remedy


def _joined(text: str, unfit: str) -> str:
    return f"{text} ({unfit})" if unfit else text
