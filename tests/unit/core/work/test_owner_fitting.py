"""The owner tells who can't take part in a job and why, also of peers that keep silent."""

from __future__ import annotations

from typing import Any

import pytest

from peernet.core.advertcache import AdvertView
from peernet.core.events import Failure
from peernet.core.work.stats import Unfit
from peernet.identity.envelope import open_envelope
from peernet.identity.peerid import short_peer_id
from peernet.types import Instance, PeerId
from peernet.wire.codec import decode_body
from peernet.wire.signed import Advert, Manifest
from peernet.wire.work import Parked, PullRefused


def known(peer: PeerId, *packages: str, **change: Any) -> AdvertView:
    given = {"python": "3.11", "platform": "linux-x86_64", "tier": "A", "serves": "anyone", "paused": ""} | change
    slots = given.pop("slots", 4)
    body = Advert(Instance(bytes(16)), 4, 8 << 30, slots, slots, 0.0, 1.0, packages=packages, **given)
    return AdvertView(peer, body, 0.0)


def peer(number: int) -> PeerId:
    return PeerId(bytes([number]) * 32)


def test_silent_peers_are_told_by_their_adverts(make_desk, make_host):
    desk = make_desk(make_host(declares={"packages": ("numpy>=2",)}))
    desk.known = [known(peer(n), "numpy==1.26") for n in range(1, 6)] + [known(peer(9), "numpy==2.1")]
    desk.submit()
    view = desk.view
    assert view.unfit == (Unfit("lacks numpy>=2", tuple(peer(n) for n in range(1, 6))),)
    assert view.fit == 1
    names = ", ".join(short_peer_id(peer(n)) for n in range(1, 4))
    assert view.unfit_text == f"5 peers lack numpy>=2 ({names}, …)"
    assert f"no peer takes work (5 peers lack numpy>=2 ({names}, …))" in view.waiting_reason


def test_if_nobody_fits_it_says_so_at_once_with_the_remedy_and_ends_with_patience(make_desk, make_host):
    desk = make_desk(make_host(declares={"packages": ("numpy>=2",), "memory": 1 << 30}))
    desk.known = [known(peer(1)), known(peer(2), "numpy==2.0", slice_memory=1 << 20)]
    desk.submit(patience=3.0)
    expected = (
        f"no peer that is known can take this job: 1 peer lacks numpy>=2 ({short_peer_id(peer(1))}), "
        f"1 peer lacks 1 GiB of memory for a slice ({short_peer_id(peer(2))}); "
        "give them what it needs, join peers that have it, or ask for less"
    )
    assert desk.view.waiting_reason == expected
    assert (desk.view.fit, desk.view.unfit_text) == (0, expected)
    desk.wait(60)
    assert (desk.view.state, desk.view.reason_kind, desk.view.reason) == ("failed", "too-few", expected)


def test_peers_that_only_submit_and_those_that_work_are_left_out(make_desk, make_host):
    desk = make_desk(make_host(declares={"packages": ("numpy",)}))
    bob = desk.hand("bob")
    desk.known = [known(peer(1), slots=0), known(bob.peer)]
    desk.submit()
    assert isinstance(bob.pull(), Parked), "a worker knows better than its advert what it has installed"
    assert (desk.view.unfit, desk.view.fit) == ((), 1)


def test_peers_that_serve_others_only_are_told(make_desk):
    desk = make_desk()
    desk.known = [known(peer(1), serves="mine"), known(peer(2), serves="mine")]
    desk.ctx.mine[peer(2)] = None
    desk.submit()
    assert [(group.why, group.peers) for group in desk.view.unfit] == [
        ("running code of their own users only", (peer(1),))
    ]
    assert "1 peer is running code of their own users only" in desk.view.unfit_text


