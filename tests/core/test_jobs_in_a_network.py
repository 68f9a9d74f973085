"""Whole cores run jobs together: joining, computing, lying, dying, on a virtual clock."""

from __future__ import annotations

from typing import Any

import pytest

from peernet.core.records import OutcomeRecord, SliceRecord, decode_record
from peernet.types import PeerId


def identity(value: int) -> int:
    return value


def accepted(machine: Any, job: bytes) -> int:
    return sum(space == OutcomeRecord.space and key.startswith(job) for space, key in machine.journal)


def test_a_lone_peer_computes_its_own_job(world: Any, make_task: Any) -> None:
    alice = world.add("alice")
    job = world.finish(alice, world.submit(alice, make_task(identity, range(1, 101))))
    assert world.value(alice, job) == 5050
    assert len(alice.ran) == 10


def test_an_empty_input_is_done_without_any_peer(world: Any, make_task: Any) -> None:
    alice = world.add("alice", slots=0)
    job = world.finish(alice, world.submit(alice, make_task(identity, [], reduce=None)), seconds=1.0)
    assert world.record(alice, job).state == "done"
    assert accepted(alice, job) == 0


def test_strangers_run_each_slice_twice_and_agree(world: Any, make_task: Any) -> None:
    alice = world.add("alice", slots=0)
    workers = [world.add(name) for name in ("bob", "carol", "dave")]
    for worker in workers:
        world.join(worker, alice)
    world.run(5.0)
    job = world.finish(alice, world.submit(alice, make_task(identity, range(100))))
    assert world.value(alice, job) == 4950
    view = alice.core.owner.view(job)
    assert view.executions == 20
    assert view.disagreements == 0
    assert sum(work.share for work in view.peers) == pytest.approx(1.0)
    ran = [data for worker in workers for data in worker.ran]
    assert sorted(ran) == sorted(list(dict.fromkeys(ran)) * 2)
    assert all(len(set(worker.ran)) == len(worker.ran) for worker in workers), "a peer held two replicas"


def test_local_workers_are_trusted_with_one_execution(world: Any, make_task: Any) -> None:
    alice = world.add("alice", slots=0)
    workers = [world.add(name) for name in ("bob", "carol")]
    world.join(alice, *workers)
    world.run(2.0)
    trusted = tuple(PeerId(worker.id) for worker in workers)
    job = world.finish(alice, world.submit(alice, make_task(identity, range(100)), trusted=trusted))
    assert world.value(alice, job) == 4950
    assert alice.core.owner.view(job).executions == 10


def test_a_chain_of_introductions_becomes_one_network(world: Any, make_task: Any) -> None:
    chain = [world.add(f"peer{number}") for number in range(5)]
    for peer, other in zip(chain[1:], chain, strict=False):
        world.join(peer, other)
        world.run(3.0)
    world.crash(chain[0])
    late = world.add("late")
    world.join(late, chain[3])
    world.run(10.0)
    job = world.finish(chain[1], world.submit(chain[1], make_task(identity, range(200))))
    assert world.value(chain[1], job) == 19900
    assert len(chain[1].core.owner.view(job).peers) >= 3


def test_a_liar_is_outvoted(world: Any, make_task: Any) -> None:
    alice = world.add("alice", slots=0)
    liar = world.add("liar")
    liar.lie = lambda values: [value + 1 for value in values]
    for worker in [liar, *(world.add(name) for name in ("bob", "carol", "dave"))]:
        world.join(worker, alice)
    world.run(5.0)
    job = world.finish(alice, world.submit(alice, make_task(identity, range(200))))
    assert world.value(alice, job) == 19900
    assert alice.core.owner.view(job).disagreements > 0
    assert len(liar.ran) > 0


def test_half_of_the_workers_die(world: Any, make_task: Any) -> None:
    alice = world.add("alice", slots=0)
    workers = [world.add(f"worker{number}") for number in range(6)]
    for worker in workers:
        world.join(worker, alice)
    world.run(5.0)
    number = world.submit(alice, make_task(identity, range(400)))
    assert world.run(60.0, lambda: number in alice.answers and accepted(alice, alice.answers[number]) >= 5)
    for worker in workers[:3]:
        world.crash(worker)
    job = world.finish(alice, number)
    assert world.value(alice, job) == 79800


