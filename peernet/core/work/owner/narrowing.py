"""A disagreement is narrowed to single calls before anyone is struck.

When results of a slice differ, the job host compares them call by call: user data is never decoded here. It says
which calls differ, which is told to people, and makes an input of these calls alone. If they are a small part of
the slice, what is leased next is *narrowed*: a worker executes and signs just these, under the numbers that they
have in the whole slice. The host puts what comes back into the part that the others have in common, and the digest
of the whole that this makes is the key of the vote, like that of any replica; `core.work.partial` says what such
votes decide. A liar that answers a narrowed lease wrongly makes a third group.

Whole slices are executed again, as ever, where

- the slice is small, or quickly done; or the peers that are left could not decide the whole of it: one that had a
  part is not asked for that;
- results differ in many calls, or in others than those that were lent (these stay the same for a slice);
- a narrowed result makes a whole that nobody has returned: the others may all be wrong, or the function keeps
  something from one call to the next. Nobody is struck for a narrowed result that no other one confirms;
- results are checked or compared by the project (`check`, `equal`), the function takes whole slices, or a result
  may end a slice (`stop_when`); slices failed otherwise than by an exception in one call.

A call that raised is a call in dispute. What is under way is on record as far as leases are; the host is asked
anew after a restart.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from peernet.config.project import MAX_NARROWED_CALLS
from peernet.core.effects import Compose, Differ, PinBlob
from peernet.core.events import DifferencesFound, Failed, Outcome
from peernet.core.work.owner.disputes import Dispute, Narrowed
from peernet.core.work.owner.hosting import fail_by_host
from peernet.core.work.owner.leases import Lease
from peernet.core.work.owner.questions import Question, found_out, names_of, values_of
from peernet.core.work.owner.slices import Slice
from peernet.core.work.votes import REJECTED, differ, failed_call
from peernet.types import Digest, Payload, PeerId
from peernet.wire.signed import SliceResult
from peernet.wire.work import INLINE_LIMIT

if TYPE_CHECKING:
    from peernet.core.context import Context
    from peernet.core.work.owner.job import Job
    from peernet.types import JobId


@dataclass(frozen=True, slots=True)
class _Part:
    """A narrowed result whose bytes are here, on its way to the host and back."""

    lease: Lease
    result: SliceResult
    value: Payload


class Narrowing:
    """Has the differing results of one job compared, and what came of it executed and put together."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._disputed: deque[Slice] = deque()
        self._parts: deque[_Part] = deque()
        self._asked = 0

    @property
    def busy(self) -> bool:
        """Results that differ wait for the host's word."""
        return bool(self._disputed or self._parts or self._asked)

    def look(self, entry: Slice) -> None:
        """An undecided slice's votes have changed: have them compared, if they differ as they did not before. It
        is not leased until the host has answered. The caller places it."""
        job, dispute = self._job, entry.dispute
        if job.record.checks or job.record.compares or not 2 <= entry.calls <= job.ctx.config.work.narrow_most:
            return
        if not differ(entry.votes.values()):
            return
        if dispute is not None and (dispute.asking or dispute.whole or dispute.compared == names_of(entry)):
            return
        raised = any(vote.key[0] == "error" for vote in entry.votes.values())
        if len(values_of(entry)) < 2 - raised:
            return
        if dispute is None:
            dispute = Dispute()
            job.slices.disputed_over(entry, dispute)
        job.slices.release(entry)
        dispute.asking = True
        self._disputed.append(entry)
        job.changed()

    def lends(self, entry: Slice, peer: PeerId) -> Narrowed | None:
        """Return what a peer is to execute of a slice that it gets now; None for all of it."""
        job = self._job
        if not entry.narrows(job.policy):
            return None
        dispute = entry.dispute
        assert dispute is not None, "a slice without a dispute is not narrowed"
        if not self._others_suffice(entry, peer):
            return None
        dispute.lent = True
        return dispute.narrowed

    def take(self, lease: Lease, result: SliceResult, value: Payload | None) -> None:
        """A narrowed result has come in, its bytes are here, and it is no repetition."""
        job, index = self._job, lease.index
        retained = job.slices.retained.get(index) is not None and (value is None or value.size <= INLINE_LIMIT)
        if value is None:
            job.verdicts.counted(lease, result, None, (result.status, result.digest))
        elif lease.part is not None and lease.part.is_known and (index in job.slices.undecided or retained):
            lease.due = max(lease.due, job.ctx.now.mono + job.ctx.config.work.claim_seconds)
            seconds = {"cpu_seconds": result.cpu_seconds, "wall_seconds": result.wall_seconds}
            job.save_lease(lease, status=result.status, value=value, **seconds)
            self.resume(lease, result, value)
            job.changed()
        else:
            job.verdicts.set_aside(lease, result)

    def resume(self, lease: Lease, claim: SliceResult, value: Payload) -> None:
        """Have a narrowed result that is on record put into a whole one."""
        lease.claim = claim
        self._parts.append(_Part(lease, claim, value))

    def pump(self) -> None:
        """Ask about as many as may be at once. Slices may be decided while they wait."""
        job = self._job
        while job.hosting.opened and not job.over and self._asked < job.ctx.config.work.checks:
            if self._parts:
                part = self._parts.popleft()
                self._asked += 1
                _ask_compose(job.ctx, job.host, part, self)
            elif self._disputed:
                self._ask_about(self._disputed.popleft())
            else:
                return

    def on_composed(self, part: _Part, outcome: Outcome) -> None:
        """The host has put a part into the whole."""
        job, lease = self._job, part.lease
        if self._failed(outcome):
            return
        assert not isinstance(outcome, Failed)
        whole = outcome.value
        lease.claim = None
        if lease.id not in job.leases.known:
            return
        if isinstance(whole, Payload):
            _pin(job, whole)
            job.verdicts.counted(lease, part.result, whole, ("ok", whole.digest))
        else:
            job.verdicts.counted(lease, part.result, None, (REJECTED, part.result.digest))

    def on_found(self, question: Question, outcome: Outcome) -> None:
        """The host has compared the results of a slice."""
        job, entry, dispute = self._job, question.entry, question.dispute
        dispute.asking = False
        if self._failed(outcome):
            return
        assert not isinstance(outcome, Failed)
        found = outcome.value
        assert isinstance(found, DifferencesFound), f"the host answered {type(found).__name__}"
        if job.slices.undecided.get(entry.index) is not entry or entry.state == "failed":
            return
        dispute = found_out(question, found)
        job.slices.disputed_over(entry, dispute)
        if dispute.narrowed is not None and dispute.narrowed.input is not None:
            _pin(job, dispute.narrowed.input)
        job.verdicts.judge(entry)

    def _ask_about(self, entry: Slice) -> None:
        job, dispute = self._job, entry.dispute
        assert dispute is not None and dispute.asking, "only slices in dispute wait here"
        values = values_of(entry)
        if job.slices.undecided.get(entry.index) is not entry or not values:
            dispute.asking = False
            if entry.index in job.slices.undecided:
                job.slices.place(entry)
            return
        failures = {
            vote.key[1]: call
            for vote in entry.votes.values()
            if (call := failed_call(vote, entry.calls)) is not None
        }
        lent = dispute.narrowed if dispute.lent else None
        ordered = tuple(values.values()) if lent is None else (lent.base, *values.values())
        distinct = {value.digest: value for value in ordered}
        asked = tuple(islice(distinct.values(), job.ctx.config.box.compared))
        question = Question(entry, dispute, names_of(entry), asked, failures, self._most(entry, failures))
        self._asked += 1
        _ask_differ(job.ctx, job.host, question, self)

    def _others_suffice(self, entry: Slice, peer: PeerId) -> bool:
        """Whether the slice could still be decided by peers that execute the whole of it. One that had a part is
        not asked for the whole, so that nobody has two replicas; in a small network this would leave nobody to
        ask."""
        job = self._job
        able = (
            other
            for other, seat in job.seats.all.items()
            if other != peer and not seat.gone and entry.may_lease(other)
        )
        others = list(islice(able, job.policy.limit))
        return (job.policy.believes and any(map(job.trusted, others))) or job.policy.enough(others)

    def _most(self, entry: Slice, failures: dict[Digest, int]) -> int:
        """How many calls may be executed by themselves; 0 for none, where the whole slice is as well done
        again."""
        config = self._job.ctx.config.work
        each = self._job.sizing.seconds_per_call()
        quick = each is not None and each * entry.calls < config.narrow_seconds
        if entry.calls < config.narrow_least or quick:
            return 0
        if any(vote.key[0] != "ok" and vote.key[1] not in failures for vote in entry.votes.values()):
            return 0
        return min(MAX_NARROWED_CALLS, int(entry.calls * config.narrow_share))

    def _failed(self, outcome: Outcome) -> bool:
        """Return whether an answer came to nothing, because the host failed or because the job has ended."""
        job = self._job
        self._asked -= 1
        job.changed()
        if job.over:
            return True
        if isinstance(outcome, Failed):
            fail_by_host(job, outcome.failure)
            return True
        return False


def _pin(job: Job, value: Payload) -> None:
    """Keep a blob that the host has made, while the job runs."""
    if value.inline is None:
        job.ctx.emit(PinBlob(value.digest, job.host))


def _ask_compose(ctx: Context, host: JobId, part: _Part, narrowing: Narrowing) -> None:
    """Ask for one whole. Functions of their own, here and below, so that each effect holds its own."""
    narrowed = part.lease.part
    assert narrowed is not None, "only narrowed results are put together"
    ctx.ask(
        lambda number: Compose(number, host, narrowed.base, narrowed.calls, part.value),
        partial(narrowing.on_composed, part),
    )


def _ask_differ(ctx: Context, host: JobId, question: Question, narrowing: Narrowing) -> None:
    entry, lent = question.entry, question.dispute.narrowed if question.dispute.lent else None
    also = tuple(sorted({*question.failures.values(), *(lent.calls if lent is not None else ())}))
    ctx.ask(
        lambda number: Differ(number, host, entry.input, entry.calls, question.values, also, question.most),
        partial(narrowing.on_found, question),
    )
