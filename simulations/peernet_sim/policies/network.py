"""A case in the simulator's scale mode: whole peers, links with delays, gossip, leases, and liars among them.

The machines and the liars are those of the field (`workers`), so that the two can be compared cell by cell: peer 0
submits, the others are the workers in an order that is drawn: who comes first into a network is near to all the
others, and those are not to be the liars. Each computes one slice at a time; they live in the cities of the
published matrix.
"""

from __future__ import annotations

import time
from dataclasses import replace
from random import Random

from peernet.config import Config
from peernet.core.records import JobRecord
from peernet.core.work.stats import JobStats, decode_stats
from peernet_sim.access import Access
from peernet_sim.draws import Constant
from peernet_sim.faults.compiling import compile_faults
from peernet_sim.lying import liar
from peernet_sim.metrics import JobRun
from peernet_sim.model import JobPlan, Plan, RunOptions, Workload
from peernet_sim.policies.cases import Case, Row
from peernet_sim.policies.workers import Worker, workers_of
from peernet_sim.scale import Run, calm_collector
from peernet_sim.topology.network import Joining, Machines, build_network
from peernet_sim.topology.regions import RegionSpec, published
from peernet_sim.violations import Broken

SETTLE = 20.0
"""Virtual seconds before the first job: ten to join, ten to get acquainted."""

PAUSE = 2.0
"""Virtual seconds between the two jobs."""

SLICE_SECONDS = 1.0
"""A slice on the reference core, as in the field."""

PATIENCE = 30.0
"""Seconds that a job waits for workers, as in the field."""

CHECK_EVERY = 20.0
"""Virtual seconds between looks at invariants: there are few faults here, and many slices to look at."""

_OFFICE = Access()
_CITIES = RegionSpec((1.0,) * len(published().regions), 0.003)


def measure(case: Case) -> list[Row]:
    """Run one case: its cold job, and its warm one if it has one.

    Raises:
        Broken: an invariant did not hold, so that nothing that was measured is worth anything.
    """
    return go_on(settled(case), case)


def settled(case: Case) -> Run:
    """Return the network of a case once all peers have come: there are no jobs and no liars yet, so that it is the
    same for all cases with so many peers and this seed."""
    speeds = iter([1.0, *(1.0 / worker.seconds for worker in _placed(case))])
    machines = Machines(Constant(1.0), lambda rng: next(speeds))
    network = build_network(case.peers + 1, _CITIES, _OFFICE, machines, Joining(), case.seed)
    plan = Plan(
        name="policies",
        about=f"{case.peers} workers and one who submits to them.",
        seed=case.seed,
        seconds=SETTLE,
        topology=network,
        faults=compile_faults((), _OFFICE, network, frozenset({0}), SETTLE, case.seed),
        workload=Workload(settle=SETTLE),
        check_every=CHECK_EVERY,
        stop_with_jobs=True,
    )
    run = Run(plan, RunOptions(trace_sample=0.0), config=small_dht())
    with calm_collector():
        run.world.engine.run(SETTLE)
    return run


def go_on(run: Run, case: Case) -> list[Row]:
    """Let some peers of a settled network lie, and run the jobs of a case in it. See `measure`."""
    begun = time.process_time()
    for machine, worker in zip(run.world.machines[1:], _placed(case), strict=True):
        if worker.kind != "honest":
            machine.behaviour = liar(worker.kind, case.naps, told_only=True)
    jobs = _jobs(case)
    seconds = SETTLE + PAUSE + len(jobs) * case.patience
    run.plan = run.world.plan = replace(run.plan, seconds=seconds, workload=Workload(settle=SETTLE, jobs=jobs))
    report = run.go()
    for violation in report.violations:
        raise Broken(violation.name, f"{violation.text}: {case}", violation.peers)
    cpu = time.process_time() - begun
    records = sorted(run.world.machines[0].journal.load(JobRecord), key=lambda record: record.submitted)
    total = max(1, sum(job.executions for job in run.measures.jobs))
    return [
        _row(case, bool(number), job, record, cpu * job.executions / total)
        for number, (job, record) in enumerate(zip(run.measures.jobs, records, strict=False))
    ]


def _placed(case: Case) -> list[Worker]:
    """The workers in the order of their peers, from 1 on."""
    workers = workers_of(case)
    Random(f"{case.seed} places").shuffle(workers)
    return workers


def _jobs(case: Case) -> tuple[JobPlan, ...]:
    first = JobPlan(
        at=SETTLE,
        submitter=0,
        calls=case.slices,
        slice_size=1,
        seconds=SLICE_SECONDS,
        patience=PATIENCE,
        policy=case.policy,
    )
    return (first, replace(first, at=PAUSE, follows=True)) if case.warm else (first,)


def small_dht() -> Config:
    """Return bounds under which a thousand peers are soon acquainted: a job is spread by gossip, and verification
    does not depend on how many hold a record of the DHT, or on how many paths lead to it."""
    config = Config()
    return replace(config, kad=replace(config.kad, k=8, paths=1, scout_paths=1))


def _row(case: Case, warm: bool, job: JobRun, record: JobRecord, cpu: float) -> Row:
    # The statistics of a job that has not ended are not on record.
    stats = decode_stats(record.stats) if record.stats else JobStats()
    return Row(
        case=case,
        warm=warm,
        state="stopped" if job.state == "running" else job.state,
        reason=job.reason,
        slices=case.slices,
        accepted=job.accepted,
        wrong=job.wrong,
        executions=job.executions,
        audits=stats.audits,
        taken_back=stats.taken_back,
        banned=len(stats.banned),
        cpu_seconds=round(cpu, 2),
    )
