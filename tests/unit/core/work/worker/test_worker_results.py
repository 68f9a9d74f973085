"""From a run to a receipt: batches, what is in them, owners that do not answer, owners that return."""

from __future__ import annotations

import pytest

from peernet.core.effects import CloseBox, Fetch, KillSlice, PinBlob, Save, UnpinBlobs
from peernet.core.work.votes import failure_digest
from peernet.identity.digest import digest
from peernet.identity.keys import KeyPair
from peernet.wire.codec import FRAME_LIMIT, encode_frame
from peernet.wire.link import Request
from peernet.wire.work import BATCH_LIMIT, MAX_LEASES, Parked, Pull, PullRefused, Taken


def run_one(scene, owner, number=1, **outcome):
    """Grant a slice and let it end."""
    owner.grant(number)
    (run,) = owner.runs()
    scene.finish(run, **outcome)


def test_a_small_value_travels_with_its_digest(scene, owner):
    owner.open_box()
    run_one(scene, owner, value=b"forty-two", wall=0.25)
    (call,) = owner.returned()
    (result,) = owner.batch(call)
    assert (result.lease, result.status, result.size) == (owner.id(1), "ok", 9)
    assert result.digest == digest(b"forty-two")
    assert (result.cpu_seconds, result.wall_seconds, result.error) == (0.25, 0.25, "")
    assert call.body.inlines == (b"forty-two",)
    assert call.body.job == owner.job


def test_a_large_value_stays_here_as_a_pinned_blob(scene, owner):
    owner.open_box()
    run_one(scene, owner, value=b"large" * 20_000, blob=True)
    (call,) = owner.returned()
    (result,) = owner.batch(call)
    assert result.size == 100_000
    assert call.body.inlines == (b"",)
    assert PinBlob(result.digest, owner.id(1)) in scene.effects


def test_blobs_may_go_once_their_slice_is_done_and_its_result_taken(scene, owner):
    owner.open_box()
    owner.grant(1, 2, blob=True)
    for fetch in scene.take(Fetch):
        scene.done(fetch)
    first, second = owner.runs()
    scene.finish(first, value=b"large" * 20_000, blob=True)
    scene.finish(second, value=b"small")
    assert scene.take(UnpinBlobs) == [UnpinBlobs(owner.id(1)), UnpinBlobs(owner.id(2))]  # the inputs
    call = owner.returned()[0]
    assert scene.take(UnpinBlobs) == []
    owner.accept(call)
    for more in owner.returned():
        owner.accept(more)
    assert scene.take(UnpinBlobs) == [UnpinBlobs(owner.id(1))]  # the one large result


def test_a_failure_has_the_name_that_all_peers_give_it(scene, owner):
    owner.open_box()
    run_one(scene, owner, status="error", error="ValueError: at 0x7f\nagain", call=3, traceback="Traceback: here")
    (call,) = owner.returned()
    (result,) = owner.batch(call)
    assert result.digest == failure_digest("error", "ValueError", 3)
    assert (result.status, result.size) == ("error", 0)
    assert result.error == "ValueError: at 0x7f again"
    assert result.traceback == "Traceback: here"


def test_some_calls_of_a_slice_are_run_and_signed_as_such(scene, owner):
    owner.open_box()
    owner.grant(1, only=(3, 7))
    (run,) = owner.runs()
    assert run.calls == (3, 7)
    scene.finish(run)
    (result,) = owner.batch(owner.returned()[0])
    assert result.only == (3, 7)


@pytest.mark.parametrize("only", [(10,), (3, 3), (7, 3), (3, 11)])
def test_calls_that_the_slice_has_not_are_refused(scene, owner, only):
    owner.open_box()
    owner.grant(1, only=only)
    assert owner.runs() == []
    assert scene.refusals() == {"grant: calls that the slice has not": 1}


def test_failures_without_an_exception_are_named_by_status_alone(scene, owner):
    owner.open_box()
    run_one(scene, owner, status="timeout", error="took more than 30 s on host A")
    (result,) = owner.batch(owner.returned()[0])
    assert result.digest == failure_digest("timeout", "", None)


def test_long_and_odd_texts_are_cut_to_what_a_message_holds(make_scene, make_owner):
    scene = make_scene(slots=16)
    owner = make_owner(scene, "owner")
    owner.open_box()
    owner.grant(*range(16))
    text = "\ud800é" * 50_000
    for run in owner.runs():
        scene.finish(run, status="error", error="E: " + text, traceback=text, wall=float("nan"))
    results = []
    while calls := owner.returned():
        for call in calls:
            assert len(call.body.batch) <= BATCH_LIMIT
            encode_frame(Request(1, call.body))
            results += owner.batch(call)
            owner.accept(call)
    assert len(results) == 16
    assert all(len(result.traceback.encode()) <= 8192 for result in results)
    assert all(result.wall_seconds == 0.0 for result in results)


def test_a_result_leaves_at_once_when_nothing_is_queued_behind_it(scene, owner):
    owner.open_box()
    run_one(scene, owner)
    assert len(owner.returned()) == 1


