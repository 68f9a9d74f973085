"""What a worker lends: jobs that need more are left alone with the reason, slices get no more than that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from peernet.config import BoxConfig, WorkConfig
from peernet.config.lending import LendConfig
from peernet.config.project import MAX_SECONDS
from peernet.core.effects import Note, OpenBox
from peernet.wire.codec import decode_body, encode_body
from peernet.wire.signed import Advert, Needs
from peernet.wire.work import Parked, Pull

MIB, GIB = 1 << 20, 1 << 30
BOX = BoxConfig()


def notes(scene):
    return [note.text for note in scene.take(Note, topic="work")]


def run_of(scene, owner):
    """The box and the first slice of an owner's job."""
    owner.offer()
    scene.done(owner.pulled(), Parked(owner.manifest))
    for fetch in [effect for effect in scene.effects if type(effect).__name__ == "Fetch"]:
        scene.done(fetch)
    (box,) = scene.take(OpenBox, job=owner.job)
    scene.done(box)
    for call in scene.calls(Pull, owner.peer):
        scene.done(call, Parked(b""))
    owner.grant(1)
    (run,) = owner.runs()
    return box, run


def test_a_job_that_needs_a_package_is_left_alone_and_told_once(make_scene, make_owner, machine):
    scene = make_scene(machine=replace(machine, installed={"numpy": "1.26.4"}))
    owner = make_owner(scene, "owner", needs=Needs("", 0, "", ("numpy>=2", "scipy")))
    for _ in range(3):
        owner.offer()
        scene.wait(5)
    assert scene.calls(Pull) == []
    assert notes(scene) == ["leaves a job alone: this machine lacks numpy>=2 and scipy"]


def test_packages_are_checked_by_what_is_installed_and_not_by_what_the_advert_has_room_for(
    make_scene, make_owner, machine
):
    scene = make_scene(machine=replace(machine, installed={"numpy": "2.1"}, packages=()))
    make_owner(scene, "owner", needs=Needs("", 0, "", ("numpy>=2",))).offer()
    scene.wait(5)
    assert len(scene.calls(Pull)) == 1


def test_what_was_installed_meanwhile_counts(make_scene, make_owner, machine):
    scene = make_scene(machine=replace(machine, installed={}))
    owner = make_owner(scene, "owner", needs=Needs("", 0, "", ("numpy>=2",)))
    owner.offer()
    scene.wait(5)
    scene.did(lambda: scene.adverts.machine(replace(machine, installed={"numpy": "2.1"})))
    owner.pulled()


@pytest.mark.parametrize(
    ("needs", "lack"),
    [
        (Needs("", 2 * GIB + 1, ""), "2 GiB of memory for a slice"),
        (Needs("", 0, "", (), 61.0), "61 s of time for a slice"),
        (Needs("", 0, "", (), 0.0, 6 * MIB), "6 MiB of scratch for a slice"),
        (
            Needs("snake", 0, ""),
            "a way to read its needs: 'snake' is no range of versions; write it as in '>=3.11'",
        ),
    ],
)
def test_jobs_over_the_volunteers_own_limits_are_left_alone(make_scene, make_owner, needs, lack):
    scene = make_scene(lend=LendConfig(memory=2 * GIB, seconds=60.0, scratch=5 * MIB))
    make_owner(scene, "owner", needs=needs).offer()
    mine = make_owner(scene, "mine", needs=needs)
    scene.ctx.mine[mine.peer] = None
    mine.offer()
    scene.wait(5)
    assert scene.calls(Pull) == [], "what the volunteer chose holds for own keys too"
    assert notes(scene) == [f"leaves a job alone: this machine lacks {lack}"] * 2


def test_a_hostile_requirement_is_no_more_than_a_job_left_alone(make_scene, make_owner):
    scene = make_scene()
    make_owner(scene, "owner", needs=Needs("", 0, "", ("not a requirement !!",))).offer()
    scene.wait(5)
    assert scene.calls(Pull) == []
    (note,) = notes(scene)
    assert note.startswith("leaves a job alone: this machine lacks a way to read its needs: ")


