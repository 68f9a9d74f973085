"""Results that prove themselves, on the owner's bench: the host's word decides about each."""

from __future__ import annotations

import pytest

from peernet.core import effects as e
from peernet.core import records as r
from peernet.core.events import Failure
from peernet.core.work.stats import decode_stats
from peernet.wire.work import PullRefused, Return, Taken


@pytest.fixture
def desk(make_desk, make_host):
    def make(calls=1, **host):
        made = make_desk(make_host(calls=calls, declares={"checks": True}, **host))
        made.submit(patience=5.0)
        return made

    return make


def stats(desk):
    return decode_stats(desk.records(r.JobRecord)[0].stats)


@pytest.mark.parametrize("declared", [{}, {"confidence": 0.99}, {"replicas": 3, "quorum": 2}])
def test_one_execution_by_a_stranger_is_enough(desk, declared):
    bench = desk(6, **declared)
    worker = bench.hand("alice")
    worker.pull(want=6)
    while bench.view.state == "running":
        assert isinstance(worker.work(), Taken)
    assert bench.values() == [b"<%d+1>" % n for n in range(6)]
    assert stats(bench).executions == 6
    assert stats(bench).audits == 0


def test_a_wrong_result_goes_elsewhere_and_counts_against_its_peer(desk):
    bench = desk(2, confidence=0.99)
    liar = bench.hand("liar")
    liar.pull(want=1)
    (lease,) = liar.held
    assert isinstance(liar.give(liar.result(lease, b"a lie"), want=0), Taken)
    honest = bench.hand("honest", "10.0.0.2")
    honest.pull(want=2)
    while bench.view.state == "running":
        honest.work()
    assert bench.values() == [b"<0+1>", b"<1+1>"]
    assert stats(bench).strikes == 1
    (mark,) = next(item for item in bench.records(r.TrustRecord, liar.peer)).marks
    assert "does not pass the project's own check" in mark.reason


def test_a_colluding_pair_agrees_in_vain(desk):
    bench = desk(1, confidence=0.99)
    pair = [bench.hand(f"liar{n}", f"10.0.0.{n}") for n in range(2)]
    for liar in pair:
        liar.pull(want=1)
        for lease in list(liar.held):
            liar.give(liar.result(lease, b"the same lie"), want=0)
    assert bench.view.state == "running"
    assert bench.view.strikes == 0  # who knows yet whether it is not the check that is wrong
    honest = bench.hand("honest", "10.0.0.9")
    honest.pull(want=1)
    honest.work()
    assert bench.values() == [b"<0+1>"]
    assert bench.view.state == "done"
    assert stats(bench).strikes == 2
    assert bench.owner.trust.of(pair[0].peer).proofs == {}


def test_two_lies_shut_a_peer_out(desk):
    bench = desk(4, confidence=0.99)
    liar = bench.hand("liar")
    liar.pull(want=1)
    for _ in range(2):
        (lease,) = liar.held
        liar.give(liar.result(lease, b"a lie"), want=1)
    honest = bench.hand("honest", "10.0.0.2")
    honest.pull(want=1)
    while bench.view.strikes < 2:
        assert isinstance(honest.work(want=1), Taken)
    answer = liar.pull(want=1)
    assert isinstance(answer, PullRefused) and answer.why == "banned"


def test_a_check_that_is_wrong_itself_costs_no_peer_its_standing(desk):
    bench = desk(1, confidence=0.99)
    for number in range(3):
        honest = bench.hand(f"honest{number}", f"10.0.{number}.1")
        honest.pull(want=1)
        (lease,) = honest.held
        honest.give(honest.result(lease, b"not what the check is for"), want=0)
    bench.wait(30.0)
    assert (bench.view.state, bench.view.strikes, bench.view.banned) == ("failed", 0, ())
    assert "3 results are there, none passes the project's check" in bench.view.reason
    assert "if check= is right that all of them are wrong, join more peers" in bench.view.reason
    assert not any(standing.failed for _, standing in bench.owner.trust)


def test_a_failure_of_one_peer_is_not_enough(desk):
    bench = desk(1, confidence=0.99)
    for name in ("alice", "bob"):
        assert bench.view.state == "running"
        worker = bench.hand(name, f"10.0.0.{len(name)}")
        worker.pull(want=1)
        (lease,) = worker.held
        worker.give(worker.failure(lease), want=0)
    for name in ("carol", "dave", "erin", "frank"):
        worker = bench.hand(name, f"10.0.1.{len(name)}")
        worker.pull(want=1)
        for lease in list(worker.held):
            worker.give(worker.failure(lease), want=0)
    assert bench.view.state == "failed"
    assert "ValueError" in bench.view.reason


