"""Grants that never arrive: noticed within a few round trips, taken back, and never doubled at one peer."""

from __future__ import annotations

from itertools import pairwise

import pytest

from peernet.core import effects as e
from peernet.core import records as r
from peernet.core.events import Failure
from peernet.wire.work import Recall, Recalled


@pytest.fixture
def pair(make_desk, make_host):
    """A job of four slices and two workers whose word is taken."""
    desk = make_desk(make_host(calls=4))
    bob, carol = desk.hand("bob"), desk.hand("carol")
    desk.submit(patience=5.0, trusted=(bob.peer, carol.peer))
    return desk, bob, carol


def out(desk, hand):
    """The indices of the slices that the owner believes a worker to have."""
    return sorted(
        record.index
        for record in desk.records(r.LeaseRecord)
        if record.peer == hand.peer and record.state in ("sent", "running")
    )


def test_a_lost_grant_is_granted_again_within_a_few_round_trips(pair):
    desk, bob, _ = pair
    bob.deaf = True
    bob.pull(want=2)
    bob.deaf = False
    desk.wait(0.9)
    assert bob.doubted == 0
    desk.wait(2.1)
    assert bob.doubted == 1
    assert len(bob.held) == 2
    assert bob.work(want=2) is not None
    bob.work(want=0)
    assert desk.view.state == "done"
    assert desk.view.executions == 4


def test_what_was_lost_may_go_to_another(pair):
    desk, bob, carol = pair
    bob.deaf = True
    bob.pull(want=4)
    carol.pull(want=4)
    assert not carol.held
    bob.disconnect()
    bob.connect()
    desk.wait(3)
    assert len(carol.held) >= 1
    states = [record.state for record in desk.records(r.LeaseRecord) if record.peer == bob.peer]
    assert states.count("recalled") >= 4


def test_no_peer_ever_holds_two_leases_of_a_slice(make_desk, make_host):
    desk = make_desk(make_host(calls=2, replicas=2, quorum=2))
    bob, carol = desk.hand("bob"), desk.hand("carol", "10.9.0.1")
    desk.submit(patience=60.0)
    bob.deaf = True
    bob.pull(want=2)
    carol.pull(want=2)
    for _ in range(20):
        bob.deaf = not bob.deaf
        desk.wait(1)
        for hand in (bob, carol):
            assert len(out(desk, hand)) == len(set(out(desk, hand)))


def test_a_slice_that_waits_its_turn_is_not_doubted(pair):
    desk, bob, _ = pair
    bob.pull(want=3)
    bob.started(next(iter(bob.held)))
    desk.wait(30)
    assert bob.doubted == 0


def test_a_worker_that_has_it_is_asked_ever_more_seldom_and_keeps_it(pair):
    desk, bob, carol = pair
    bob.pull(want=4)
    times = []
    for second in range(60):
        before = bob.doubted
        desk.wait(1)
        if bob.doubted > before:
            times.append(second)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps == sorted(gaps) and gaps[-1] > 4 * gaps[0]
    assert len(bob.held) == 4 and not carol.held
    bob.work(want=0)
    assert desk.view.state == "done"


def test_a_grant_that_others_have_overtaken_is_doubted(pair):
    desk, bob, _ = pair
    bob.deaf = True
    bob.pull(want=1)
    bob.deaf = False
    desk.wait(0.5)
    bob.pull(want=1)
    bob.started()
    desk.wait(3)
    assert bob.doubted == 1
    assert len(bob.held) == 2


@pytest.mark.parametrize("answer", [Failure("timeout", "no answer"), Recalled((b"x" * 16,)), None])
def test_answers_of_no_use_change_nothing(pair, answer):
    desk, bob, _ = pair
    bob.pull(want=2)
    held = dict(bob.held)
    bob.take = lambda body: answer if isinstance(body, Recall) else type(bob).take(bob, body)
    desk.wait(3)
    assert bob.held == held
    assert len(out(desk, bob)) == 2
    assert desk.ctx.counters.get("recall: not asked for", 0) == (1 if isinstance(answer, Recalled) else 0)
    assert any(isinstance(effect, e.Call) and isinstance(effect.body, Recall) for effect in desk.seen)
