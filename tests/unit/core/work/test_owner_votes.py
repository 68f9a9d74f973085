"""Results that differ: who is believed, who is asked next, and when a slice or its job has failed."""

from __future__ import annotations

import pytest

from peernet.core import records as r
from peernet.wire.work import Taken


def give_all(hand, value=None, want=4):
    """Return everything that a hand holds, as an honest worker would or with a value of its own making."""
    return hand.give(*(hand.result(lease, value) for lease in list(hand.held)), want=want)


@pytest.fixture
def three(make_desk, make_host):
    """A job of one slice and three untrusted workers, none of which has pulled."""
    desk = make_desk(make_host(calls=1))
    desk.submit(patience=5.0)
    return desk, [desk.hand(name, f"10.0.{n}.1") for n, name in enumerate(("alice", "bob", "carol"))]


def test_two_untrusted_peers_that_agree_are_believed(three):
    desk, (alice, bob, _) = three
    alice.pull()
    give_all(alice)
    assert desk.view.accepted == 0
    bob.pull()
    give_all(bob)
    assert desk.view.state == "done"
    assert desk.values() == [b"<0+1>"]
    outcome = desk.records(r.OutcomeRecord)[0]
    assert set(outcome.agreeing) == {alice.peer, bob.peer}
    assert not outcome.disputed
    assert [work.share for work in desk.view.peers] == [0.5, 0.5]


def test_a_slice_goes_to_no_more_peers_than_the_quorum_at_first(three):
    _, hands = three
    for hand in hands:
        hand.pull()
    assert sorted(len(hand.held) for hand in hands) == [0, 1, 1]


def test_a_liar_is_outvoted_by_a_third(three):
    desk, (alice, bob, carol) = three
    alice.pull()
    bob.pull()
    give_all(alice, b"wrong")
    give_all(bob)
    assert desk.view.disputed == 1
    assert desk.view.disagreements == 1
    carol.pull()
    give_all(carol)
    assert desk.view.state == "done"
    assert desk.values() == [b"<0+1>"]
    assert (desk.view.executions, desk.view.disagreements) == (3, 1)
    assert {work.peer: work.slices for work in desk.view.peers} == {bob.peer: 1, carol.peer: 1}
    assert desk.records(r.OutcomeRecord)[0].disputed


def test_a_trusted_peer_decides_a_dispute_alone(three):
    desk, (alice, bob, _) = three
    alice.pull()
    bob.pull()
    give_all(alice, b"wrong")
    give_all(bob, b"other")
    me = desk.hand("me")
    me.pull()
    me.work()
    assert desk.values() == [b"<0+1>"]
    assert desk.view.disagreements == 1


def test_a_dispute_with_nobody_left_to_ask_fails_after_patience(three):
    desk, hands = three
    for number, hand in enumerate(hands):
        hand.pull()
        give_all(hand, b"value %d" % number)
    assert desk.view.state == "running"
    assert "3 peers returned 3 different results and nobody is left to ask" in desk.view.waiting_reason
    desk.wait(30)
    assert (desk.view.state, desk.view.reason_kind) == ("failed", "too-few")
    assert "slice 0" in desk.view.reason


def test_executions_are_bounded(make_desk, make_host):
    desk = make_desk(make_host(calls=1))
    desk.submit(patience=1000.0)
    hands = [desk.hand(f"liar{number}") for number in range(9)]
    for number, hand in enumerate(hands):
        hand.pull()
        if hand.held:
            give_all(hand, b"value %d" % number)
    assert (desk.view.state, desk.view.reason_kind, desk.view.executions) == ("failed", "disputed", 6)
    assert "6 peers returned 6 different results" in desk.view.reason


def test_explicit_replicas_give_trust_no_weight(make_desk, make_host):
    desk = make_desk(make_host(calls=1, replicas=3, quorum=2))
    desk.submit()
    me, alice, bob = desk.hand("me"), desk.hand("alice"), desk.hand("bob")
    for hand in (me, alice, bob):
        hand.pull()
        assert len(hand.held) == 1
    give_all(me, b"wrong")
    give_all(alice)
    assert desk.view.state == "running"
    give_all(bob)
    assert desk.values() == [b"<0+1>"]
    assert desk.view.executions == 3


