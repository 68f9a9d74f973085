"""What boxes get to see, and who they run as."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import peernet
from peernet.box.limits import Limits
from peernet.errors import BoxError
from peernet.sandbox.launchers import LAUNCHERS, Wanted, bubblewrap, users
from peernet.sandbox.launchers.paths import python_paths, system_paths

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")


def wanted(folder: Path, environment: Path | None = None, scratch: int = 1 << 20) -> Wanted:
    return Wanted(folder, 9, os.getpid(), Limits(scratch=scratch), 2, environment)


def test_only_python_and_peernet_are_seen_beside_the_system() -> None:
    seen = [Path(path) for path in (*system_paths(), *python_paths())]
    package = Path(peernet.__file__).resolve().parent
    assert any(package.is_relative_to(path.resolve()) for path in seen)
    assert Path(sys.executable).exists() and any(Path(sys.executable).is_relative_to(path) for path in seen)
    for hidden in (Path.home(), Path("/etc"), Path("/root"), Path("/home"), Path("/"), package.parent):
        assert hidden not in seen or hidden.name == "site-packages"


def test_each_child_gets_a_file_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda program: "/usr/bin/bwrap")
    words = LAUNCHERS["A"].launch(wanted(tmp_path, tmp_path, scratch=0)).command
    mounts = [(words[at - 1], words[at + 1]) for at, word in enumerate(words) if word == "--tmpfs"]
    assert [(size, folder) for size, folder in mounts if folder.startswith("/scratch")] == [
        ("4096", f"/scratch/{number}") for number in range(3)
    ]
    assert ("1048576", "/dev/shm") in mounts
    at = words.index("/environment")
    assert words[at - 2 : at] == ("--ro-bind", str(tmp_path))
    assert words[words.index("--chdir") - 2 : words.index("--chdir")] == ("--remount-ro", "/")


def test_users_without_rights_over_users_get_a_user_namespace(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda program: "/usr/bin/bwrap")
    monkeypatch.setattr(bubblewrap, "draw_user", lambda: None)
    command = LAUNCHERS["A"].launch(wanted(tmp_path)).command
    assert "--unshare-user" in command and "--as-pid-1" in command and "--cap-add" not in command
    monkeypatch.setattr(bubblewrap, "draw_user", lambda: users.FIRST)
    command = LAUNCHERS["A"].launch(wanted(tmp_path)).command
    assert "--unshare-user" not in command and "--cap-drop" in command


def test_a_missing_program_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda program: None)
    with pytest.raises(BoxError, match="apt install bubblewrap"):
        LAUNCHERS["A"].launch(wanted(tmp_path))


@pytest.mark.parametrize(
    ("text", "covered"),
    [
        ("         0          0 4294967295\n", True),
        ("         0     100000      65536\n", False),
        ("0 1000 1\n1 100000 4294960000\n", True),
        ("", False),
    ],
)
def test_a_container_may_not_know_the_users(text: str, covered: bool) -> None:
    assert users._covers(text) is covered


def test_only_root_draws_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users.os, "geteuid", lambda: 1000)
    assert users.draw_user() is None


def test_a_folder_that_can_not_be_given_away_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("peernet.sandbox.launchers.landlocked.draw_user", lambda: users.FIRST)
    with pytest.raises(BoxError, match="can't be given"):
        LAUNCHERS["B"].launch(wanted(tmp_path / "missing"))
