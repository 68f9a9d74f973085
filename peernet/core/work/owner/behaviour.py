"""The submitter's side of work: takes pulls, results and commands, and hands them to the jobs that they concern.

Changes gather in the jobs; `flush`, called at the end of each handle, draws slices for those who wait and tells
watchers, once for each job. So grants leave after the answers of the same handle, and share their messages.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import ClassVar

from peernet.core.advertcache import AdvertView
from peernet.core.context import Context
from peernet.core.effects import Answer
from peernet.core.events import Failure, Submission
from peernet.core.handlers import Handler, Handlers, bound
from peernet.core.records import JobRecord, ReviewRecord
from peernet.core.work.needs import Caps, lacks
from peernet.core.work.owner.crew import Crew, Spread
from peernet.core.work.owner.fitting import OTHERS_PICKLES
from peernet.core.work.owner.job import Job
from peernet.core.work.owner.preparing import Preparation
from peernet.core.work.owner.restoring import JobImage, pin_result, restore_job
from peernet.core.work.owner.reviewing import Reviewing
from peernet.core.work.policies import Scores
from peernet.core.work.stats import JobView, view_of
from peernet.core.work.trust import Trust
from peernet.errors import EnvelopeError, ProtocolError
from peernet.identity.envelope import open_envelope
from peernet.types import JobId, PeerId
from peernet.wire.base import ENVELOPE_LIMIT, MAX_SHORT_TEXT, Message
from peernet.wire.codec import decode_body
from peernet.wire.link import Body
from peernet.wire.signed import ADVERT, Advert
from peernet.wire.work import Parked, Pull, PullRefused, Return, Started

__all__ = ["JobImage", "JobView", "Owner"]


class Owner:
    """All jobs that this peer has submitted.

    Args:
        ctx: the core's context.
        spread: gossips offers and tombstones, and gives them to this peer's own worker (see `crew.Spread`).
        known: the adverts of peers, this one's included, to tell why some keep silent.
    """

    def __init__(
        self, ctx: Context, spread: Spread, known: Callable[[], Iterable[AdvertView]] = tuple[AdvertView, ...]
    ) -> None:
        self._ctx = ctx
        draws = type(ctx.random)(int.from_bytes(ctx.secret(32), "big"))
        self.trust = Trust(ctx)
        self._crew = Crew(
            ctx, self.trust, spread, draws, self._busy, self._seated, known, Scores(ctx.config.trust.peers)
        )
        self._preparing: dict[Preparation, None] = {}
        self._running: dict[JobId, Job] = {}
        self._ended: OrderedDict[JobId, JobRecord] = OrderedDict()
        self._reviewing = Reviewing(ctx, self._crew, self._ended)
        self._leaving = False

    @property
    def handlers(self) -> dict[type[Message], Handler]:
        """What each message is given to, for those who drive this behaviour alone."""
        return bound(self)

    def start(self) -> None:
        """Nothing begins by itself: jobs come by `submit` or `restore`."""

    def restore(self, images: Iterable[JobImage], reviews: Iterable[ReviewRecord] = ()) -> None:
        """Take up the jobs of the journal: running ones go on, ended ones are shown; and what is under review."""
        self._reviewing.restore(reviews)
        for image in images:
            if image.job.state != "running":
                self._restore_ended(image)
                continue
            job = restore_job(self._ctx, self._crew, image)
            self._running[job.id] = job
            job.start()

    def submit(self, answer: int, submission: Submission) -> None:
        """Begin a job. `Answer(answer)` follows: the JobId once its host has opened and cut, or a Failure."""
        limit = self._ctx.config.work.jobs
        if len(self._running) + len(self._preparing) >= limit:
            failure = Failure("busy", f"{limit} jobs are running; wait for one to end, or stop one")
            self._ctx.emit(Answer(answer, failure))
            return
        preparation = Preparation(self._ctx, self._crew, answer, submission, self._on_prepared)
        self._preparing[preparation] = None
        preparation.start()

    def stop(self, answer: int, job: JobId) -> None:
        """End a job at the user's wish. `Answer(answer)` gives None, or a Failure if there is nothing to stop."""
        running = self._running.get(job)
        if running is not None and not running.over:
            running.end("stopped", "stopped", "the job was stopped")
            self._ctx.emit(Answer(answer, None))
            return
        known = running is not None or job in self._ended
        text = "the job has ended already" if known else "there is no such job here"
        self._ctx.emit(Answer(answer, Failure("usage", text)))

    def leave(self) -> None:
        """The peer is about to stop: no offers or grants any more. Jobs go on after a restart."""
        self._leaving = True
        for job in self._running.values():
            job.leaving = True

    def flush(self) -> None:
        """At the end of a handle: carry on every job that changed, and tell watchers once for each."""
        trust = self.trust
        if trust.changed:
            while moved := trust.take_moved():
                for peer in moved:
                    for job in self._jobs():
                        job.checking.moved(peer)
            trust.flush()
            self._reviewing.follow(trust.take_shut())
        if self._running:
            self._carry_on()
        if self._reviewing.due:
            self._reviewing.pump()

    def _carry_on(self) -> None:
        for job in list(self._running.values()):
            job.flush()
            if job.over:
                del self._running[job.id]
                self._keep(job.record)
                self._reviewing.job_ended(job)

    def on_connected(self, peer: PeerId) -> None:
        """A worker is back: as the same run it still has its slices, as a new one it has forgotten them."""
        link = self._ctx.links[peer]
        for job in self._jobs():
            seat = job.seats.all.get(peer)
            if seat is None:
                continue
            if seat.instance != link.instance:
                job.lose_peer(peer, blame=True)
                job.seats.leave(seat)
            else:
                seat.gone = False
            job.changed()

    def on_lost(self, peer: PeerId, clean: bool) -> None:
        """A connection ended. One that said goodbye has dropped its slices; else it gets a moment to come back."""
        for job in self._jobs():
            job.seats.unfit.pop(peer, None)
            seat = job.seats.all.get(peer)
            if seat is not None:
                job.seats.away(seat)
            if clean:
                self._give_up(job, peer, blame=False)
            elif seat is not None or job.leases.of(peer).out:
                grace = self._ctx.config.work.lost_grace
                self._ctx.after(grace, partial(self._give_up, job, peer, blame=True))
            job.changed()

    def views(self) -> list[JobView]:
        """Return all jobs that are in memory, those that have ended first."""
        ended = [view_of(record) for record in self._ended.values()]
        return ended + [job.view() for job in self._running.values()]

    def view(self, job: JobId) -> JobView | None:
        """Return one job, or None if it is not in memory."""
        running = self._running.get(job)
        if running is not None:
            return running.view()
        record = self._ended.get(job)
        return view_of(record) if record is not None else None

    def job_of_host(self, host: JobId) -> JobId | None:
        """Return the job whose host has this key, or None before the job has an id and after it has ended."""
        return next((job.id for job in self._running.values() if job.host == host), None)

    def _jobs(self) -> Iterator[Job]:
        return (job for job in list(self._running.values()) if not job.over)

    def _busy(self) -> Iterator[PeerId]:
        for job in self._jobs():
            yield from job.leases.held

    def _seated(self) -> Iterator[PeerId]:
        for job in self._jobs():
            yield from job.seats.all

    def _give_up(self, job: Job, peer: PeerId, blame: bool) -> None:
        if job.over or peer in self._ctx.links:
            return
        job.lose_peer(peer, blame=blame)
        seat = job.seats.all.get(peer)
        if seat is not None:
            job.seats.leave(seat)
            job.release(peer)
        job.changed()

    def _on_prepared(self, preparation: Preparation, job: Job | None) -> None:
        del self._preparing[preparation]
        if job is None:
            return
        self._running[job.id] = job
        job.leaving = self._leaving
        job.start()

    def _restore_ended(self, image: JobImage) -> None:
        """Show an ended job, and keep its results' blobs: pins do not outlive the process."""
        pin_result(self._ctx, image.job.job, image.job.value)
        for outcome in image.outcomes:
            pin_result(self._ctx, image.job.job, outcome.value)
        self._keep(image.job)

    def _keep(self, record: JobRecord) -> None:
        self._ended[record.job] = record
        if len(self._ended) > self._ctx.config.work.ended_jobs:
            self._ended.popitem(last=False)

    def _on_pull(self, peer: PeerId, body: Body) -> Body | str | None:
        assert isinstance(body, Pull)
        job = self._running.get(body.job)
        if job is None or job.over:
            return PullRefused("over", 0.0, "the job has ended or is unknown")
        config = self._ctx.config.work
        if self.trust.shut(peer) and not job.trusted(peer):
            return PullRefused("banned", 0.0, "its results were wrong")
        lack = self._check(peer, body, job) or (f"unable to run it: {body.unable}" if body.unable else "")
        if lack:
            job.seats.refuse(peer, lack)
            seat = job.seats.all.get(peer)
            if seat is not None:
                job.seats.leave(seat)
            job.changed()
            return PullRefused("unfit", 0.0, lack[:MAX_SHORT_TEXT])
        if job.leaving or (job.seats.full and peer not in job.seats.all):
            return PullRefused("busy", config.busy_seconds, "there are workers enough for now")
        link = self._ctx.links.get(peer)
        seat = job.seats.sit(peer, link.host if link else "", link.instance if link else None, self._ctx.now.mono)
        job.seats.want(seat, body.want)
        job.seated(peer)
        job.hold(peer)
        job.changed()
        return Parked(b"" if body.manifest_known else job.record.manifest)

    def _check(self, peer: PeerId, body: Pull, job: Job) -> str:
        """Return what a worker lacks by its own advert, or nothing. This peer's own may pull before it has one."""
        if job.record.pickles and not job.trusted(peer):
            return OTHERS_PICKLES
        if peer == self._ctx.me and not body.advert:
            return ""
        try:
            opened = open_envelope(
                body.advert,
                ADVERT,
                now=self._ctx.now.wall,
                verify=self._ctx.verify,
                max_lifetime=self._ctx.config.work.advert_lifetime,
                max_size=ENVELOPE_LIMIT,
            )
            advert = decode_body(Advert, opened.body)
        except (EnvelopeError, ProtocolError) as error:
            self._ctx.refuse("pull: bad advert", peer, str(error))
            return "lacks a valid advert"
        if opened.author != peer:
            self._ctx.refuse("pull: bad advert", peer, "it is another peer's")
            return "lacks a valid advert"
        # Of its own limits the worker knows more than its advert tells.
        lack = lacks(job.record.needs, advert, Caps())
        return f"lacks {lack}" if lack else job.fitting.lacks_packages(peer, advert)

    def _on_started(self, peer: PeerId, body: Body) -> Body | str | None:
        assert isinstance(body, Started)
        job = self._running.get(body.job)
        if job is None or job.over:
            return None
        for number in body.leases:
            lease = job.leases.known.get(number)
            if lease is None:
                continue  # recalled, or settled, while this was on its way
            if lease.peer != peer:
                self._ctx.refuse("started: another peer's lease", peer, "")
            elif lease.state == "sent":
                job.leases.advance(lease, "started")
                lease.restored = False
                lease.due = self._ctx.now.mono + lease.seconds + self._ctx.config.work.late_margin
                job.changed()
        return None

    def _on_return(self, peer: PeerId, body: Body) -> Body | str | None:
        assert isinstance(body, Return)
        job = self._running.get(body.job)
        if job is not None and not job.over:
            return job.intake.take(peer, body)
        if body.job in self._ended or job is not None:
            return "the job has ended"
        self._ctx.refuse("results", peer, "results for an unknown job")
        return "there is no such job here"

    HANDLERS: ClassVar[Handlers] = {Pull: _on_pull, Started: _on_started, Return: _on_return}
