"""Requirements are locked to exact wheels by what the index has, and installing is none of it."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from peernet.config.builds import BuildConfig
from peernet.config.environments import MAX_LOCKED
from peernet.errors import LockError, ProjectError, UsageError
from peernet.project.bundle import running_python
from peernet.project.lock import Lock, LockedPackage, running_platform
from peernet.sandbox.environments import check_index, installer, lock_requirements


def test_what_is_needed_in_turn_is_locked_too(packages: Path, index: Any, wheels: Any) -> None:
    first = wheels.make_wheel(packages, "Hay_stack", "1.10", requires=("needle<2", "left; sys_platform == 'none'"))
    second = wheels.make_wheel(packages, "needle", "1.9")
    wheels.make_wheel(packages, "needle", "2.0")
    lock = lock_requirements(["hay-stack>=1"], index_url=index.url)
    assert lock == Lock(
        running_python(),
        "",
        (
            LockedPackage("hay-stack", "1.10", wheels.digest_of(first)),
            LockedPackage("needle", "1.9", wheels.digest_of(second)),
        ),
    )


def test_a_wheel_of_one_platform_names_it_in_the_lock(packages: Path, index: Any, wheels: Any) -> None:
    from packaging.tags import sys_tags

    wheels.make_wheel(packages, "needle", "1.0", tag=str(next(sys_tags())))
    lock = lock_requirements(["needle"], index_url=index.url)
    assert lock is not None and lock.platform == running_platform()


def test_nothing_that_is_needed_here_needs_no_lock(index: Any) -> None:
    assert lock_requirements([]) is None
    assert lock_requirements(["a; sys_platform == 'none'"], index_url=index.url) is None


def test_a_source_archive_is_no_wheel_and_its_setup_never_runs(
    packages: Path, index: Any, wheels: Any, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    wheels.make_sdist(packages, "needle", "1.0", f"open({str(canary)!r}, 'w')")
    with pytest.raises(LockError, match=r"needle can't be locked to wheels: No matching .* Without a lock, only"):
        lock_requirements(["needle"], index_url=index.url)
    assert not canary.exists()


def test_an_index_that_can_not_be_reached_is_told(tmp_path: Path) -> None:
    with pytest.raises(LockError, match="can't be locked to wheels: No matching distribution"):
        lock_requirements(["needle"], index_url="http://127.0.0.1:9/simple")


def test_an_index_that_does_not_answer_is_given_up(packages: Path, index: Any, wheels: Any) -> None:
    wheels.make_wheel(packages, "needle", "1.0")
    index.hold.clear()
    with pytest.raises(LockError, match="was stopped after 1 s: is the index reachable"):
        lock_requirements(["needle"], replace(BuildConfig(), lock_seconds=1.0), index_url=index.url)


@pytest.mark.parametrize("text", ["needle", "-r", "ftp://example.org", "https://", "https://a\nb", "/srv/simple"])
def test_an_index_is_a_url(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no URL: give one as in https://pypi.org/simple"):
        check_index(text)


def test_a_wrong_requirement_never_reaches_the_installer() -> None:
    with pytest.raises(ProjectError, match="it is an option of an installer"):
        lock_requirements(["--index-url=https://example.org"])


def test_an_interpreter_without_pip_is_told_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without = tmp_path / "python"
    without.write_text(f"#!/bin/sh\nexec {sys.executable} -I -S -c \"import runpy; runpy.run_module('pip')\"\n")
    without.chmod(0o755)
    monkeypatch.setattr(installer, "sys", SimpleNamespace(executable=str(without)))
    with pytest.raises(LockError, match=r"has no pip: install it with .* -m ensurepip"):
        lock_requirements(["needle"])
    monkeypatch.setattr(installer, "sys", SimpleNamespace(executable=os.devnull))
    with pytest.raises(LockError, match="the installer can't be started"):
        lock_requirements(["needle"])


@pytest.mark.parametrize(
    ("report", "message"),
    [
        ("{}", "pip's report can't be used"),
        ("nothing", "pip's report can't be used"),
        ('{"install": [{"metadata": {"name": "a", "version": "1"}, "download_info": {"url": "x/a.zip"}}]}',
         "pip would not take a wheel for a"),
        ('{"install": [{"metadata": {"name": "a", "version": "1"}, "download_info": {"url": '
         '"x/a-1-py3-none-any.whl"}}]}', "the index names no SHA-256 digest of a-1-py3-none-any.whl"),
        (" " * 2000, "pip's report is larger than 1000 bytes"),
    ],
)  # fmt: skip
def test_a_report_that_can_not_be_used_is_refused(
    monkeypatch: pytest.MonkeyPatch, report: str, message: str
) -> None:
    def resolve(self: object, requirements: Path, target: Path, work: Path) -> None:
        target.write_text(report)

    monkeypatch.setattr(installer.Installer, "resolve", resolve)
    with pytest.raises(LockError, match=message):
        lock_requirements(["a"], replace(BuildConfig(), report=1000))


def test_too_many_packages_are_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        {
            "metadata": {"name": f"a{number}", "version": "1"},
            "download_info": {
                "url": f"x/a{number}-1-py3-none-any.whl",
                "archive_info": {"hashes": {"sha256": "0" * 64}},
            },
        }
        for number in range(MAX_LOCKED + 1)
    ]

    def resolve(self: object, requirements: Path, target: Path, work: Path) -> None:
        target.write_text(json.dumps({"install": found}))

    monkeypatch.setattr(installer.Installer, "resolve", resolve)
    with pytest.raises(LockError, match="holds 129 packages; 1 to 128 are allowed, so ask for fewer"):
        lock_requirements(["a"])
