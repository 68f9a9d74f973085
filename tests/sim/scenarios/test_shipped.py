"""The scenarios that are part of the package: what each says that one should see is seen."""

from __future__ import annotations

from pathlib import Path

from peernet_sim.model import RunOptions
from peernet_sim.scale import run_scale
from peernet_sim.scenario import compile_plan, failed_expectations, load

NAMES = {
    "healthy",
    "churn",
    "partition",
    "liars",
    "stragglers",
    "nat",
    "flash-crowd",
    "submitter-dies",
    "mobile",
    "sybil",
}

SEED = 1


def test_the_ten_are_there(shipped_names: set[str]) -> None:
    assert shipped_names == NAMES


def test_each_says_what_one_should_see_and_how_it_is_checked(shipped: Path) -> None:
    scenario = load(shipped)
    assert scenario.name == shipped.stem
    assert len(scenario.about) > 100
    assert ("invariants.violated.len", "==", 0.0) in scenario.expectations
    assert any(path.startswith("jobs.0.wrong") for path, _, _ in scenario.expectations)
    assert 60 <= scenario.peers <= 200 and 60 <= scenario.seconds <= 300


def test_each_has_the_same_faults_for_a_seed_and_fits_other_numbers_of_peers(shipped: Path) -> None:
    scenario = load(shipped)
    for peers in (None, 20, 500):
        one, again = (compile_plan(scenario, peers, 7) for _ in range(2))
        assert one.topology.peers == again.topology.peers
        assert list(one.faults.behaviours) == list(again.faults.behaviours)
        assert [(due.at, due.name) for due in one.faults.happenings] == [
            (due.at, due.name) for due in again.faults.happenings
        ]


def test_each_is_as_it_says(shipped: Path) -> None:
    plan = compile_plan(load(shipped), None, SEED)
    report = run_scale(plan, RunOptions(trace_sample=0.0))
    replay = f"peernet sim run {shipped} --seed {SEED}"
    assert not report.violations, (replay, [(found.name, found.at, found.text) for found in report.violations])
    assert failed_expectations(report.metrics, plan.expectations) == [], replay
