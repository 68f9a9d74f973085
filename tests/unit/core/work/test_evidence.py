"""What is on record of why a slice was accepted, on the owner's bench."""

from __future__ import annotations

import pytest

from peernet.config import Config, TrustConfig
from peernet.core import records as r
from peernet.identity.digest import digest
from peernet.identity.envelope import open_envelope
from peernet.wire.codec import decode_body
from peernet.wire.signed import RESULTS, ResultBatch


def evidence(desk):
    return {record.index: record for record in desk.records(r.EvidenceRecord)}


def signed(desk):
    """The signed results of each batch on record, by its name; every signature is checked."""
    found = {}
    for record in desk.records(r.BatchRecord):
        assert record.digest == digest(record.envelope)
        opened = open_envelope(
            record.envelope, RESULTS, now=desk.clock.wall, verify=desk.ctx.verify, max_lifetime=1e9
        )
        batch = decode_body(ResultBatch, opened.body)
        assert batch.job == desk.job
        found[record.digest] = opened.author, {result.lease: result for result in batch.results}
    return found


@pytest.fixture
def run(make_desk, make_host):
    """A job of 6 slices under a policy, done by these hands, of which some lie."""

    def go(policy, hands, liars=(), calls=6, **submission):
        desk = make_desk(make_host(calls=calls), Config(trust=TrustConfig(policy=policy)))
        made = {name: desk.hand(name, f"10.0.{number}.1") for number, name in enumerate(hands)}
        desk.submit(trusted=tuple(made[name].peer for name in submission.pop("trusted", ())), **submission)
        for hand in made.values():
            hand.pull(want=2)
        for _ in range(200):
            if desk.view.state != "running":
                break
            for name, hand in made.items():
                if hand.held:
                    lies = name in liars
                    hand.give(*(hand.result(lease, b"lie" if lies else None) for lease in hand.held), want=2)
        return desk, made

    return go


def test_each_accepted_slice_names_signed_results_that_hold(run):
    desk, hands = run("majority:2/2", ["ann", "bob"])
    assert desk.view.state == "done"
    batches, outcomes = signed(desk), {record.index: record for record in desk.records(r.OutcomeRecord)}
    assert sorted(evidence(desk)) == list(range(6))
    for index, record in evidence(desk).items():
        assert {part.peer for part in record.parts} == {hand.peer for hand in hands.values()}
        for part in record.parts:
            author, results = batches[part.batch]
            assert author == part.peer
            assert results[part.lease].digest == part.digest == outcomes[index].value.digest
            assert (part.agrees, part.audit, part.trusted, part.status) == (True, False, False, "ok")
        assert (record.calls, record.reached) == (1, 0.0)


def test_a_batch_of_several_results_is_kept_once_and_leases_not_at_all(run):
    desk, _ = run("majority:1/1", ["ann"])
    assert len(desk.records(r.BatchRecord)) < len(evidence(desk)) == 6
    assert not desk.records(r.LeaseRecord)


def test_who_differed_is_on_record_with_what_it_signed(run):
    desk, hands = run("majority:2/3", ["eve", "ann", "bob"], liars=["eve"])
    assert desk.view.state == "done"
    for record in evidence(desk).values():
        (wrong,) = [part for part in record.parts if not part.agrees]
        assert wrong.peer == hands["eve"].peer
        author, results = signed(desk)[wrong.batch]
        assert author == wrong.peer and results[wrong.lease].digest == wrong.digest == digest(b"lie")


def test_a_trusted_peer_s_word_is_certain(run):
    desk, hands = run("confidence:0.99", ["ann"], trusted=["ann"])
    for record in evidence(desk).values():
        assert [(part.trusted, part.peer) for part in record.parts] == [(True, hands["ann"].peer)]
        assert record.reached == 1.0


def test_the_confidence_that_was_asked_for_is_reached_by_every_slice(run):
    names = [f"w{number}" for number in range(8)]
    desk, hands = run("confidence:0.99", names, liars=["w3"], calls=60)
    assert desk.view.state == "done"
    records = evidence(desk)
    assert len(records) == 60
    assert all(record.reached >= 0.99 for record in records.values())
    assert all(any(part.agrees for part in record.parts) for record in records.values())
    differed = {part.peer for record in records.values() for part in record.parts if not part.agrees}
    assert differed == {hands["w3"].peer}


def test_audits_are_marked(run):
    names = [f"w{number}" for number in range(6)]
    desk, _ = run("confidence:0.99", names, calls=300)
    assert desk.view.state == "done" and desk.view.audits > 0
    parts = [part for record in evidence(desk).values() for part in record.parts]
    assert sum(part.audit for part in parts) == desk.view.audits


def test_evidence_is_bounded_and_says_where_it_ends(make_desk, make_host):
    config = Config(trust=TrustConfig(policy="majority:1/1", evidence_bytes=700))
    desk = make_desk(make_host(calls=8), config)
    hand = desk.hand("ann")
    desk.submit()
    hand.pull(want=1)
    while hand.held:
        hand.give(*(hand.result(lease) for lease in hand.held), want=1)
    assert desk.view.state == "done"
    kept = [len(record.envelope) for record in desk.records(r.BatchRecord)]
    assert 0 < sum(kept) <= 700
    named = [record.parts[0].batch for record in evidence(desk).values()]
    assert named.count(b"") == 8 - len(kept)


def test_what_is_taken_back_has_no_evidence_until_it_is_accepted_again(make_desk, make_host):
    desk = make_desk(make_host(calls=40), Config(trust=TrustConfig(policy="confidence:0.9", audits=0.5)))
    hands = [desk.hand(f"w{number}", f"10.0.{number}.1") for number in range(8)]
    sleeper = hands[0]
    desk.submit()
    for hand in hands:
        hand.pull(want=1)
    for given in range(400):
        for hand in hands:
            if hand.held:
                lie = b"lie" if hand is sleeper and given > 3 else None
                hand.give(*(hand.result(lease, lie) for lease in hand.held), want=1)
                if desk.view.state == "running":
                    accepted = {record.index for record in desk.records(r.OutcomeRecord)}
                    assert set(evidence(desk)) == accepted
    assert desk.view.state == "done"
    assert len(evidence(desk)) == 40


def test_votes_of_before_a_restart_are_evidence_after_it(make_desk, make_host):
    desk = make_desk(make_host(calls=2), Config(trust=TrustConfig(policy="majority:2/2")))
    first = desk.hand("ann", "10.0.1.1")
    desk.submit()
    first.pull(want=2)
    while first.held:
        first.work()
    desk.restart()
    desk.settle()
    second = desk.hand("bob", "10.0.2.1")
    second.pull(want=2)
    while second.held:
        second.work()
    assert desk.view.state == "done"
    batches = signed(desk)
    for record in evidence(desk).values():
        assert {batches[part.batch][0] for part in record.parts} == {first.peer, second.peer}
