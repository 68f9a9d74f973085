"""Runs that nobody ran: a small plan, and reports that say what a test wants said."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from peernet_cli import sim
from peernet_cli.main import main
from peernet_sim.model import Faults, PeerSpec, Plan, Report, RunOptions, Violation, Workload
from peernet_sim.replay import Recipe


class Line:
    """Peers in two regions, on a line: 10 ms from each to the next."""

    def __init__(self, count: int) -> None:
        self.peers = tuple(PeerSpec(index, region="here" if index % 2 else "there") for index in range(count))

    def delay(self, one: int, other: int) -> float:
        return 0.01 * abs(one - other)

    def introducers(self, index: int) -> tuple[int, ...]:
        return (index - 1,) if index else ()


class Liar:
    name = "liar"


def make_plan(count: int = 8, seed: int = 7) -> Plan:
    faults = Faults(behaviours={2: Liar()})  # type: ignore[dict-item]
    return Plan("small", "eight peers in a row", seed, 60.0, Line(count), faults, Workload())


JOB = {
    "slices": 10,
    "executions": 21,
    "accepted": 10,
    "wrong": 0,
    "disagreements": 1,
    "seconds": 12.5,
    "state": "done",
}


def make_report(plan: Plan, **changes: Any) -> Report:
    metrics = {
        "extra": {"bytes_by_kind": {"Pull": 3}},
        "seed": plan.seed,
        "mode": "scale",
        "peers": len(plan.topology.peers),
        "virtual_seconds": 60.0,
        "cpu_seconds": 0.5,
        "peak_rss_bytes": 50 * 2**20,
        "messages": 1234,
        "bytes": 56789,
        "trace_digest": "d1",
        "invariants": {"checked": 12, "violated": []},
        "lookups": {
            "count": 4,
            "success": 1.0,
            "hops_mean": 1.5,
            "hops_max": 2,
            "latency_p50": 0.04,
            "latency_p99": float("nan"),
        },
        "gossip": {"coverage": 1.0, "copies_per_delivery": 1.02, "t99": 0.3},
        "jobs": [JOB],
    }
    series: dict[str, list[Any]] = {
        "hops": [1, 1, 2, 2],
        "latency": [0.1, 0.02, 0.04, 0.3],
        "gossip_coverage": [(0.0, 0.1), (0.2, 0.9), (0.3, 1.0)],
        "job_progress/0": [(1.0, 0.0), (12.5, 1.0)],
        "detected_liars": [(0.0, 0), (8.0, 1)],
        "work_per_peer": [3, 3, 3, 3, 3, 3, 3, 0],
        "messages_per_peer": [1, 2, 3, 4, 5, 6, 7, 8],
        "bytes_per_peer": [10, 20, 30, 40, 50, 60, 70, 80],
    }
    violations: list[Violation] = changes.pop("violations", [])
    failed: list[str] = changes.pop("failed_expectations", [])
    return Report(metrics | changes, series, violations, failed)


@dataclass
class FakeSimulator:
    """Stands in for the compiler of scenarios and for both modes."""

    changes: dict[str, Any] = field(default_factory=dict)
    recipes: list[Recipe] = field(default_factory=list)
    options: list[RunOptions] = field(default_factory=list)
    ends: list[BaseException] = field(default_factory=list)

    def compile(self, recipe: Recipe) -> Plan:
        self.recipes.append(recipe)
        return make_plan(recipe.peers or 8, 7 if recipe.seed is None else recipe.seed)

    def perform(self, plan: Plan, options: RunOptions) -> Report:
        self.options.append(options)
        if options.trace is not None:
            options.trace('{"t":0.5,"peer":1,"kind":"Pull"}')
        if options.progress is not None:
            options.progress(30.0)
        if self.ends:
            raise self.ends.pop()
        return make_report(plan, **({"mode": options.mode} | self.changes))


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> FakeSimulator:
    fake = FakeSimulator()
    monkeypatch.setattr(sim, "compile_recipe", fake.compile)
    monkeypatch.setattr(sim, "perform", fake.perform)
    return fake


@pytest.fixture
def plan() -> Plan:
    return make_plan()


@pytest.fixture
def report_of() -> Callable[..., Report]:
    return make_report


@pytest.fixture
def peernet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def scenario_file(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text('name = "small"\n[topology]\nkind = "graph"\nfile = "graphs/ring.graphml"\n')
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs" / "ring.graphml").write_text("<graphml/>")
    return path


@pytest.fixture
def json_lines() -> Callable[[str], list[Any]]:
    """Parse output that has to be JSON lines only."""
    return lambda text: [json.loads(line) for line in text.splitlines()]
