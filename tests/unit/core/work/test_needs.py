"""What a machine lacks for a job, in words."""

from __future__ import annotations

from typing import Any

import pytest

from peernet.config.environments import MAX_LISTED_PACKAGES
from peernet.core.work.needs import Caps, fits_python, lacks, lacks_packages, listed, told_lack
from peernet.errors import ProjectError
from peernet.types import Instance
from peernet.wire.signed import Advert, Needs

GIB = 1 << 30
ANY = Needs("", 0, "")


def advert(**change: Any) -> Advert:
    given = {"python": "3.11", "platform": "linux-x86_64", "tier": "A", "serves": "anyone", "paused": ""} | change
    return Advert(Instance(bytes(16)), 4, 8 * GIB, 4, 4, 0.0, 1.0, **given)


@pytest.mark.parametrize(
    ("needs", "lack"),
    [
        (ANY, ""),
        (Needs("3.12", 0, ""), "Python 3.12"),
        (Needs(">=3.12", 0, ""), "Python >=3.12"),
        (Needs("", 9 * GIB, ""), "9 GiB of free memory"),
        (Needs("", 2 * GIB, ""), "2 GiB of memory for a slice"),
        (Needs("", GIB, "", seconds=60.0), ""),
        (Needs("", 0, "", seconds=60.5), "60.5 s of time for a slice"),
        (Needs("", 0, "", scratch=1537), "1.5 KiB of scratch for a slice"),
        (Needs("", 0, "", scratch=1024), ""),
    ],
)
def test_limits_and_versions(needs: Needs, lack: str) -> None:
    assert lacks(needs, advert(), Caps(GIB, 60.0, 1024)) == lack


def test_tiers() -> None:
    needs = {tier: Needs("", 0, tier) for tier in ("", "A", "B", "C")}
    assert [tier for tier in needs if lacks(needs[tier], advert(tier="B"), Caps())] == ["A"]
    assert lacks(needs["A"], advert(tier="B"), Caps()) == "a sandbox of tier A"
    assert lacks(needs[""], advert(tier=""), Caps()) == "a box to run code in"
    assert lacks(Needs("", 0, "", scratch=1), advert(tier="B"), Caps()) == (
        "a folder to write to (its sandbox is of tier B)"
    )


def test_python_versions() -> None:
    assert fits_python("", "3.11") and fits_python("3.11", "3.11") and not fits_python("3.1", "3.11")
    assert fits_python(">=3.11.4,<4", "3.11") and fits_python("~=3.9", "3.11")
    assert not fits_python("<3.11", "3.11") and not fits_python("==3.12.*", "3.11")
    with pytest.raises(ProjectError, match="'snake' is no range of versions"):
        fits_python("snake", "3.11")


def test_packages_are_compared_exactly() -> None:
    needs = Needs("", 0, "", ("numpy>=2", "scipy"))
    assert lacks_packages(needs, {"numpy": "2.1", "scipy": "1.0"}) == ()
    assert lacks_packages(needs, {"numpy": "1.26"}) == ("numpy>=2", "scipy")
    assert lacks_packages(ANY, {}) == ()
    assert listed(()) == "" and listed(("a",)) == "a" and listed(("a", "b", "c")) == "a, b and c"


def test_what_an_advert_tells() -> None:
    needs = Needs("", 0, "", ("numpy>=2",), 30.0, 10)
    assert told_lack(needs, advert(packages=("numpy==2.0",))) == ""
    assert told_lack(needs, advert(packages=("numpy==1.9",))) == "numpy>=2"
    assert told_lack(needs, advert(packages=("numpy==2.0",), slice_seconds=20.0)) == "30 s of time for a slice"
    assert told_lack(needs, advert(packages=("numpy==2.0",), slice_scratch=5)) == "10 B of scratch for a slice"


def test_an_advert_without_room_for_all_packages_tells_of_none_that_is_missing() -> None:
    full = tuple(f"p{number}==1" for number in range(MAX_LISTED_PACKAGES))
    assert told_lack(Needs("", 0, "", ("numpy",)), advert(packages=full)) == ""
    long = tuple(f"{'x' * 90}{number}==1" for number in range(88))
    assert told_lack(Needs("", 0, "", ("numpy",)), advert(packages=long)) == ""
