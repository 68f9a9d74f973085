from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from peernet.core.records import EvidenceRecord
from peernet.project import collect
from peernet_sim.faults import liars
from peernet_sim.ledger import LINGER
from peernet_sim.model import Faults, Happening, JobPlan, Plan, RunOptions
from peernet_sim.scale import Run, run_scale


class Liar:
    """Reports results of its own."""

    name = "liar"

    def outgoing(self, index: int, effect: Any, world: Any) -> list[Any]:
        return [effect]

    def incoming(self, index: int, event: Any, world: Any) -> list[Any]:
        return [event]

    def compute(self, index: int, values: list[Any], world: Any) -> list[Any] | None:
        return [value + 1 + index for value in values]


class Lazy(Liar):
    """Takes slices and returns nothing."""

    name = "lazy"

    def compute(self, index: int, values: list[Any], world: Any) -> list[Any] | None:
        return None


def job_of(plan: Plan, **options: Any) -> dict[str, Any]:
    report = run_scale(plan, RunOptions(**options))
    assert report.violations == []
    found: dict[str, Any] = report.metrics["jobs"][0]
    return found


def test_a_job_is_done_right(make_plan: Callable[..., Plan]) -> None:
    job = job_of(make_plan())
    assert (job["state"], job["slices"], job["accepted"], job["wrong"]) == ("done", 12, 12, 0)
    assert job["disagreements"] == 0 and job["outvoted"] == {}
    assert 0 < job["seconds"] < 15


@pytest.mark.parametrize("state", ["done", "refused"])
def test_a_run_may_stop_with_its_jobs(make_plan: Callable[..., Plan], job_plan: JobPlan, state: str) -> None:
    later = replace(job_plan, at=12.0)
    if state == "refused":
        later = replace(later, calls=0)
    plan = replace(make_plan(seconds=500.0, jobs=(job_plan, later), lookups=0), stop_with_jobs=True)
    metrics = run_scale(plan, RunOptions()).metrics
    last = max(job["seconds"] + begun for job, begun in zip(metrics["jobs"], (8.0, 12.0), strict=True))
    assert {job["state"] for job in metrics["jobs"]} == {"done"} if state == "done" else {"done", "refused"}
    assert metrics["virtual_seconds"] == pytest.approx(last + LINGER, abs=0.01)


def test_a_job_may_follow_another(make_plan: Callable[..., Plan], job_plan: JobPlan) -> None:
    then = replace(job_plan, at=3.0, follows=True)
    run = Run(make_plan(seconds=60.0, jobs=(job_plan, then)), RunOptions())
    run.go()
    first, second = run.measures.jobs
    assert (first.state, second.state) == ("done", "done")
    assert first.ended is not None
    assert second.began == first.ended + 3.0


def test_liars_are_outvoted_and_named(make_plan: Callable[..., Plan], job_plan: JobPlan) -> None:
    faults = Faults(behaviours={3: Liar(), 6: Liar()})
    plan = make_plan(count=12, seconds=60.0, faults=faults, jobs=(replace(job_plan, calls=400),))
    job = job_of(plan)
    assert job["state"] == "done" and job["wrong"] == 0
    assert job["disagreements"] > 0
    assert job["outvoted"] and set(job["outvoted"]) <= {"3", "6"}


def test_wrong_results_that_are_accepted_are_counted(make_plan: Callable[..., Plan], job_plan: JobPlan) -> None:
    faults = Faults(behaviours={index: Liar() for index in range(1, 8)})
    plan = make_plan(faults=faults, jobs=(replace(job_plan, replicas=1, quorum=1),), seconds=40.0)
    assert job_of(plan)["wrong"] > 0


def test_lazy_peers_cost_time_only(make_plan: Callable[..., Plan]) -> None:
    job = job_of(make_plan(faults=Faults(behaviours={3: Lazy()}), seconds=120.0))
    assert job["state"] == "done" and job["wrong"] == 0


def happening(when: float, act: Callable[[Any], None]) -> Happening:
    return Happening(when, "test", act)


def test_a_job_outlives_its_submitter(make_plan: Callable[..., Plan]) -> None:
    faults = Faults(
        happenings=[happening(9.0, lambda world: world.crash(0)), happening(12.0, lambda world: world.restart(0))]
    )
    for wire in (False, True):
        job = job_of(make_plan(faults=faults, seconds=60.0), wire=wire)
        assert (job["state"], job["accepted"], job["wrong"]) == ("done", 12, 0)


def test_a_full_disk_holds_everything_back_until_there_is_room(make_plan: Callable[..., Plan]) -> None:
    fill = happening(8.9, lambda world: world.fill_disk(0, True))
    empty = happening(20.0, lambda world: world.fill_disk(0, False))
    stuck = job_of(make_plan(faults=Faults(happenings=[fill]), seconds=30.0))
    assert stuck["state"] == "running"
    job = job_of(make_plan(faults=Faults(happenings=[fill, empty]), seconds=60.0))
    assert job["state"] == "done" and job["seconds"] > 11.0


def test_slow_peers_and_skewed_clocks(make_plan: Callable[..., Plan]) -> None:
    def act(world: Any) -> None:
        for index in range(8):
            world.slow(index, 5.0)
        world.skew(3, 30.0)

    slow = job_of(make_plan(faults=Faults(happenings=[happening(1.0, act)]), seconds=60.0))
    assert slow["state"] == "done"
    assert slow["seconds"] > job_of(make_plan(seconds=60.0))["seconds"]


