"""`on_error="retry"`: slices that fail are run again, elsewhere where that can be, before the failure counts."""

from __future__ import annotations


def failing(hand):
    return [hand.failure(lease) for lease in tuple(hand.held)]


def test_a_slice_that_fails_is_run_again_elsewhere(make_desk, make_host):
    desk = make_desk(make_host(calls=1, declares={"retries": True}))
    bob, carol = desk.hand("bob"), desk.hand("carol")
    desk.submit(trusted=(bob.peer, carol.peer))
    bob.pull(want=1)
    carol.pull(want=1)
    assert len(bob.held) == 1 and not carol.held
    bob.give(*failing(bob), want=1)
    assert not bob.held and len(carol.held) == 1
    carol.work()
    assert desk.view.state == "done" and desk.view.executions == 2


def test_where_there_is_nobody_else_it_is_run_again_there_and_not_for_ever(make_desk, make_host):
    desk = make_desk(make_host(calls=1, declares={"retries": True}))
    bob = desk.hand("bob")
    desk.submit(trusted=(bob.peer,))
    bob.pull(want=1)
    for _ in range(desk.config.work.slice_retries):
        bob.give(*failing(bob), want=1)
        assert desk.view.state == "running" and len(bob.held) == 1
    bob.give(*failing(bob), want=1)
    assert desk.view.state == "failed" and desk.view.reason_kind == "task"
    assert desk.view.traceback == "Traceback: ValueError: no"
    assert desk.view.executions == 1 + desk.config.work.slice_retries


def test_strangers_agree_on_a_failure_before_it_is_tried_again(make_desk, make_host):
    desk = make_desk(make_host(calls=1, replicas=2, quorum=2, declares={"retries": True}))
    names = ("bob", "carol", "dan", "eve")
    hands = [desk.hand(name, f"10.{number}.0.1") for number, name in enumerate(names)]
    desk.submit()
    for hand in hands:
        hand.pull(want=1)
    first = [hand for hand in hands if hand.held]
    for hand in first:
        hand.give(*failing(hand), want=1)
    second = [hand for hand in hands if hand.held]
    assert len(first) == len(second) == 2 and not set(map(id, first)) & set(map(id, second))
    for hand in second:
        hand.work()
    assert desk.view.state == "done" and desk.view.executions == 4


def test_a_job_that_does_not_ask_for_it_fails_at_once(make_desk, make_host):
    desk = make_desk(make_host(calls=1))
    bob = desk.hand("bob")
    desk.submit(trusted=(bob.peer,))
    bob.pull(want=1)
    bob.give(*failing(bob), want=1)
    assert desk.view.state == "failed" and desk.view.executions == 1
