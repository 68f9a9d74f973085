"""What rested on a peer that is shut out, in jobs that run, have ended, or came back after a restart."""

from __future__ import annotations

from typing import Any

import pytest

from peernet.config import Config, TrustConfig
from peernet.core import events as ev
from peernet.core.records import EvidenceRecord, JobRecord, OutcomeRecord, ReviewRecord, decode_record
from peernet.core.work.trust import function_named, weigh
from peernet.types import PeerId

CONFIG = Config(trust=TrustConfig(policy="confidence:0.9", review_records=3))


def identity(value: int) -> int:
    return value


def records(machine: Any, kind: Any) -> list[Any]:
    return [decode_record(kind, value) for (space, _), value in machine.journal.items() if space == kind.space]


def block(world: Any, machine: Any, *others: Any) -> int:
    peers = tuple(PeerId(other.id) for other in others)
    return int(world.command(machine, lambda number: ev.BlockAsked(number, peers, True)))


def network(world: Any, *names: str) -> tuple[Any, list[Any]]:
    """A submitter that does not work itself, and its workers."""
    alice = world.add("alice", slots=0, config=CONFIG)
    workers = [world.add(name) for name in names]
    for worker in workers:
        world.join(worker, alice)
    world.run(5.0)
    return alice, workers


def rested(machine: Any, *peers: Any) -> set[int]:
    """The accepted slices that one of these has a part in."""
    ids = {peer.id for peer in peers}
    evidence = records(machine, EvidenceRecord)
    return {record.index for record in evidence if ids.intersection(part.peer for part in record.parts)}


def is_believed_without(machine: Any, record: EvidenceRecord, other: Any) -> bool:
    """Whether those who agree on a slice are believed, this one apart."""
    agreeing = [part.peer for part in record.parts if part.agrees and part.counts and part.peer != other.id]
    trust, function = machine.core.owner.trust, function_named("task")
    return weigh({"": [trust.credibility(peer, function) for peer in agreeing]})[""] >= 0.9


def retracted(machine: Any) -> set[int]:
    return {record.index for record in records(machine, EvidenceRecord) if record.retracted is not None}


def test_peers_that_are_blocked_after_the_end_take_what_rested_on_them(world: Any, make_task: Any) -> None:
    alice, workers = network(world, "bob", "carol", "dave", "erin")
    job = world.finish(alice, world.submit(alice, make_task(identity, range(200))))
    ended = world.record(alice, job).ended
    number = block(world, alice, *workers)
    world.run(5.0, lambda: number in alice.answers and not records(alice, ReviewRecord) and retracted(alice))
    world.run(1.0)
    assert alice.answers[number] is None
    assert retracted(alice) == rested(alice, *workers) == set(range(20))
    record = world.record(alice, job)
    assert (record.state, record.ended) == ("done", ended)
    assert sum(entry.slices for entry in record.retracted) == 20
    assert alice.core.owner.view(job).retracted == record.retracted
    notes = [note for note in alice.notes if note.topic == "retracted"]
    assert sorted(note.peer for note in notes) == sorted(entry.peer for entry in record.retracted)
    assert world.value(alice, job) == 19900, "the results are still given"


@pytest.mark.parametrize("nth", range(16))
def test_the_owner_may_stop_between_any_two_effects_of_a_review(make_world: Any, make_task: Any, nth: int) -> None:
    world = make_world(seed=nth)
    alice, workers = network(world, "bob", "carol", "dave", "erin")
    job = world.finish(alice, world.submit(alice, make_task(identity, range(200))))
    seen = 0

    def stop(machine: Any, effect: object) -> bool:
        nonlocal seen
        seen += machine is alice
        return machine is alice and seen == nth + 1

    world.stop_at = stop
    block(world, alice, *workers)
    world.run(2.0)
    world.stop_at = lambda machine, effect: False
    if not alice.alive:
        world.restart(alice)
        world.run(5.0)
    assert not records(alice, ReviewRecord)
    record = world.record(alice, job)
    blocked = nth > 0 or record.retracted
    assert not blocked or retracted(alice) == set(range(20))
    assert sum(entry.slices for entry in record.retracted) == len(retracted(alice))
    assert record.state == "done"


def test_what_was_accepted_before_a_restart_is_opened_again(world: Any, make_task: Any) -> None:
    alice, workers = network(world, "bob", "carol", "dave", "erin")
    number = world.submit(alice, make_task(identity, range(400), seconds=2.0))
    assert world.run(60.0, lambda: number in alice.answers and len(records(alice, OutcomeRecord)) >= 8)
    job = alice.answers[number]
    world.crash(alice)
    world.run(3.0)
    world.restart(alice)
    world.run(1.0)
    before = alice.core.owner.view(job)
    doubted = rested(alice, workers[0])
    assert before.accepted >= 8 and doubted
    block(world, alice, workers[0])
    world.run(0.1)
    assert not doubted.intersection(record.index for record in records(alice, OutcomeRecord))
    assert alice.core.owner.view(job).taken_back == len(doubted)
    assert world.run(300.0, lambda: world.record(alice, job).state == "done")
    assert world.value(alice, job) == 79800
    assert all(is_believed_without(alice, record, workers[0]) for record in records(alice, EvidenceRecord))
    (record,) = records(alice, JobRecord)
    assert record.retracted == ()


def test_too_many_are_refused_before_anything_changes(world: Any) -> None:
    alice = world.add("alice", config=Config(trust=TrustConfig(blocked=2)))
    others = [world.add(name) for name in ("bob", "carol", "dave")]
    number = block(world, alice, *others)
    world.run(1.0)
    refused = alice.answers[number]
    assert isinstance(refused, ev.Failure) and refused.kind == "usage"
    assert "2 peers can be blocked, 0 are, and 3 more are too many" in refused.message
    assert "`peernet unblock`" in refused.message
    assert not any(alice.core.owner.trust.shut(PeerId(other.id)) for other in others)


@pytest.mark.parametrize("nth", range(0, 60, 7))
def test_the_owner_may_stop_between_any_two_effects_while_slices_are_opened_again(
    make_world: Any, make_task: Any, nth: int
) -> None:
    """A worker is blocked in mid-job and the owner killed soon after, so that some slices are open again, some are
    computed anew and some rest on what was accepted before: in the end nothing rests on the worker."""
    world = make_world(seed=nth)
    alice, workers = network(world, "bob", "carol", "dave", "erin")
    number = world.submit(alice, make_task(identity, range(300), seconds=2.0))
    assert world.run(60.0, lambda: number in alice.answers and len(records(alice, OutcomeRecord)) >= 8)
    job = alice.answers[number]
    seen = 0

    def stop(machine: Any, effect: object) -> bool:
        nonlocal seen
        seen += machine is alice
        return machine is alice and seen == nth + 1

    block(world, alice, workers[0])
    world.stop_at = stop
    world.run(5.0)
    world.stop_at = lambda machine, effect: False
    assert not alice.alive
    world.restart(alice)
    assert alice.core.owner.trust.shut(PeerId(workers[0].id)) or nth == 0
    if nth == 0:
        block(world, alice, workers[0])
    assert world.run(300.0, lambda: world.record(alice, job).state == "done")
    assert world.value(alice, job) == 44850
    world.run(2.0)
    assert all(is_believed_without(alice, record, workers[0]) for record in records(alice, EvidenceRecord))
    assert world.record(alice, job).retracted == ()
    assert not records(alice, ReviewRecord)
