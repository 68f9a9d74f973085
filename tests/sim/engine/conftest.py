"""Small worlds: a handful of peers on a plane, a job, and whatever a test plants in them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from peernet_sim.model import Faults, JobPlan, PeerSpec, Plan, Workload


class Plane:
    """Peers at random places of a square, some 2 to 50 ms apart."""

    def __init__(self, count: int, seed: int, **spec: Any) -> None:
        rng = random.Random(seed)
        self.places = [(rng.random(), rng.random()) for _ in range(count)]
        self.peers = tuple(PeerSpec(index, **spec) for index in range(count))

    def delay(self, one: int, other: int) -> float:
        (x, y), (u, v) = self.places[one], self.places[other]
        return 0.002 + 0.035 * ((x - u) ** 2 + (y - v) ** 2) ** 0.5

    def introducers(self, index: int) -> tuple[int, ...]:
        return (0,) if index else ()

    def change(self, index: int, **fields: Any) -> None:
        """Make one peer another."""
        peers = list(self.peers)
        peers[index] = replace(peers[index], **fields)
        self.peers = tuple(peers)


JOB = JobPlan(at=8.0, submitter=0, calls=120, slice_size=10, seconds=0.4)


@pytest.fixture
def make_plan() -> Callable[..., Plan]:
    def make(
        count: int = 8, seed: int = 1, seconds: float = 25.0, faults: Faults | None = None, **workload: Any
    ) -> Plan:
        workload.setdefault("jobs", (JOB,))
        return Plan(
            name="test",
            about="a test",
            seed=seed,
            seconds=seconds,
            topology=Plane(count, seed),
            faults=faults or Faults(),
            workload=Workload(**{"settle": 6.0, "lookups": 6, "broadcasts": 2, **workload}),
            join_seconds=2.0,
            check_every=0.5,
        )

    return make


@pytest.fixture
def job_plan() -> JobPlan:
    return JOB
