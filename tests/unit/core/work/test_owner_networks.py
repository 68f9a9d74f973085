"""Replicas of a slice go to different networks where there are any: an operator of many addresses is one voice."""

from __future__ import annotations

import pytest


@pytest.fixture
def desk(make_desk, make_host):
    """A job of one slice, which two untrusted workers have to agree on."""
    desk = make_desk(make_host(calls=1))
    desk.submit(patience=60.0)
    return desk


def test_a_replica_is_kept_for_a_worker_of_another_network(desk):
    first, second = desk.hand("a1", "10.0.0.1"), desk.hand("a2", "10.0.0.2")
    elsewhere = desk.hand("b1", "10.0.9.1")
    elsewhere.pull(want=0)  # seated, and busy with its box for now
    first.pull(want=1)
    second.pull(want=1)
    assert first.held and not second.held
    elsewhere.pull(want=1)
    assert elsewhere.held and not second.held


def test_after_a_while_a_near_worker_is_better_than_none(desk):
    first, second = desk.hand("a1", "10.0.0.1"), desk.hand("a2", "10.0.0.2")
    desk.hand("b1", "10.0.9.1").pull(want=0)
    first.pull(want=1)
    second.pull(want=1)
    desk.wait(5.0)
    assert not second.held
    desk.wait(10.0)
    assert second.held


def test_in_one_network_nobody_waits(desk):
    first, second = desk.hand("a1", "10.0.0.1"), desk.hand("a2", "10.0.0.2")
    first.pull(want=1)
    second.pull(want=1)
    assert first.held and second.held


def test_a_worker_elsewhere_that_has_left_is_not_waited_for(desk):
    first, second, gone = desk.hand("a1", "10.0.0.1"), desk.hand("a2", "10.0.0.2"), desk.hand("b1", "10.0.9.1")
    gone.pull(want=0)
    gone.disconnect(clean=True)
    first.pull(want=1)
    second.pull(want=1)
    assert first.held and second.held


def test_a_trusted_worker_elsewhere_is_not_waited_for(make_desk, make_host):
    desk = make_desk(make_host(calls=1))
    first, second, mine = desk.hand("a1", "10.0.0.1"), desk.hand("a2", "10.0.0.2"), desk.hand("b1", "10.0.9.1")
    desk.submit(patience=60.0, trusted=(mine.peer,))
    mine.pull(want=0)
    first.pull(want=1)
    second.pull(want=1)
    assert first.held and second.held
