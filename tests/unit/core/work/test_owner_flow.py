"""The life of a job when all goes well: from its submission to its single end."""

from __future__ import annotations

from dataclasses import replace

from peernet.config import Config, TrustConfig
from peernet.core import effects as e
from peernet.core import records as r
from peernet.identity.digest import digest
from peernet.identity.envelope import open_envelope
from peernet.wire.codec import decode_body
from peernet.wire.signed import MANIFEST, OFFER, RECEIPTS, TOMBSTONE, Manifest, Offer, ReceiptBatch, Tombstone
from peernet.wire.work import Parked, PullRefused, Taken


def opened(desk, data, domain, kind):
    envelope = open_envelope(data, domain, now=desk.clock.wall, verify=desk.ctx.verify, max_lifetime=1e9)
    return decode_body(kind, envelope.body)


def run_alone(desk):
    """This peer's own worker does the whole job."""
    me = desk.hand("me")
    me.pull()
    for _ in range(1000):
        if me.work() is None:
            break
    return me


def test_a_lone_peer_computes_its_own_job(make_desk, make_host):
    desk = make_desk(make_host(calls=50))
    assert isinstance(desk.submit(), bytes)
    me = run_alone(desk)
    assert desk.view.state == "done"
    assert desk.values() == [f"<{n}+1>".encode() for n in range(50)]
    assert desk.view.executions == 50 == me.grants
    assert [work.peer for work in desk.view.peers] == [me.peer]
    assert desk.view.peers[0].share == 1.0
    assert me.over == ["done"]
    assert desk.count(e.CloseHost) == 1


def test_the_job_id_is_the_hash_of_the_manifest(make_desk):
    desk = make_desk()
    desk.submit()
    record = desk.records(r.JobRecord)[0]
    assert digest(record.manifest) == desk.job
    manifest = opened(desk, record.manifest, MANIFEST, Manifest)
    assert manifest.bundle == record.worker_bundle
    parked = desk.hand("bob").pull()
    assert parked == Parked(record.manifest)
    assert desk.hand("carol").pull(manifest_known=True) == Parked(b"")


def test_a_reduction_ends_with_its_value(make_desk, make_host):
    desk = make_desk(make_host(calls=40, reduces=True))
    desk.submit()
    run_alone(desk)
    expected = b"".join(f"<{n}+1>".encode() for n in range(40))
    assert desk.view.state == "done"
    assert desk.view.value.inline == expected
    assert desk.records(r.JobRecord)[0].value.inline == expected


def test_an_empty_input_is_done_at_once_and_never_offered(make_desk, make_host):
    desk = make_desk(make_host(calls=0))
    desk.submit()
    assert (desk.view.state, desk.view.slices, desk.view.peers) == ("done", 0, ())
    assert desk.spread == []


def test_an_empty_reduction_has_the_value_that_the_host_gives(make_desk, make_host):
    desk = make_desk(make_host(calls=0, reduces=True))
    desk.submit()
    assert desk.view.value.inline == b"null"


def test_records_of_slices_and_leases_leave_with_the_job_and_outcomes_stay(make_desk, make_host):
    desk = make_desk(make_host(calls=5))
    desk.submit()
    assert len(desk.records(r.SliceRecord)) == 5
    run_alone(desk)
    assert desk.records(r.SliceRecord) == desk.records(r.LeaseRecord) == []
    assert len(desk.records(r.OutcomeRecord)) == 5


def test_a_slice_is_on_record_before_it_is_granted(make_desk):
    desk = make_desk()
    desk.submit()
    desk.hand("me").pull()
    known = {record.lease: record.index for record in desk.records(r.LeaseRecord)}
    cut = {record.index for record in desk.records(r.SliceRecord)}
    assert len(known) == 4
    assert set(known) == set(desk.hands[desk.ctx.me].held)
    assert set(known.values()) <= cut


def test_offers_go_further_while_slices_wait_and_stop_when_all_are_leased(make_desk, make_host):
    desk = make_desk(make_host(calls=6))
    desk.hand("bob")
    desk.submit(patience=100.0)
    desk.wait(30)
    reaches = [reach for _, reach in desk.spread]
    assert reaches[:6] == [1, 2, 3, 4, 5, 6]
    assert set(reaches[6:]) == {6}
    offer = opened(desk, desk.spread[-1][0], OFFER, Offer)
    assert (offer.job, offer.open_slices) == (desk.job, 6)
    me = desk.hand("me")
    me.pull(want=6)
    sent = len(desk.spread)
    desk.wait(30)
    assert len(desk.spread) == sent
    me.work()
    tombstone = opened(desk, desk.spread[-1][0], TOMBSTONE, Tombstone)
    assert tombstone == Tombstone(desk.job, "done")


