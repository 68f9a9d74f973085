"""Small plans for fidelity mode, and what runs them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from peernet_sim.fidelity import run_fidelity
from peernet_sim.model import Faults, JobPlan, PeerSpec, Plan, Report, RunOptions, Workload


@dataclass(frozen=True)
class SmallWorld:
    """A `model.Topology`: peers a few milliseconds apart, each knowing the first."""

    specs: tuple[PeerSpec, ...]
    seconds: float = 0.005

    @property
    def peers(self) -> tuple[PeerSpec, ...]:
        return self.specs

    def delay(self, one: int, other: int) -> float:
        return self.seconds * (1 + (one + other) % 3)

    def introducers(self, index: int) -> tuple[int, ...]:
        return (0,) if index else ()


@pytest.fixture
def small_world() -> type[SmallWorld]:
    return SmallWorld


@pytest.fixture
def make_plan() -> Callable[..., Plan]:
    def make(
        peers: int = 4, *, seconds: float = 20.0, seed: int = 1, nats: dict[int, Any] | None = None, **rest: Any
    ):
        specs = tuple(PeerSpec(index, nat=(nats or {}).get(index, "open")) for index in range(peers))
        faults = Faults(**{name: rest.pop(name) for name in ("rules", "happenings", "behaviours") if name in rest})
        return Plan(
            name="small",
            about="a few peers",
            seed=seed,
            seconds=seconds,
            topology=SmallWorld(specs),
            faults=faults,
            workload=rest.pop("workload", Workload(settle=6.0)),
            join_seconds=rest.pop("join_seconds", 1.0),
            check_every=2.0,
            **rest,
        )

    return make


@pytest.fixture
def job() -> Callable[..., JobPlan]:
    def make(**rest: Any) -> JobPlan:
        return JobPlan(**({"at": 6.0, "submitter": 0, "calls": 200, "slice_size": 10, "seconds": 0.5} | rest))

    return make


@pytest.fixture
def run() -> Callable[..., Report]:
    def go(plan: Plan, **rest: Any) -> Report:
        return run_fidelity(plan, RunOptions(mode="fidelity"), **rest)

    return go