def test_needs_and_reuse_stand_in_the_manifest(make_desk, make_host):
    declares = {"packages": ("a",), "memory": 5, "scratch": 6, "python": ">=3.9", "reuse": True}
    desk = make_desk(make_host(declares=declares, timeout=7.0))
    desk.submit(tier="B")
    answer = desk.hand("bob").pull()
    opened = open_envelope(
        answer.manifest, "peernet/manifest/1", now=desk.clock.wall, verify=desk.ctx.verify, max_lifetime=1e9
    )
    manifest = decode_body(Manifest, opened.body)
    needs = manifest.needs
    assert (needs.python, needs.memory, needs.tier, needs.packages) == (">=3.9", 5, "B", ("a",))
    assert (needs.seconds, needs.scratch, manifest.reuse) == (7.0, 6, True)


def test_pickled_results_are_made_by_own_peers_only(make_desk, make_host):
    desk = make_desk(make_host(declares={"pickles": True}))
    bob, carol = desk.hand("bob"), desk.hand("carol")
    desk.ctx.mine[bob.peer] = None
    desk.known = [known(carol.peer), known(peer(1))]
    desk.submit()
    assert isinstance(bob.pull(), Parked)
    refused = carol.pull()
    assert isinstance(refused, PullRefused)
    assert (refused.why, refused.text) == ("unfit", "not marked as mine, as pickled results need")
    assert "2 peers are not marked as mine, as pickled results need" in desk.view.unfit_text


def test_a_mark_that_is_taken_back_ends_a_peers_part_in_pickled_results(make_desk, make_host):
    desk = make_desk(make_host(declares={"pickles": True}))
    bob = desk.hand("bob")
    desk.ctx.mine[bob.peer] = None
    desk.submit()
    assert isinstance(bob.pull(), Parked)
    assert bob.held
    del desk.ctx.mine[bob.peer]
    lease = next(iter(bob.held))
    assert bob.give(bob.result(lease)) == "it is not marked as mine, as pickled results need"
    assert isinstance(bob.pull(), PullRefused)
    assert desk.view.unfit == (Unfit("not marked as mine, as pickled results need", (bob.peer,)),)
    assert desk.ctx.counters["results: pickles of another's peer"] == 1


def test_pickled_results_without_own_peers_are_refused_at_once(make_desk, make_host):
    desk = make_desk(make_host(declares={"pickles": True}))
    desk.known = [known(peer(1))]
    answer = desk.submit()
    assert isinstance(answer, Failure) and answer.kind == "usage"
    assert "results are pickles" in answer.message and "peernet trust --mine" in answer.message


@pytest.mark.parametrize("own", ["worker", "local", "mine"])
def test_pickled_results_with_own_peers_are_taken(make_desk, make_host, own):
    desk = make_desk(make_host(declares={"pickles": True}))
    if own == "worker":
        desk.known = [known(desk.ctx.me)]
    elif own == "mine":
        desk.ctx.mine[peer(1)] = None
    assert isinstance(desk.submit(trusted=(peer(1),) if own == "local" else ()), bytes)


@pytest.mark.parametrize(
    ("builds", "mine", "refused"), [("anyone", False, True), ("mine", True, True), ("mine", False, False)]
)
def test_who_would_build_a_package_can_not_without_a_lock(make_desk, make_host, builds, mine, refused):
    desk = make_desk(make_host(declares={"packages": ("numpy",)}))
    bob = desk.hand("bob", packages=("scipy==1.0",), builds=builds)
    if mine:
        desk.ctx.mine[bob.peer] = None
    desk.submit()
    answer = bob.pull()
    assert isinstance(answer, PullRefused if refused else Parked)
    if refused:
        assert (answer.why, answer.text) == ("unfit", "lacks numpy")
        assert "1 peer lacks numpy" in desk.view.unfit_text


MACHINE = "linux-x86_64/glibc-2.36/x86-64-v3/cpython-3.11/math-00000000"
NUMPY = f"{MACHINE}/numpy-2.1/openblas-0.3-zen"