def test_the_answer_to_results_is_a_receipt(make_desk):
    desk = make_desk()
    desk.submit()
    bob = desk.hand("bob")
    bob.pull()
    leases = tuple(bob.held)
    taken = bob.work()
    assert isinstance(taken, Taken)
    receipt = opened(desk, taken.receipts, RECEIPTS, ReceiptBatch)
    assert (receipt.worker, receipt.leases, receipt.cpu_seconds) == (bob.peer, leases, 0.5)


def test_a_newcomer_holds_one_lease_until_its_first_result(make_desk):
    desk = make_desk()
    desk.submit()
    bob = desk.hand("bob")
    bob.pull(want=4)
    assert len(bob.held) == 1
    bob.work(want=4)
    assert len(bob.held) == 4


def test_keys_marked_as_mine_and_trusted_workers_are_believed(make_desk, make_host):
    desk = make_desk(make_host(calls=2))
    bob, carol = desk.hand("bob"), desk.hand("carol")
    desk.ctx.mine[bob.peer] = None
    desk.submit(trusted=(carol.peer,))
    bob.pull(want=1)
    carol.pull(want=1)
    bob.work(want=0)
    carol.work(want=0)
    assert desk.view.state == "done"
    assert desk.view.executions == 2


def test_inputs_are_cut_as_they_are_needed(make_desk, make_host):
    desk = make_desk(make_host(calls=1_000_000))
    desk.submit()
    assert desk.view.cut == 8
    desk.hand("me").pull(want=4)
    assert 8 < desk.view.cut < 40
    assert desk.view.slices is None


def test_what_workers_lack_is_stated(make_desk, make_host):
    desk = make_desk()
    desk.submit(needs_python="3.13")
    for name in ("bob", "carol"):
        answer = desk.hand(name).pull()
        assert isinstance(answer, PullRefused)
        assert (answer.why, answer.text) == ("unfit", "lacks Python 3.13")
    assert "2 peers lack Python 3.13" in desk.view.waiting_reason


def test_a_pull_for_a_job_that_is_over_or_unknown(make_desk, make_host):
    desk = make_desk(make_host(calls=1))
    desk.submit()
    bob = desk.hand("bob")
    assert bob.pull(job=b"?" * 32).why == "over"
    run_alone(desk)
    assert bob.pull().why == "over"


def test_a_forged_advert_is_refused_and_counted(make_desk):
    desk = make_desk()
    desk.submit()
    bob, carol = desk.hand("bob"), desk.hand("carol")
    assert bob.pull(advert=bob.advert(author=carol.peer)).why == "unfit"
    assert bob.pull(advert=carol.advert()).why == "unfit"
    assert bob.pull(advert=b"").why == "unfit"
    assert desk.ctx.counters["pull: bad advert"] == 3


def test_seats_are_bounded(make_desk):
    config = Config(trust=TrustConfig(policy="plain"))
    desk = make_desk(config=replace(config, work=replace(config.work, seats=2)))
    desk.submit()
    answers = [desk.hand(name).pull() for name in ("bob", "carol", "dave")]
    assert [type(answer) for answer in answers] == [Parked, Parked, PullRefused]
    assert answers[2].why == "busy" and answers[2].retry_after > 0


def test_stop_ends_the_job_once_and_tells_its_workers(make_desk):
    desk = make_desk()
    desk.submit()
    bob = desk.hand("bob")
    bob.pull()
    assert desk.stop() is None
    assert (desk.view.state, desk.view.reason_kind, bob.over) == ("stopped", "stopped", ["stopped"])
    assert desk.stop().kind == "usage"
    assert desk.count(e.CloseHost) == 1


def test_leaving_is_no_end(make_desk):
    desk = make_desk()
    desk.submit(patience=1.0)
    bob = desk.hand("bob")
    bob.pull()
    desk.do(desk.owner.leave)
    desk.wait(60)
    assert bob.over == []
    assert desk.view.state == "running"


def test_a_handle_that_changes_a_job_tells_watchers(make_desk):
    desk = make_desk()
    desk.submit()
    before = len(desk.notes)
    desk.hand("me").pull()
    assert e.Note("job", job=desk.job) in desk.notes[before:]


def test_the_host_is_known_by_its_own_key(make_desk):
    desk = make_desk()
    desk.submit()
    host = desk.view.host
    assert host != desk.job
    assert desk.owner.job_of_host(host) == desk.job
    opens = [effect for effect in desk.seen if isinstance(effect, e.OpenHost)]
    assert [effect.job for effect in opens] == [host]


def test_the_same_seed_gives_the_same_effects(make_desk, make_host):
    def effects():
        desk = make_desk(make_host(calls=40, reduces=True), seed=7)
        desk.submit()
        hands = [desk.hand(name) for name in ("me", "alice", "bob", "carol")]
        for hand in hands:
            hand.pull(want=3)
        while desk.view.state == "running":
            for hand in hands:
                hand.work(want=3)
        return desk.seen

    assert effects() == effects()