def test_results_of_a_busy_worker_share_a_signature(make_scene, make_owner):
    scene = make_scene(slots=2)
    owner = make_owner(scene, "owner")
    owner.open_box()
    owner.grant(1, 2, 3, 4)
    first, second = owner.runs()
    scene.finish(first)
    assert owner.returned() == []
    scene.mono += 0.01
    scene.finish(second)
    (call,) = owner.returned()  # nothing waits for a slot any more
    assert [result.lease for result in owner.batch(call)] == [owner.id(1), owner.id(2)]


def test_a_result_waits_for_others_no_longer_than_it_may(scene, owner):
    owner.open_box()
    owner.grant(1, 2, 3, 4)
    scene.finish(owner.runs()[0])
    scene.wait(0.019)
    assert owner.returned() == []
    scene.wait(0.002)
    assert len(owner.returned()) == 1


def test_one_batch_is_under_way_at_a_time_and_the_rest_follows_it(scene, owner):
    owner.open_box()
    run_one(scene, owner, 1)
    (call,) = owner.returned()
    run_one(scene, owner, 2)
    run_one(scene, owner, 3)
    assert owner.returned() == []
    owner.accept(call)
    (call,) = owner.returned()
    assert len(owner.batch(call)) == 2


def test_batches_are_bounded_by_count_and_by_bytes(make_scene, make_owner):
    scene = make_scene(slots=200)
    owner = make_owner(scene, "owner")
    owner.open_box()
    for start in range(0, 192, 64):
        owner.grant(*range(start, start + 64))
    scene.lose(owner.peer)
    for number, run in enumerate(owner.runs()):
        scene.finish(run, value=bytes(48_000) if number >= 100 else b"small")
    scene.connect(owner.peer)
    scene.wait(1)
    sizes = []
    while calls := owner.returned():
        (call,) = calls
        assert len(encode_frame(Request(1, call.body))) < FRAME_LIMIT
        sizes.append(len(call.body.inlines))
        owner.accept(call)
    assert sum(sizes) == 192
    assert sizes[0] == MAX_LEASES
    assert all(size <= 22 for size in sizes[-4:])


def test_receipts_are_kept_each_under_a_number_of_its_own(scene, owner):
    owner.open_box()
    for number in (1, 2):
        run_one(scene, owner, number)
        owner.accept(owner.returned()[0])
    first, second = (save.record for save in scene.take(Save))
    assert (first.job, first.space) == (owner.job, "receipt")
    assert first.key() < second.key()
    assert scene.refusals() == {}


def bad_receipts(owner, leases):
    """Receipts that a hostile owner may send, by the kind under which they are counted."""
    stranger = KeyPair.from_seed(b"s" * 32)
    good = owner.receipt(leases)
    return [
        ("receipt: undecodable", b""),
        ("receipt: signature", good[:-1] + bytes([good[-1] ^ 1])),
        ("receipt: signature", owner.receipt(leases, sign=stranger.sign)),
        ("receipt: of others", owner.receipt(leases, worker=stranger.peer_id)),
        ("receipt: of others", owner.receipt(leases, job=digest(b"another job"))),
        ("receipt: other leases", owner.receipt([b"l" * 16])),
        ("receipt: domain", owner.manifest),
    ]


@pytest.mark.parametrize("index", range(7))
def test_bad_receipts_are_counted_and_not_kept(scene, owner, index):
    owner.open_box()
    run_one(scene, owner)
    (call,) = owner.returned()
    kind, envelope = bad_receipts(owner, [owner.id(1)])[index]
    scene.done(call, Taken(envelope))
    assert scene.refusals() == {kind: 1}
    assert scene.take(Save) == []
    run_one(scene, owner, 2)  # the owner has the results all the same
    assert len(owner.batch(owner.returned()[0])) == 1


def test_an_owners_receipt_of_anothers_key_is_refused(scene, owner, make_owner):
    other = make_owner(scene, "other")
    owner.open_box()
    run_one(scene, owner)
    (call,) = owner.returned()
    scene.done(call, Taken(other.receipt([owner.id(1)], job=owner.job)))
    assert scene.refusals() == {"receipt: of others": 1}


def test_unanswered_results_are_sent_again_with_growing_waits(scene, owner):
    owner.open_box()
    run_one(scene, owner)
    waits, last = [], scene.mono
    for _ in range(5):
        while not (calls := owner.returned()):
            scene.wait(0.05)
        waits.append(scene.mono - last)
        last = scene.mono
        assert [result.lease for result in owner.batch(calls[0])] == [owner.id(1)]
        scene.failed(calls[0], "timeout")
    assert waits[0] == 0
    assert waits[4] > 2 * waits[1] > 0.4


def test_results_wait_for_an_owner_that_returns(scene, owner):
    owner.open_box()
    owner.grant(1, 2)
    first, second = owner.runs()
    scene.finish(first)
    scene.failed(owner.returned()[0], "lost")
    scene.lose(owner.peer)
    scene.finish(second)
    scene.mono += 0.3
    scene.connect(owner.peer)
    scene.wait(0.25)
    (call,) = owner.returned()
    assert [result.lease for result in owner.batch(call)] == [owner.id(1), owner.id(2)]
    assert call.body.want == 4
    owner.accept(call)
    owner.grant(3)
    assert len(owner.runs()) == 1