def test_peers_of_another_numeric_class_are_told_with_the_fact_that_differs(make_desk, make_host):
    desk = make_desk(make_host(declares={"numeric": NUMPY, "packages": ("numpy==2.1",)}))
    old = MACHINE.replace("2.36", "2.31")
    desk.known = [
        known(peer(1), "numpy==2.1", numeric=NUMPY),
        known(peer(2), "numpy==2.1", numeric=MACHINE),  # measures its numpy when it hears of the job
        known(peer(3), "numpy==2.1", numeric=old),
        known(peer(4), numeric=f"{old}/numpy-1.26"),
        known(peer(5), numeric=MACHINE, builds="anyone"),
        known(peer(6), "numpy==2.1", numeric=NUMPY.replace("zen", "haswell")),
        known(peer(7), "numpy==2.1"),
    ]
    desk.submit()
    assert {group.why: group.peers for group in desk.view.unfit} == {
        "lacks the numeric class (glibc-2.36 is needed, glibc-2.31 is there)": (peer(3), peer(4)),
        "lacks numpy==2.1": (peer(5),),
        "lacks the numeric class (openblas-0.3-zen is needed, openblas-0.3-haswell is there)": (peer(6),),
        "lacks a numeric class (it has told none)": (peer(7),),
    }
    assert "2 peers lack the numeric class (glibc-2.36 is needed, glibc-2.31 is there) (" in desk.view.unfit_text
    assert desk.view.fit == 2


def test_who_pulls_is_judged_by_its_machine_only(make_desk, make_host):
    desk = make_desk(make_host(declares={"numeric": NUMPY}))
    same = desk.hand("bob", numeric=NUMPY.replace("zen", "haswell"))
    other = desk.hand("carol", numeric=MACHINE.replace("2.36", "2.31"))
    desk.submit()
    assert isinstance(same.pull(), Parked), "a worker knows better than its advert what its boxes compute"
    answer = other.pull()
    assert isinstance(answer, PullRefused)
    assert answer.text == "lacks the numeric class (glibc-2.36 is needed, glibc-2.31 is there)"


def test_the_numeric_class_stands_in_the_manifest(make_desk, make_host):
    desk = make_desk(make_host(declares={"numeric": MACHINE}))
    desk.submit(numeric="same")
    assert desk.running.record.needs.numeric == MACHINE


def test_a_worker_that_gives_a_job_up_is_not_counted_on_and_its_reason_is_told(make_desk, make_host):
    desk = make_desk(make_host(declares={"numeric": NUMPY}))
    bob = desk.hand("bob", numeric=NUMPY)
    desk.submit(patience=3.0)
    assert isinstance(bob.pull(0), Parked)
    answer = bob.pull(0, unable="its box fails here: no room")
    assert isinstance(answer, PullRefused) and answer.why == "unfit"
    assert desk.running.seats.all == {}
    assert desk.view.unfit == (Unfit("unable to run it: its box fails here: no room", (bob.peer,)),)
    assert "1 peer is unable to run it: its box fails here: no room (" in desk.view.waiting_reason
    desk.wait(60)
    assert (desk.view.state, desk.view.reason_kind) == ("failed", "too-few")
    assert "its box fails here: no room" in desk.view.reason


def test_a_worker_that_gave_a_job_up_may_come_back(make_desk):
    desk = make_desk()
    bob = desk.hand("bob")
    desk.submit()
    assert isinstance(bob.pull(unable="no room"), PullRefused)
    assert isinstance(bob.pull(), Parked)
    assert desk.view.unfit == () and bob.held


def test_many_reasons_of_strangers_make_no_long_text(make_desk):
    desk = make_desk()
    desk.submit()
    for number in range(20):
        desk.hand(f"peer {number}").pull(unable=f"{number:0128}")
    assert len(desk.view.unfit) == 20
    assert "12 further reasons" in desk.view.waiting_reason and len(desk.view.waiting_reason) < 4096