def test_strangers_get_a_slots_share_of_the_memory_and_own_keys_what_is_free(make_scene, make_owner, machine):
    scene = make_scene(slots=4)
    needs = Needs("", machine.memory // 4 + 1, "")
    make_owner(scene, "stranger", needs=needs).offer()
    scene.wait(5)
    assert scene.calls(Pull) == []
    mine = make_owner(scene, "mine", needs=needs)
    scene.ctx.mine[mine.peer] = None
    mine.offer()
    mine.pulled()


def test_a_slice_gets_what_its_job_needs(make_scene, make_owner):
    scene = make_scene()
    owner = make_owner(scene, "owner", needs=Needs("", 64 * MIB, "", (), 7.0, 3 * MIB), reuse=True)
    box, run = run_of(scene, owner)
    assert (run.memory, run.seconds, run.scratch) == (64 * MIB, 7.0, 3 * MIB)
    assert (box.memory, box.seconds, box.scratch, box.reuse) == (64 * MIB, 7.0, 3 * MIB, True)


def test_a_slice_whose_job_says_nothing_gets_the_default_or_what_is_lent_if_that_is_less(make_scene, make_owner):
    scene = make_scene()
    _, run = run_of(scene, make_owner(scene, "owner", timeout=0.0))
    assert (run.memory, run.seconds, run.scratch) == (BOX.memory, BOX.seconds, BOX.scratch)
    scene = make_scene(lend=LendConfig(memory=32 * MIB, seconds=3.0, scratch=MIB))
    _, run = run_of(scene, make_owner(scene, "owner", timeout=0.0))
    assert (run.memory, run.seconds, run.scratch) == (32 * MIB, 3.0, MIB)
    scene = make_scene(lend=LendConfig(memory=64 * GIB, seconds=1e6, scratch=64 * GIB))
    _, run = run_of(scene, make_owner(scene, "owner", timeout=0.0))
    assert (run.memory, run.seconds, run.scratch) == (BOX.memory, BOX.seconds, BOX.scratch)


def test_no_job_of_an_own_key_runs_longer_than_a_box_can_measure(make_scene, make_owner):
    scene = make_scene()
    mine = make_owner(scene, "mine", timeout=1e9)
    scene.ctx.mine[mine.peer] = None
    _, run = run_of(scene, mine)
    assert run.seconds == MAX_SECONDS


def test_the_advert_tells_packages_and_what_is_lent(make_scene, machine):
    scene = make_scene(
        lend=LendConfig(memory=GIB, seconds=60.0),
        machine=replace(machine, packages=("numpy==2.0",), installed={"numpy": "2.0", "left-out": "1"}),
    )
    body = scene.adverts.current()
    assert body.packages == ("numpy==2.0",)
    assert (body.slice_memory, body.slice_seconds) == (GIB, 60.0)
    assert body.slice_scratch == LendConfig().strangers_scratch
    assert decode_body(Advert, encode_body(body)) == body


def test_a_limit_that_is_broken_is_told_to_the_owner_as_a_result(make_scene, make_owner):
    for status in ("memory", "timeout", "scratch", "too_large"):
        scene = make_scene()
        owner = make_owner(scene, "owner")
        _, run = run_of(scene, owner)
        scene.finish(run, status=status, error="the task used 2; 1 is allowed")
        scene.wait(1)
        (call,) = owner.returned()
        (result,) = owner.batch(call)
        assert (result.status, result.error) == (status, "the task used 2; 1 is allowed")
        owner.accept(call)
        scene.wait(30)
        assert owner.runs() == [], "it is not run again here"


def test_what_is_missing_is_remembered_for_as_many_offers_as_are_kept(make_scene, make_owner, machine):
    scene = make_scene(machine=replace(machine, installed={}), work=replace(WorkConfig(), worker_offers=3))
    for number in range(10):
        make_owner(scene, f"owner {number}", needs=Needs("", 0, "", (f"p{number}",))).offer()
    assert len(scene.worker._lending._missing) <= 3