def test_a_failure_is_overruled_by_a_result_that_passes(desk):
    bench = desk(1, replicas=2, quorum=2)
    liar = bench.hand("liar")
    liar.pull(want=1)
    (lease,) = liar.held
    liar.give(liar.failure(lease), want=0)
    honest = bench.hand("honest", "10.0.0.2")
    honest.pull(want=1)
    honest.work()
    assert bench.view.state == "done"
    assert bench.values() == [b"<0+1>"]


def test_a_check_that_raises_ends_the_job_with_its_traceback(desk):
    bench = desk(1)
    bench.host.fails[e.Check] = Failure("task", "check raised KeyError: 3", "Traceback: KeyError")
    worker = bench.hand("alice")
    worker.pull(want=1)
    worker.work()
    assert (bench.view.state, bench.view.reason_kind) == ("failed", "task")
    assert bench.view.reason == "check raised KeyError: 3"
    assert bench.view.traceback == "Traceback: KeyError"


def test_a_liar_on_whose_result_the_check_raises_fails_no_job(desk):
    bench = desk(2)
    honest = bench.hand("honest", "10.0.0.2")
    honest.pull(want=1)
    honest.work(want=0)
    liar = bench.hand("liar", "10.0.0.1")
    liar.pull(want=1)
    bench.host.fails[e.Check] = Failure("task", "check raised TypeError: no number", "Traceback: TypeError")
    liar.work(want=0)
    assert (bench.view.state, bench.view.accepted) == ("running", 1)
    del bench.host.fails[e.Check]
    honest.pull(want=1)
    honest.work()
    assert bench.view.state == "done"
    assert {work.peer for work in bench.view.peers} == {honest.peer}


def test_results_that_none_passes_end_the_job(desk):
    bench = desk(1, replicas=2, quorum=2)
    bench.host.check = lambda given, value: False
    for number in range(6):
        worker = bench.hand(f"w{number}", f"10.0.0.{number}")
        worker.pull(want=1)
        for lease in list(worker.held):
            worker.give(worker.result(lease), want=0)
    assert (bench.view.state, bench.view.reason_kind) == ("failed", "disputed")
    assert "none passes the project's check" in bench.view.reason


def test_a_restart_asks_again(desk):
    bench = desk(1, confidence=0.99)
    worker = bench.hand("alice")
    worker.pull(want=1)
    (lease,) = worker.held
    worker.started()
    pair = worker.result(lease)
    body = Return(bench.job, worker.batch(pair[0]), (pair[1],), 0)
    bench.do(lambda: bench.owner.handlers[Return](worker.peer, body))
    assert bench.count(e.Check) == 1  # and it is not answered
    bench.restart()
    bench.settle()
    assert bench.count(e.Check) == 1
    assert bench.values() == [b"<0+1>"]
    assert bench.view.state == "done"


def test_a_restart_remembers_what_did_not_pass(desk):
    bench = desk(1, confidence=0.99)
    liar = bench.hand("liar")
    liar.pull(want=1)
    (lease,) = liar.held
    pair = liar.result(lease, b"a lie")
    liar.give(pair, want=0)
    bench.restart()
    bench.settle()
    assert bench.count(e.Check) == 0
    liar.connect()
    liar.pull(want=1)
    assert not liar.held
    assert isinstance(liar.give(pair, want=0), Taken)  # it repeats itself: told again, and counted once
    assert bench.view.executions == 1


def test_a_late_result_that_differs_is_no_disagreement(desk):
    bench = desk(2, confidence=0.99)
    bench.host.check = lambda given, value: value.startswith(b"right")
    late = bench.hand("late")
    late.pull(want=1)
    (lease,) = late.held
    pair = late.result(lease, b"right")
    late.started()
    late.disconnect(clean=True)
    other = bench.hand("other", "10.0.0.2")
    other.pull(want=1)
    for _ in range(2):
        if bench.records(r.OutcomeRecord):
            break
        (second,) = other.held
        given = other.held[second]
        other.give(other.result(second, b"right, too"), want=1)
    late.connect()
    assert given == b"0+1"
    assert isinstance(late.give(pair, want=0), Taken)
    assert bench.view.executions == 2
    assert bench.view.disagreements == 0
