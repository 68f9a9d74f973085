"""The jobs of a run: submits them, follows what their owners write into their journals, and counts."""

from __future__ import annotations

from collections.abc import Callable

from peernet.core.events import Failure, Submission, SubmitAsked
from peernet.core.records import JobRecord, LeaseRecord, OutcomeRecord, Record, SliceRecord
from peernet.core.work.owner.seeds import slice_seed
from peernet.core.work.stats import decode_stats
from peernet.identity.digest import digest
from peernet.results import encode
from peernet.types import Digest, JobId, PeerId
from peernet_sim.faults.liars import Liar
from peernet_sim.looking import LiveWorld, Player
from peernet_sim.metrics import JobRun, Measures, share
from peernet_sim.model import JobPlan
from peernet_sim.tasks import Task, Tasks

LINGER = 2.0
"""Seconds that a run goes on after its last job: time for the word of its end to reach the workers."""

SUBMIT_AGAIN = 5.0
"""Seconds after which a job is submitted whose submitter was not there."""


class _Followed:
    """A job under way. results: for each slice, who returned what; None is unknown. secret: of its seeds. wrong:
    for each accepted slice, whether its result is; one that is accepted again counts as it is then. then: the job
    that follows it, if one does."""

    __slots__ = ("inputs", "results", "run", "secret", "task", "then", "wrong")

    def __init__(self, run: JobRun, task: Task) -> None:
        self.run = run
        self.task = task
        self.secret = b""
        self.then: _Followed | None = None
        self.wrong: dict[int, bool] = {}
        self.inputs: dict[int, Digest | None] = {}
        self.results: dict[int, dict[PeerId, Digest | None]] = {}


