"""Results of jobs that have ended: told once and for all when the peer that they rested on is shut out."""

from __future__ import annotations

import pytest

from peernet.config import Config, TrustConfig
from peernet.core import effects as e
from peernet.core import records as r
from peernet.core.events import Failure
from peernet.core.work.trust import function_named

JOBS = function_named("job")
"""The function of the jobs that the host of these tests opens."""


@pytest.fixture
def ended(make_desk, make_host):
    """A desk whose job has ended: each pair of workers has done so many slices, as two that agree are believed."""

    def make(*pairs, calls=4, confidence=0.9, **more):
        desk = make_desk(make_host(calls=calls, confidence=confidence, **more))
        desk.submit(patience=5.0)
        run(desk, *pairs)
        assert desk.view.state == "done"
        return desk

    return make


def run(desk, *pairs):
    """Let pairs of workers do equal parts of the job."""
    for number, names in enumerate(pairs):
        share = (desk.host.calls - desk.view.accepted) // (len(pairs) - number)
        until = desk.view.accepted + share
        hands = [desk.hands.get(named(desk, name)) or desk.hand(name) for name in names]
        while desk.view.state == "running" and desk.view.accepted < until:
            for hand in hands:
                hand.pull(want=1)
                hand.work(want=0)


def named(desk, name):
    return type(desk.ctx.me)(name.encode().ljust(32, b"."))


def block(desk, name, blocked=True):
    desk.do(lambda: desk.owner.trust.block(named(desk, name), blocked))
    desk.settle()


def retracted(desk):
    """What is on record: the slices by their peer, and what the job's own record says."""
    slices = {}
    for record in desk.records(r.EvidenceRecord):
        if record.retracted is not None:
            slices.setdefault(record.retracted, []).append(record.index)
    (job,) = desk.records(r.JobRecord)
    assert {entry.peer: entry.slices for entry in job.retracted} == {
        peer: len(indices) for peer, indices in slices.items()
    }
    return slices


def told(desk):
    return [note for note in desk.notes if note.topic == "retracted"]


def test_what_rested_on_a_peer_is_retracted_when_it_is_blocked_later(ended):
    desk = ended(("bob", "carol"), ("dave", "erin"))
    before, over = desk.values(), desk.hands[named(desk, "dave")].over
    block(desk, "bob")
    bob = named(desk, "bob")
    (indices,) = retracted(desk).values()
    rested = [rec.index for rec in desk.records(r.EvidenceRecord) if bob in {part.peer for part in rec.parts}]
    assert indices == rested and len(indices) == 2
    (entry,) = desk.view.retracted
    assert (entry.peer, entry.slices, entry.calls, entry.reason) == (bob, 2, 2, "which you have blocked")
    (note,) = told(desk)
    assert (note.job, note.peer) == (desk.job, bob)
    assert "2 accepted slices" in note.text and "submit the job again" in note.text
    assert desk.view.state == "done" and desk.values() == before
    assert desk.hands[named(desk, "dave")].over == over == ["done"], "the job does not end twice"
    assert not desk.records(r.ReviewRecord, bob)


def test_what_is_believed_without_the_peer_stays(ended):
    desk = ended(("bob", "carol", "dave"), confidence=0.97)
    block(desk, "bob")
    assert len(desk.records(r.EvidenceRecord)) == 4
    assert len(retracted(desk)[named(desk, "bob")]) == 4, "two newcomers do not reach 0.97"
    desk = ended(("bob", "carol"), confidence=0.9)
    for _ in range(20):
        desk.owner.trust.passed(named(desk, "carol"), JOBS, 1.0, None)
    block(desk, "bob")
    assert retracted(desk) == {}, "carol has proven herself since"
    assert not told(desk)


@pytest.mark.parametrize(("function", "doubted"), [(JOBS, False), (function_named("another"), True)])
def test_a_job_is_judged_by_what_others_have_proven_in_its_function(ended, function, doubted):
    desk = ended(("bob", "carol"), confidence=0.9)
    for _ in range(2):
        desk.owner.trust.passed(named(desk, "carol"), function, 1.0, None)
    block(desk, "bob")
    assert bool(retracted(desk)) == doubted


def test_what_rested_on_a_peer_is_retracted_when_another_job_bans_it(ended):
    desk = ended(("bob", "carol"))
    first = desk.job
    desk.host.next = 0
    desk.submit(patience=5.0)
    bob, me = desk.hands[named(desk, "bob")], desk.hand("me")
    bob.pull(want=2)
    for lease in list(bob.held):
        bob.give(bob.result(lease, b"a lie"), want=0)
    me.pull(want=4)
    me.work(want=0)
    assert desk.owner.trust.shut(bob.peer)
    desk.settle()
    desk.job = first
    assert len(retracted(desk)[bob.peer]) == 4
    (entry,) = desk.view.retracted
    assert entry.reason.startswith("which was banned: its result of slice")


def test_running_jobs_are_left_to_open_slices_again_by_themselves(make_desk, make_host):
    desk = make_desk(make_host(calls=4, confidence=0.9))
    desk.submit(patience=5.0)
    for name in ("bob", "carol"):
        hand = desk.hand(name)
        hand.pull(want=1)
        hand.work(want=0)
    assert desk.view.accepted == 1
    block(desk, "bob")
    assert (desk.view.accepted, desk.view.taken_back, desk.view.retracted) == (0, 1, ())
    assert retracted(desk) == {}


