"""Grants, inputs, turns, boxes: from a lease to a run."""

from __future__ import annotations

from collections import Counter

import pytest

from peernet.core.effects import CloseBox, Fetch, Hold, KillSlice, Note, OpenBox, PinBlob, RunSlice, UnpinBlobs
from peernet.core.events import Done
from peernet.identity.digest import digest
from peernet.identity.envelope import open_envelope
from peernet.identity.keys import verify
from peernet.wire.codec import decode_body
from peernet.wire.signed import ADVERT, Advert
from peernet.wire.work import Grant, LeaseGrant, Parked, Pull, PullRefused, Recalled, WirePayload


def advert_of(scene, envelope):
    opened = open_envelope(envelope, ADVERT, now=scene.now().wall, verify=verify, max_lifetime=120.0)
    return decode_body(Advert, opened.body)


def test_granted_slices_run_at_most_slots_at_once(scene, owner):
    owner.open_box()
    owner.grant(1, 2, 3, 4)
    runs = owner.runs()
    assert [run.input.inline for run in runs] == [b"input 1", b"input 2"]
    assert all(run.seconds == 30.0 for run in runs)
    scene.finish(runs[0])
    assert [run.input.inline for run in owner.runs()] == [b"input 3"]
    view = scene.worker.view()
    assert (view.slots, view.running, view.queued, view.done) == (2, 2, 1, 1)


def test_without_a_time_limit_the_default_of_boxes_holds(scene, make_owner):
    owner = make_owner(scene, "patient", timeout=0.0)
    owner.open_box()
    owner.grant(1)
    assert owner.runs()[0].seconds == scene.ctx.config.box.seconds


def test_slices_are_wanted_once_the_box_is_open(scene, owner):
    assert owner.park().want == 0
    owner.grant(1)
    assert scene.refusals() == {"grant: more than was asked for": 1}
    scene.done(scene.take(Fetch)[0])
    assert scene.calls(Pull) == []
    scene.done(scene.take(OpenBox)[0])
    (call,) = scene.calls(Pull)
    assert call.body.manifest_known and call.body.want == 4  # two slots, and one slice behind each


def test_grants_may_come_before_the_answer_to_the_pull(scene, owner):
    owner.park()
    scene.done(scene.take(Fetch)[0])
    scene.done(scene.take(OpenBox)[0])
    (call,) = scene.calls(Pull)
    owner.grant(1, 2)
    assert len(owner.runs()) == 2
    scene.done(call, Parked(b""))
    owner.grant(3, 4)
    assert scene.refusals() == {}
    assert scene.worker.view().queued == 2


def test_a_grant_that_nobody_asked_for_is_refused_and_counted(scene, owner, make_owner):
    stranger = make_owner(scene, "stranger")
    stranger.grant(1, 2)
    assert scene.refusals() == {"grant: not asked for": 1}
    owner.open_box()
    owner.grant(1, peer=stranger.peer)  # another peer grants for the owner's job
    assert scene.refusals() == {"grant: not asked for": 2}
    assert scene.take(RunSlice) == []


def test_more_than_was_asked_for_is_refused_and_counted(scene, owner):
    assert owner.open_box().want == 4
    owner.grant(*range(64))
    assert scene.refusals() == {"grant: more than was asked for": 1}
    assert len(owner.runs()) == 2
    assert scene.worker.view().queued == 2
    owner.grant(64)
    assert scene.refusals() == {"grant: more than was asked for": 2}


def test_a_lease_granted_twice_runs_once(scene, owner):
    owner.open_box()
    owner.grant(1)
    owner.grant(1)
    (run,) = owner.runs()
    scene.finish(run)
    owner.grant(1)  # its result is on the way
    assert owner.runs() == []
    assert scene.refusals() == {}


def test_an_input_that_is_not_what_it_says_is_refused(scene, owner):
    owner.open_box()
    owner.grant(1, size=5)
    wrong = WirePayload(digest(b"something else"), 7, b"input 2")
    scene.message(owner.peer, Grant(owner.job, (LeaseGrant(owner.id(2), 1, 60.0, 1, wrong, bytes(16)),)))
    owner.grant(3, size=1 << 40, blob=True)
    assert scene.refusals() == {"grant: altered input": 2, "grant: input too large": 1}
    assert scene.take(RunSlice) == [] and scene.take(Fetch) == []


