"""Results that may be equal although their bytes differ: the job host groups the distinct ones of a slice.

The host puts them into groups around medoids (`project.comparing` says how), so that votes stay transitive: the
key of a vote is that of its group's medoid, and the medoid's bytes are what is accepted. All distinct results of
the slice are grouped anew with each that comes, one after another, so the groups depend on the results alone.
Audits and late results are compared in the same way while their slice is here: one in the group of what was
accepted agrees with it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from peernet.core.effects import Compare
from peernet.core.events import Failure, Outcome
from peernet.core.work.owner.leases import Lease
from peernet.core.work.owner.showing import Queue, Shown
from peernet.core.work.owner.slices import Slice
from peernet.core.work.votes import Key
from peernet.types import Digest, Payload
from peernet.wire.signed import SliceResult

if TYPE_CHECKING:
    from peernet.core.work.owner.job import Job


class Comparing:
    """A `Showing` that asks of a result which of the others it equals."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._queue = Queue(job)
        self._pending: Counter[int] = Counter()
        """Results of each slice that wait, or are being compared."""
        self._asked: dict[int, None] = {}
        """Slices of which results are being compared: each is asked about once at a time."""

    @property
    def busy(self) -> bool:
        """See `Showing.busy`."""
        return self._queue.busy

    def wants(self, index: int, value: Payload) -> bool:
        """See `Showing.wants`. The first result, and further ones of its very bytes, need not be compared."""
        entry = self._entry(index)
        return entry is not None and (index in self._pending or _is_new(entry, value.digest))

    def take(self, lease: Lease, result: SliceResult, value: Payload) -> None:
        """See `Showing.take`."""
        self._pending[lease.index] += 1
        self._queue.take(lease, result, value)

    def resume(self, lease: Lease, claim: SliceResult, value: Payload) -> None:
        """See `Showing.resume`."""
        self._pending[lease.index] += 1
        self._queue.resume(lease, claim, value)

    def pump(self) -> None:
        """See `Showing.pump`. Results of a slice that is being asked about wait for the answer."""
        queue = self._queue
        passed: list[Shown] = []
        while queue.waiting and queue.room:
            shown = queue.waiting.popleft()
            if shown.lease.index in self._asked:
                passed.append(shown)
            else:
                self._show(shown)
        queue.waiting.extendleft(reversed(passed))

    def key(self, index: int, said: Key) -> Key:
        """See `Showing.key`. It counts as the vote that has its very bytes, if there is one."""
        entry = self._entry(index)
        votes = entry.votes.values() if entry is not None else ()
        return next((vote.key for vote in votes if vote.value is not None and vote.value.digest == said[1]), said)

    def on_compared(self, shown: Shown, values: tuple[Payload, ...], outcome: Outcome) -> None:
        """The host has grouped the results of a slice. `values`: which; the first is the one that has come in."""
        del self._asked[shown.lease.index]
        places = self._queue.answered(shown, outcome)
        if isinstance(places, Failure):
            self._count(shown, shown.key)  # what can't be compared is another result
            return
        if not isinstance(places, tuple):
            return
        medoids = {value.digest: values[place].digest for value, place in zip(values, places, strict=True)}
        key: Key = ("ok", medoids[shown.result.digest])
        entry = self._entry(shown.lease.index)
        if entry is None or shown.lease.peer in entry.votes or shown.lease.id not in self._job.leases.known:
            key = shown.key  # no vote follows
        elif entry.key is not None:
            # What was accepted stays; the question is only whether this result is among its equals.
            key = entry.key if medoids.get(entry.key[1]) == key[1] else shown.key
        else:
            regroup(entry, medoids)
        self._count(shown, key)

    def _show(self, shown: Shown) -> None:
        job, index = self._job, shown.lease.index
        entry = self._entry(index)
        known = _distinct(entry) if entry is not None else {}
        if not known or shown.result.digest in known or len(known) >= job.ctx.config.box.compared:
            self._count(shown, self.key(index, shown.key))
            return
        values = (shown.value, *known.values())
        self._queue.asked += 1
        self._asked[index] = None
        job.ctx.ask(lambda number: Compare(number, job.host, values), partial(self.on_compared, shown, values))

    def _count(self, shown: Shown, key: Key) -> None:
        index = shown.lease.index
        self._pending[index] -= 1
        if not self._pending[index]:
            del self._pending[index]
        self._queue.count(shown, key)

    def _entry(self, index: int) -> Slice | None:
        slices = self._job.slices
        return slices.undecided.get(index) or slices.retained.get(index)


def regroup(entry: Slice, medoids: dict[Digest, Digest]) -> None:
    """Let the votes of a slice count as their groups' medoids. medoids: of each distinct result."""
    for peer, vote in entry.votes.items():
        if vote.value is not None and vote.value.digest in medoids:
            said = vote.signed[1]
            entry.votes[peer] = replace(vote, key=("ok", medoids[vote.value.digest]), said=said)


def _is_new(entry: Slice, digest: Digest) -> bool:
    """Whether these are other bytes than those of all results that there are."""
    known = _distinct(entry)
    return bool(known) and digest not in known


def _distinct(entry: Slice) -> dict[Digest, Payload]:
    """The distinct results of a slice, the one that was accepted first, so that it is never left out."""
    found = {vote.value.digest: vote.value for vote in entry.votes.values() if vote.value is not None}
    accepted = entry.key[1] if entry.key is not None else None
    return dict(sorted(found.items(), key=lambda item: (item[0] != accepted, item[0])))
