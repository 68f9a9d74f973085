"""Environments are built from locks: what is in them, what is refused, and what an end in the middle leaves."""

from __future__ import annotations

import os
import select
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio

from peernet.config import BoxConfig
from peernet.errors import BuildError
from peernet.sandbox import BoxExecutor, default_limits

MIB = 1 << 20


async def test_a_lock_becomes_a_folder_of_packages_and_is_built_once(
    packages: Path, index: Any, wheels: Any, lock_of: Any, open_environments: Any, left: Any
) -> None:
    lock = lock_of(wheels.make_wheel(packages, "needle", "1.0"), wheels.make_wheel(packages, "hay-stack", "2.0"))
    environments = open_environments()
    folder = await environments.get(lock, False)
    assert (folder / "needle.py").read_text() == "VERSION = '1.0'\n"
    assert (folder / "hay_stack.py").exists()
    assert not list(folder.rglob("*.pyc"))
    assert await environments.get(lock, False) == folder
    assert await open_environments().get(lock, False) == folder
    assert sorted(index.fetched) == ["hay_stack-2.0-py3-none-any.whl", "needle-1.0-py3-none-any.whl"]
    assert left() == []


async def test_boxes_of_each_tier_import_it_and_its_pth_files_never_run(
    packages: Path,
    wheels: Any,
    lock_of: Any,
    open_environments: Any,
    tmp_path: Path,
    executor: BoxExecutor,
    make_bundle: Any,
    inputs: Any,
    values: Any,
) -> None:
    canary = tmp_path / "canary"
    write = f"import pathlib; pathlib.Path({str(canary)!r}).write_text('sang')\n"
    files = {
        "evil.pth": write,
        "sitecustomize.py": write,
        "usercustomize.py": write,
        "needle.py": "VERSION = 1\n",
    }
    folder = await open_environments().get(lock_of(wheels.make_wheel(packages, "needle", "1.0", files)), False)
    bundle = make_bundle("def task(n):\n    import needle\n    return needle.VERSION\n", imports=("needle",))
    limits = default_limits(BoxConfig())
    box = await executor.open_box(bundle, limits, 1, environment=folder)
    outcome = await box.run(inputs(1), limits, lambda: None)
    await box.aclose()
    assert values(outcome) == [1]
    assert not canary.exists()
    # The control: an interpreter that processes the folder as site-packages does run it.
    await trio.run_process([sys.executable, "-I", "-c", f"import site; site.addsitedir({str(folder)!r})"])
    assert canary.read_text() == "sang"


async def test_a_wheel_of_another_digest_is_refused(
    packages: Path, wheels: Any, lock_of: Any, open_environments: Any, left: Any
) -> None:
    lock = lock_of(wheels.make_wheel(packages, "needle", "1.0"))
    wheels.make_wheel(packages, "needle", "1.0", {"needle.py": "import os\n"})
    with pytest.raises(BuildError, match="another digest"):
        await open_environments().get(lock, False)
    assert left() == []