def test_blob_inputs_are_pulled_a_few_at_once_before_they_run(make_scene, make_owner):
    scene = make_scene(slots=8)
    owner = make_owner(scene, "owner")
    owner.open_box()
    owner.grant(*range(8), blob=True)
    fetches = scene.take(Fetch)
    assert len(fetches) == 4
    assert all(fetch.peer == owner.peer for fetch in fetches)
    assert owner.runs() == []
    scene.done(fetches[1])
    (run,) = owner.runs()
    assert run.input.digest == fetches[1].digest and run.input.inline is None
    assert PinBlob(run.input.digest, owner.id(1)) in scene.effects
    assert len(scene.take(Fetch)) == 1


def test_a_withheld_input_is_counted_and_its_lease_dropped(scene, owner):
    owner.open_box()
    owner.grant(1, blob=True)
    scene.failed(scene.take(Fetch)[0], "missing")
    assert scene.refusals() == {"grant: input withheld": 1}
    assert scene.worker.view().queued == 0


def test_an_input_that_does_not_come_is_asked_for_a_few_times(scene, owner):
    owner.open_box()
    owner.grant(1, blob=True)
    for _ in range(3):
        (fetch,) = scene.take(Fetch)
        scene.failed(fetch, "timeout")
        scene.wait(1)
    assert scene.take(Fetch) == []
    assert scene.worker.view().queued == 0


def test_slices_that_began_are_told_together(scene, owner):
    owner.open_box()
    owner.grant(1, 2)
    first, second = owner.runs()
    scene.did(lambda: scene.worker.on_began(first.id))
    scene.did(lambda: scene.worker.on_began(second.id))
    scene.did(lambda: scene.worker.on_began(999_999))
    assert owner.started() == []
    scene.wait(0.02)
    assert owner.started() == [owner.id(1), owner.id(2)]


def test_a_slice_that_ended_meanwhile_is_not_told_as_started(scene, owner):
    owner.open_box()
    owner.grant(1, 2)
    for run in owner.runs():
        scene.did(lambda run=run: scene.worker.on_began(run.id))
        if run.input.inline == b"input 1":
            scene.finish(run)
    scene.wait(0.02)
    assert owner.started() == [owner.id(2)]


def test_recall_gives_back_what_has_not_started(scene, owner):
    owner.open_box()
    owner.grant(1, 2, 3, 4)
    assert len(owner.runs()) == 2
    answer = owner.recall(1, 3, 4, 9)
    assert answer == Recalled((owner.id(3), owner.id(4)))
    scene.wait(1)
    assert scene.calls(Pull) == []  # asking for others at once would bring the same ones back
    assert scene.worker.view().queued == 0


def test_recall_gives_back_slices_whose_input_is_on_its_way(make_scene, make_owner):
    scene = make_scene(slots=4)
    owner = make_owner(scene, "owner")
    owner.open_box()
    owner.grant(*range(6), blob=True)
    fetches = scene.take(Fetch)
    assert set(owner.recall(0, 5).leases) == {owner.id(0), owner.id(5)}
    scene.done(fetches[0])
    assert owner.runs() == []


def test_only_the_owner_recalls_or_ends_its_job(scene, owner, make_owner):
    other = make_owner(scene, "other")
    owner.open_box()
    owner.grant(1, 2, 3)
    assert owner.recall(3, peer=other.peer) == Recalled(())
    owner.over(peer=other.peer)
    assert scene.worker.view().running == 2 and scene.worker.view().queued == 1


def test_the_end_of_a_job_ends_all_that_is_its(scene, owner):
    owner.open_box()
    owner.grant(1, 2, 3)
    runs = owner.runs()
    owner.over()
    assert scene.take(KillSlice) == [KillSlice(run.id) for run in runs]
    assert CloseBox(owner.job) in scene.effects
    assert UnpinBlobs(owner.job) in scene.effects
    assert Hold(owner.peer, "owner", False) in scene.effects
    assert scene.worker.view().jobs == ()
    for run in runs:
        scene.failed(run, "box")
    scene.wait(1)
    assert owner.returned() == []
    assert scene.take(OpenBox) == []


