from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from peernet.core.effects import Save
from peernet.core.records import JobRecord, OutcomeRecord, RetractedRecord
from peernet.core.work.owner.leases import OUT
from peernet.types import LeaseId, PeerId
from peernet_sim.bounds import BOUNDS, running_jobs
from peernet_sim.invariants import INVARIANTS, EndsOnce
from peernet_sim.machine import Machine
from peernet_sim.model import Faults, Happening, Plan, RunOptions
from peernet_sim.scale import Run
from peernet_sim.violations import Broken
from peernet_sim.world import World

PLANTED_AT = 9.0
"""While the job of the plan runs."""


def owner(world: World) -> Machine:
    return world.machines[0]


def the_job(world: World) -> Any:
    core = owner(world).core
    assert core is not None
    return next(running_jobs(core))


def commit(world: World, record: Any) -> None:
    world.driver.emit(owner(world), [Save(record)])


def disorder_a_bucket(world: World) -> None:
    core = world.machines[2].core
    assert core is not None
    bucket = next(bucket for bucket in core.kad.table.buckets if bucket.nodes)
    bucket.replacement_nodes = (bucket.nodes[0],)


def overfill(world: World) -> None:
    limit = world.config.net.holds
    world.machines[3].holds = {PeerId(number.to_bytes(32, "big")): ("owner",) for number in range(limit + 1)}


def forget_a_slice(world: World) -> None:
    job = the_job(world)
    del job.slices.undecided[next(iter(job.slices.undecided))]


def lend_twice(world: World) -> None:
    job = the_job(world)
    entry, lease = next(
        (entry, lease)
        for entry in job.slices.undecided.values()
        for lease in entry.leases.values()
        if lease.state in OUT
    )
    again = replace(lease, id=LeaseId(bytes(16)))
    entry.leases[again.id] = again
    job.leases.add(again)
    job.slices.place(entry)


def accept_on_one_vote(world: World) -> None:
    job = the_job(world)
    entry = next(iter(job.slices.undecided.values()))
    commit(world, OutcomeRecord(job.id, entry.index, entry.input, (world.machines[4].id,), False, 0.1))


def end_twice(world: World) -> None:
    record: JobRecord = msgspec.structs.replace(the_job(world).record, state="stopped", slices=1)
    commit(world, record)
    commit(world, msgspec.structs.replace(record, state="failed"))


def go_back(world: World) -> None:
    world.engine.at(world.now - 1.0, lambda: None)


PLANTED: dict[str, Callable[[World], None]] = {
    "routing table sound": disorder_a_bucket,
    "bounds kept": overfill,
    "no slice lost": forget_a_slice,
    "no peer holds two replicas of a slice": lend_twice,
    "no accepted result without its evidence": accept_on_one_vote,
    "a job ends exactly once": end_twice,
    "virtual time": go_back,
}


def run_planted(plan: Plan, name: str) -> Any:
    """Plant the fault and look at once, so that nothing mends it before."""
    held = {}

    def act(world: Any) -> None:
        PLANTED[name](world)
        held["run"].inspector.look(everybody=True)

    faults = Faults(happenings=[Happening(PLANTED_AT, "planted", act)])
    held["run"] = Run(replace(plan, faults=faults), RunOptions())
    return held["run"].go()


def test_every_invariant_has_a_planted_fault() -> None:
    assert [kind.name for kind in INVARIANTS] == list(PLANTED)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_stops_the_run_with_its_name_and_story(name: str, make_plan: Callable[..., Plan]) -> None:
    report = run_planted(make_plan(), name)

    assert [violation.name for violation in report.violations] == [name]
    assert report.metrics["invariants"]["violated"] == [name]
    violation = report.violations[0]
    assert violation.at == pytest.approx(PLANTED_AT, abs=0.5)
    assert report.metrics["virtual_seconds"] == pytest.approx(violation.at, abs=1e-6)
    assert "seed 1" in violation.text
    assert violation.story
    again = run_planted(make_plan(), name)
    assert again.violations == report.violations


def test_without_a_fault_nothing_fires(make_plan: Callable[..., Plan]) -> None:
    run = Run(make_plan(), RunOptions())
    report = run.go()
    assert report.violations == []
    assert report.metrics["invariants"]["checked"] > 100


def test_retractions_are_all_that_may_become_of_an_ended_job(make_plan: Callable[..., Plan]) -> None:
    run = Run(make_plan(seconds=PLANTED_AT), RunOptions())
    run.go()
    rule, machine = EndsOnce(run.world), owner(run.world)
    record: JobRecord = msgspec.structs.replace(the_job(run.world).record, state="stopped")
    gone = RetractedRecord(run.world.machines[4].id, 1, 1, 0.0, "which you have blocked")
    rule.saved(machine, record)
    rule.saved(machine, msgspec.structs.replace(record, retracted=(gone,)))
    with pytest.raises(Broken, match="is stopped already, and goes on"):
        rule.saved(machine, msgspec.structs.replace(record, retracted=(gone,), slices=7))


def test_every_bound_can_be_read(make_plan: Callable[..., Plan]) -> None:
    run = Run(make_plan(seconds=9.0), RunOptions())
    run.go()
    machine = run.world.machines[0]
    assert machine.core is not None
    for what, size, bound in BOUNDS:
        assert 0 <= size(machine, machine.core) <= bound(machine.core), what