PROJECT = """
    import peernet

    @peernet.parallel(over=range(40), slice_size=4, reduce=lambda a, b: a + b)
    def square(n):
        if n == {bad}:
            raise ValueError("no such square")
        return n * n
"""


@pytest.mark.parametrize(("bad", "state"), [(-1, "done"), (13, "failed")])
def test_a_real_project_runs_in_virtual_time(
    bad: int, state: str, tmp_path: Path, make_plan: Callable[..., Plan], job_plan: JobPlan
) -> None:
    file = tmp_path / "squares.py"
    file.write_text(textwrap.dedent(PROJECT).format(bad=bad))
    bundle = collect(file, None, ()).encode()
    job = job_of(make_plan(jobs=(replace(job_plan, calls=0, slice_size=0, project=bundle),), seconds=40.0))
    assert job["state"] == state
    assert job["wrong"] == 0
    if state == "done":
        assert job["slices"] == job["accepted"] == 10
    else:
        assert "no such square" in job["reason"]


LONG = """
    import peernet

    @peernet.parallel(over=range(400), slice_size=40, reduce=lambda a, b: a + b)
    def square(n):
        return n * n + peernet.rng().randrange(3)
"""


@pytest.mark.parametrize("policy", ["majority:2/2", "confidence:0.95"])
def test_a_liar_in_one_call_of_a_long_slice_costs_no_whole_slice_more(
    policy: str, tmp_path: Path, make_plan: Callable[..., Plan], job_plan: JobPlan
) -> None:
    file = tmp_path / "long.py"
    file.write_text(textwrap.dedent(LONG))
    bundle = collect(file, None, ()).encode()
    long = replace(job_plan, calls=0, slice_size=0, project=bundle, policy=policy, seconds=4.0)
    faults = Faults(behaviours={3: liars.Liar(falsified=1), 6: liars.Liar(falsified=1)})
    run = Run(make_plan(count=12, jobs=(long,), faults=faults, seconds=200.0), RunOptions())
    report = run.go()
    (job,) = report.metrics["jobs"]
    assert report.violations == []
    assert (job["state"], job["wrong"]) == ("done", 0)
    assert job["disagreements"] > 0
    owner = run.world.machines[0]
    parts = [part for record in owner.journal.load(EvidenceRecord) for part in record.parts]
    assert any(len(part.calls) in (1, 2) and part.agrees for part in parts)


SEARCH = """
    import math
    import peernet

    def is_wanted(n):
        return n == 10201 or math.isqrt(n) ** 2 != n

    @peernet.parallel(over=range(4000), slice_size=4, keep_if=lambda n: n % 2, stop_when=is_wanted)
    def square(n):
        return n * n
"""


def test_a_search_ends_with_its_first_accepted_hit_and_not_with_a_liars(
    tmp_path: Path, make_plan: Callable[..., Plan], job_plan: JobPlan
) -> None:
    file = tmp_path / "search.py"
    file.write_text(textwrap.dedent(SEARCH))
    search = replace(job_plan, calls=0, slice_size=0, project=collect(file, None, ()).encode())
    faults = Faults(behaviours={3: Liar(), 6: Liar()})
    job = job_of(make_plan(count=12, jobs=(search,), faults=faults, seconds=60.0))
    assert (job["state"], job["wrong"]) == ("done", 0)
    assert 25 < job["slices"] < 1000 and job["accepted"] < job["slices"]
    assert job["disagreements"] > 0


def test_values_put_into_the_dht_are_found_again(make_plan: Callable[..., Plan]) -> None:
    report = run_scale(make_plan(puts=6, jobs=(), seconds=60.0), RunOptions())
    values = report.metrics["values"]
    assert values["puts"] == values["stored"] == values["gets"] == 6
    assert values["success"] == 1.0 and values["lost"] == 0


def test_values_whose_holders_all_died_are_lost_whether_or_not_anybody_asks(
    make_plan: Callable[..., Plan],
) -> None:
    everybody = [happening(28.0, lambda world, one=one: world.crash(one)) for one in range(8)]
    plan = make_plan(puts=6, put_seconds=10.0, jobs=(), seconds=29.0, faults=Faults(happenings=everybody))
    values = run_scale(plan, RunOptions()).metrics["values"]
    assert values["stored"] == values["lost"] == 6


def test_values_are_put_within_the_time_that_is_asked_for(make_plan: Callable[..., Plan]) -> None:
    def watch(world: Any) -> None:
        held.append(sum(len(machine.core.kad.store) for machine in world.machines))

    held: list[int] = []
    looks = Faults(happenings=[happening(at, watch) for at in (5.9, 8.5, 24.0)])
    plan = replace(make_plan(puts=6, put_seconds=2.0, jobs=(), faults=looks), features=("dht",))
    assert run_scale(plan, RunOptions()).metrics["values"]["stored"] == 6
    before, after, end = held
    assert 0 == before < after == end


def test_a_peer_restarted_as_new_has_another_key(make_plan: Callable[..., Plan]) -> None:
    seen = []

    def act(world: Any) -> None:
        seen.append(world.peer_id(4))
        world.crash(4)
        world.restart(4, with_state=False)
        seen.append(world.peer_id(4))

    report = run_scale(make_plan(faults=Faults(happenings=[happening(7.0, act)])), RunOptions())
    assert report.violations == []
    assert len(set(seen)) == 2
