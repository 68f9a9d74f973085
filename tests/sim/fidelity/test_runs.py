"""Whole runs: real runtimes compute, lie, die, freeze and come back, on a virtual clock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import peernet.net.secure
from peernet.core.effects import Save
from peernet.core.records import OutcomeRecord
from peernet.net.noise import SecureHandshake
from peernet.project import collect
from peernet_sim.faults import liars
from peernet_sim.faults.rules import Loss, Partition, Scope
from peernet_sim.fidelity.nullcipher import NullHandshake, null_cipher
from peernet_sim.fidelity.run import FidelityRun
from peernet_sim.invariants import EndsOnce, Invariant
from peernet_sim.ledger import LINGER
from peernet_sim.model import Happening, RunOptions, Workload

ONE_RUN = """
import json, sys
sys.path.insert(0, sys.argv[1])
from conftest import SmallWorld
from peernet_sim.fidelity import run_fidelity
from peernet_sim.model import Faults, JobPlan, PeerSpec, Plan, RunOptions, Workload
world = SmallWorld(tuple(map(PeerSpec, range(4))))
load = Workload(settle=4.0, lookups=5, broadcasts=1, jobs=(JobPlan(4.0, 0, 100, 10, 0.3),))
plan = Plan("small", "", 5, 12.0, world, Faults(), load, join_seconds=1.0)
report = run_fidelity(plan, RunOptions(mode="fidelity"))
print(json.dumps([report.metrics["trace_digest"], report.metrics["messages_by_kind"], report.series]))
"""


def workload(*jobs: Any, **rest: Any) -> Workload:
    return Workload(**({"settle": 6.0} | rest), jobs=jobs)


def happening(at: float, act: Any, *args: Any, **named: Any) -> Happening:
    return Happening(at, "something", lambda world: getattr(world, act)(*args, **named))


def sound(report: Any) -> Any:
    """The metrics of a run that broke nothing."""
    assert report.violations == []
    assert report.metrics["invariants"]["checked"] > 0
    return report.metrics


def test_a_run_may_stop_with_its_jobs(make_plan: Any, run: Any, job: Any) -> None:
    plan = make_plan(4, workload=workload(job()), seconds=500.0, stop_with_jobs=True)
    metrics = sound(run(plan))
    (done,) = metrics["jobs"]
    assert done["state"] == "done"
    assert metrics["virtual_seconds"] == pytest.approx(job().at + done["seconds"] + LINGER, abs=0.01)


def test_bytes_are_counted_by_kind(make_plan: Any, run: Any, job: Any) -> None:
    metrics = sound(run(make_plan(4, workload=workload(job()), seconds=20.0)))
    kinds = metrics["messages_by_kind"]
    assert metrics["messages"] == sum(counted["count"] for counted in kinds.values())
    assert all(counted["bytes"] > 26 * counted["count"] for counted in kinds.values())
    assert sum(counted["bytes"] for counted in kinds.values()) < metrics["bytes"], "there are pings as well"


def test_peers_find_each_other_talk_and_compute(make_plan: Any, run: Any, job: Any) -> None:
    plan = make_plan(6, workload=workload(job(), lookups=10, puts=3, broadcasts=3), seconds=90.0)
    metrics = sound(run(plan))
    (done,) = metrics["jobs"]
    assert (done["state"], done["slices"], done["accepted"], done["wrong"]) == ("done", 20, 20, 0)
    assert metrics["lookups"]["count"] == 10
    assert metrics["lookups"]["success"] == 1.0
    assert metrics["gossip"]["coverage"] == 1.0
    assert (metrics["values"]["success"], metrics["values"]["lost"]) == (1.0, 0)
    assert metrics["mode"] == "fidelity"
    assert metrics["virtual_seconds"] == 90.0
    assert metrics["bytes"] > 10_000


@pytest.mark.real
def test_one_seed_is_one_trace_in_any_process() -> None:
    def digest(hash_seed: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-c", ONE_RUN, str(Path(__file__).parent)],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    assert digest("1") == digest("4711")


def test_another_seed_is_another_trace(make_plan: Any, run: Any) -> None:
    digests = [run(make_plan(3, seconds=5.0, seed=seed)).metrics["trace_digest"] for seed in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]


class Liar:
    """Says of each slice that it is one more."""

    name = "liar"

    def outgoing(self, index: int, effect: Any, world: Any) -> list[Any]:
        return [effect]

    def incoming(self, index: int, event: Any, world: Any) -> list[Any]:
        return [event]

    def compute(self, index: int, values: list[Any], world: Any) -> list[Any] | None:
        return [value + 1 for value in values]


class Lazy(Liar):
    """Takes work and never answers."""

    name = "lazy"

    def compute(self, index: int, values: list[Any], world: Any) -> list[Any] | None:
        return None


def test_a_liar_is_outvoted(make_plan: Any, run: Any, job: Any) -> None:
    plan = make_plan(6, workload=workload(job(replicas=3, quorum=2)), behaviours={2: Liar()}, seconds=40.0)
    metrics = sound(run(plan))
    (done,) = metrics["jobs"]
    assert (done["state"], done["wrong"]) == ("done", 0)
    assert metrics["detected_liars"] == [2]


SEARCH = """
import math
import peernet

