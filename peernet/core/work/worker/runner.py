"""From a lease to its result: inputs are pulled, slices wait their turn, run in the job's box, and end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from peernet.core.context import Context
from peernet.core.effects import Fetch, KillSlice, Note, PinBlob, RunSlice
from peernet.core.events import Done, Failed, Failure, Outcome, SliceOutcome
from peernet.core.work.worker.boxes import WITHHELD, Boxes
from peernet.core.work.worker.fairness import DeficitRoundRobin
from peernet.core.work.worker.held import Bench, Box, Held, Lease
from peernet.core.work.worker.lending import Lending
from peernet.core.work.worker.outbox import finish
from peernet.types import LeaseId, PeerId

_UNKNOWN_COST = 1.0
"""Seconds that a slice is expected to take before one of its job was measured; corrected when it ends."""


@dataclass(slots=True)
class _Run:
    """A `RunSlice` that is under way. dropped: its outcome is of no use."""

    held: Held
    lease: Lease
    cost: float
    dropped: bool = False


class Runner:
    """Runs slices of all jobs on the bench, at most `slots` at once, fairly between owners.

    Args:
        ctx: the core's context.
        bench: what this worker holds.
        lending: what slices may use here.
        boxes: is told when a box failed under a slice.
        disk: called with a text when this machine's disk refused.
    """

    def __init__(
        self, ctx: Context, bench: Bench, lending: Lending, boxes: Boxes, *, disk: Callable[[str], None]
    ) -> None:
        self._ctx = ctx
        self._bench = bench
        self._lending = lending
        self._bounds = ctx.config.work
        self._boxes = boxes
        self._disk = disk
        self._runs: dict[int, _Run] = {}
        self._turns: DeficitRoundRobin[PeerId] = DeficitRoundRobin()
        self._turn = 0

    def take(self, held: Held, leases: Iterable[Lease]) -> None:
        """Queue granted leases, those with blobs once these are here."""
        for lease in leases:
            held.leases[lease.id] = None
            if lease.input.inline is None and held.owner != self._ctx.me:
                held.waiting.append(lease)
            else:
                held.ready.append(lease)
        self.fetch(held)

    def fetch(self, held: Held) -> None:
        """Pull inputs that wait, a few at once. Those of an owner that is away wait for its return."""
        if held.lost_since is not None:
            return
        while held.waiting and len(held.fetching) < self._bounds.worker_fetches and not self._bench.halted:
            lease = held.waiting.popleft()
            held.fetching[lease.id] = lease
            self._ask_input(held, lease)

    def _ask_input(self, held: Held, lease: Lease) -> None:
        addresses, wanted = self._ctx.book.get(held.owner), lease.input
        self._ctx.ask(
            lambda number: Fetch(number, held.owner, addresses, wanted.digest, wanted.size),
            partial(self._fetched, held, lease),
        )

    def _fetched(self, held: Held, lease: Lease, outcome: Outcome) -> None:
        if held.fetching.get(lease.id) is not lease:
            return
        del held.fetching[lease.id]
        if isinstance(outcome, Done):
            held.pin(self._ctx, lease.id, lease.input.digest)
            held.ready.append(lease)
            self.fetch(held)
        else:
            self._fetch_failed(held, lease, outcome.failure)
            self._ctx.after(self._bounds.worker_retry_first, partial(self.fetch, held))

    def _fetch_failed(self, held: Held, lease: Lease, failure: Failure) -> None:
        if failure.kind == "storage":
            held.waiting.appendleft(lease)
            self._disk(failure.message)
            return
        lease.tries += 1
        if failure.kind in WITHHELD:
            self._ctx.refuse("grant: input withheld", held.owner, failure.message)
            held.leases.pop(lease.id, None)
        elif lease.tries >= self._bounds.worker_tries:
            self._drop(held, lease, failure)
        else:
            held.waiting.append(lease)

    def _drop(self, held: Held, lease: Lease, failure: Failure) -> None:
        """Let a lease be: there is no result that would be true, and its owner leases it again once it is late."""
        held.leases.pop(lease.id, None)
        held.unpin(self._ctx, lease.id)
        self._ctx.note(Note("work", f"dropped a slice: {failure.message}", job=held.job, peer=held.owner))

    def fill(self) -> None:
        """Start slices while slots are free."""
        while self._bench.busy < self._bench.slots and not self._bench.halted:
            held = self._next()
            if held is None:
                return
            self._start(held, held.ready.popleft())

    def _next(self) -> Held | None:
        """Whose turn it is. Jobs of an owner that is away come last: nobody may be waiting for them."""
        able = [
            held
            for held in self._bench.held.values()
            if held.ready and held.box is Box.OPEN and not held.outbox.full
        ]
        able = [held for held in able if held.lost_since is None] or able
        fronts: dict[PeerId, Held] = {}
        for held in able:
            front = fronts.get(held.owner)
            if front is None or held.turn < front.turn:
                fronts[held.owner] = held
        owner = self._turns.choose({owner: _cost(held) for owner, held in fronts.items()})
        return None if owner is None else fronts[owner]

    def _start(self, held: Held, lease: Lease) -> None:
        manifest = held.manifest
        assert manifest is not None, "a box is open, so its manifest is known"
        self._bench.busy += 1
        self._turn += 1
        held.turn = self._turn
        lease.box_round = held.box_round
        run = _Run(held, lease, _cost(held))
        allowed = self._lending.allow(held.owner, manifest.needs)
        number = self._ctx.ask(
            lambda number: RunSlice(
                number,
                held.job,
                lease.input,
                allowed.seconds,
                allowed.memory,
                allowed.scratch,
                lease.seed,
                lease.only,
            ),
            lambda outcome: self._ended(outcome.id, outcome),
        )
        self._runs[number] = run
        held.running[lease.id] = number

    def began(self, number: int) -> Held | None:
        """A slice has started to run; returns its job."""
        run = self._runs.get(number)
        if run is None or run.dropped:
            return None
        run.held.began.append(run.lease.id)
        return run.held

    def _ended(self, number: int, outcome: Outcome) -> None:
        run = self._runs.pop(number)
        self._bench.busy -= 1
        held, lease = run.held, run.lease
        if run.dropped:
            return
        del held.running[lease.id]
        if isinstance(outcome, Failed):
            self._run_failed(held, lease, outcome.failure)
            return
        told = outcome.value
        assert isinstance(told, SliceOutcome), "the driver answers RunSlice with a SliceOutcome"
        self._bench.done += 1
        held.box_failures = 0
        finished = finish(lease.id, told, self._ctx.now.mono, lease.only)
        held.outbox.add(finished)
        if not lease.only:  # a few calls tell nothing of what a slice takes
            held.pace.ran(finished.result.wall_seconds)
        self._turns.charge(held.owner, finished.result.wall_seconds - run.cost)
        held.unpin(self._ctx, lease.id)
        if told.status == "ok" and told.value is not None and told.value.inline is None:
            if held.owner == self._ctx.me:  # the owner's side keeps them, under the job
                self._ctx.emit(PinBlob(told.value.digest, held.job))
            else:
                held.pin(self._ctx, lease.id, told.value.digest)

    def _run_failed(self, held: Held, lease: Lease, failure: Failure) -> None:
        if failure.kind == "storage":
            held.ready.appendleft(lease)
            self._disk(failure.message)
            return
        lease.tries += 1
        if lease.tries >= self._bounds.worker_tries:
            self._drop(held, lease, failure)
        else:
            held.ready.append(lease)
        self._boxes.ended(held, lease.box_round, failure)

    def recall(self, held: Held, leases: Iterable[LeaseId]) -> tuple[LeaseId, ...]:
        """Drop those of the leases that have not started; returns them."""
        asked = dict.fromkeys(leases)
        dropped = [lease.id for queue in (held.waiting, held.ready) for lease in queue if lease.id in asked]
        dropped += [lease for lease in held.fetching if lease in asked]
        for lease in dropped:
            held.fetching.pop(lease, None)
            held.leases.pop(lease, None)
            held.unpin(self._ctx, lease)
        for queue in (held.waiting, held.ready):
            kept = [lease for lease in queue if lease.id not in asked]
            queue.clear()
            queue.extend(kept)
        return tuple(dropped)

    def stop(self, held: Held) -> None:
        """End what runs of a job and drop what is queued. Results that wait for the owner stay."""
        for lease in [*held.waiting, *held.fetching.values(), *held.ready]:
            held.leases.pop(lease.id, None)
            held.unpin(self._ctx, lease.id)
        for lease_id, number in held.running.items():
            held.leases.pop(lease_id, None)
            held.unpin(self._ctx, lease_id)
            self._runs[number].dropped = True
            self._ctx.emit(KillSlice(number))
        for holding in (held.waiting, held.fetching, held.ready, held.running, held.began):
            holding.clear()
        if all(other is held or other.owner != held.owner for other in self._bench.held.values()):
            self._turns.drop(held.owner)


def _cost(held: Held) -> float:
    return _UNKNOWN_COST if held.pace.run is None else held.pace.run
