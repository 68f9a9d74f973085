"""Jobs that need packages: their lock travels in the manifest, and peers that would build are not said to lack."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec
import pytest

from peernet.core import effects as e
from peernet.core.advertcache import AdvertView
from peernet.core.events import Failure
from peernet.core.work.needs import told_lack
from peernet.identity.envelope import open_envelope
from peernet.types import Instance, PeerId
from peernet.wire.codec import decode_body
from peernet.wire.signed import MANIFEST, Advert, Manifest

PACKAGES = ("needle>=2",)
ADVERT = Advert(
    Instance(b"i" * 16), 4, 1 << 40, 4, 4, 0.0, 1.0, "3.11", "linux", "A", "anyone", "", packages=("hay==1",)
)


@pytest.fixture
def make_needy(make_desk, make_host):
    """Make the desk of an owner whose project needs a package, and an installer that answers this."""

    def make(lock: bytes | Failure):
        @dataclass
        class Needy(make_host):
            def answer(self, effect: e.Effect) -> object:
                if isinstance(effect, e.LockPackages):
                    assert effect.packages == PACKAGES
                    return lock
                answer = super().answer(effect)
                return replace(answer, packages=PACKAGES) if isinstance(effect, e.OpenHost) else answer

        return make_desk(Needy())

    return make


def manifest_of(desk) -> Manifest:
    envelope = desk.running.record.manifest
    opened = open_envelope(
        envelope, MANIFEST, now=desk.clock.wall, verify=desk.ctx.verify, max_lifetime=1e9, max_size=1 << 20
    )
    return decode_body(Manifest, opened.body)


def test_the_lock_travels_in_the_manifest(make_needy) -> None:
    desk = make_needy(b"a lock")
    desk.submit()
    assert manifest_of(desk).lock == b"a lock"
    assert manifest_of(desk).needs.packages == PACKAGES
    assert desk.running.record.locked


def test_a_job_that_needs_nothing_asks_no_installer(make_desk) -> None:
    desk = make_desk()
    desk.submit()
    assert desk.count(e.LockPackages) == 0
    assert manifest_of(desk).lock == b""


def test_an_installer_that_fails_fails_the_submission(make_needy) -> None:
    desk = make_needy(Failure("box", "stopped"))
    assert desk.submit() == Failure("box", "stopped")
    assert desk.count(e.CloseHost) == 1


@pytest.mark.parametrize(
    ("lock", "builds", "mine", "lacks"),
    [
        (b"a lock", "anyone", False, False),
        (b"a lock", "mine", True, False),
        (b"a lock", "mine", False, True),
        (b"a lock", "none", True, True),
        (b"", "anyone", False, True),
    ],
)
def test_a_peer_lacks_a_package_unless_it_would_build_it(make_needy, lock, builds, mine, lacks) -> None:
    desk = make_needy(lock)
    desk.submit()
    peer = PeerId(b"p" * 32)
    if mine:
        desk.ctx.mine[peer] = None
    advert = msgspec.structs.replace(ADVERT, builds=builds)
    assert told_lack(desk.running.record.needs, advert) == "needle>=2"
    desk.running.crew.known = lambda: [AdvertView(peer, advert, 0.0)]
    desk.running.fitting.look()
    assert [group.why for group in desk.running.fitting.unfit()] == (["lacks needle>=2"] if lacks else [])