@peernet.parallel(over=range(4000), slice_size=4, stop_when=lambda n: n == 10201 or math.isqrt(n) ** 2 != n)
def square(n):
    return n * n
"""


def test_a_search_ends_with_its_first_accepted_hit_and_not_with_a_liars(
    make_plan: Any, run: Any, job: Any, tmp_path: Path
) -> None:
    (tmp_path / "search.py").write_text(SEARCH)
    project = collect(tmp_path / "search.py", None, ()).encode()
    search = job(calls=0, slice_size=0, project=project, replicas=3, quorum=2)
    plan = make_plan(6, workload=workload(search), behaviours={2: Liar()}, seconds=60.0)
    metrics = sound(run(plan))
    (done,) = metrics["jobs"]
    assert (done["state"], done["wrong"]) == ("done", 0)
    assert 25 < done["slices"] < 1000 and done["accepted"] < done["slices"]
    assert metrics["detected_liars"] == [2]


LONG = """
import peernet

@peernet.parallel(over=range(200), slice_size=40, reduce=lambda a, b: a + b)
def square(n):
    return n * n + peernet.rng().randrange(3)
"""


def test_a_liar_in_one_call_of_a_long_slice_is_found_by_that_call(
    make_plan: Any, run: Any, job: Any, tmp_path: Path
) -> None:
    (tmp_path / "long.py").write_text(LONG)
    project = collect(tmp_path / "long.py", None, ()).encode()
    long = job(calls=0, slice_size=0, project=project, seconds=4.0, policy="majority:2/2")
    plan = make_plan(8, workload=workload(long), behaviours={2: liars.Liar(falsified=1)}, seconds=90.0)
    (done,) = sound(run(plan))["jobs"]
    assert (done["state"], done["wrong"]) == ("done", 0)
    assert done["disagreements"] > 0


def test_a_lazy_peer_costs_time_only(make_plan: Any, run: Any, job: Any) -> None:
    plan = make_plan(5, workload=workload(job()), behaviours={2: Lazy()}, seconds=120.0)
    (done,) = sound(run(plan))["jobs"]
    assert (done["state"], done["wrong"]) == ("done", 0)


@pytest.mark.parametrize("index", [0, 3], ids=["submitter", "worker"])
def test_a_crashed_peer_comes_back_from_its_journal(make_plan: Any, run: Any, job: Any, index: int) -> None:
    happenings = [happening(8.0, "crash", index), happening(12.0, "restart", index)]
    plan = make_plan(4, workload=workload(job(calls=600)), happenings=happenings, seconds=60.0)
    (done,) = sound(run(plan))["jobs"]
    assert (done["state"], done["accepted"], done["wrong"]) == ("done", 60, 0)


def test_a_peer_that_comes_back_as_new_joins_again(make_plan: Any, tmp_path: Path, small_world: Any) -> None:
    happenings = [happening(5.0, "crash", 2), happening(6.0, "restart", 2, with_state=False)]
    run = FidelityRun(make_plan(3, happenings=happenings, seconds=20.0), RunOptions(), tmp_path)
    before = run.stage.peer_id(2)
    linked: list[int] = []
    run.stage.engine.at(19.0, lambda: linked.append(len(run.stage.machines[2].links)))
    assert run.go().violations == []
    assert run.stage.peer_id(2) != before
    assert linked == [2]


def test_a_freeze_shorter_than_the_keep_alive_costs_no_connection(make_plan: Any, tmp_path: Path) -> None:
    plan = make_plan(3, happenings=[happening(5.0, "freeze", 1, 4.0)], seconds=15.0)
    run = FidelityRun(plan, RunOptions(), tmp_path)
    lines: list[str] = []
    run.trace._sink = lines.append
    assert run.go().violations == []
    events = [json.loads(line) for line in lines]
    assert not [event for event in events if event["kind"] == "PeerLost"]
    assert not [event for event in events if event["peer"] == 1 and 5.0 < event["t"] < 9.0]
    assert [event for event in events if event["peer"] == 1 and event["t"] >= 9.0]


def test_a_long_freeze_is_noticed_within_ten_seconds(make_plan: Any, tmp_path: Path) -> None:
    plan = make_plan(3, happenings=[happening(5.0, "freeze", 1, 20.0)], seconds=40.0)
    run = FidelityRun(plan, RunOptions(), tmp_path)
    lines: list[str] = []
    run.trace._sink = lines.append
    assert run.go().violations == []
    events = [json.loads(line) for line in lines]
    lost = [event["t"] for event in events if event["kind"] == "PeerLost" and event["from"] == 1]
    assert len(lost) == 2
    assert all(5.0 < at < 15.0 for at in lost)


def test_a_full_disk_is_waited_out(make_plan: Any, run: Any, job: Any) -> None:
    happenings = [happening(7.0, "fill_disk", 0, True), happening(12.0, "fill_disk", 0, False)]
    plan = make_plan(4, workload=workload(job()), happenings=happenings, seconds=60.0)
    (done,) = sound(run(plan))["jobs"]
    assert (done["state"], done["wrong"]) == ("done", 0)
    assert done["seconds"] > 5.0


def test_loss_and_a_partition_delay_a_job_and_no_more(make_plan: Any, run: Any, job: Any) -> None:
    rules = [Loss(Scope(), 0.05), Partition(8.0, 20.0, frozenset({0, 1}), frozenset({2, 3}))]
    plan = make_plan(4, workload=workload(job(calls=400)), rules=rules, seconds=90.0)
    (done,) = sound(run(plan))["jobs"]
    assert (done["state"], done["accepted"], done["wrong"]) == ("done", 40, 0)


def test_a_peer_behind_a_nat_works(make_plan: Any, run: Any, job: Any) -> None:
    plan = make_plan(4, workload=workload(job()), nats={2: "closed", 3: "restricted"}, seconds=40.0)
    report = run(plan)
    assert sound(report)["jobs"][0]["state"] == "done"
    assert min(report.series["work_per_peer"][1:]) > 0


def test_a_slow_peer_takes_longer(make_plan: Any, run: Any, job: Any) -> None:
    def seconds(factor: float) -> float:
        happenings = [happening(0.5, "slow", index, factor) for index in range(3)]
        plan = make_plan(3, workload=workload(job()), happenings=happenings, seconds=60.0)
        return float(sound(run(plan))["jobs"][0]["seconds"])

    assert seconds(4.0) > 2 * seconds(1.0)


class Planted(Invariant):
    """Broken on purpose once a slice is accepted."""

    name = "planted"

    def saved(self, machine: Any, record: Any) -> None:
        if isinstance(record, OutcomeRecord):
            raise self.broken("a slice was accepted", machine.index)


def test_a_broken_invariant_ends_the_run_with_its_story(make_plan: Any, job: Any, tmp_path: Path) -> None:
    plan = make_plan(3, workload=workload(job()), seconds=40.0)

    def go(folder: str) -> Any:
        (tmp_path / folder).mkdir()
        return FidelityRun(plan, RunOptions(), tmp_path / folder, invariants=(Planted,)).go()

    first, again = go("first"), go("again")
    (violation,) = first.violations
    assert (violation.name, violation.peers) == ("planted", (0,))
    assert "seed 1" in violation.text
    assert 6.0 < violation.at < 40.0
    assert violation.story
    assert first.violations == again.violations
    assert first.metrics["invariants"]["violated"] == ["planted"]


class Twice(Liar):
    """Makes its own core commit the first outcome of a job that has ended."""

    def __init__(self) -> None:
        self.outcome: Save | None = None

    def outgoing(self, index: int, effect: Any, world: Any) -> list[Any]:
        if isinstance(effect, Save) and isinstance(effect.record, OutcomeRecord) and self.outcome is None:
            self.outcome = effect
        if isinstance(effect, Save) and getattr(effect.record, "state", "") == "done" and self.outcome:
            return [effect, self.outcome]
        return [effect]

    def compute(self, index: int, values: list[Any], world: Any) -> list[Any] | None:
        return values


def test_the_invariants_of_scale_mode_hold_here_too(make_plan: Any, job: Any, tmp_path: Path) -> None:
    plan = make_plan(3, workload=workload(job()), behaviours={0: Twice()}, seconds=40.0)
    report = FidelityRun(plan, RunOptions(), tmp_path).go()
    assert [violation.name for violation in report.violations] == [EndsOnce.name]


def test_the_null_cipher_is_for_one_run_and_for_nobody_else(make_plan: Any, run: Any) -> None:
    plan = make_plan(3, seconds=5.0)
    assert sound(run(plan, null=True))["messages"] > 0
    assert peernet.net.secure.SecureHandshake is SecureHandshake
    with pytest.raises(RuntimeError, match="stop"), null_cipher():
        assert peernet.net.secure.SecureHandshake is NullHandshake  # type: ignore[comparison-overlap]
        raise RuntimeError("stop")
    assert peernet.net.secure.SecureHandshake is SecureHandshake


def test_progress_is_told(make_plan: Any, tmp_path: Path) -> None:
    told: list[float] = []
    options = RunOptions(mode="fidelity", progress=told.append)
    FidelityRun(make_plan(2, seconds=5.5), options, tmp_path).go()
    assert told == pytest.approx([1.0, 2.0, 3.0, 4.0, 5.0])
