"""`on_error="skip"` at the owner: calls that failed are results, and their tracebacks are kept beside them."""

from __future__ import annotations

from peernet.core import records as r
from peernet.core.work.stats import decode_stats
from peernet.project import FailedCall
from peernet.results import encode

SKIPPED = encode([FailedCall("ValueError", 0)], classes=(FailedCall,))


def give(hand, value, traceback=""):
    (lease,) = hand.held
    hand.give(hand.result(lease, value, traceback=traceback), want=0)


def test_a_liar_can_not_say_that_a_call_failed(make_desk, make_host):
    desk = make_desk(make_host(calls=1, replicas=3, quorum=2))
    liar, bob, carol = (desk.hand(name, f"10.{at}.0.1") for at, name in enumerate(("liar", "bob", "carol")))
    desk.submit()
    for hand in (liar, bob, carol):
        hand.pull(want=1)
    give(liar, SKIPPED, "a story")
    give(bob, b"right")
    give(carol, b"right")
    (outcome,) = desk.records(r.OutcomeRecord)
    assert desk.view.state == "done" and outcome.value.inline == b"right" and outcome.disputed
    assert outcome.traceback == ""


def test_the_calls_that_a_value_lacks_are_counted_as_the_host_says(make_desk, make_host):
    desk = make_desk(make_host(calls=1, reduces=True, skipped=3))
    me = desk.hand("me")
    desk.submit()
    me.pull(want=1)
    give(me, SKIPPED)
    (record,) = desk.records(r.JobRecord)
    assert record.state == "done" and decode_stats(record.stats).skipped == 3


def test_peers_whose_tracebacks_differ_agree_on_a_call_that_failed(make_desk, make_host):
    desk = make_desk(make_host(calls=1, replicas=2, quorum=2))
    bob, carol = desk.hand("bob", "10.0.0.1"), desk.hand("carol", "10.1.0.1")
    desk.submit()
    for hand in (bob, carol):
        hand.pull(want=1)
    give(bob, SKIPPED, "at 0x7f01")
    give(carol, SKIPPED, "at 0x55aa")
    (outcome,) = desk.records(r.OutcomeRecord)
    assert desk.view.state == "done" and not outcome.disputed
    assert outcome.value.inline == SKIPPED and outcome.traceback == "at 0x7f01"
