"""Whole cores narrow a disagreement: a liar falsifies one call of each slice, and only such calls run again."""

from __future__ import annotations

from typing import Any

import pytest

from peernet.config import Config, TrustConfig, WorkConfig
from peernet.core.records import EvidenceRecord, OutcomeRecord, decode_record
from peernet.project.cut import open_input

CALLS, SLICE = 200, 40
LIE = 17


def identity(value: int) -> int:
    return value


def config(policy: str) -> Config:
    return Config(trust=TrustConfig(policy=policy), work=WorkConfig())


def network(world: Any, policy: str, honest: int = 6) -> tuple[Any, list[Any]]:
    """An owner, a liar, and honest workers."""
    alice = world.add("alice", slots=0, config=config(policy))
    liar = world.add("liar")
    liar.lie = lambda values: [value + 1 if value % SLICE == LIE else value for value in values]
    workers = [liar, *(world.add(f"worker{number}") for number in range(honest))]
    for worker in workers:
        world.join(worker, alice)
    world.run(5.0)
    return alice, workers


def narrowed(workers: list[Any]) -> list[int]:
    """The inputs of all calls that were executed by themselves."""
    given = [open_input(data) for worker in workers for data in worker.ran]
    return [value for inputs in given if len(inputs) < SLICE for value in inputs]


@pytest.mark.parametrize("policy", ["plain", "confidence:0.95"])
def test_only_differing_calls_run_again(world: Any, make_task: Any, policy: str) -> None:
    alice, workers = network(world, policy)
    job = world.finish(alice, world.submit(alice, make_task(identity, range(CALLS), slice_size=SLICE)))
    assert world.value(alice, job) == CALLS * (CALLS - 1) // 2
    assert narrowed(workers)
    assert {value % SLICE for value in narrowed(workers)} == {LIE}
    found = [
        decode_record(EvidenceRecord, data) for (space, _), data in alice.journal.items() if space == "evidence"
    ]
    assert {one.differing for one in found} <= {(), (LIE,)}
    assert any(part.calls == (LIE,) for one in found for part in one.parts)


@pytest.mark.parametrize("policy", ["plain", "confidence:0.95"])
@pytest.mark.parametrize("nth", range(3, 250, 13))
def test_the_owner_may_stop_between_any_two_effects(
    make_world: Any, make_task: Any, policy: str, nth: int
) -> None:
    """As without disputes: the same result, nothing twice."""
    world = make_world(seed=nth)
    alice, _ = network(world, policy)
    number = world.submit(alice, make_task(identity, range(CALLS), slice_size=SLICE))
    seen = 0

    def stop(machine: Any, effect: object) -> bool:
        nonlocal seen
        seen += machine is alice and world.now > 5.0
        return machine is alice and seen == nth + 1

    def ended() -> bool:
        return number in alice.answers and world.record(alice, alice.answers[number]).state != "running"

    world.stop_at = stop
    world.run(120.0, lambda: not alice.alive or ended())
    world.stop_at = lambda machine, effect: False
    if alice.alive:
        jobs = [alice.answers[number]]
    else:
        decided = {key for space, key in alice.journal if space == OutcomeRecord.space}
        world.run(1.0)
        world.restart(alice)
        jobs = [key for space, key in alice.journal if space == "job"]
        for job in jobs:
            assert world.run(300.0, lambda job=job: world.record(alice, job).state != "running"), nth
        if policy == "plain":
            assert decided <= {key for space, key in alice.journal if space == OutcomeRecord.space}
    for job in jobs:
        assert world.value(alice, job) == CALLS * (CALLS - 1) // 2
