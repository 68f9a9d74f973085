"""Jobs that need peers of one numeric class: left alone by others, and by who has to measure its numpy first."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import msgspec
import pytest

from peernet.config.lending import LendConfig
from peernet.core.effects import Fetch, MeasureNumpy, Note, OpenBox
from peernet.identity.envelope import open_envelope
from peernet.types import JobId
from peernet.wire.codec import decode_body
from peernet.wire.signed import ADVERT, MANIFEST, Advert, Manifest, Needs
from peernet.wire.work import Pull

MACHINE = "linux-x86_64/glibc-2.36/x86-64-v3/cpython-3.11/math-00000000"
NUMPY = f"{MACHINE}/numpy-2.1/openblas-0.3-zen/simd-x86_v3/bits-11111111"
ON_PLATFORM = Needs("", 0, "", numeric=MACHINE)
ON_NUMPY = Needs("", 0, "", ("numpy==2.1",), numeric=NUMPY)


@pytest.fixture
def measured(machine):
    """This machine, whose own numpy has not been measured."""
    return replace(machine, numeric=MACHINE, installed={"numpy": "2.1"})


def notes(scene):
    return [note.text for note in scene.take(Note, topic="work")]


def test_who_is_of_the_class_pulls_at_once(make_scene, make_owner, measured):
    scene = make_scene(machine=measured)
    make_owner(scene, "owner", needs=ON_PLATFORM).offer()
    scene.wait(5)
    assert scene.take(MeasureNumpy) == []
    assert len(scene.calls(Pull)) == 1


@pytest.mark.parametrize(
    ("own", "why"),
    [
        (f"{MACHINE[:-1]}7", "the numeric class (math-00000000 is needed, math-00000007 is there)"),
        ("", "a numeric class (it has told none)"),
    ],
)
def test_who_is_of_another_class_leaves_the_job_alone(make_scene, make_owner, measured, own, why):
    scene = make_scene(machine=replace(measured, numeric=own))
    for number, needs in enumerate((ON_PLATFORM, ON_NUMPY)):
        make_owner(scene, f"owner {number}", needs=needs).offer()
        scene.wait(5)
        assert scene.calls(Pull) == [] and scene.take(MeasureNumpy) == []
        assert notes(scene) == [f"leaves a job alone: this machine lacks {why}"]


def test_numpy_is_measured_before_a_job_that_needs_it_is_pulled(make_scene, make_owner, measured):
    scene = make_scene(machine=measured)
    make_owner(scene, "owner", needs=ON_NUMPY).offer()
    scene.wait(5)
    assert scene.calls(Pull) == [] and scene.take(MeasureNumpy) != []
    scene.did(lambda: scene.adverts.machine(replace(measured, numeric=NUMPY)))
    scene.wait(5)
    assert len(scene.calls(Pull)) == 1 and scene.take(MeasureNumpy) == []


def test_a_numpy_that_computes_otherwise_is_told_and_left_at_that(make_scene, make_owner, measured):
    scene = make_scene(machine=measured)
    owner = make_owner(scene, "owner", needs=ON_NUMPY)
    owner.offer()
    scene.wait(5)
    scene.did(lambda: scene.adverts.machine(replace(measured, numeric=NUMPY.replace("zen", "haswell"))))
    scene.wait(5)
    assert scene.calls(Pull) == []
    why = "the numeric class (openblas-0.3-zen is needed, openblas-0.3-haswell is there)"
    assert notes(scene) == [f"leaves a job alone: this machine lacks {why}"]


def test_what_is_built_for_a_job_is_measured_when_its_box_opens(make_scene, make_owner, measured):
    scene = make_scene(machine=replace(measured, installed={}), lend=LendConfig(build="anyone"))
    owner = make_owner(scene, "owner", needs=ON_NUMPY)
    body = decode_body(Manifest, owner.open(owner.manifest, MANIFEST).body)
    owner.manifest = owner.seal(MANIFEST, msgspec.structs.replace(body, lock=b"a lock"), lifetime=86_400.0)
    owner.job = JobId(hashlib.sha256(owner.manifest).digest())
    owner.park()
    scene.done(scene.take(Fetch)[0])
    (box,) = scene.take(OpenBox)
    assert (box.lock, box.numeric) == (b"a lock", NUMPY) and scene.take(MeasureNumpy) == []
    for _ in range(2):
        scene.failed(box, "box", "this machine lacks the numeric class (…)")
        box = next(iter(scene.take(OpenBox)), None)
    assert box is None
    why = "its box fails here: this machine lacks the numeric class (…)"
    assert notes(scene)[0] == f"gives up a job: {why}"
    (call,) = scene.calls(Pull, owner.peer)
    assert (call.body.want, call.body.unable) == (0, why)


def test_the_advert_tells_the_class_and_that_more_is_known_of_it(make_scene, measured):
    scene = make_scene(machine=measured)
    assert scene.adverts.current().numeric == MACHINE
    scene.published.clear()
    scene.did(lambda: scene.adverts.machine(replace(measured, numeric=NUMPY)))
    scene.wait(scene.ctx.config.work.advert_interval)
    (envelope,) = scene.published
    opened = open_envelope(envelope, ADVERT, now=scene.now().wall, verify=scene.ctx.verify, max_lifetime=1e9)
    assert decode_body(Advert, opened.body).numeric == NUMPY