def test_an_owner_that_restarts_is_pulled_again(scene, owner):
    owner.open_box()
    scene.lose(owner.peer, clean=True)
    scene.connect(owner.peer)
    scene.wait(0.25)
    (call,) = scene.calls(Pull)
    assert call.body.manifest_known and call.body.want == 4
    scene.done(call, Parked(b""))
    owner.grant(1)
    assert len(owner.runs()) == 1


def test_a_lost_owner_is_dialled_again(scene, owner):
    owner.open_box()
    scene.lose(owner.peer)
    scene.wait(0.5)
    (call,) = scene.calls(Pull)
    assert call.addresses == ("/ip4/192.0.2.1/tcp/4001",)


def test_slices_of_a_lost_owner_go_on_during_the_grace_and_end_after_it(scene, owner):
    owner.open_box()
    owner.grant(1, 2, 3)
    first, second = owner.runs()
    scene.lose(owner.peer)
    scene.finish(first)
    (third,) = owner.runs()
    scene.wait(70)
    assert scene.take(KillSlice) == [KillSlice(second.id), KillSlice(third.id)]
    assert scene.take(CloseBox) == [CloseBox(owner.job)]
    scene.connect(owner.peer)
    for call in owner.returned():
        scene.failed(call, "lost")
    scene.wait(31)
    (call,) = owner.returned()  # the result outlives the box
    assert (call.body.want, len(owner.batch(call))) == (0, 1)
    owner.accept(call)
    assert scene.worker.view().jobs == ()


def test_a_lost_owner_without_results_is_dropped_after_the_grace(scene, owner):
    owner.open_box()
    owner.grant(1)
    scene.lose(owner.peer)
    scene.wait(70)
    assert scene.worker.view().jobs == ()
    calls = scene.calls(Pull)
    assert 0 < len(calls) < 30


def test_results_of_a_gone_owner_are_dropped_in_the_end(scene, owner):
    owner.open_box()
    run_one(scene, owner)
    scene.lose(owner.peer)
    for _ in range(61):
        scene.wait(10)
        for call in owner.returned():
            scene.failed(call, "unreachable")
    assert scene.worker.view().jobs == ()


def test_a_slice_of_an_owner_that_is_there_goes_before_one_of_a_lost_owner(make_scene, make_owner):
    scene = make_scene(slots=1)
    lost, there = make_owner(scene, "lost"), make_owner(scene, "there")
    lost.open_box()
    there.open_box()
    lost.grant(1, 2)
    there.grant(1)
    scene.lose(lost.peer)
    scene.finish(lost.runs()[0])
    assert len(there.runs()) == 1


def test_results_that_are_refused_for_good_are_dropped_and_the_job_goes_on(scene, owner):
    owner.open_box()
    run_one(scene, owner)
    for _ in range(3):
        scene.wait(3)
        (call,) = owner.returned()
        scene.failed(call, "refused", "unknown leases")
    scene.wait(3)
    assert owner.returned() == []
    (call,) = scene.calls(Pull)  # which tells whether the job is over
    scene.done(call, Parked(b""))
    run_one(scene, owner, 2)
    assert len(owner.returned()) == 1


def test_a_wrong_type_of_answer_to_results_is_counted(scene, owner):
    owner.open_box()
    run_one(scene, owner)
    scene.done(owner.returned()[0], Parked(b""))
    assert scene.refusals() == {"results: wrong answer": 1}
    scene.wait(1)
    assert len(owner.returned()) == 1


def test_kept_results_are_bounded_and_then_nothing_starts(make_scene, make_owner, bounds):
    scene = make_scene(slots=1, work=bounds(worker_kept_results=3, worker_depth=8))
    owner = make_owner(scene, "owner")
    owner.open_box()
    ran = 0
    for number in range(10):
        owner.grant(number)
        for run in owner.runs():
            ran += 1
            scene.finish(run, wall=0.001)
        if number == 1:
            scene.lose(owner.peer)
    assert ran <= 3


def test_over_after_a_restart_drops_what_is_held(scene, owner):
    owner.open_box()
    owner.grant(1)
    scene.lose(owner.peer)
    scene.connect(owner.peer)
    scene.wait(1)
    (call,) = scene.calls(Pull)
    scene.done(call, PullRefused("over", 0.0, ""))
    assert len(scene.take(KillSlice)) == 1
    assert scene.worker.view().jobs == ()


def test_leaving_returns_what_is_finished_and_takes_no_more(scene, owner):
    owner.open_box()
    owner.grant(1, 2, 3, 4)
    scene.finish(owner.runs()[0])
    assert owner.returned() == [] and len(owner.runs()) == 1
    scene.did(scene.worker.leave)
    (call,) = owner.returned()
    assert call.body.want == 0
    assert scene.worker.view().paused == "it is leaving"
    owner.accept(call)
    scene.wait(60)
    assert owner.runs() == []
