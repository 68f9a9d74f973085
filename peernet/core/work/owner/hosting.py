"""What the owner asks of a job's host: cut inputs as they are needed, fold results as they come, finish.

The host is a box with user code in it, so each step may fail and none is ever done in this process.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from peernet.core.effects import Cut, Finish, Fold, OpenHost, Replay
from peernet.core.events import CutsMade, Failed, Failure, HostOpened, JobValue, Outcome
from peernet.types import Digest, JobId, Payload

if TYPE_CHECKING:
    from peernet.core.context import Context
    from peernet.core.work.owner.job import Job


@dataclass(slots=True, eq=False)
class _Folding:
    """A result that the host is folding. believed: it was not taken back meanwhile."""

    index: int
    believed: bool = True


class Hosting:
    """A job's conversation with its host.

    opened: the host stands. exhausted: everything is cut. replay: slices of before a restart, which the
    host has to cut again before it can cut on.
    """

    def __init__(self, job: Job, *, opened: bool) -> None:
        self._job = job
        self.opened = opened
        self._cutting = False
        self._replaying = False
        self._folding: dict[_Folding, None] = {}
        self._finishing = False
        self._folds: deque[tuple[int, Payload]] = deque()
        self._hits: dict[int, None] = {}
        """Accepted slices with a result that ends the job."""
        self._without: dict[int, None] = {}
        """Slices that were taken back and not accepted anew, of which the host may still hold a result."""
        self._taken_back = 0
        self.replay: deque[tuple[int, Digest]] = deque()
        self.exhausted = False

    @property
    def busy(self) -> str:
        """What the host is at, for people; empty when it has nothing to do."""
        if not self.opened:
            return "the project is being loaded"
        if self._replaying or self.replay:
            return "the input is being replayed"
        if self._cutting:
            return "the input is being cut"
        if self._folding or self._folds or self._finishing:
            return "the results are being reduced"
        return ""

    @property
    def keeps(self) -> bool:
        """Folded results may have to be replaced."""
        return self._job.policy.retains and not self._job.record.checks

    @property
    def stopping(self) -> bool:
        """A result that ends the job is accepted: nothing more is begun."""
        return bool(self._hits)

    @property
    def backlogged(self) -> bool:
        """Too many results wait to be folded."""
        return len(self._folds) > self._job.ctx.config.work.fold_backlog

    def start(self) -> None:
        """Open the host, unless it stands."""
        if self.opened:
            return
        job, record = self._job, self._job.record
        job.ctx.ask(
            lambda number: OpenHost(
                number,
                job.host,
                record.host_bundle,
                record.name,
                record.slice_size,
                timeout=record.timeout,
            ),
            self._on_opened,
        )

    def accepted(self, index: int, value: Payload) -> None:
        """A slice's result is accepted."""
        if self._job.record.reduces:
            self._without.pop(index, None)
            self._folds.append((index, value))

    def taken_back(self, index: int) -> None:
        """A slice's result is believed no more; another one follows, and takes its place in the fold. If it would
        have ended the job it does so no more."""
        if not self._job.record.reduces:
            return
        self._taken_back += 1
        self._without[index] = None
        self._hits.pop(index, None)
        for folding in self._folding:
            if folding.index == index:
                folding.believed = False
        self._folds = deque(fold for fold in self._folds if fold[0] != index)

    def take_cuts(self, made: CutsMade) -> None:
        """Take in what the host has cut."""
        for cut in made.cuts:
            self._job.add_slice(cut.calls, cut.input)
        self.exhausted = self.exhausted or made.end

    def pump(self) -> None:
        """Ask for whatever is wanted now."""
        if not self.opened or self._job.over:
            return
        if self.replay or self._replaying:
            self._replay_on()
            return
        self._fold_on()
        if self.stopping:
            self._finish()
        elif not self.exhausted:
            self._cut_on()
        elif not self._job.slices.undecided:
            self._finish()

    def _replay_on(self) -> None:
        if self._replaying:
            return
        self._replaying = True
        job = self._job
        count = min(len(self.replay), job.ctx.config.box.replay_count)
        cuts = tuple(self.replay.popleft() for _ in range(count))
        job.ctx.ask(lambda number: Replay(number, job.host, cuts), self._on_replayed)

    def _fold_on(self) -> None:
        job = self._job
        while self._folds and len(self._folding) < job.ctx.config.work.folds:
            index, value = self._folds.popleft()
            folding = _Folding(index)
            self._folding[folding] = None
            ask_fold(job.ctx, job.host, folding, value, self)

    def _cut_on(self) -> None:
        """Cut ahead of what workers ask for: enough that they never wait, never the whole input."""
        job, config = self._job, self._job.ctx.config.work
        slices, slots = job.slices, job.seats.wanted + job.leases.live
        if self._cutting or self.backlogged or (slices.bytes > config.open_bytes and slices.undecided):
            return
        ahead = min(config.window_least + config.window_slots * slots, config.window_most)
        room = min(2 * ahead, config.window_most) - len(slices.undecided)
        if len(slices.fresh) > ahead // 2 or room <= 0:
            return
        self._cutting = True
        count = min(ahead - len(slices.fresh), room, job.ctx.config.box.cuts_count)
        calls = job.sizing.calls(slices.calls, slots)
        job.ctx.ask(lambda number: Cut(number, job.host, calls, count), self._on_cut)

    def _finish(self) -> None:
        job = self._job
        if self._folding or self._folds or self._finishing:
            return
        if not job.record.reduces:
            job.end("done")
            return
        self._finishing = True
        slices, partial, as_of = job.slices.cut, self.stopping, self._taken_back
        without = tuple(self._without) if partial else ()
        job.ctx.ask(
            lambda number: Finish(number, job.host, slices, partial, without),
            lambda outcome: self._on_finished(outcome, as_of),
        )

    def _on_opened(self, outcome: Outcome) -> None:
        if self._failed(outcome, HostOpened):
            return
        self.opened = True

    def _on_replayed(self, outcome: Outcome) -> None:
        self._replaying = False
        self._failed(outcome, type(None))

    def _on_cut(self, outcome: Outcome) -> None:
        self._cutting = False
        if not self._failed(outcome, CutsMade):
            assert not isinstance(outcome, Failed) and isinstance(outcome.value, CutsMade)
            self.take_cuts(outcome.value)

    def on_folded(self, folding: _Folding, outcome: Outcome) -> None:
        """A fold is done."""
        del self._folding[folding]
        if not self._failed(outcome, bool):
            assert not isinstance(outcome, Failed)
            if outcome.value and folding.believed:
                self._hits[folding.index] = None

    def _on_finished(self, outcome: Outcome, as_of: int) -> None:
        """as_of: how often something had been taken back when this was asked. If it has been since, the value
        contains what is believed no more, and is asked for anew when it is time again."""
        self._finishing = False
        if not self._failed(outcome, JobValue) and self._taken_back == as_of:
            assert not isinstance(outcome, Failed) and isinstance(outcome.value, JobValue)
            self._job.tally.skipped = outcome.value.skipped
            self._job.end("done", value=outcome.value.value)

    def _failed(self, outcome: Outcome, kind: type) -> bool:
        """Return whether a step came to nothing, because it failed or because the job has ended meanwhile."""
        job = self._job
        job.changed()
        if job.over:
            return True
        if isinstance(outcome, Failed):
            fail_by_host(job, outcome.failure)
            return True
        assert isinstance(outcome.value, kind), f"the host answered {type(outcome.value).__name__}"
        return False


def ask_fold(ctx: Context, host: JobId, folding: _Folding, value: Payload, hosting: Hosting) -> None:
    """Ask for one fold. A function of its own, so that each effect holds its own slice."""
    keep = hosting.keeps
    ctx.ask(
        lambda number: Fold(number, host, folding.index, value, keep),
        lambda outcome: hosting.on_folded(folding, outcome),
    )


def fail_by_host(job: Job, failure: Failure) -> None:
    """End a job whose host refused a step. The kinds of failures are the kinds of reasons."""
    job.fail(failure.kind, failure.message, failure.traceback)