class Ledger:
    """Submits the jobs of the plan and counts what becomes of them. A `looking.Watcher`.

    over: called `LINGER` after the last job has ended, if the plan is to stop with its jobs.
    """

    def __init__(self, world: LiveWorld, tasks: Tasks, measures: Measures, over: Callable[[], None]) -> None:
        self._world = world
        self._over = over
        self._tasks = tasks
        self._measures = measures
        self._asked: dict[int, _Followed] = {}
        self._jobs: dict[JobId, _Followed] = {}
        self.liars: dict[int, float] = {}

    def detected_share(self) -> float | None:
        """Return the share of the liars that the submitters have found so far; nothing if there are none."""
        behaviours = self._world.plan.faults.behaviours
        return share(peer in self.liars for peer, behaviour in behaviours.items() if isinstance(behaviour, Liar))

    def schedule(self) -> None:
        """Submit each job at its time, and one that follows another after that. Loads their projects, which runs
        their code."""
        before: _Followed | None = None
        for number, plan in enumerate(self._world.plan.workload.jobs):
            task = self._tasks.add(plan, number)
            run = JobRun(plan.submitter)
            self._measures.jobs.append(run)
            self._world.blobs[task.digest] = task.bundle
            followed = _Followed(run, task)
            if plan.follows and before is not None:
                before.then = followed
            else:
                self._world.engine.at(plan.at, self._submit, plan, followed)
            before = followed

    def answered(self, machine: Player, number: int, value: object) -> None:
        """A submission was answered: by the job's id, or by why there is none."""
        followed = self._asked.pop(number, None)
        if followed is not None and isinstance(value, Failure):
            followed.run.state, followed.run.reason = "refused", value.message
            self._ended(followed)

    def saved(self, machine: Player, record: Record) -> None:
        """A record of a job was committed."""
        match record:
            case JobRecord():
                self._job(machine, record)
            case SliceRecord():
                followed = self._jobs[record.job]
                data = record.input.inline or self._world.blobs.get(record.input.digest)
                assert data is not None, "the input of a slice is at its owner"
                followed.inputs[record.index] = self._honest(followed, record.index, data)
                followed.run.slices = max(followed.run.slices, record.index + 1)
            case LeaseRecord() if record.state == "returned":
                followed = self._jobs[record.job]
                # What some calls make of a slice is not the word of who executed these alone.
                digest = record.value.digest if record.value is not None and not record.calls else None
                followed.results.setdefault(record.index, {})[record.peer] = digest
                followed.run.executions += 1
                self._compare(followed, record.index)
            case OutcomeRecord():
                self._outcome(self._jobs[record.job], record)

    def close(self) -> None:
        """The run is over: what has not ended is counted as far as it came."""
        for job, followed in self._jobs.items():
            run = followed.run
            if run.ended is None and (core := self._world.machines[run.submitter].core) is not None:
                view = core.owner.view(job)
                if view is not None:
                    run.executions, run.disagreements = view.executions, view.disagreements
                    run.reason = view.waiting_reason

    def _submit(self, plan: JobPlan, followed: _Followed) -> None:
        world = self._world
        machine = world.machines[plan.submitter]
        if machine.core is None:
            world.engine.after(SUBMIT_AGAIN, self._submit, plan, followed)
            return
        number = world.number()
        self._asked[number] = followed
        followed.run.began, followed.run.state = world.now, "submitted"
        task = followed.task
        machine.keep(task.digest)
        submission = Submission(
            host_bundle=task.digest,
            worker_bundle=task.digest,
            worker_bundle_size=len(task.bundle),
            needs_python="",
            name=task.name,
            slice_size=task.slice_size,
            replicas=task.replicas,
            quorum=task.quorum,
            patience=plan.patience,
            policy=plan.policy,
        )
        world.post(machine, machine.life, SubmitAsked(number, submission))

    def _job(self, machine: Player, record: JobRecord) -> None:
        followed = self._jobs.get(record.job)
        if followed is None:
            # The record is committed before the submission is answered, in the same handle.
            followed = next(one for one in self._asked.values() if one.task.digest == record.worker_bundle)
            self._jobs[record.job] = followed
            followed.secret = record.secret
            followed.run.state = "running"
        run = followed.run
        if record.state == "running" or run.ended is not None:  # or results of it were retracted
            return
        run.state, run.reason = record.state, record.reason
        self._ended(followed)
        run.slices = record.slices
        stats = decode_stats(record.stats)
        run.executions, run.disagreements, run.accepted = stats.executions, stats.disagreements, stats.accepted
        if record.state == "done" and record.value is not None:
            self._check_value(followed, record.value.digest)

    def _ended(self, followed: _Followed) -> None:
        followed.run.ended = self._world.now
        then = followed.then
        if then is not None:
            plan = then.task.plan
            self._world.engine.after(plan.at, self._submit, plan, then)
        if self._world.plan.stop_with_jobs and all(job.ended is not None for job in self._measures.jobs):
            self._world.engine.after(LINGER, self._over)

    def _check_value(self, followed: _Followed, digest: Digest) -> None:
        """A job that reduces and is done while one of its slices is wrong has a wrong value too; a model knows its
        value beforehand."""
        task = followed.task
        if task.plan.project is None and digest != _sum(task.plan.calls) and not followed.run.wrong:
            followed.run.wrong += 1

    def _outcome(self, followed: _Followed, record: OutcomeRecord) -> None:
        run = followed.run
        honest = followed.inputs.get(record.index)
        wrong = honest is not None and record.value.digest != honest
        run.wrong += wrong - followed.wrong.get(record.index, False)
        followed.wrong[record.index] = wrong
        run.accepted = len(followed.wrong)
        run.progress.append((self._world.now, run.accepted))
        for peer in record.agreeing:
            machine = self._world.find(peer)
            if machine is not None:
                run.work[machine.index] = run.work.get(machine.index, 0) + 1
        followed.results.setdefault(record.index, {})[_ACCEPTED] = record.value.digest
        self._compare(followed, record.index)

    def _compare(self, followed: _Followed, index: int) -> None:
        """Once a slice is accepted: whoever returned something else was outvoted."""
        results = followed.results[index]
        accepted = results.get(_ACCEPTED)
        if accepted is None:
            return
        for peer, returned in list(results.items()):
            if peer == _ACCEPTED or returned is None:
                continue
            del results[peer]
            machine = self._world.find(peer)
            if returned != accepted and machine is not None:
                counts = followed.run.outvoted
                counts[machine.index] = counts.get(machine.index, 0) + 1
                self.liars.setdefault(machine.index, self._world.now)

    def _honest(self, followed: _Followed, index: int, data: bytes) -> Digest | None:
        computed = self._tasks.compute(followed.task, data, slice_seed(followed.secret, index))
        return None if computed.values is None else _digest(list(computed.values))


_ACCEPTED = PeerId(b"")
"""Stands for the accepted result among those of peers."""


def _sum(calls: int) -> Digest:
    return _digest(calls * (calls - 1) // 2)


def _digest(value: object) -> Digest:
    return digest(encode(value))
