"""From an offer to a parked pull: who asks, when, and what answers mean."""

from __future__ import annotations

from dataclasses import replace

from peernet.core.effects import Fetch, Hold, OpenBox
from peernet.core.events import Done
from peernet.wire.signed import ADVERT, MANIFEST, Needs
from peernet.wire.work import Parked, Pull, PullRefused, Taken


def test_a_pull_follows_an_offer_after_jitter_with_a_valid_advert(scene, owner):
    owner.offer()
    assert scene.calls(Pull) == []
    call = owner.pulled()
    assert call.body.job == owner.job
    assert call.addresses == ("/ip4/192.0.2.1/tcp/4001",)
    assert call.body.want == 0  # none before the box is open
    assert not call.body.manifest_known
    assert owner.open(call.body.advert, ADVERT).author == scene.ctx.me


def test_the_bundle_is_pulled_and_the_box_opened_before_any_grant(scene, owner):
    owner.park()
    assert Hold(owner.peer, "owner", True) in scene.effects
    (fetch,) = scene.take(Fetch)
    assert (fetch.peer, fetch.digest) == (owner.peer, owner.bundle)
    assert scene.take(OpenBox) == []
    scene.done(fetch)
    (box,) = scene.take(OpenBox)
    assert (box.job, box.bundle, box.slots) == (owner.job, owner.bundle, 2)


def test_an_own_job_is_pulled_at_once_and_its_bundle_is_here(scene, make_owner):
    mine = make_owner(scene, "mine", keys=scene.keys)
    mine.offer(open_slices=1)
    ((body, then),) = scene.said_to_self
    assert isinstance(body, Pull)
    scene.did(lambda: then(Done(0, Parked(mine.manifest))))
    assert scene.take(Fetch) == []
    assert len(scene.take(OpenBox)) == 1
    assert scene.take(Hold) == []


def test_an_offer_without_open_slices_brings_no_pull(scene, owner):
    owner.offer(open_slices=0)
    scene.wait(5)
    assert scene.calls(Pull) == []


def test_an_offer_that_ends_during_the_jitter_brings_no_pull(scene, owner):
    owner.offer()
    scene.did(lambda: scene.worker.on_tombstone(owner.peer, owner.job))
    scene.wait(5)
    assert scene.calls(Pull) == []


def test_offers_of_a_tombstoned_job_are_ignored_but_only_its_author_can_say_so(scene, owner, make_owner):
    other = make_owner(scene, "other")
    scene.did(lambda: scene.worker.on_tombstone(other.peer, owner.job))
    owner.offer()
    owner.pulled()
    scene.did(lambda: scene.worker.on_tombstone(owner.peer, owner.job))
    owner.offer()
    scene.wait(5)
    assert scene.calls(Pull) == []


def test_a_peer_that_offers_anothers_job_does_not_stand_in_its_way(scene, owner, make_owner):
    thief = make_owner(scene, "thief")
    thief.offer(job=owner.job)
    call = thief.pulled()
    owner.offer()
    owners_call = owner.pulled()
    scene.done(call, Parked(owner.manifest))
    assert scene.refusals() == {"manifest: refused": 1}
    scene.done(owners_call, Parked(owner.manifest))
    assert scene.worker.view().jobs == (owner.job,)


