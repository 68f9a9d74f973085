"""Workers that vanish, are late or idle, and jobs short of workers: a stated reason, and never for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from peernet.config import Config, TrustConfig
from peernet.core import effects as e
from peernet.core import records as r
from peernet.core.events import Failure
from peernet.types import Instance
from peernet.wire.work import Pull, Taken


def indices(desk, *hands):
    """The slices that these hands hold."""
    index = {record.lease: record.index for record in desk.records(r.LeaseRecord)}
    return sorted(index[lease] for hand in hands for lease in hand.held)


@pytest.fixture
def pair(make_desk, make_host):
    """A job of four slices and two workers whose word is taken."""
    desk = make_desk(make_host(calls=4))
    bob, carol = desk.hand("bob"), desk.hand("carol")
    desk.submit(patience=5.0, trusted=(bob.peer, carol.peer))
    return desk, bob, carol


def test_slices_of_a_lost_peer_go_elsewhere_after_a_grace(pair):
    desk, bob, carol = pair
    bob.pull(want=4)
    bob.disconnect()
    carol.pull(want=4)
    assert carol.held == {}
    desk.wait(3.5)
    assert indices(desk, carol) == [0, 1, 2, 3]
    carol.work()
    assert desk.view.state == "done"


def test_a_goodbye_needs_no_grace(pair):
    desk, bob, carol = pair
    carol.pull(want=4)
    bob.pull(want=4)
    carol.disconnect(clean=True)
    bob.pull(want=4)
    assert indices(desk, bob) == [0, 1, 2, 3]


def test_a_peer_that_comes_back_in_time_keeps_its_slices(pair):
    desk, bob, carol = pair
    bob.pull(want=4)
    bob.started()
    bob.disconnect()
    desk.wait(2)
    bob.connect()
    desk.wait(5)
    carol.pull(want=4)
    assert carol.held == {}
    bob.work()
    assert desk.view.state == "done"
    assert desk.view.executions == 4


def test_a_peer_that_comes_back_as_another_run_has_forgotten_them(pair):
    desk, bob, carol = pair
    bob.pull(want=4)
    bob.disconnect()
    bob.held.clear()
    bob.instance = Instance(b"n" * 16)
    bob.connect()
    carol.pull(want=4)
    assert indices(desk, carol) == [0, 1, 2, 3]


def test_a_lost_lease_that_returns_counts(pair):
    desk, bob, carol = pair
    carol.pull(want=0)
    bob.pull(want=4)
    bob.disconnect()
    desk.wait(4)
    assert {record.state for record in desk.records(r.LeaseRecord)} == {"lost"}
    bob.connect()
    assert isinstance(bob.work(want=0), Taken)
    assert desk.view.state == "done"
    assert desk.view.executions == 4


def test_late_slices_go_elsewhere_and_the_late_result_still_counts(pair):
    desk, bob, carol = pair
    carol.pull(want=0)
    bob.pull(want=4)
    bob.started()
    desk.wait(67)
    assert desk.view.state == "running"
    carol.pull(want=1)
    assert len(carol.held) == 1
    bob.work(want=0)
    assert desk.view.state == "done"
    assert desk.view.executions == 4


def test_unstarted_slices_are_recalled_for_the_idle_at_the_tail(pair):
    desk, bob, carol = pair
    bob.pull(want=4)
    bob.started(next(iter(bob.held)))
    carol.pull(want=4)
    assert bob.recalls == 1
    assert (len(bob.held), len(carol.held)) == (2, 2)
    states = [record.state for record in desk.records(r.LeaseRecord)]
    assert states.count("recalled") == 2
    bob.work(want=0)
    carol.work(want=0)
    assert desk.view.state == "done"
    assert desk.view.executions == 4


def test_a_worker_that_has_started_all_gives_nothing_back(pair):
    desk, bob, carol = pair
    bob.pull(want=4)
    bob.started()
    carol.pull(want=4)
    assert bob.recalls == 0
    assert carol.held == {}
    assert desk.view.working == 1


def test_a_recall_that_is_not_answered_changes_nothing(pair):
    desk, bob, carol = pair
    bob.pull(want=4)
    bob.gives_back = False
    carol.pull(want=4)
    assert bob.recalls == 1
    assert carol.held == {}
    bob.work(want=0)
    assert desk.view.state == "done"


def test_no_worker_at_all_fails_after_patience(make_desk):
    desk = make_desk()
    desk.submit(patience=5.0)
    assert desk.view.waiting_reason.startswith("no peer takes work")
    desk.wait(4.5)
    assert desk.view.state == "running"
    desk.wait(1)
    assert (desk.view.state, desk.view.reason_kind) == ("failed", "too-few")
    assert "--local" in desk.view.reason


def test_the_widest_ring_is_waited_for_when_somebody_is_connected(make_desk):
    desk = make_desk()
    desk.hand("bob")
    desk.submit(patience=5.0)
    desk.wait(9)
    assert desk.view.state == "running"
    desk.wait(2)
    assert desk.view.reason_kind == "too-few"


def test_one_untrusted_peer_is_too_few(make_desk):
    desk = make_desk()
    bob = desk.hand("bob")
    desk.submit(patience=5.0)
    bob.pull(want=1)
    assert desk.view.waiting_reason.startswith("2 distinct peers that agree are needed, 1 can work")
    desk.wait(20)
    assert (desk.view.state, desk.view.reason_kind) == ("failed", "too-few")
    assert bob.over == ["failed"]


def test_an_explicit_quorum_needs_as_many_peers_even_if_one_is_me(make_desk, make_host):
    desk = make_desk(make_host(replicas=2))
    me = desk.hand("me")
    desk.submit(patience=5.0)
    me.pull(want=1)
    desk.wait(20)
    assert desk.view.reason_kind == "too-few"
    assert "smaller quorum" in desk.view.reason


def test_a_worker_that_comes_in_time_saves_the_job(make_desk):
    desk = make_desk()
    desk.submit(patience=5.0)
    desk.wait(4)
    me = desk.hand("me")
    me.pull(want=8)
    desk.wait(20)
    assert desk.view.state == "running"
    assert desk.view.waiting_reason == ""
    me.work()
    assert desk.view.state == "done"


def test_workers_that_vanish_are_waited_for_with_the_same_patience(pair):
    desk, bob, carol = pair
    for hand in (bob, carol):
        hand.pull(want=2)
    desk.wait(30)
    for hand in (bob, carol):
        hand.disconnect()
    desk.wait(4)
    assert desk.view.waiting_reason.startswith("no peer takes work")
    desk.wait(6)
    assert desk.view.reason_kind == "too-few"


def test_the_last_replica_under_way_is_no_shortage(make_desk, make_host):
    desk = make_desk(make_host(calls=1))
    alice, bob = desk.hand("alice"), desk.hand("bob")
    desk.submit(patience=5.0)
    alice.pull(want=1)
    bob.pull(want=1)
    alice.work(want=0)
    alice.disconnect(clean=True)
    bob.started()
    desk.wait(40)
    assert desk.view.state == "running"
    bob.work(want=0)
    assert desk.view.state == "done"


def test_a_second_job_waits_while_the_only_worker_is_at_the_first(make_desk, make_host):
    desk = make_desk(make_host(calls=1))
    me = desk.hand("me")
    desk.submit(patience=5.0)
    first = desk.job
    me.pull(want=1)
    me.started()
    desk.host.next = 0
    desk.submit(patience=5.0)
    desk.wait(40)
    assert {view.state for view in desk.owner.views()} == {"running"}
    assert desk.view.waiting_reason == "no peer has taken work yet"
    desk.job, second = first, desk.job
    me.work(want=0)
    desk.job = second
    desk.wait(10)
    assert desk.view.reason_kind == "too-few"


def test_a_slice_that_takes_its_workers_down_fails_the_job(make_desk, make_host):
    config = Config(trust=TrustConfig(policy="plain"))
    config = replace(config, work=replace(config.work, slice_losses=3))
    desk = make_desk(make_host(calls=1), config)
    hands = [desk.hand(f"worker{n}") for n in range(4)]
    desk.submit(trusted=tuple(hand.peer for hand in hands))
    for hand in hands:
        if desk.view.state == "running":
            hand.pull(want=1)
            hand.started()
            hand.disconnect()
            desk.wait(4)
    assert (desk.view.state, desk.view.reason_kind) == ("failed", "exited")
    assert "took 3 workers down" in desk.view.reason


@pytest.mark.parametrize("seed", range(8))
def test_replicas_go_to_different_networks_where_possible(make_desk, make_host, seed):
    desk = make_desk(make_host(calls=1), seed=seed)
    desk.submit()
    alice = desk.hand("alice", "10.0.0.1")
    near, far = desk.hand("bob", "10.0.0.2"), desk.hand("carol", "10.9.0.1")

    def pull_at_once():
        for hand in (alice, near, far):
            body = Pull(desk.job, 1, True, hand.advert())
            desk.owner.handlers[Pull](hand.peer, body)

    desk.do(pull_at_once)
    assert len(alice.held) + len(near.held) == len(far.held) == 1


@pytest.mark.parametrize("kind", [e.OpenHost, e.Cut])
def test_a_broken_project_is_told_before_anybody_is_looked_for(make_desk, make_host, kind):
    failure = Failure("usage", "no project in it", "a traceback")
    desk = make_desk(make_host(fails={kind: failure}))
    assert desk.submit() == failure
    assert desk.spread == []
    assert desk.owner.views() == []
    assert desk.count(e.CloseHost) == 1
    assert desk.journal["job"] == {}


@pytest.mark.parametrize(("kind", "calls"), [(e.Cut, 100), (e.Fold, 8), (e.Finish, 8)])
def test_a_host_that_fails_later_ends_the_job(make_desk, make_host, kind, calls):
    desk = make_desk(make_host(calls=calls, reduces=True))
    desk.submit()
    desk.host.fails[kind] = Failure("task", "reduce raised", "a traceback")
    me = desk.hand("me")
    me.pull(want=8)
    me.work(want=0)
    view = desk.view
    assert (view.state, view.reason_kind, view.reason) == ("failed", "task", "reduce raised")
    assert view.traceback == "a traceback"


def test_a_quorum_that_replicas_cannot_reach_is_a_usage_error(make_desk, make_host):
    answer = make_desk(make_host(replicas=2, quorum=3)).submit()
    assert answer.kind == "usage"
    assert "quorum of 3" in answer.message