def test_too_few_peers_is_said_and_not_waited_for(world: Any, make_task: Any) -> None:
    alice = world.add("alice", slots=0)
    bob = world.add("bob")
    world.join(bob, alice)
    world.run(5.0)
    number = world.submit(alice, make_task(identity, range(100)), patience=5.0)
    job = world.finish(alice, number, seconds=120.0)
    record = world.record(alice, job)
    assert (record.state, record.reason_kind) == ("failed", "too-few")
    assert "2" in record.reason


def test_a_task_that_raises_fails_the_job_with_its_traceback(world: Any, make_task: Any) -> None:
    alice = world.add("alice")
    job = world.finish(alice, world.submit(alice, make_task(lambda value: 1 // (value - 50), range(100))))
    record = world.record(alice, job)
    assert record.state == "failed"
    assert "ZeroDivisionError" in record.reason
    assert "Traceback" in record.traceback


def test_a_submitter_that_crashes_goes_on_where_it_was(world: Any, make_task: Any) -> None:
    alice = world.add("alice", slots=0)
    workers = [world.add(name) for name in ("bob", "carol", "dave")]
    for worker in workers:
        world.join(worker, alice)
    world.run(5.0)
    number = world.submit(alice, make_task(identity, range(400)))
    assert world.run(60.0, lambda: number in alice.answers and accepted(alice, alice.answers[number]) >= 15)
    job = alice.answers[number]
    decided = {key for space, key in alice.journal if space == OutcomeRecord.space}
    inputs = {
        decode_record(SliceRecord, value).input.inline
        for (space, key), value in alice.journal.items()
        if space == SliceRecord.space and key in decided
    }
    world.crash(alice)
    world.run(3.0)
    for worker in workers:
        worker.ran.clear()
    world.restart(alice)
    assert world.run(300.0, lambda: world.record(alice, job).state == "done")
    assert world.value(alice, job) == 79800
    assert len(inputs) >= 15
    again = [data for worker in workers for data in worker.ran]
    assert again and not inputs.intersection(again), "accepted slices were computed again"


@pytest.mark.parametrize("nth", range(0, 400, 23))
def test_the_owner_may_stop_between_any_two_effects(make_world: Any, make_task: Any, nth: int) -> None:
    """Crash the owner right before its nth effect, restart it from the journal: the same result, nothing twice."""
    world = make_world(seed=nth)
    alice = world.add("alice", slots=0)
    for name in ("bob", "carol"):
        world.join(world.add(name), alice)
    world.run(5.0)
    number = world.submit(alice, make_task(identity, range(120)))
    seen = 0

    def stop(machine: Any, effect: object) -> bool:
        nonlocal seen
        if machine is alice and world.now > 5.0:
            seen += 1
        return machine is alice and seen == nth + 1

    world.stop_at = stop
    world.run(120.0, lambda: not alice.alive or (number in alice.answers and not_running(world, alice, number)))
    world.stop_at = lambda machine, effect: False
    if alice.alive:
        assert world.value(alice, alice.answers[number]) == 7140
    else:
        decided = {key for space, key in alice.journal if space == OutcomeRecord.space}
        world.run(1.0)
        world.restart(alice)
        jobs = [key for space, key in alice.journal if space == "job"]
        for job in jobs:
            assert world.run(300.0, lambda job=job: world.record(alice, job).state != "running"), nth
            assert world.value(alice, job) == 7140
            assert decided <= {key for space, key in alice.journal if space == OutcomeRecord.space}


def not_running(world: Any, machine: Any, number: int) -> bool:
    return world.record(machine, machine.answers[number]).state != "running"


def test_one_seed_gives_one_trace(make_world: Any, make_task: Any) -> None:
    def trace() -> list[str]:
        world = make_world(seed=7)
        seen: list[str] = []
        world.stop_at = lambda machine, effect: bool(seen.append(f"{world.now:.6f} {machine.name} {effect!r}"))
        alice = world.add("alice", slots=0)
        for name in ("bob", "carol", "dave"):
            world.join(world.add(name), alice)
        world.run(3.0)
        task = make_task(identity, range(60))
        world.finish(alice, world.submit(alice, task))
        return seen

    first, second = trace(), trace()
    assert len(first) > 100
    assert first == second