def test_killed_slices_keep_their_slots_until_they_have_ended(scene, owner, make_owner):
    owner.open_box()
    owner.grant(1, 2)
    runs = owner.runs()
    owner.over()
    other = make_owner(scene, "other")
    other.open_box()
    other.grant(1, 2)
    assert other.runs() == []
    scene.failed(runs[0], "box")
    assert len(other.runs()) == 1


def test_blobs_of_an_own_job_stay_when_it_ends(scene, make_owner):
    mine = make_owner(scene, "mine", keys=scene.keys)
    mine.offer()
    ((_, then),) = scene.said_to_self
    scene.did(lambda: then(Done(0, Parked(mine.manifest))))
    scene.done(scene.take(OpenBox)[0])
    mine.grant(1, blob=True)
    assert scene.take(Fetch) == []
    assert len(mine.runs()) == 1
    mine.over()
    assert scene.take(UnpinBlobs) == []
    assert CloseBox(mine.job) in scene.effects


def test_two_owners_share_run_time_fairly(make_scene, make_owner):
    scene = make_scene(slots=1)
    owners = [make_owner(scene, "short"), make_owner(scene, "long")]
    wall = {owners[0].job: 0.1, owners[1].job: 0.4}
    for owner in owners:
        owner.open_box()
    spent = Counter()
    number = 0
    while sum(spent.values()) < 40:
        for owner in owners:
            held = scene.worker._bench.held[(owner.peer, owner.job)]
            while held.allowance:
                number += 1
                owner.grant(number)
        (run,) = scene.take(RunSlice)
        scene.mono += wall[run.job]
        spent[run.job] += wall[run.job]
        scene.finish(run, wall=wall[run.job])
        for owner in owners:
            for call in owner.returned():
                owner.accept(call)
    assert spent[owners[0].job] == pytest.approx(20, abs=2)


def test_an_owner_alone_is_asked_for_all_slots_and_two_for_half_each(make_scene, make_owner):
    scene = make_scene(slots=4)
    first, second = make_owner(scene, "first"), make_owner(scene, "second")
    assert first.open_box().want == 8
    first.grant(1, 2)
    assert second.open_box().want == 4


@pytest.mark.parametrize(("wall", "extra"), [(0.001, 32), (0.05, 5), (1.0, 1), (20.0, 0)])
def test_the_queue_behind_a_slot_covers_the_round_trip(make_scene, make_owner, wall, extra):
    scene = make_scene(slots=1)
    owner = make_owner(scene, "owner")
    owner.open_box()
    owner.grant(1, 2)
    for _ in range(2):
        scene.finish(owner.runs()[0], wall=wall)
        (call,) = owner.returned()
        scene.mono += 0.1
        owner.accept(call)
    assert call.body.want == 1 + extra


def test_a_box_that_ends_is_opened_once_more_and_its_slices_run_again(scene, owner):
    owner.open_box()
    owner.grant(1, 2, 3)
    first, second = owner.runs()
    scene.failed(first, "box")
    scene.failed(second, "box")
    assert CloseBox(owner.job) in scene.effects
    (box,) = scene.take(OpenBox)
    assert owner.runs() == []
    scene.done(box)
    assert len(owner.runs()) == 2
    assert scene.worker.view().queued == 1


def test_a_box_that_fails_twice_ends_the_job_here_without_a_result(scene, owner):
    owner.open_box()
    owner.grant(1)
    scene.failed(owner.runs()[0], "box")
    scene.failed(scene.take(OpenBox)[0], "box", "no more processes")
    assert scene.worker.view().jobs == ()
    assert owner.returned() == []
    assert any("no more processes" in note.text for note in scene.take(Note))
    (told,) = scene.calls(Pull)
    assert (told.body.want, told.body.unable) == (0, "its box fails here: no more processes")
    owner.offer()
    scene.wait(5)
    assert scene.calls(Pull) == []


