"""The worker's side of work: takes slices of others' jobs (and of this peer's own), runs them, returns results.

This is where the parts meet. An offer becomes a parked pull (`pulls`), its bundle a box (`boxes`), its grants run
(`runner`) and their results go home (`delivery`); `held` keeps what is under way and how much more is wanted.
Everything that changes state marks the worker for `flush`, which the core calls at the end of each handle: there
free slots are filled, results and notices leave together, and credits are renewed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import ClassVar

from peernet.core.adverts import Adverts
from peernet.core.context import Context, Timer
from peernet.core.effects import CloseBox, Hold, Note, UnpinBlobs
from peernet.core.handlers import Handler, Handlers, bound
from peernet.core.ownadvert import Serves
from peernet.core.work.worker.boxes import Boxes
from peernet.core.work.worker.delivery import Delivery
from peernet.core.work.worker.held import Bench, Box, Held, Lease
from peernet.core.work.worker.lending import Lending
from peernet.core.work.worker.offers import OfferTable
from peernet.core.work.worker.pulls import Pulls
from peernet.core.work.worker.runner import Runner
from peernet.identity.digest import digest
from peernet.identity.envelope import Opened
from peernet.types import JobId, Payload, PeerId
from peernet.wire.base import Message
from peernet.wire.link import Body
from peernet.wire.signed import Offer
from peernet.wire.work import MAX_LEASES, Grant, JobOver, LeaseGrant, Recall, Recalled, Started

LEAVING = "it is leaving"


@dataclass(frozen=True, slots=True)
class WorkerView:
    """What a worker does now. done: slices run since the start; jobs: those served now; paused: why no work is
    taken, else empty."""

    slots: int
    running: int
    queued: int
    done: int
    jobs: tuple[JobId, ...]
    paused: str


class Worker:
    """Executes slices.

    Args:
        ctx: the core's context.
        adverts: this peer's advert, which it tells of its free slots, and the capacity known.
        slots: slices run at once; 0 for a peer that only submits.
        max_slices: slices taken in all before it takes no more, or None for no limit.
        serves: whose code runs here: "anyone" or "mine".
    """

    def __init__(self, ctx: Context, adverts: Adverts, *, slots: int, max_slices: int | None, serves: str) -> None:
        self._ctx = ctx
        self._bounds = ctx.config.work
        self._adverts = adverts
        self._serves: Serves = "anyone" if serves == "anyone" else "mine"
        self._offers = OfferTable(self._bounds)
        self._bench = bench = Bench(self._bounds, slots, max_slices)
        self._lending = lending = Lending(ctx, adverts, slots)
        self._boxes = Boxes(ctx, bench, lending, disk=self._disk_refused, give_up=self._give_up)
        self._runner = Runner(ctx, bench, lending, self._boxes, disk=self._disk_refused)
        self._delivery = Delivery(ctx, bench, again=self._again, settled=self._settled)
        self._pulls = Pulls(
            ctx,
            bench,
            adverts,
            self._offers,
            lending,
            self._serves,
            parked=self._parked,
            end=self._end,
            again=self._again,
        )
        self._look = False
        self._holding: dict[PeerId, None] = {}
        self._sweep: Timer | None = None
        self._started: Timer | None = None
        self._resume: Timer | None = None

    @property
    def handlers(self) -> dict[type[Message], Handler]:
        """What each message is given to, for those who drive this behaviour alone."""
        return bound(self)

    def start(self) -> None:
        """Begin: adverts say what this worker has free, and offers are looked at once the machine is measured."""
        self._adverts.attach(
            self._bench.slots, self._serves, self._bench.free, self._pulls.look_around, self._lending.caps
        )
        self._adverts.start()

    def view(self) -> WorkerView:
        """Return what this worker does now."""
        bench = self._bench
        jobs = tuple(held.job for held in bench.held.values() if held.manifest is not None)
        running = sum(len(held.running) for held in bench.held.values())
        return WorkerView(bench.slots, running, bench.count - running, bench.done, jobs, bench.paused)

    # --- what is heard ------------------------------------------------------------------------------------

    def on_offer(self, opened: Opened, offer: Offer) -> None:
        """A valid offer was heard (`opened` is its envelope), or this peer made one itself."""
        if opened.author != self._ctx.me:
            self._ctx.book.learn(opened.author, offer.addresses)
        known = self._offers.put(opened, offer, self._ctx.now.wall)
        if known is None:
            return
        held = self._bench.held.get(known.key)
        if held is None:
            self._pulls.consider(known)
        elif held.parked and offer.open_slices and not len(held.leases) and self._bench.want(held):
            self._pulls.pull(held)  # slices wait and none came: the owner may not know how much is wanted

    def on_tombstone(self, author: PeerId, job: JobId) -> None:
        """The author says that its job is over. It counts for jobs of that author only."""
        self._job_over(author, job)

    def on_connected(self, peer: PeerId) -> None:
        """An owner that was away is here again: tell it what is held, within a moment of others that do so."""
        for held in self._of(peer):
            if held.lost_since is not None or not held.parked:
                if held.retry is not None:
                    held.retry.cancel()
                delay = self._ctx.random.uniform(0, self._bounds.worker_pull_jitter)
                held.retry = self._ctx.after(delay, partial(self._call_again, held))

    def on_lost(self, peer: PeerId, clean: bool) -> None:
        """An owner is gone, perhaps to restart: what runs goes on, what is queued is kept for a grace."""
        for held in self._of(peer):
            held.parked = False
            held.told = held.allowance = 0
            if held.lost_since is None:
                held.lost_since = self._ctx.now.mono
            self._again(held)

    def on_began(self, number: int) -> None:
        """The `RunSlice` of this id has started to run."""
        if self._runner.began(number) is not None and self._started is None:
            self._started = self._ctx.after(self._bounds.worker_flush_seconds, self._tell_started)

    def leave(self) -> None:
        """The peer is about to stop: finished results go home; what has not ended is lost with the connection."""
        self._pause(LEAVING, halted=True)
        for held in list(self._bench.held.values()):
            self._delivery.send(held)

    def flush(self) -> None:
        """End of a handle: fill free slots, send results, renew credits. Idempotent."""
        if self._look:
            self._look = False
            self._pulls.look_around()
        bench = self._bench
        if not bench.held:
            return
        if bench.max_slices is not None and bench.done >= bench.max_slices and not bench.paused:
            self._pause(f"it has done its {bench.max_slices} slices")
        self._runner.fill()
        self._delivery.flush()
        for held in list(bench.held.values()):
            self._renew_credit(held)
        self._adverts.changed()
        if self._sweep is None:
            self._sweep = self._ctx.after(self._bounds.worker_sweep, self._look_over)

    # --- messages of owners -------------------------------------------------------------------------------

    def _on_grant(self, peer: PeerId, body: Body) -> None:
        assert isinstance(body, Grant)
        held = self._bench.held.get((peer, body.job))
        if held is None or held.closing:
            self._ctx.refuse("grant: not asked for", peer, "")
            return
        held.heard = self._ctx.now.mono
        fresh = {grant.lease: grant for grant in body.leases if grant.lease not in held.leases}
        accepted = list(fresh.values())[: held.allowance]
        if len(accepted) < len(fresh):
            self._ctx.refuse("grant: more than was asked for", peer, f"{len(fresh)} instead of {len(accepted)}")
        held.granted(len(accepted))
        leases = [lease for lease in (self._lease(peer, grant) for grant in accepted) if lease is not None]
        self._runner.take(held, leases[: self._bench.room()])

    def _lease(self, peer: PeerId, grant: LeaseGrant) -> Lease | None:
        """A granted slice, unless its input is not what it says or more than a box takes."""
        sent, only = grant.input, grant.only
        if only and (only[-1] >= grant.calls or any(one >= two for one, two in pairwise(only))):
            self._ctx.refuse("grant: calls that the slice has not", peer, f"{len(only)} of {grant.calls}")
            return None
        if sent.size > self._ctx.config.box.input:
            self._ctx.refuse("grant: input too large", peer, f"{sent.size} bytes")
            return None
        if sent.inline is not None and (len(sent.inline) != sent.size or digest(sent.inline) != sent.digest):
            self._ctx.refuse("grant: altered input", peer, f"{sent.size} bytes")
            return None
        given = Payload(sent.digest, sent.size, sent.inline)
        return Lease(grant.lease, len(only) or grant.calls, given, grant.seed, only)

    def _on_recall(self, peer: PeerId, body: Body) -> Body:
        assert isinstance(body, Recall)
        held = self._bench.held.get((peer, body.job))
        if body.missing:
            known = {} if held is None else held.leases
            return Recalled(tuple([lease for lease in body.leases if lease not in known]))
        if held is None:
            return Recalled(())
        dropped = self._runner.recall(held, body.leases)
        # The owner gives them to others, so asking for as many again at once would bring them back.
        held.told += len(dropped)
        return Recalled(dropped)

    def _on_job_over(self, peer: PeerId, body: Body) -> None:
        assert isinstance(body, JobOver)
        self._job_over(peer, body.job)

    def _job_over(self, owner: PeerId, job: JobId) -> None:
        held = self._bench.held.get((owner, job))
        now = self._ctx.now.wall
        self._offers.bar((owner, job), now, None if held is None else max(held.until, now))
        if held is not None:
            self._end(held, "the job is over")

    # --- a job's way through here -------------------------------------------------------------------------

    def _parked(self, held: Held) -> None:
        if held.owner != self._ctx.me and held.owner not in self._holding:
            self._holding[held.owner] = None
            self._ctx.emit(Hold(held.owner, "owner", True))
        self._boxes.prepare(held)
        self._runner.fetch(held)

    def _settled(self, held: Held) -> None:
        """The owner took a batch; a job that was only kept for its results is let go with the last."""
        self._runner.fetch(held)
        if held.closing and not len(held.outbox):
            self._end(held, "its results were returned")

    def _again(self, held: Held) -> None:
        """Call an owner again later: doubling waits with jitter, so that workers do not come in step."""
        if held.ended or held.retry is not None:
            return
        longest, first = self._bounds.worker_retry_longest, self._bounds.worker_retry_first
        delay = min(longest, first * 2.0 ** min(held.attempts, 16)) * self._ctx.random.uniform(0.5, 1.0)
        held.attempts += 1
        held.retry = self._ctx.after(delay, partial(self._call_again, held))

    def _call_again(self, held: Held) -> None:
        held.retry = None
        if len(held.outbox):
            self._delivery.send(held)
        elif not held.ended and not held.closing:
            self._pulls.pull(held)

    def _give_up(self, held: Held, why: str) -> None:
        """The job can't be served here. Its leases return to its owner when they are late."""
        self._offers.bar(held.key, self._ctx.now.wall, max(held.until, self._ctx.now.wall))
        self._ctx.note(Note("work", f"gives up a job: {why}", job=held.job, peer=held.owner))
        if not held.ended:
            self._pulls.tell_unable(held, why)
        self._end(held, why)

    def _close(self, held: Held) -> None:
        """End what runs of a job and its box; results stay."""
        self._runner.stop(held)
        if held.box is not Box.ABSENT:
            held.box = Box.ABSENT
            self._ctx.emit(CloseBox(held.job))

    def _end(self, held: Held, why: str) -> None:
        """Drop a job and all that belongs to it. The one place where a job leaves the bench."""
        if held.ended:
            return
        held.ended = True
        if held.retry is not None:
            held.retry.cancel()
        self._close(held)
        for lease in list(held.pinned):
            held.unpin(self._ctx, lease)
        del self._bench.held[held.key]
        if held.manifest is not None:
            if held.owner != self._ctx.me:  # of its own job, this peer keeps results beyond its end
                self._ctx.emit(UnpinBlobs(held.job))
            self._ctx.note(Note("work", f"ends a job: {why}", job=held.job, peer=held.owner))
        if held.owner in self._holding and not any(True for _ in self._of(held.owner)):
            del self._holding[held.owner]
            self._ctx.emit(Hold(held.owner, "owner", False))
        self._look = True
        self._adverts.changed()

    def _of(self, owner: PeerId) -> Iterator[Held]:
        return iter([held for held in self._bench.held.values() if held.owner == owner])

    # --- credits, pauses, looking over --------------------------------------------------------------------

    def _renew_credit(self, held: Held) -> None:
        """Tell the owner when much more (or, paused, nothing) is wanted and no results will say so soon."""
        if not held.parked or held.pulling or held.retry is not None or len(held.outbox):
            return
        want = self._bench.want(held)
        if want > 2 * held.told or (not want and held.told and self._bench.paused):
            self._pulls.pull(held)

    def _tell_started(self) -> None:
        """Say which slices run; those that ended meanwhile are in their results."""
        self._started = None
        for held in self._bench.held.values():
            running = tuple(lease for lease in held.began if lease in held.running)
            held.began.clear()
            if held.lost_since is None:
                for start in range(0, len(running), MAX_LEASES):
                    self._ctx.send(held.owner, Started(held.job, running[start : start + MAX_LEASES]))

    def _pause(self, reason: str, halted: bool = False) -> None:
        self._bench.paused, self._bench.halted = reason, halted
        self._adverts.pause(reason)

    def _disk_refused(self, message: str) -> None:
        """This machine's disk refused: take no work for a while, then try again with what is here."""
        if self._resume is not None or self._bench.paused == LEAVING:
            return
        self._pause(f"its disk refuses: {message}", halted=True)
        self._ctx.note(Note("warning", f"no work is taken while the disk refuses: {message}"))
        self._resume = self._ctx.after(self._bounds.worker_storage_pause, self._resume_work)

    def _resume_work(self) -> None:
        self._resume = None
        if self._bench.paused == LEAVING:
            return
        self._pause("")
        self._look = True
        for held in list(self._bench.held.values()):
            self._boxes.prepare(held)
            self._runner.fetch(held)

    def _look_over(self) -> None:
        """Let go of jobs that expired, lie idle, or whose owner stays away."""
        self._sweep = None
        now, bounds = self._ctx.now, self._bounds
        for held in list(self._bench.held.values()):
            away = 0.0 if held.lost_since is None else now.mono - held.lost_since
            idle = 0.0 if held.count or len(held.outbox) else now.mono - held.heard
            if now.wall >= held.until:
                self._end(held, "it has expired")
            elif away >= bounds.worker_keep_seconds or (away >= bounds.worker_grace and not len(held.outbox)):
                self._end(held, "its owner is gone")
            elif away >= bounds.worker_grace and not held.closing:
                held.closing = True
                self._close(held)
            elif idle >= bounds.worker_idle_seconds:
                self._pulls.withdraw(held)
                self._end(held, "its owner sends nothing")
        if self._bench.held:
            self._sweep = self._ctx.after(bounds.worker_sweep, self._look_over)

    HANDLERS: ClassVar[Handlers] = {Grant: _on_grant, Recall: _on_recall, JobOver: _on_job_over}
