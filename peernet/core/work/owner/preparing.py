"""From a submission to a job: the host opens and cuts, and only then is there something to sign and to offer.

So the user hears of a wrong project, or gets the result of an empty input, before any peer is looked for.
"""

from __future__ import annotations

from collections.abc import Callable

from peernet.core.context import Context
from peernet.core.effects import Answer, CloseHost, Cut, LockPackages, OpenHost, PinBlob, UnpinBlobs
from peernet.core.events import CutsMade, Failed, Failure, HostOpened, Outcome, Submission
from peernet.core.records import JobRecord
from peernet.core.work.owner.crew import Crew
from peernet.core.work.owner.fitting import NO_OWN
from peernet.core.work.owner.job import Job
from peernet.core.work.owner.seeds import job_secret
from peernet.core.work.owner.sizing import Sizing
from peernet.core.work.policies import policy_text, read_policy
from peernet.identity.digest import digest
from peernet.types import JobId
from peernet.wire.base import ENVELOPE_LIMIT, MAX_SHORT_TEXT
from peernet.wire.signed import MANIFEST, Manifest, Needs


class Preparation:
    """One submission on its way to a job.

    Args:
        ctx, crew: as for a job.
        answer: id of the command, answered with the JobId or a Failure.
        submission: what was handed over.
        ended: called once, with the job, which has yet to be started, or None if there is none.
    """

    def __init__(
        self,
        ctx: Context,
        crew: Crew,
        answer: int,
        submission: Submission,
        ended: Callable[[Preparation, Job | None], None],
    ) -> None:
        self._ctx = ctx
        self._crew = crew
        self._answer = answer
        self._submission = submission
        self._ended = ended
        self._host = JobId(ctx.secret(32))
        self._policy = ""
        self._lock = b""

    def start(self) -> None:
        """Open the host."""
        ctx, given = self._ctx, self._submission
        for blob in (given.host_bundle, given.worker_bundle):
            ctx.emit(PinBlob(blob, self._host))
        ctx.ask(
            lambda number: OpenHost(
                number,
                self._host,
                given.host_bundle,
                given.name,
                given.slice_size,
                given.replicas,
                given.quorum,
                given.timeout,
                given.memory,
                given.scratch,
                given.confidence,
                given.numeric,
            ),
            self._on_opened,
        )

    def _on_opened(self, outcome: Outcome) -> None:
        if isinstance(outcome, Failed):
            self._refuse(outcome.failure)
            return
        opened = outcome.value
        assert isinstance(opened, HostOpened), "the host answered something else"
        try:
            declared = policy_text(opened.confidence, opened.replicas, opened.quorum)
            self._policy = self._submission.policy or declared or self._ctx.config.trust.policy
            read_policy(self._policy)
        except ValueError as error:
            self._refuse(Failure("usage", str(error)))
            return
        if opened.pickles and not self._has_own():
            self._refuse(Failure("usage", NO_OWN))
            return
        if opened.packages:
            self._ctx.ask(
                lambda number: LockPackages(number, self._host, opened.packages),
                lambda outcome: self._on_locked(opened, outcome),
            )
        else:
            self._cut(opened)

    def _on_locked(self, opened: HostOpened, outcome: Outcome) -> None:
        if isinstance(outcome, Failed):
            self._refuse(outcome.failure)
            return
        assert isinstance(outcome.value, bytes), "the installer answered something else"
        self._lock = outcome.value
        self._cut(opened)

    def _cut(self, opened: HostOpened) -> None:
        config = self._ctx.config.work
        calls = Sizing(config, opened.slice_size, opened.length).calls(0, 0)
        self._ctx.ask(
            lambda number: Cut(number, self._host, calls, config.window_least),
            lambda outcome: self._on_cut(opened, outcome),
        )

    def _on_cut(self, opened: HostOpened, outcome: Outcome) -> None:
        if isinstance(outcome, Failed):
            self._refuse(outcome.failure)
            return
        assert isinstance(outcome.value, CutsMade), "the host answered something else"
        record = self._sign(opened)
        ctx = self._ctx
        ctx.save(record)
        job = Job(ctx, self._crew, record, self._host, opened=True)
        job.hosting.take_cuts(outcome.value)
        ctx.emit(Answer(self._answer, record.job))
        self._ended(self, job)

    def _sign(self, opened: HostOpened) -> JobRecord:
        """Sign the manifest, whose hash is the job's id."""
        ctx, given, config = self._ctx, self._submission, self._ctx.config.work
        needs = _needs(given, opened)
        manifest = Manifest(
            nonce=ctx.secret(16),
            name=opened.name[:MAX_SHORT_TEXT],
            bundle=given.worker_bundle,
            bundle_size=given.worker_bundle_size,
            needs=needs,
            replicas=opened.replicas or 0,
            quorum=opened.quorum or 0,
            reuse=opened.reuse,
            lock=self._lock,
        )
        envelope = self._crew.seal(MANIFEST, manifest, config.manifest_lifetime, ENVELOPE_LIMIT)
        return JobRecord(
            job=JobId(digest(envelope)),
            manifest=envelope,
            host_bundle=given.host_bundle,
            worker_bundle=given.worker_bundle,
            worker_bundle_size=given.worker_bundle_size,
            needs=needs,
            pickles=opened.pickles,
            locked=bool(self._lock),
            name=opened.name,
            slice_size=opened.slice_size,
            policy=self._policy,
            timeout=opened.timeout,
            reduces=opened.reduces,
            trusted=given.trusted,
            patience=given.patience,
            length=opened.length,
            submitted=ctx.now.wall,
            secret=job_secret(self._host),
            checks=opened.checks,
            retries=opened.retries,
            compares=opened.compares,
        )

    def _has_own(self) -> bool:
        """Whether there may be a peer of the user's own to execute the job."""
        executes = any(view.peer == self._ctx.me and view.advert.slots for view in self._crew.known())
        return bool(executes or self._submission.trusted or self._ctx.mine)

    def _refuse(self, failure: Failure) -> None:
        ctx = self._ctx
        ctx.emit(Answer(self._answer, failure))
        ctx.emit(CloseHost(self._host))
        ctx.emit(UnpinBlobs(self._host))
        self._ended(self, None)


def _needs(given: Submission, opened: HostOpened) -> Needs:
    """Return what a job needs of a worker."""
    return Needs(
        python=given.needs_python or opened.python,
        memory=opened.memory or 0,
        tier=given.tier,
        packages=opened.packages,
        seconds=opened.timeout or 0.0,
        scratch=opened.scratch or 0,
        numeric=opened.numeric,
    )
