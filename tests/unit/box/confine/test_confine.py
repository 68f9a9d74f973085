"""Plans, and a process that is not confined noticing it."""

from __future__ import annotations

import sys

import pytest

from peernet.box.confine import Plan, confine_child, confine_zygote, drop_privileges, landlock, selfcheck
from peernet.errors import BoxError

PLAN = Plan(channel=3, parent=7, folder="/box", scratch=("/scratch/0", "/scratch/1"), writable=True)


def test_a_plan_comes_back_as_it_was() -> None:
    confined = Plan(5, 0, "/box", (), False, confined=True, uid=1, keep=4, read=("/usr",), processes=9)
    assert [Plan.decode(plan.encode()) for plan in (PLAN, confined)] == [PLAN, confined]


def test_a_plan_without_confinement_changes_nothing() -> None:
    drop_privileges(PLAN)
    confine_zygote(PLAN)
    confine_child(PLAN, "/source", "/scratch/0")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
def test_a_process_that_is_not_confined_says_all_that_is_wrong() -> None:
    with pytest.raises(BoxError, match="not confined as it must be") as caught:
        selfcheck.check(uid=4_000_000, keep=0, landlocked=True)
    told = str(caught.value)
    assert "no seccomp filter" in told and "sockets can be made" in told
    assert "it runs as the user" in told and "the root folder can be read" in told


def test_a_box_that_needs_landlock_does_not_run_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: 0)
    plan = Plan(3, 7, "/box", (), False, confined=True, needs_landlock=True)
    with pytest.raises(BoxError, match="no Landlock"):
        confine_zygote(plan)


@pytest.mark.parametrize(("version", "bits"), [(1, 13), (2, 14), (3, 15), (4, 15), (5, 16), (7, 16), (9, 16)])
def test_each_abi_is_asked_for_what_it_knows(monkeypatch: pytest.MonkeyPatch, version: int, bits: int) -> None:
    asked: list[tuple[int, ...]] = []
    flags: list[object] = []

    def syscall(number: int, *arguments: object, name: str) -> int:
        if name == "landlock_create_ruleset":
            raw = arguments[0].raw  # type: ignore[attr-defined]
            asked.append(tuple(int.from_bytes(raw[at : at + 8], "little") for at in range(0, len(raw), 8)))
            return 99
        flags.append(arguments[1])
        return 0

    monkeypatch.setattr(landlock.kernel, "syscall", syscall)
    monkeypatch.setattr(landlock.os, "close", lambda handle: None)
    landlock.restrict(landlock.Rights(("/no/such/path",)), version)
    files = (1 << bits) - 1
    assert asked == [(files, 3, 3) if version >= 6 else (files, 3) if version >= 4 else (files,)]
    assert flags == [1 if version >= 7 else 0]