def test_a_replica_that_is_no_longer_needed_is_recalled(make_desk, make_host):
    desk = make_desk(make_host(calls=2, replicas=3, quorum=2))
    desk.submit()
    hands = [desk.hand(name) for name in ("alice", "bob", "carol")]
    for hand in hands:
        hand.pull(want=1)
    alice, bob, carol = hands
    index = {record.lease: record.index for record in desk.records(r.LeaseRecord)}
    assert len({index[next(iter(hand.held))] for hand in hands}) == 1
    give_all(alice, want=0)
    give_all(bob, want=0)
    assert carol.recalls == 1
    assert carol.held == {}
    assert desk.view.accepted == 1


def test_a_failure_needs_agreement_too(three):
    desk, (alice, bob, carol) = three
    alice.pull()
    alice.give(alice.failure(next(iter(alice.held))))
    bob.pull()
    give_all(bob)
    assert desk.view.state == "running"
    carol.pull()
    give_all(carol)
    assert desk.view.state == "done"


def test_an_agreed_failure_ends_the_job_with_its_traceback(three):
    desk, (alice, bob, _) = three
    for hand, text in ((alice, "ValueError: at 0x7f01"), (bob, "ValueError: at 0x7f02")):
        hand.pull()
        hand.give(hand.failure(next(iter(hand.held)), text))
    assert (desk.view.state, desk.view.reason_kind) == ("failed", "task")
    assert desk.view.reason == "slice 0 (call 0) failed: ValueError: at 0x7f01"
    assert desk.view.traceback == "Traceback: ValueError: at 0x7f01"
    assert bob.over == ["failed"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [("error", "task"), ("exited", "exited"), ("unencodable", "unencodable"), ("memory", "memory")],
)
def test_a_trusted_failure_ends_the_job(make_desk, make_host, status, kind):
    desk = make_desk(make_host(calls=100))
    desk.submit()
    me = desk.hand("me")
    me.pull()
    me.give(me.failure(next(iter(me.held)), status=status))
    assert (desk.view.state, desk.view.reason_kind) == ("failed", kind)
    assert me.over == ["failed"]


def test_a_time_limit_of_the_project_is_final(make_desk, make_host):
    desk = make_desk(make_host(calls=1, timeout=3.0))
    desk.submit()
    me = desk.hand("me")
    me.pull()
    lease = next(iter(me.held))
    assert me.seconds[lease] == 3.0
    me.give(me.failure(lease, "took longer than 3 s", status="timeout"))
    assert (desk.view.state, desk.view.reason_kind) == ("failed", "timeout")


def test_a_time_limit_of_the_owners_own_making_is_stretched_first(make_desk, make_host):
    desk = make_desk(make_host(calls=1))
    desk.submit()
    me = desk.hand("me")
    me.pull()
    limits = []
    while me.held:
        lease = next(iter(me.held))
        limits.append(me.seconds[lease])
        me.started(lease)
        desk.wait(limits[-1])
        me.give(me.failure(lease, "too long", status="timeout"))
    assert limits == [60.0, 240.0, 600.0]
    assert (desk.view.state, desk.view.reason_kind) == ("failed", "timeout")


def test_a_time_limit_that_cannot_have_passed_yet_is_a_lie_and_stretches_nothing(make_desk, make_host):
    desk = make_desk(make_host(calls=1))
    desk.submit()
    mallory, bob, carol = (desk.hand(name) for name in ("mallory", "bob", "carol"))
    mallory.pull(want=1)
    mallory.give(mallory.failure(next(iter(mallory.held)), "too long", status="timeout"), want=4)
    assert not mallory.held
    for hand in (bob, carol):
        hand.pull(want=1)
        assert list(hand.seconds.values()) == [60.0]
        hand.work()
    assert desk.view.state == "done"


def test_audits_are_counted_and_change_nothing(make_desk, make_host):
    desk = make_desk(make_host(calls=3))
    desk.submit()
    bob, me = desk.hand("bob"), desk.hand("me")
    me.pull(want=0)
    bob.pull(want=1)
    [lease] = bob.held
    bob.started()
    desk.wait(70)  # its lease is late, so others get the slice
    me.pull(want=3)
    for held in list(me.held)[:2]:
        me.give(me.result(held), want=0)
    index = {record.lease: record.index for record in desk.records(r.LeaseRecord)}
    before = desk.view
    assert before.state == "running"
    assert isinstance(bob.give(bob.result(lease, b"wrong"), want=0), Taken)
    after = desk.view
    assert after.executions == before.executions + 1
    decided = index[lease] in {record.index for record in desk.records(r.OutcomeRecord)}
    assert decided == (after.disagreements == 1)
    for held in list(me.held):
        me.give(me.result(held), want=0)
    assert desk.view.state == "done"
    assert desk.values() == [b"<0+1>", b"<1+1>", b"<2+1>"]
    assert desk.view.disagreements == 1
