"""`stop_when` at the owner: the first accepted hit ends the job, and one that is not believed does not."""

from __future__ import annotations

import pytest

from peernet.core import effects as e
from peernet.core.events import Failure


def is_hit(value):
    return b"hit" in value


def give(hand, value=None, want=0, lease=None):
    lease = lease or next(iter(hand.held))
    hand.give(hand.result(lease, value), want=want)


def meanwhile(desk, kind, act):
    """Do something while the host is at the next request of a kind."""
    answer = desk.host.answer

    def interrupted(effect):
        if isinstance(effect, kind):
            desk.host.answer = answer
            act()
        return answer(effect)

    desk.host.answer = interrupted


def block(desk, hand):
    desk.do(lambda: desk.owner.trust.block(hand.peer, True))


def value_of(desk):
    assert desk.view.state == "done"
    return desk.view.value.inline


@pytest.fixture
def search(make_desk, make_host):
    def make(calls=8, **host):
        return make_desk(make_host(calls=calls, reduces=True, hits=is_hit, **host))

    return make


def test_the_first_accepted_hit_ends_the_job_at_once(search):
    desk = search(calls=100)
    me, bob = desk.hand("me"), desk.hand("bob")
    desk.submit(trusted=(bob.peer,))
    me.pull(want=2)
    bob.pull(want=3)
    give(bob)
    give(me, b"<hit>")
    assert len(desk.values()) == 2 and b"<hit>" in desk.values()
    assert value_of(desk) == b"".join(desk.values())
    assert bob.over == me.over == ["done"] and not bob.held
    assert desk.view.accepted == 2 and desk.view.executions == 2
    assert desk.count(e.CloseHost) == 1


def test_what_comes_after_the_end_changes_nothing(search):
    desk = search()
    me, bob = desk.hand("me"), desk.hand("bob")
    desk.submit(trusted=(bob.peer,))
    me.pull(want=1)
    bob.pull(want=1)
    (lease,) = bob.held
    late = bob.result(lease, b"<late hit>")
    give(me, b"<hit>")
    bob.give(late, want=4)
    assert value_of(desk) == b"<hit>" and not bob.held


def test_without_a_hit_the_job_runs_to_its_end(search):
    desk = search(calls=3)
    me = desk.hand("me")
    desk.submit()
    me.pull(want=3)
    me.work()
    assert value_of(desk) == b"<0+1><1+1><2+1>"


def test_a_hit_in_the_last_slice_ends_the_job_as_its_end_does(search):
    desk = search(calls=3)
    me = desk.hand("me")
    desk.submit()
    me.pull(want=3)
    give(me)
    give(me)
    give(me, b"<hit>")
    assert len(desk.values()) == 3 and b"<hit>" in desk.values()
    assert value_of(desk) == b"".join(desk.values())
    assert desk.count(e.Finish) == 1


def test_a_liars_hit_that_is_not_accepted_is_ignored(search):
    desk = search(calls=1, replicas=3, quorum=2)
    liar, bob, carol = (desk.hand(name, f"10.{at}.0.1") for at, name in enumerate(("liar", "bob", "carol")))
    desk.submit()
    for hand in (liar, bob, carol):
        hand.pull(want=1)
    give(liar, b"<hit>")
    give(bob)
    assert desk.view.state == "running" and not desk.host.folded
    give(carol)
    assert value_of(desk) == b"<0+1>"


def test_nothing_is_granted_or_cut_between_a_hit_and_the_end(search):
    desk = search(calls=10_000)
    me, bob = desk.hand("me"), desk.hand("bob")
    desk.submit(trusted=(bob.peer,))
    me.pull(want=1)
    meanwhile(desk, e.Finish, lambda: bob.pull(want=4))
    cuts = desk.count(e.Cut)
    give(me, b"<hit>")
    assert value_of(desk) == b"<hit>"
    assert not bob.grants and bob.over == ["done"] and desk.count(e.Cut) == cuts


@pytest.mark.parametrize("kind", [e.Fold, e.Finish])
def test_a_hit_that_is_taken_back_before_the_end_does_not_count(search, kind):
    desk = search(calls=2, confidence=0.6)
    liar, me = desk.hand("liar", "10.1.0.1"), desk.hand("me")
    desk.submit()
    liar.pull(want=1)
    meanwhile(desk, kind, lambda: block(desk, liar))
    give(liar, b"<hit of a liar>")
    assert desk.view.state == "running" and desk.view.taken_back == 1
    me.pull(want=2)
    me.work()
    assert value_of(desk) == b"<0+1><1+1>"


def test_a_hit_that_is_found_again_counts(search):
    desk = search(calls=1, confidence=0.6)
    liar, me = desk.hand("liar", "10.1.0.1"), desk.hand("me")
    desk.submit()
    liar.pull(want=1)
    meanwhile(desk, e.Finish, lambda: block(desk, liar))
    give(liar, b"<hit>")
    assert desk.view.state == "running"
    me.pull(want=1)
    give(me, b"<hit>")
    assert value_of(desk) == b"<hit>"


@pytest.mark.parametrize("kind", [e.Fold, e.Finish])
def test_the_value_is_without_what_is_taken_back_when_another_slice_hits(search, kind):
    desk = search(calls=8, confidence=0.6)
    liar, me = desk.hand("liar", "10.1.0.1"), desk.hand("me")
    desk.submit()
    liar.pull(want=1)
    give(liar, b"<lie>")
    me.pull(want=1)
    meanwhile(desk, kind, lambda: block(desk, liar))
    give(me, b"<hit>")
    assert value_of(desk) == b"<hit>"
    assert desk.view.taken_back == 1


def test_a_reduction_that_is_taken_back_from_while_it_ends_goes_on(search):
    desk = search(calls=1, confidence=0.6)
    liar, me = desk.hand("liar", "10.1.0.1"), desk.hand("me")
    desk.submit()
    liar.pull(want=1)
    meanwhile(desk, e.Finish, lambda: block(desk, liar))
    give(liar, b"<lie>")
    assert desk.view.state == "running"
    me.pull(want=1)
    me.work()
    assert value_of(desk) == b"<0+1>"


@pytest.mark.parametrize("kind", [e.Fold, e.Finish])
def test_a_hit_that_was_accepted_before_a_restart_ends_the_job_after_it(search, kind):
    desk = search()
    me = desk.hand("me")
    desk.submit()
    me.pull(want=2)
    give(me)

    def crash():
        raise desk.Crash

    meanwhile(desk, kind, crash)
    with pytest.raises(desk.Crash):
        give(me, b"<hit>")
    desk.restart()
    desk.settle()
    assert len(desk.values()) == 2 and value_of(desk) == b"".join(desk.values())
    assert me.grants == 2


def test_a_predicate_that_raises_in_the_host_ends_the_job(search):
    failure = Failure("task", "stop_when raised ValueError: no", "Traceback: in found")
    desk = search(fails={e.Fold: failure})
    me = desk.hand("me")
    desk.submit()
    me.pull(want=1)
    give(me)
    assert (desk.view.state, desk.view.reason_kind) == ("failed", "task")
    assert (desk.view.reason, desk.view.traceback) == (failure.message, failure.traceback)
