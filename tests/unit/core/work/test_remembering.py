"""Accepted slices after a restart: audited, taken back and told as before it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from peernet.config import Config, TrustConfig
from peernet.core import records as r
from peernet.core.work.stats import decode_stats
from peernet.core.work.trust import function_named

JOBS = function_named("job")
"""The function of the jobs that the host of these tests opens."""


def named(desk, name):
    return type(desk.ctx.me)(name.encode().ljust(32, b"."))


def block(desk, name):
    desk.do(lambda: desk.owner.trust.block(named(desk, name), True))
    desk.settle()


def work(desk, *names, until):
    """Let these work in turn until so many slices are accepted."""
    for name in names:
        hand = desk.hands.get(named(desk, name)) or desk.hand(name)
        hand.connect()
    while desk.view.state == "running" and desk.view.accepted < until:
        for name in names:
            hand = desk.hands[named(desk, name)]
            hand.pull(want=1)
            hand.work(want=0)


@pytest.fixture
def half_done(make_desk, make_host):
    """A job of 8 slices of which bob and carol have done 4; everybody knows two newcomers that agree."""

    def make(**more):
        desk = make_desk(make_host(calls=8, confidence=0.9, **more.pop("host", {})), **more)
        desk.submit(patience=5.0)
        work(desk, "bob", "carol", until=4)
        assert desk.view.accepted == 4
        return desk

    return make


def restart(desk):
    desk.restart()
    desk.settle()
    desk.validate()


def shape(entry):
    """What of a retained slice counts."""
    votes = {
        vote.peer: (vote.key, vote.value, vote.signed, vote.audit, vote.batch) for vote in entry.votes.values()
    }
    return entry.index, entry.first, entry.calls, entry.input, entry.state, entry.key, votes, set(entry.checked)


def test_they_are_retained_as_they_were(half_done):
    desk = half_done()
    bob = named(desk, "bob")
    before = sorted((shape(entry) for entry in desk.running.slices.retained.of(bob)), key=lambda told: told[0])
    restart(desk)
    assert [shape(entry) for entry in desk.running.slices.retained.of(bob)] == before
    assert len(before) == 4


def test_they_are_taken_back_when_a_peer_is_shut_out(half_done):
    desk = half_done(host={"reduces": True})
    restart(desk)
    assert desk.host.folded and desk.view.accepted == 4
    block(desk, "bob")
    assert (desk.view.accepted, desk.view.taken_back) == (0, 4)
    assert not desk.records(r.OutcomeRecord) and not desk.records(r.EvidenceRecord)
    work(desk, "dave", "erin", until=8)
    assert desk.view.state == "done"
    assert desk.view.value.inline == b"".join(f"<{n}+1>".encode() for n in range(8))
    assert desk.view.retracted == ()


def test_there_are_as_many_as_there_is_room_for(half_done):
    desk = half_done(config=Config(trust=TrustConfig(retained=3)))
    restart(desk)
    assert len(desk.running.slices.retained) == 3 and desk.running.slices.retained.lost
    block(desk, "bob")
    assert desk.view.taken_back == 3
    work(desk, "dave", "erin", until=8)
    assert desk.view.state == "done"
    (entry,) = desk.view.retracted
    assert (entry.peer, entry.slices) == (named(desk, "bob"), 1), "the fourth is told after the end"


def test_they_are_audited_and_an_audit_that_differs_takes_them_back(make_desk, make_host):
    desk = make_desk(make_host(calls=40, confidence=0.7))
    desk.submit(patience=5.0)
    bob = desk.hand("bob")
    bob.pull(want=1)
    bob.give(bob.result(next(iter(bob.held)), b"a lie"), want=0)
    assert desk.view.accepted == 1, "one newcomer is believed at so low a confidence"
    restart(desk)
    desk.hand("me")
    work(desk, "me", until=40)
    assert desk.view.state == "done"
    assert desk.view.audits >= 1 and desk.view.taken_back == 1
    assert all(value.startswith(b"<") for value in desk.values())
    assert desk.owner.trust.of(named(desk, "bob")).failed == 1


def test_votes_that_an_audit_set_against_each_other_survive_with_their_bytes(make_desk, make_host):
    desk = make_desk(make_host(calls=4, confidence=0.9), Config(trust=TrustConfig(audits=1.0)))
    desk.submit(patience=5.0)
    bob, carol = desk.hand("bob"), desk.hand("carol")
    for hand in (bob, carol):
        for _ in range(20):
            desk.owner.trust.passed(hand.peer, JOBS, 1.0, None)
    bob.pull(want=1)
    (lease,) = bob.held
    bob.give(bob.result(lease, b"a lie"), want=0)
    assert desk.view.accepted == 1
    carol.pull(want=1)
    carol.work(want=0)
    assert desk.view.taken_back == 1
    (disputed,) = (entry for entry in desk.running.slices.undecided.values() if entry.votes)
    before = {peer: (vote.key, vote.value) for peer, vote in disputed.votes.items()}
    assert len(before) == 2 and all(value is not None for _, value in before.values())
    restart(desk)
    again = desk.running.slices.undecided[disputed.index]
    assert {peer: (vote.key, vote.value) for peer, vote in again.votes.items()} == before
    assert again.state == "disputed"


def test_a_result_that_differed_and_whose_bytes_are_gone_is_evidence_only(make_desk, make_host):
    desk = make_desk(make_host(calls=6, confidence=0.9))
    desk.submit(patience=5.0)
    bob = desk.hand("bob")
    bob.pull(want=1)
    bob.give(bob.result(next(iter(bob.held)), b"a lie"), want=0)
    work(desk, "carol", "dave", "erin", until=1)
    record = next(lease for lease in desk.records(r.LeaseRecord) if lease.peer == named(desk, "bob"))
    desk.save(replace(record, value=None))
    restart(desk)
    (entry,) = (entry for entry in desk.running.slices.retained.of(named(desk, "carol")) if entry.dropped)
    assert [vote.peer for vote in entry.dropped] == [named(desk, "bob")]
    assert set(entry.votes) == {named(desk, name) for name in ("carol", "dave", "erin")}
    assert entry.struck == (named(desk, "bob"),)


def test_who_audited_before_the_restart_has_its_part_in_the_job(make_desk, make_host):
    """Whoever an accepted slice rests on is found by what the job says of its peers."""
    desk = make_desk(make_host(calls=4, confidence=0.7), Config(trust=TrustConfig(audits=1.0)))
    desk.submit(patience=5.0)
    work(desk, "bob", until=1)
    carol = desk.hand("carol")
    carol.pull(want=1)
    carol.work(want=0)
    assert desk.view.audits == 1
    shares = {work.peer: work.slices for work in desk.view.peers}
    restart(desk)
    assert {work.peer: work.slices for work in desk.view.peers} == shares
    work(desk, "bob", until=4)
    peers = {work.peer for work in decode_stats(desk.records(r.JobRecord)[0].stats).peers}
    assert peers == {named(desk, "bob"), named(desk, "carol")}


def test_what_proves_itself_is_final(make_desk, make_host):
    desk = make_desk(make_host(calls=8, confidence=0.9, declares={"checks": True}))
    desk.submit(patience=5.0)
    work(desk, "bob", until=4)
    restart(desk)
    assert len(desk.running.slices.retained) == 0
