"""One running job of this owner: its tables, how leases end, and how the job itself ends, exactly once.

Each concern has its own file and works on the tables held here: `hosting` asks the job host to cut, fold and
finish; `drawing` grants and recalls; `intake` takes results, `showing` has the project look at them, `narrowing`
has those that differ compared; `verdicts` judges them; `watch` looks after time; `offering` spreads the word.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from peernet.core.context import Context
from peernet.core.effects import CloseHost, Hold, Note, PinBlob, UnpinBlobs
from peernet.core.events import Now
from peernet.core.records import JobRecord, LeaseRecord, SliceRecord
from peernet.core.work.owner.checking import Checking
from peernet.core.work.owner.comparing import Comparing
from peernet.core.work.owner.crew import Crew
from peernet.core.work.owner.drawing import Drawing
from peernet.core.work.owner.evidence import Evidence
from peernet.core.work.owner.fitting import Fitting
from peernet.core.work.owner.hosting import Hosting
from peernet.core.work.owner.intake import Intake
from peernet.core.work.owner.leases import OUT, Lease, LeaseTable
from peernet.core.work.owner.narrowing import Narrowing
from peernet.core.work.owner.offering import Offering
from peernet.core.work.owner.proving import Proving
from peernet.core.work.owner.retention import Retention
from peernet.core.work.owner.seats import SeatTable
from peernet.core.work.owner.showing import Showing
from peernet.core.work.owner.sizing import Sizing
from peernet.core.work.owner.slices import Slice, SliceTable
from peernet.core.work.owner.verdicts import Verdicts
from peernet.core.work.owner.watch import Watch
from peernet.core.work.policies import for_job
from peernet.core.work.stats import JobView, Tally, encode_stats, view_of
from peernet.core.work.trust import function_named
from peernet.types import JobId, Payload, PeerId
from peernet.wire.work import JobOver

EndState = Literal["done", "failed", "stopped"]


class Job:
    """A job from its manifest to its end. `host` is the key of its job host, chosen anew at each start: the host
    opens before there is a manifest, so the job's id can't name it. Inputs are pinned under `host`, results under
    the id, so that results outlive the job."""

    def __init__(self, ctx: Context, crew: Crew, record: JobRecord, host: JobId, *, opened: bool) -> None:
        config = ctx.config.work
        self.ctx = ctx
        self.crew = crew
        self.record = record
        self.id = record.job
        self.host = host
        trust = ctx.config.trust
        self.policy = for_job(record, crew.trust, crew.scores)
        self.function = function_named(record.name)
        # What is proven is never taken back.
        retention = Retention(0, 0) if record.checks else Retention(trust.retained, trust.retained_bytes)
        self.slices = SliceTable(self.policy, config.spent_leases, retention)
        self.leases = LeaseTable(config.spent_leases)
        self.seats = SeatTable(config, self.leases)
        self.sizing = Sizing(config, record.slice_size, record.length)
        self.tally = Tally()
        self.hosting = Hosting(self, opened=opened)
        self.drawing = Drawing(self)
        self.intake = Intake(self)
        self.showing: Showing = Comparing(self) if record.compares else Proving(self)
        self.narrowing = Narrowing(self)
        self.verdicts = Verdicts(self)
        self.checking = Checking(self)
        self.evidence = Evidence(self)
        self.fitting = Fitting(self)
        self.offering = Offering(self, offered=not opened)
        self.watch = Watch(self)
        self.over = False
        self.leaving = False
        self.started = ctx.now.mono
        self._trusted = dict.fromkeys(record.trusted)
        self._restored = not opened
        self._before = 0
        self._changed = True
        self._noted: Now | None = None

    def start(self) -> None:
        """Begin, or go on after a restart: what was accepted by then does not count towards the rate."""
        self._before = self.slices.accepted_calls
        self.hosting.start()
        self.intake.pump()
        self.watch.start(restored=self._restored)
        self.changed()

    def changed(self) -> None:
        """Have the job looked at, and watchers told, at the end of this handle."""
        self._changed = True

    def flush(self) -> None:
        """At the end of a handle: ask the host for what is wanted, draw, tell watchers once."""
        if not self._changed:
            return
        self._changed = False
        if not self.over:
            self.drawing.draw()
            self.hosting.pump()
            self.showing.pump()
            self.narrowing.pump()
            self._changed = False
        # A handle may flush twice, when messages to this peer's own worker bring answers; watchers hear once.
        note = Note("job", job=self.id)
        if self._noted is not self.ctx.now or note not in self.ctx.effects:
            self.ctx.note(note)
        self._noted = self.ctx.now

    def trusted(self, peer: PeerId) -> bool:
        """Return whether one result of this peer is believed, if the policy believes anybody."""
        return peer == self.ctx.me or peer in self.ctx.mine or peer in self._trusted

    def seated(self, peer: PeerId) -> None:
        """Note what a peer may get, after what it wants or holds has changed."""
        seat = self.seats.all.get(peer)
        if seat is not None:
            newcomer = not self.crew.is_proven(peer) and not self.trusted(peer)
            self.seats.refresh(seat, newcomer=newcomer)

    def add_slice(self, calls: int, given: Payload) -> None:
        """Take in a slice that the host has cut: on record before anybody can get it."""
        entry = self.slices.add(calls, given)
        self.ctx.save(SliceRecord(self.id, entry.index, calls, given))
        self.pin_input(given)

    def pin_input(self, given: Payload) -> None:
        """Keep an input's blob while the job runs."""
        if given.inline is None:
            self.ctx.emit(PinBlob(given.digest, self.host))

    def lose(self, lease: Lease, *, blame: bool) -> None:
        """A lease won't return: its worker is gone, or withholds the bytes. blame: it may be the slice's fault."""
        blame = blame and lease.state == "running"
        lease.claim = None
        self.leases.advance(lease, "lost")
        self.save_lease(lease)
        entry = self.slices.undecided.get(lease.index)
        if entry is None:
            self.leases.settle(lease, None)
        else:
            if blame:
                entry.went_down(lease.peer, trusted=self.trusted(lease.peer))
            self._free(entry)
        self.seated(lease.peer)
        self.changed()

    def recalled(self, lease: Lease) -> None:
        """A worker has given an unstarted lease back."""
        if lease.state != "sent":
            self.lose(lease, blame=False)
            return
        self.leases.advance(lease, "recalled")
        self.save_lease(lease)
        self.leases.settle(lease, None)
        entry = self.slices.undecided.get(lease.index)
        if entry is not None:
            entry.leases.pop(lease.id, None)
            self._free(entry)
        self.seated(lease.peer)
        self.changed()

    def lose_peer(self, peer: PeerId, *, blame: bool) -> None:
        """A peer is gone for good, or has forgotten what it held. Results being pulled are left to the pull."""
        for lease in list(self.leases.of(peer).out.values()):
            if lease.claim is None and not self.over:
                self.lose(lease, blame=blame)

    def _free(self, entry: Slice) -> None:
        """A slice's lease ended without a result."""
        limit = self.ctx.config.work.slice_losses
        if entry.losses >= limit:
            self.slices.advance(entry, "given up")
            self.fail("exited", f"{self.name_slice(entry)} took {limit} workers down with it, one after another")
            return
        if not any(lease.state in OUT for lease in entry.leases.values()):
            self.slices.advance(entry, "freed")
        self.slices.place(entry)
        lost = [lease for lease in entry.leases.values() if lease.state == "lost"]
        for lease in lost[: max(0, len(lost) - limit)]:
            del entry.leases[lease.id]
            self.leases.settle(lease, None)

    def save_lease(self, lease: Lease, **result: object) -> None:
        """Put a lease on record as it is now; `result` are the further fields of one that has a result."""
        record = LeaseRecord(
            self.id,
            lease.id,
            lease.index,
            lease.attempt,
            lease.peer,
            lease.state,
            lease.granted,
            batch=lease.batch,
            calls=lease.calls,
            base=None if lease.part is None else lease.part.base.digest,
        )
        self.ctx.save(msgspec.structs.replace(record, **result) if result else record)

    def name_slice(self, entry: Slice) -> str:
        """Return how a slice is named to people."""
        if entry.calls == 1:
            return f"slice {entry.index} (call {entry.first})"
        return f"slice {entry.index} (calls {entry.first} to {entry.first + entry.calls - 1})"

    def fail(self, kind: str, reason: str, traceback: str = "") -> None:
        """End the job without a result. kind: see `JobView.reason_kind`."""
        self.end("failed", kind, reason, traceback)

    def end(
        self, state: EndState, kind: str = "", reason: str = "", traceback: str = "", value: Payload | None = None
    ) -> None:
        """End the job, once; a later end changes nothing."""
        if self.over:
            return
        self.over = True
        ctx = self.ctx
        stats = self.tally.stats(self.slices.accepted, self.slices.accepted_calls)
        self.record = msgspec.structs.replace(
            self.record,
            state=state,
            ended=ctx.now.wall,
            reason=reason,
            reason_kind=kind,
            traceback=traceback,
            slices=self.slices.cut,
            value=value,
            stats=encode_stats(stats),
            policy=self.policy.name,
        )
        ctx.save(self.record)
        ctx.forget("slice", self.id)
        ctx.forget("lease", self.id)
        if value is not None and value.inline is None:
            ctx.emit(PinBlob(value.digest, self.id))
        for peer in dict.fromkeys((*self.seats.all, *self.leases.held)):
            ctx.send(peer, JobOver(self.id, state))
        self.release(*self.seats.all)
        self.offering.bury(state)
        ctx.emit(CloseHost(self.host))
        ctx.emit(UnpinBlobs(self.host))
        self.watch.stop()
        self.changed()

    def hold(self, peer: PeerId) -> None:
        """Keep the connection to a worker."""
        if peer != self.ctx.me:
            self.ctx.emit(Hold(peer, "worker", True))

    def release(self, *peers: PeerId) -> None:
        """Hold these connections no more, unless another job has a use for them."""
        seated = dict.fromkeys(self.crew.seated())
        for peer in peers:
            if peer not in seated and peer != self.ctx.me:
                self.ctx.emit(Hold(peer, "worker", False))

    def view(self) -> JobView:
        """Return the job as front ends see it."""
        if self.over:
            return view_of(self.record)
        slices, record = self.slices, self.record
        stats = self.tally.stats(slices.accepted, slices.accepted_calls)
        working = sum(
            any(lease.state in ("sent", "running") for lease in held.out.values())
            for held in self.leases.held.values()
        )
        open_ = sum(entry.state == "open" for entry in slices.undecided.values())
        return JobView(
            id=self.id,
            name=record.name,
            state="running",
            submitted=record.submitted,
            host=self.host,
            reduces=record.reduces,
            calls=record.length if record.length is not None else slices.calls if self.hosting.exhausted else None,
            slices=slices.cut if self.hosting.exhausted else None,
            cut=slices.cut,
            open=open_,
            leased=len(slices.undecided) - open_,
            accepted=slices.accepted,
            disputed=slices.disputed,
            executions=stats.executions,
            disagreements=stats.disagreements,
            working=working,
            waiting_reason=self.watch.waiting_reason(),
            unfit=self.fitting.unfit(),
            unfit_text=self.fitting.hopeless() or self.fitting.text(),
            fit=self.fitting.fit(),
            eta_seconds=self._eta(),
            peers=stats.peers,
            policy=self.policy.name,
            audits=stats.audits,
            strikes=stats.strikes,
            taken_back=stats.taken_back,
            banned=stats.banned,
        )

    def _eta(self) -> float | None:
        """Remaining calls at the rate since this start; nothing before there is a rate."""
        length = self.record.length
        if length is None:
            length = self.slices.calls if self.hosting.exhausted else None
        done = self.slices.accepted_calls - self._before
        elapsed = self.ctx.now.mono - self.started
        if length is None or done <= 0 or elapsed <= 0:
            return None
        return max(0.0, (length - self.slices.accepted_calls) * elapsed / done)