def test_a_slice_that_ends_every_box_is_dropped(scene, owner):
    owner.open_box()
    owner.grant(1, 2)
    for _ in range(3):
        runs = {run.input.inline: run for run in owner.runs()}
        if b"input 2" in runs:
            scene.finish(runs[b"input 2"])
            for call in owner.returned():
                owner.accept(call)
            owner.grant(2)
        scene.failed(runs[b"input 1"], "box")
        for box in scene.take(OpenBox):
            scene.done(box)
    assert owner.id(1) not in scene.worker._bench.held[(owner.peer, owner.job)].leases


def test_a_full_disk_pauses_the_worker_and_says_so(scene, owner):
    owner.open_box()
    owner.grant(1, 2, 3)
    first, second = owner.runs()
    scene.failed(first, "storage", "no space left")
    assert "no space left" in scene.worker.view().paused
    assert "no space left" in advert_of(scene, scene.published[-1]).paused
    assert any(note.topic == "warning" for note in scene.take(Note))
    scene.finish(second)
    assert owner.runs() == []
    (call,) = owner.returned()
    assert call.body.want == 0
    owner.accept(call)
    scene.wait(30)
    assert scene.worker.view().paused == ""
    assert advert_of(scene, scene.published[-1]).paused == ""
    assert len(owner.runs()) == 2


def test_after_k_slices_no_more_is_taken(make_scene, make_owner):
    scene = make_scene(slots=2, max_slices=3)
    owner = make_owner(scene, "owner")
    assert owner.open_box().want == 3
    owner.grant(1, 2)
    for run in owner.runs():
        scene.finish(run)
    (call,) = owner.returned()
    assert call.body.want == 0  # a third slice may be on its way already
    owner.accept(call)
    (call,) = owner.returned()
    assert call.body.want == 1
    owner.accept(call)
    owner.grant(3, 4)
    (run,) = owner.runs()
    scene.finish(run)
    owner.accept(owner.returned()[0])
    assert scene.worker.view().paused == "it has done its 3 slices"
    assert "3 slices" in advert_of(scene, scene.published[-1]).paused
    other = make_owner(scene, "other")
    other.offer()
    scene.wait(5)
    assert [call for call in scene.calls(Pull) if call.peer == other.peer] == []


def test_an_idle_job_loses_its_box_and_its_owner_is_told(scene, owner):
    owner.open_box()
    scene.wait(599)
    assert scene.take(CloseBox) == []
    scene.wait(10)
    assert scene.take(CloseBox) == [CloseBox(owner.job)]
    (call,) = scene.calls(Pull)
    assert call.body.want == 0
    assert scene.worker.view().jobs == ()


def test_free_slots_are_advertised(scene, owner):
    assert advert_of(scene, scene.adverts.own()).free == 2
    owner.open_box()
    owner.grant(1, 2)
    scene.wait(scene.ctx.config.work.advert_interval)
    assert advert_of(scene, scene.published[-1]).free == 0
    assert scene.adverts.capacity() == 0


def test_a_job_past_its_expiry_is_dropped(scene, owner):
    owner.open_box()
    owner.grant(1)
    scene.wait(86_500)
    assert scene.worker.view().jobs == ()
    assert len(scene.take(KillSlice)) == 1


def test_a_refusal_after_a_parked_pull_keeps_what_runs(scene, owner):
    owner.open_box()
    owner.grant(1)
    scene.lose(owner.peer)
    scene.connect(owner.peer)
    scene.wait(1)
    (call,) = scene.calls(Pull)
    scene.done(call, PullRefused("busy", 2.0, ""))
    assert scene.worker.view().running == 1
    scene.wait(3.1)
    assert len(scene.calls(Pull)) == 1


def test_an_offer_of_a_job_for_which_nothing_came_renews_the_pull(scene, owner):
    owner.open_box()
    owner.offer()
    (call,) = scene.calls(Pull)
    assert call.body.manifest_known and call.body.want == 4
    scene.done(call, Parked(b""))
    owner.grant(1)
    owner.offer()
    assert scene.calls(Pull) == []