def test_what_a_running_job_could_not_retain_is_looked_at_when_it_has_ended(make_desk, make_host):
    trust = TrustConfig(retained=1)
    desk = make_desk(make_host(calls=4, confidence=0.9), Config(trust=trust))
    desk.submit(patience=5.0)
    run(desk, ("bob", "carol"), ("x", "y"), ("v", "w"), ("s", "t"))
    assert desk.view.state == "done"
    desk = make_desk(make_host(calls=5, confidence=0.9), Config(trust=trust))
    desk.submit(patience=5.0)
    bob, carol = desk.hand("bob"), desk.hand("carol")
    for _ in range(3):
        for hand in (bob, carol):
            hand.pull(want=1)
            hand.work(want=0)
    assert desk.view.accepted == 3
    block(desk, "bob")
    assert desk.view.accepted == 2, "one was retained, and is opened again"
    assert desk.view.retracted == ()
    run(desk, ("dave", "erin"))
    assert desk.view.state == "done"
    assert len(retracted(desk)[bob.peer]) == 2


@pytest.mark.parametrize("page", [1, 2, 3, 4, 5])
def test_a_journal_is_looked_through_in_parts(ended, page):
    desk = ended(("bob", "carol"), ("dave", "erin"))
    desk.page = page
    block(desk, "carol")
    assert [len(indices) for indices in retracted(desk).values()] == [2]
    assert len(told(desk)) == 1


def test_each_slice_is_retracted_once(ended):
    desk = ended(("bob", "carol"))
    block(desk, "bob")
    block(desk, "carol")
    assert set(retracted(desk)) == {named(desk, "bob")}
    block(desk, "bob", False)
    assert len(desk.view.retracted) == 1, "a retraction is final"
    desk.wait(1.0)
    block(desk, "bob")
    assert len(told(desk)) == 1
    assert desk.view.retracted[0].slices == 4


def test_two_peers_are_looked_for_one_after_the_other(ended):
    desk = ended(("bob", "carol"), ("dave", "erin"))
    desk.page = 1
    for name in ("bob", "dave"):
        desk.do(lambda name=name: desk.owner.trust.block(named(desk, name), True))
        assert sum(isinstance(effect, e.Review) for effect in desk.queue) == 1
    desk.settle()
    assert {peer: len(found) for peer, found in retracted(desk).items()} == {
        named(desk, "bob"): 2,
        named(desk, "dave"): 2,
    }


def test_a_trusted_word_stays_and_a_trusted_peer_is_not_doubted(make_desk, make_host):
    desk = make_desk(make_host(calls=2, confidence=0.9))
    bob = desk.hand("bob")
    desk.submit(trusted=(bob.peer,))
    run(desk, ("bob",))
    block(desk, "bob")
    assert retracted(desk) == {}


@pytest.mark.parametrize("declares", [{"checks": True}, {}])
def test_what_is_final_in_a_running_job_is_final_afterwards(make_desk, make_host, declares):
    if declares:
        desk = make_desk(make_host(calls=2, confidence=0.9, declares=declares))
    else:
        desk = make_desk(make_host(calls=2))
    desk.submit(patience=5.0)
    run(desk, ("bob", "carol"))
    assert desk.view.state == "done"
    block(desk, "bob")
    block(desk, "carol")
    assert retracted(desk) == {}


def test_a_peer_that_is_forgiven_is_looked_for_no_more(ended):
    desk = ended(("bob", "carol"), ("dave", "erin"))
    desk.page = 1
    desk.do(lambda: desk.owner.trust.block(named(desk, "bob"), True))
    desk.do(lambda: desk.owner.trust.block(named(desk, "bob"), False))
    desk.settle()
    assert retracted(desk) == {}
    assert not desk.records(r.ReviewRecord, b"")


def test_a_journal_that_can_not_be_read_is_told_and_tried_again_at_the_next_start(ended):
    desk = ended(("bob", "carol"))
    desk.unreadable = Failure("storage", "the journal failed: check the disk")
    block(desk, "bob")
    (warning,) = (note.text for note in desk.notes if note.topic == "warning")
    assert "rested on 12D3Koo" in warning and "check the disk; start this peer again" in warning
    block(desk, "dave")  # others are looked for
    desk.unreadable = None
    desk.restart()
    desk.settle()
    assert len(retracted(desk)[named(desk, "bob")]) == 4


@pytest.mark.parametrize("page", [1, 2, 100])
def test_the_peer_may_be_killed_before_any_effect_of_a_review(ended, page):
    nth = 0
    while True:
        desk = ended(("bob", "carol"), ("dave", "erin"))
        desk.page = page
        ended_at = desk.view.ended
        desk.crash_after = desk.carried + nth
        try:
            block(desk, "bob")
        except desk.Crash:
            was_told = told(desk)
            desk.restart()
            desk.settle()
        else:
            break
        assert [len(indices) for indices in retracted(desk).values()] == [2], nth
        assert desk.view.retracted[0].slices == 2, nth
        assert not desk.records(r.ReviewRecord, b""), nth
        assert (desk.view.state, desk.view.ended) == ("done", ended_at)
        assert told(desk) or was_told, "who was not told before is told after"
        nth += 1
    assert nth > 2


def test_dropped_votes_do_not_speak_for_a_slice(make_desk, make_host):
    """Carol's word was taken out when she was shut out, and does not come back when she is forgiven."""
    desk = make_desk(make_host(calls=1, confidence=0.9))
    desk.submit(patience=5.0)
    hands = {name: desk.hand(name) for name in ("carol", "bob", "dave")}
    hands["carol"].pull(want=1)
    hands["carol"].work(want=0)
    block(desk, "carol")
    for name in ("bob", "dave"):
        hands[name].pull(want=1)
        hands[name].work(want=0)
    assert desk.view.state == "done"
    (evidence,) = desk.records(r.EvidenceRecord)
    assert [part.counts for part in evidence.parts] == [True, True, False]
    block(desk, "carol", False)
    block(desk, "bob")
    assert len(retracted(desk)[hands["bob"].peer]) == 1