async def test_a_source_archive_is_refused_and_its_setup_never_runs(
    packages: Path, wheels: Any, lock_of: Any, open_environments: Any, left: Any, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    path = wheels.make_sdist(packages, "needle", "1.0", f"open({str(canary)!r}, 'w')")
    lock = lock_of(path)
    lock = replace(lock, packages=(replace(lock.packages[0], version="1.0"),))
    with pytest.raises(BuildError, match="No matching distribution found for needle"):
        await open_environments().get(lock, False)
    assert not canary.exists()
    assert left() == []


async def test_a_failure_is_told_again_without_a_new_try_for_a_while(
    packages: Path, wheels: Any, lock_of: Any, open_environments: Any
) -> None:
    path = wheels.make_wheel(packages, "needle", "1.0")
    lock = lock_of(path)
    path.rename(packages / "away")
    environments = open_environments()
    for _ in range(2):
        with pytest.raises(BuildError, match="can't be had here: No matching distribution"):
            await environments.get(lock, False)
        path.unlink(missing_ok=True)
        wheels.make_wheel(packages, "needle", "1.0")
    assert await open_environments(retry_seconds=0.0).get(lock, False)


async def test_two_who_ask_at_once_share_one_build(
    packages: Path, index: Any, wheels: Any, lock_of: Any, open_environments: Any
) -> None:
    lock = lock_of(wheels.make_wheel(packages, "needle", "1.0"))
    environments = open_environments()
    folders: list[Path] = []

    async def ask() -> None:
        folders.append(await environments.get(lock, False))

    index.hold.clear()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        nursery.start_soon(ask)
        await trio.to_thread.run_sync(index.asked.wait)
        index.hold.set()
    assert len(set(folders)) == 1 and len(folders) == 2
    assert len(index.fetched) == 1


async def test_a_cancelled_build_leaves_nothing_and_the_next_in_turn_builds(
    packages: Path, index: Any, wheels: Any, lock_of: Any, open_environments: Any, left: Any
) -> None:
    lock = lock_of(wheels.make_wheel(packages, "needle", "1.0"))
    environments = open_environments()
    index.hold.clear()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(environments.get, lock, False)
        await trio.to_thread.run_sync(index.asked.wait)
        nursery.cancel_scope.cancel()
    assert left() == []
    index.hold.set()
    assert (await environments.get(lock, False) / "needle.py").exists()


async def test_a_build_past_its_deadline_is_stopped(
    packages: Path, index: Any, wheels: Any, lock_of: Any, open_environments: Any, left: Any
) -> None:
    lock = lock_of(wheels.make_wheel(packages, "needle", "1.0"))
    index.hold.clear()
    with pytest.raises(BuildError, match="stopped after 1 s: is the index reachable"):
        await open_environments(build_seconds=1.0).get(lock, False)
    assert left() == []


_KILLED = """
import sys, trio
from pathlib import Path
from peernet.config.builds import BuildConfig
from peernet.project.lock import Lock
from peernet.sandbox.environments import Environments, Installer
config = BuildConfig()
environments = Environments(Path(sys.argv[1]), "anyone", Installer(config, sys.argv[2]), config)
trio.run(environments.get, Lock.decode(bytes.fromhex(sys.argv[3])), False)
"""


def test_a_peer_that_is_killed_in_the_middle_leaves_no_installer_and_no_half_environment(
    packages: Path, index: Any, wheels: Any, lock_of: Any, open_environments: Any, left: Any, tmp_path: Path
) -> None:
    lock = lock_of(wheels.make_wheel(packages, "needle", "1.0"))
    index.hold.clear()
    command = [sys.executable, "-c", _KILLED, str(tmp_path / "environments"), index.url, lock.encode().hex()]
    with subprocess.Popen(command) as process:
        index.asked.wait()
        installers = [os.pidfd_open(pid) for pid in _processes_in(tmp_path / "environments")]
        process.kill()
    assert len(installers) == 1
    select.select(installers, [], [])  # readable once it has ended
    os.close(installers[0])
    assert len(left()) == 1
    index.hold.set()
    environments = open_environments()
    assert left() == []
    assert (trio.run(environments.get, lock, False) / "needle.py").exists()


def _processes_in(folder: Path) -> list[int]:
    """Processes whose working folder is below a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):  # it has ended, or is another user's
            if path.readlink().is_relative_to(folder):
                found.append(int(path.parent.name))
    return found


async def test_what_does_not_fit_the_quota_is_refused_while_it_is_fetched_and_before_it_is_unpacked(
    packages: Path, wheels: Any, lock_of: Any, open_environments: Any, left: Any
) -> None:
    bomb = lock_of(wheels.make_wheel(packages, "bomb", "1.0", {"zeros": "0" * 64 * MIB}))
    assert (packages / "bomb-1.0-py3-none-any.whl").stat().st_size < MIB
    with pytest.raises(BuildError, match=r"it needs 6[0-9]+ bytes, and of the 33554432"):
        await open_environments(quota=32 * MIB).get(bomb, False)
    many = lock_of(wheels.make_wheel(packages, "many", "1.0", {f"{n}.py": "" for n in range(50)}))
    with pytest.raises(BuildError, match="hold 53 files; at most 20"):
        await open_environments(files=20).get(many, False)
    large = lock_of(wheels.make_wheel(packages, "large", "1.0", {"noise": os.urandom(2 * MIB).hex()}))
    with pytest.raises(BuildError, match=r"it needs [0-9]+ bytes|larger than all environments may be together"):
        await open_environments(quota=MIB).get(large, False)
    assert left() == []


async def test_a_wheel_unpacks_within_its_folder_only(
    packages: Path, wheels: Any, lock_of: Any, open_environments: Any, left: Any, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    for place in ("../../../outside", "needle-1.0.data/purelib/../../../../../outside", str(outside)):
        lock = lock_of(wheels.make_wheel(packages, "needle", "1.0", {place: "out"}))
        with suppress(BuildError):  # or it lands inside
            await open_environments().get(lock, False)
        assert not outside.exists()
        assert left() == []
    path = packages / "needle-1.0-py3-none-any.whl"
    wheels.make_wheel(packages, "needle", "1.0")
    link = zipfile.ZipInfo("link.py")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    folder = await open_environments().get(lock_of(path), False)
    assert not any(found.is_symlink() for found in folder.rglob("*"))


async def test_the_one_used_longest_ago_makes_room_but_never_one_in_use(
    packages: Path, wheels: Any, lock_of: Any, open_environments: Any, left: Any
) -> None:
    locks = [
        lock_of(wheels.make_wheel(packages, name, "1.0", {f"{name}.py": "#" * 2 * MIB}))
        for name in ("first", "second", "third", "fourth")
    ]
    environments = open_environments(quota=7 * MIB)
    first = await environments.get(locks[0], False)
    second = await environments.get(locks[1], False)
    third = await environments.get(locks[2], False)
    with pytest.raises(BuildError, match="serve fewer jobs, or allow more"):
        await environments.get(locks[3], False)
    environments.release(second)
    environments.release(third)
    environments = open_environments(quota=7 * MIB)  # a restart: the order is that of the last use
    assert await environments.get(locks[2], False) == third
    await environments.get(locks[3], False)
    assert third.exists() and not first.exists()
    assert left() == []


async def test_who_is_not_built_for_is_told_how_it_would_be(
    lock_of: Any, packages: Path, wheels: Any, open_environments: Any
) -> None:
    lock = lock_of(wheels.make_wheel(packages, "needle", "1.0"))
    for builds, is_mine, whose in (("none", True, "mine"), ("none", False, "anyone"), ("mine", False, "anyone")):
        environments = open_environments(builds)
        assert not environments.builds_for(is_mine)
        with pytest.raises(BuildError, match=f"--build-environments {whose}` it would"):
            await environments.get(lock, is_mine)
    assert open_environments("mine").builds_for(True)


@pytest.mark.parametrize(
    ("fields", "text"),
    [({"python": "2.7"}, "for Python 2.7, and here"), ({"platform": "vax-9"}, "for vax-9, and")],
)
async def test_a_lock_of_another_machine_is_refused(
    lock_of: Any, packages: Path, wheels: Any, open_environments: Any, fields: dict[str, str], text: str
) -> None:
    lock = lock_of(wheels.make_wheel(packages, "needle", "1.0"), **fields)
    with pytest.raises(BuildError, match=text):
        await open_environments().get(lock, False)


async def test_a_broken_wheel_is_refused(
    packages: Path, lock_of: Any, open_environments: Any, left: Callable[[], list[str]]
) -> None:
    path = packages / "needle-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("needle.py", "")
    with pytest.raises(BuildError, match="can't be had here"):
        await open_environments().get(lock_of(path), False)
    path.write_bytes(b"no archive")
    with pytest.raises(BuildError, match="can't be had here"):
        await open_environments().get(lock_of(path), False)
    assert left() == []
