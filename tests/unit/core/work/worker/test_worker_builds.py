"""Jobs whose packages a worker lacks: left alone, or taken and built, as the volunteer says."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import msgspec
import pytest

from peernet.config.lending import LendConfig
from peernet.core.effects import Fetch, Note, OpenBox
from peernet.types import JobId
from peernet.wire.codec import decode_body
from peernet.wire.signed import MANIFEST, Manifest, Needs
from peernet.wire.work import Parked, Pull

NEEDS = Needs("", 0, "", ("needle>=2",))


def lock_with(owner, lock: bytes) -> None:
    """Have an owner's manifest lock its packages."""
    body = decode_body(Manifest, owner.open(owner.manifest, MANIFEST).body)
    owner.manifest = owner.seal(MANIFEST, msgspec.structs.replace(body, lock=lock), lifetime=86_400.0)
    owner.job = JobId(hashlib.sha256(owner.manifest).digest())


@pytest.mark.parametrize(
    ("build", "mine", "takes"),
    [("mine", True, True), ("mine", False, False), ("anyone", False, True), ("none", True, False)],
)
def test_missing_packages_are_built_for_whom_the_volunteer_lets_in(
    make_scene, make_owner, build, mine, takes
) -> None:
    scene = make_scene(lend=LendConfig(build=build))
    owner = make_owner(scene, "owner", needs=NEEDS)
    if mine:
        scene.ctx.mine[owner.peer] = None
    lock_with(owner, b"a lock")
    assert scene.adverts.current().builds == build
    owner.offer()
    scene.wait(scene.ctx.config.work.worker_pull_jitter)
    calls = scene.calls(Pull, owner.peer)
    assert bool(calls) is takes
    if not takes:
        assert any("lacks needle>=2" in note.text for note in scene.take(Note))
        return
    scene.done(calls[0], Parked(owner.manifest))
    scene.done(scene.take(Fetch)[0])
    (box,) = scene.take(OpenBox)
    assert (box.lock, box.own) == (b"a lock", mine)


def test_what_is_installed_is_not_built(make_scene, make_owner, machine) -> None:
    scene = make_scene(lend=LendConfig(build="anyone"), machine=replace(machine, installed={"needle": "2.1"}))
    owner = make_owner(scene, "owner", needs=NEEDS)
    lock_with(owner, b"a lock")
    owner.park()
    scene.done(scene.take(Fetch)[0])
    assert scene.take(OpenBox)[0].lock == b""


def test_without_a_lock_there_is_nothing_to_build_from(make_scene, make_owner) -> None:
    scene = make_scene(lend=LendConfig(build="anyone"))
    owner = make_owner(scene, "owner", needs=NEEDS)
    owner.park()
    assert not scene.take(Fetch)
    told = [note.text for note in scene.take(Note)]
    assert any("lacks needle>=2, and the submitter locked no wheels to build it from" in text for text in told)