def test_needs_that_this_machine_lacks_bring_no_pull(scene, make_owner, machine):
    lacking = [
        Needs("3.12", 0, ""),
        Needs("", machine.memory + 1, ""),
        Needs("", 0, "Z"),
    ]
    for number, needs in enumerate(lacking):
        make_owner(scene, f"owner {number}", needs=needs).offer()
    scene.wait(5)
    assert scene.calls(Pull) == []
    met = make_owner(scene, "met", needs=Needs("3.11", machine.memory // 2, "B"))
    met.offer()
    met.pulled()


def test_no_slots_no_sandbox_or_no_measurement_bring_no_pull(make_scene, make_owner, machine):
    for scene in (make_scene(slots=0), make_scene(machine=replace(machine, tier="")), make_scene(machine=None)):
        make_owner(scene, "owner").offer()
        scene.wait(5)
        assert scene.calls(Pull) == []


def test_offers_heard_before_the_machine_was_measured_are_looked_at_then(make_scene, make_owner, machine):
    scene = make_scene(machine=None)
    owner = make_owner(scene, "owner")
    owner.offer()
    scene.wait(1)
    scene.did(lambda: scene.adverts.machine(machine))
    owner.pulled()


def test_a_worker_for_its_own_keys_serves_nobody_else(make_scene, make_owner):
    scene = make_scene(serves="mine")
    stranger, friend = make_owner(scene, "stranger"), make_owner(scene, "friend")
    scene.ctx.mine[friend.peer] = None
    stranger.offer()
    friend.offer()
    friend.pulled()


def _pullers(make_scene, make_owner, open_slices, slots_known):
    """How many of 100 workers pull when others advertise so many free slots."""
    pulls = 0
    for seed in range(100):
        scene = make_scene(seed=seed, slots=1)
        scene.adverts.capacity = lambda: slots_known
        make_owner(scene, "owner").offer(open_slices=open_slices)
        scene.wait(1)
        pulls += len(scene.calls(Pull))
    return pulls


def test_workers_pull_with_a_probability_that_matches_slices_to_capacity(make_scene, make_owner):
    assert _pullers(make_scene, make_owner, open_slices=100, slots_known=100) == 100
    assert 20 <= _pullers(make_scene, make_owner, open_slices=30, slots_known=150) <= 42
    assert 3 <= _pullers(make_scene, make_owner, open_slices=1, slots_known=1000) <= 20
    assert _pullers(make_scene, make_owner, open_slices=1, slots_known=17) == 100, "a small network leaves nothing"


def test_the_same_seed_decides_the_same(make_scene, make_owner):
    def story(seed):
        scene = make_scene(seed=seed)
        owner = make_owner(scene, "owner")
        owner.open_box()
        owner.grant(1, 2, 3, 4)
        for run in owner.runs():
            scene.finish(run)
        scene.wait(1)
        scene.lose(owner.peer)
        scene.wait(120)
        return repr(scene.log)

    assert story(7) == story(7)
    assert story(7) != story(8)


def test_a_busy_owner_is_asked_again_later(scene, owner):
    owner.offer()
    scene.done(owner.pulled(), PullRefused("busy", 4.0, ""))
    scene.wait(3.9)
    assert scene.calls(Pull) == []
    scene.wait(2.2)
    (call,) = scene.calls(Pull)
    scene.done(call, Parked(owner.manifest))
    assert scene.worker.view().jobs == (owner.job,)


def test_an_owner_can_not_send_a_worker_away_for_ever(scene, owner):
    owner.offer()
    scene.done(owner.pulled(), PullRefused("busy", 1e9, ""))
    asked_away = scene.mono
    while not scene.calls(Pull):
        owner.offer()
        scene.wait(50)
    assert 300 <= scene.mono - asked_away <= 500


def test_over_unfit_and_banned_are_final(scene, make_owner):
    for why in ("over", "unfit", "banned"):
        owner = make_owner(scene, why)
        owner.offer()
        scene.done(owner.pulled(), PullRefused(why, 0.0, "you lack numpy"))
        owner.offer()
        scene.wait(5)
        assert scene.calls(Pull) == []
    assert scene.worker.view().jobs == ()


def test_a_manifest_that_is_not_the_jobs_is_refused_and_counted(scene, make_owner):
    honest = make_owner(scene, "honest")
    swaps = {
        "another job's": lambda owner: honest.manifest,
        "altered": lambda owner: owner.manifest[:-70] + b"x" + owner.manifest[-69:],
        "empty": lambda owner: b"",
        "of another domain": lambda owner: owner.seal(ADVERT, Needs("", 0, "")),
        "no manifest": lambda owner: owner.seal(MANIFEST, Needs("", 0, "")),
    }
    for count, (name, swap) in enumerate(swaps.items(), 1):
        owner = make_owner(scene, name)
        owner.offer()
        scene.done(owner.pulled(), Parked(swap(owner)))
        assert scene.refusals() == {"manifest: refused": count}
        owner.offer()
        scene.wait(5)
        assert scene.calls(Pull) == []
    assert scene.take(OpenBox) == []


def test_a_manifest_that_asks_for_more_than_its_offer_is_left(scene, make_owner, machine):
    greedy = make_owner(scene, "greedy", needs=Needs("3.12", 0, ""))
    greedy.needs = Needs("", 0, "")
    endless = make_owner(scene, "endless", timeout=1e8)
    hungry = make_owner(scene, "hungry", needs=Needs("", machine.memory // 2 + 1, ""))
    hungry.needs = Needs("", 0, "")
    for owner in (greedy, endless, hungry):
        owner.offer()
        scene.done(owner.pulled(), Parked(owner.manifest))
    assert scene.worker.view().jobs == ()
    assert scene.take(Fetch) == []


def test_a_wrong_type_of_answer_ends_it_and_is_counted(scene, owner):
    owner.offer()
    scene.done(owner.pulled(), Taken(b""))
    assert scene.refusals() == {"pull: wrong answer": 1}
    owner.offer()
    scene.wait(5)
    assert scene.calls(Pull) == []


def test_an_owner_that_can_not_be_reached_is_tried_again_with_its_next_offer_only(scene, owner):
    owner.offer()
    scene.failed(owner.pulled(), "unreachable")
    scene.wait(30)
    assert scene.calls(Pull) == []
    owner.offer()
    owner.pulled()


def test_a_withheld_bundle_ends_it_and_is_counted(scene, owner):
    owner.park()
    (fetch,) = scene.take(Fetch)
    scene.failed(fetch, "corrupt")
    assert scene.refusals() == {"bundle: withheld": 1}
    assert scene.worker.view().jobs == ()


def test_a_bundle_is_asked_for_a_few_times(scene, owner):
    owner.park()
    for _ in range(scene.ctx.config.work.worker_tries):
        (fetch,) = scene.take(Fetch)
        scene.failed(fetch, "timeout")
        scene.wait(1)
    assert scene.take(Fetch) == []
    assert scene.worker.view().jobs == ()


def test_jobs_are_bounded_and_the_idle_one_makes_room(make_scene, make_owner, bounds):
    scene = make_scene(work=bounds(worker_jobs=2))
    first, second, third = (make_owner(scene, name) for name in ("first", "second", "third"))
    first.open_box()
    second.open_box()
    second.grant(1)
    third.offer()
    scene.wait(1)
    assert scene.calls(Pull) == []
    scene.wait(30)
    third.offer()
    scene.wait(1)
    withdrawn, pulled = scene.calls(Pull)
    assert (withdrawn.peer, withdrawn.body.want) == (first.peer, 0)
    assert pulled.peer == third.peer


def test_the_tables_of_offers_are_bounded(make_scene, make_owner, bounds):
    scene = make_scene(work=bounds(worker_offers=3, worker_barred=3))
    for number in range(10):
        owner = make_owner(scene, f"owner {number}")
        owner.offer(open_slices=0)
        scene.did(lambda owner=owner: scene.worker.on_tombstone(owner.peer, owner.job))
    for number in range(10):
        make_owner(scene, f"other {number}").offer(open_slices=0)
    table = scene.worker._offers
    assert len(table._known) == 3
    assert len(table._barred) == 3
