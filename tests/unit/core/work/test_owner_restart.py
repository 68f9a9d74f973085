"""The owner is killed between any two effects and started from its journal: nothing accepted is lost or redone."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peernet.core import effects as e
from peernet.core import records as r
from peernet.core.events import Failure


def accepted(desk):
    return {record.index for record in desk.records(r.OutcomeRecord)}


def test_a_restart_goes_on_where_the_journal_ends(make_desk, make_host):
    desk = make_desk(make_host(calls=30, reduces=True))
    desk.submit()
    me = desk.hand("me")
    me.pull(want=5)
    me.work(want=5)
    before = accepted(desk)
    assert len(before) == 5
    me.held.clear()
    desk.restart()
    desk.settle()
    assert desk.view.accepted == 5
    assert set(desk.host.folded) == before
    me.pull(want=50)
    while me.work(want=50) is not None:
        pass
    assert desk.view.state == "done"
    assert desk.view.value.inline == b"".join(f"<{n}+1>".encode() for n in range(30))
    assert desk.view.executions == 30


def test_leases_of_before_may_return_and_are_not_given_to_others_meanwhile(make_desk, make_host):
    desk = make_desk(make_host(calls=4))
    bob, carol = desk.hand("bob"), desk.hand("carol")
    desk.submit(trusted=(bob.peer, carol.peer))
    bob.pull(want=4)
    desk.restart()
    desk.settle()
    bob.connect()
    carol.connect()
    carol.pull(want=4)
    assert carol.held == {}
    bob.work(want=0)
    assert desk.view.state == "done"
    assert desk.view.executions == 4


def test_leases_of_before_go_elsewhere_after_a_grace(make_desk, make_host):
    desk = make_desk(make_host(calls=4))
    bob, carol = desk.hand("bob"), desk.hand("carol")
    desk.submit(trusted=(bob.peer, carol.peer))
    bob.pull(want=4)
    desk.restart()
    carol.connect()
    carol.pull(want=4)
    desk.wait(12)
    assert len(carol.held) == 4


def test_workers_of_before_have_time_to_come_back(make_desk, make_host):
    desk = make_desk(make_host(calls=4))
    bob = desk.hand("bob")
    desk.submit(trusted=(bob.peer,), patience=5.0)
    bob.pull(want=4)
    desk.restart()
    desk.wait(34)
    assert desk.view.state == "running"
    desk.wait(2)
    assert desk.view.reason_kind == "too-few"


def test_votes_survive(make_desk, make_host):
    desk = make_desk(make_host(calls=1))
    alice, bob, carol = (desk.hand(name) for name in ("alice", "bob", "carol"))
    desk.submit()
    for hand, value in ((alice, b"wrong"), (bob, None)):
        hand.pull(want=1)
        hand.give(hand.result(next(iter(hand.held)), value), want=0)
    desk.restart()
    desk.settle()
    assert (desk.view.disputed, desk.view.disagreements, desk.view.executions) == (1, 1, 2)
    for hand in (alice, bob, carol):
        hand.connect()
        hand.pull(want=1)
    assert [len(hand.held) for hand in (alice, bob, carol)] == [0, 0, 1]
    carol.work(want=0)
    assert desk.values() == [b"<0+1>"]


def test_a_blob_that_was_still_with_its_worker_is_pulled_again(make_desk, make_host):
    desk = make_desk(make_host(calls=1))
    bob = desk.hand("bob")
    desk.submit(trusted=(bob.peer,))
    bob.pull(want=1)
    desk.crash_after = desk.carried
    pair = bob.result(next(iter(bob.held)), b"v" * 100_000)
    with pytest.raises(desk.Crash):
        bob.give(pair)
    desk.restart()
    desk.settle()
    assert desk.view.state == "done"
    assert desk.records(r.OutcomeRecord)[0].value.digest == pair[0].digest


def test_an_input_that_is_another_after_a_restart_ends_the_job(make_desk, make_host):
    desk = make_desk(make_host(calls=4))
    desk.submit()
    desk.host.fails[e.Replay] = Failure("usage", "the generator is not deterministic")
    desk.restart()
    desk.settle()
    assert (desk.view.state, desk.view.reason_kind) == ("failed", "usage")


def test_replays_are_batched(make_desk, make_host):
    desk = make_desk(make_host(calls=3000))
    desk.submit()
    me = desk.hand("me")
    me.pull(want=256)
    while desk.view.cut < 2500:
        me.work(want=256)
    me.held.clear()
    desk.restart()
    desk.settle()
    replays = [effect for effect in desk.seen if isinstance(effect, e.Replay)]
    assert len(replays) > 1
    assert all(len(replay.cuts) <= 1024 for replay in replays)


def test_ended_jobs_are_shown_after_a_restart(make_desk, make_host):
    desk = make_desk(make_host(calls=3))
    desk.submit()
    me = desk.hand("me")
    me.pull(want=8)
    me.work()
    before = desk.view
    desk.restart()
    assert desk.view == before
    assert desk.count(e.OpenHost) == 0


def play(desk, hands, choices, liar):
    """Workers do, in an order that `choices` give, what workers do, until the job ends."""
    for turn in range(2000):
        desk.settle()
        if desk.owner.view(desk.job) is None or desk.view.state != "running":
            return
        hand = hands[choices[turn % len(choices)] % len(hands)]
        if hand.peer not in desk.ctx.links and hand.peer != desk.ctx.me:
            hand.connect()
        if not hand.held:
            hand.pull(want=1 + choices[turn % len(choices)] % 5)
            desk.wait(0.25)
        else:
            hand.started(*list(hand.held)[:2])
            value = b"a lie" if hand is liar else None
            hand.give(*(hand.result(lease, value) for lease in list(hand.held)[:2]), want=2)
    raise AssertionError("the job does not end")


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    crashes=st.lists(st.integers(0, 40), min_size=1, max_size=5),
    choices=st.lists(st.integers(0, 99), min_size=5, max_size=20),
    alone=st.booleans(),
    seed=st.integers(0, 5),
)
def test_killed_between_any_two_effects(make_desk, make_host, crashes, choices, alone, seed):
    desk = make_desk(make_host(calls=12, reduces=True), seed=seed)
    hands = [desk.hand(name) for name in (["me"] if alone else ["alice", "bob", "carol", "dave"])]
    choices = [*choices, 0, 1, 2, 3]
    liar = hands[1] if not alone else None
    desk.submit(patience=1e6)
    for crash in [*crashes, None]:
        desk.crash_after = None if crash is None else desk.carried + crash
        try:
            play(desk, hands, choices, liar)
        except desk.Crash:
            desk.restart()
            if alone:
                hands[0].held.clear()
    job = desk.records(r.JobRecord)[0]
    assert job.state == "done"
    assert job.value.inline == b"".join(f"<{n}+1>".encode() for n in range(12))
    assert accepted(desk) == set(range(12))
    assert desk.granted_after_acceptance == []
