"""Which tiers are found, and what is said where one is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from peernet.box.confine import landlock
from peernet.config import BoxConfig
from peernet.errors import BoxError, UsageError
from peernet.sandbox import attack, choose, make_executor, probe
from peernet.sandbox.launchers import LAUNCHERS, bubblewrap
from peernet.sandbox.probe import _LIMITS, _attack, try_tier

CONFIG = BoxConfig()


@pytest.mark.real
def test_what_holds_is_found_by_attacking_it(tier: str, tmp_path: Path) -> None:
    found = probe(tmp_path, CONFIG)
    assert tier in found.tiers and found.tier == found.tiers[0]
    assert list(tmp_path.glob("probe/*")) == []
    if tier != "C":
        assert f"tier {tier} works" in found.notes


@pytest.mark.real
async def test_each_attempt_works_where_nothing_protects(tmp_path: Path) -> None:
    could = await _attack("C", tmp_path, CONFIG)
    assert len(could) == len(attack.ATTEMPTS)


def without(monkeypatch: pytest.MonkeyPatch, *, landlock_abi: int = 0) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: landlock_abi)
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda program: None)


def test_what_is_missing_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without(monkeypatch)
    found = probe(tmp_path, CONFIG)
    told = "\n".join(found.notes)
    assert found.tier is None and found.tiers == ("C",)
    assert "submits jobs but executes none" in found.notes[0]
    assert "apt install bubblewrap" in told and "Linux 5.13" in told


def test_unprotected_boxes_are_for_own_code_or_by_choice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without(monkeypatch)
    assert choose(tmp_path, CONFIG).tier is None
    found = choose(tmp_path, CONFIG, own_code=True)
    assert found.tier == "C" and any("not protected" in note for note in found.notes)
    assert choose(tmp_path, CONFIG, "C").tier == "C"


def test_a_tier_that_was_asked_for_must_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without(monkeypatch)
    with pytest.raises(UsageError, match="tier A does not work: bubblewrap is not installed"):
        choose(tmp_path, CONFIG, "A")
    with pytest.raises(UsageError, match="'D' is no sandbox tier"):
        choose(tmp_path, CONFIG, "D")


@pytest.mark.parametrize(("platform", "told"), [("darwin", "needs Linux"), ("win32", "needs Linux")])
def test_other_systems_submit_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, told: str
) -> None:
    monkeypatch.setattr("sys.platform", platform)
    found = probe(tmp_path, CONFIG)
    assert found.tier is None and sum(told in note for note in found.notes) == 2
    assert found.tiers == (() if platform == "win32" else ("C",))


def test_another_processor_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "m68k")
    assert all("m68k" in LAUNCHERS[tier].missing() for tier in ("A", "B"))


@pytest.mark.real
@pytest.mark.skipif(not Path("/bin/false").exists(), reason="there is no program that fails")
def test_a_tier_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda program: "/bin/false")
    switch = tmp_path / "switch"
    switch.write_text("0\n")
    monkeypatch.setattr(bubblewrap, "_SWITCHES", ((str(switch), "0", "sysctl this=1"),))
    fault = try_tier("A", tmp_path, CONFIG)
    assert "it does not start: the box has ended" in fault and "sysctl this=1" in fault


async def test_no_tier_opens_no_box(tmp_path: Path) -> None:
    executor = make_executor(None, tmp_path, CONFIG)
    with pytest.raises(BoxError, match="no sandbox"):
        await executor.open_box(b"", _LIMITS, 1)
    await executor.aclose()
    with pytest.raises(ValueError, match="tier='Z'"):
        make_executor("Z", tmp_path, CONFIG)
