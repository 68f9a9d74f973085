"""What rested on a peer that is shut out, in jobs that have ended: it is told, as nothing is computed there again.

When a peer is shut out, the journal is looked through for accepted slices of ended jobs that it agreed with, one
part after the other (`Review`). Each is judged anew by its job's own policy, on the votes of the others as they
stand now; what is not believed without the peer is retracted, on record (`EvidenceRecord.retracted`,
`JobRecord.retracted`), and told. The job itself does not end twice, and a retraction is final: the user submits
the job again. Running jobs open such slices again by themselves (`checking`), as many as they retain.

A review is an open intent (`ReviewRecord`): after a restart it goes on after the last part that was judged and
told. A part that is judged twice retracts nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from peernet.core.context import Context
from peernet.core.effects import Note, Review
from peernet.core.events import Failed, Outcome, Reviewed
from peernet.core.records import EvidenceRecord, JobRecord, PartRecord, RetractedRecord, ReviewRecord
from peernet.core.work.owner.crew import Crew
from peernet.core.work.partial import decide
from peernet.core.work.policies import Policy, for_job
from peernet.core.work.reviews import LAST_INDEX
from peernet.core.work.stats import decode_stats
from peernet.core.work.votes import Key, Vote
from peernet.identity.jobid import format_job_id
from peernet.identity.peerid import format_peer_id
from peernet.types import Digest, JobId, PeerId

if TYPE_CHECKING:
    from peernet.core.work.owner.job import Job

_ACCEPTED: Key = ("ok", Digest(b"accepted"))
"""What all parts of an evidence that agree stand for, whatever bytes they had."""


class Reviewing:
    """The reviews of one owner, one at a time: each changes records of jobs that others may change too.

    ended: records of ended jobs that are at hand, to be kept true. due: there may be something to ask for; a core
    looks at the end of each handle.
    """

    def __init__(self, ctx: Context, crew: Crew, ended: MutableMapping[JobId, JobRecord]) -> None:
        self._ctx = ctx
        self._crew = crew
        self._ended = ended
        self._open: dict[PeerId, ReviewRecord] = {}
        self._asking = False
        self.due = False

    def restore(self, reviews: Iterable[ReviewRecord]) -> None:
        """Take up those that the journal holds."""
        self._open.update((review.peer, review) for review in reviews)
        self.due = True

    def job_ended(self, job: Job) -> None:
        """A job has ended that retained less than it accepted: of the rest it has opened nothing again."""
        if job.hosting.keeps and job.slices.retained.lost:
            for work in decode_stats(job.record.stats).peers:
                if reason := self._crew.trust.of(work.peer).shut_for:
                    self._begin(work.peer, reason)

    def follow(self, shut: Mapping[PeerId, str]) -> None:
        """Look for what rested on those who were shut out, and no more for those who were forgiven. See
        `Trust.take_shut`."""
        for peer, reason in shut.items():
            if reason:
                self._begin(peer, reason)
            else:
                self._end(peer)

    def pump(self) -> None:
        """At the end of a handle: ask for the next part."""
        self.due = False
        if self._asking or not self._open:
            return
        review = next(iter(self._open.values()))
        self._asking = True
        self._ctx.ask(lambda number: Review(number, review.peer, review.after), partial(self._on_reviewed, review))

    def _begin(self, peer: PeerId, reason: str) -> None:
        review = self._open[peer] = ReviewRecord(peer, reason, self._ctx.now.wall)
        self._ctx.save(review)
        self.due = True

    def _end(self, peer: PeerId) -> None:
        """Look no further: everything is judged, or the peer is forgiven. What is retracted stays so."""
        if self._open.pop(peer, None) is not None:
            self._ctx.forget(ReviewRecord.space, peer)

    def _on_reviewed(self, review: ReviewRecord, outcome: Outcome) -> None:
        self._asking, self.due = False, True
        if self._open.get(review.peer) is not review:
            return  # ended, or begun anew, meanwhile
        if isinstance(outcome, Failed):
            # It stays on record, and is tried again at the next start.
            del self._open[review.peer]
            peer, why = format_peer_id(review.peer), outcome.failure.message
            text = f"it is not known which results of ended jobs rested on {peer}: {why}; start this peer again"
            self._ctx.note(Note("warning", text))
        elif outcome.value is None:
            self._end(review.peer)
        else:
            assert isinstance(outcome.value, Reviewed), "the journal answered something else"
            # On record is what was judged before: that it was told is certain only now.
            self._ctx.save(review)
            self._open[review.peer] = replace(review, after=self._judge(review, outcome.value))

    def _judge(self, review: ReviewRecord, part: Reviewed) -> bytes:
        """Retract what is not believed without the peer. Returns where to look on."""
        job, peer = part.job, review.peer
        policy = for_job(job, self._crew.trust, self._crew.scores)
        if not policy.retains or job.checks or self._trusted(job, peer):
            return job.job + LAST_INDEX
        doubted = [
            entry
            for entry in part.evidence
            if entry.retracted is None and not self._is_believed(policy, job, entry, peer)
        ]
        if doubted:
            for entry in doubted:
                self._ctx.save(replace(entry, retracted=peer))
            job = self._counted(job, review, doubted)
            self._ctx.save(job)
            if job.job in self._ended:
                self._ended[job.job] = job
            self._ctx.note(Note("job", job=job.job))
        if part.last:
            self._tell(job, review)
        return part.after

    def _is_believed(self, policy: Policy, job: JobRecord, entry: EvidenceRecord, peer: PeerId) -> bool:
        votes = [self._vote(job, part) for part in entry.parts if part.counts and part.peer != peer]
        shares = frozenset(part.digest for part in entry.parts if part.shares)
        return decide(policy, votes, shares) == _ACCEPTED

    def _vote(self, job: JobRecord, part: PartRecord) -> Vote:
        key = _ACCEPTED if part.agrees else (part.status, part.digest)
        return Vote(part.peer, self._trusted(job, part.peer), key, part.lease, calls=part.calls)

    def _trusted(self, job: JobRecord, peer: PeerId) -> bool:
        return peer == self._ctx.me or peer in self._ctx.mine or peer in job.trusted

    def _counted(self, job: JobRecord, review: ReviewRecord, doubted: list[EvidenceRecord]) -> JobRecord:
        others = tuple(entry for entry in job.retracted if entry.peer != review.peer)
        before = next((entry for entry in job.retracted if entry.peer == review.peer), None)
        slices, calls = len(doubted), sum(entry.calls for entry in doubted)
        if before is not None:
            slices, calls = slices + before.slices, calls + before.calls
        counted = RetractedRecord(review.peer, slices, calls, self._ctx.now.wall, review.reason)
        return replace(job, retracted=(*others, counted))

    def _tell(self, job: JobRecord, review: ReviewRecord) -> None:
        """Tell people once a job is looked through. Who is killed in between is told after the restart."""
        told = next((entry for entry in job.retracted if entry.peer == review.peer), None)
        if told is None or told.when < review.since:
            return
        text = (
            f"{told.slices} accepted slices of job {format_job_id(job.job)[:10]} ({job.name}) are retracted: they "
            f"rested on {format_peer_id(told.peer)}, {told.reason}; submit the job again"
        )
        self._ctx.note(Note("retracted", text, job=job.job, peer=told.peer))
