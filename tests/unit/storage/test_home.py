from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from peernet.errors import HomeInUseError, StorageError, UsageError
from peernet.storage.home import SOCKET_PATH_LIMIT, Home


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_default_path_is_taken_from_the_environment() -> None:
    assert Home.default_path({"PEERNET_HOME": "/somewhere/else"}) == Path("/somewhere/else")


@pytest.mark.parametrize("environ", [{}, {"PEERNET_HOME": ""}])
def test_default_path_without_a_choice_is_the_platforms(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert Home.default_path(environ).name == "peernet"
    assert Home.default_path(environ).is_absolute()


def test_open_makes_private_folders(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "deep" / "home")
    assert home.root == (tmp_path / "deep" / "home").resolve()
    for folder in (home.root, home.blob_folder, home.scratch_folder, home.control_socket.parent):
        assert mode_of(folder) == 0o700
    assert home.key_file.parent == home.journal_file.parent == home.root


def test_open_again_gives_the_same(tmp_path: Path) -> None:
    assert Home.open(tmp_path / "home") == Home.open(tmp_path / "home")


def test_open_takes_a_relative_path_and_a_link_as_the_folder_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home.open(tmp_path / "home")
    (tmp_path / "link").symlink_to("home")
    monkeypatch.chdir(tmp_path)
    assert Home.open(Path("home")) == home
    assert Home.open(Path("link")) == home


def test_open_expands_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Home.open(Path("~/home")).root == (tmp_path / "home").resolve()


def test_open_accepts_a_folder_that_others_may_read(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o755)
    assert mode_of(Home.open(tmp_path / "home").control_socket.parent) == 0o700


@pytest.mark.parametrize("name", ["file", "file/home"])
def test_open_refuses_what_is_no_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"file.* is not a folder: .*PEERNET_HOME"):
        Home.open(tmp_path / name)


def test_open_refuses_a_loop_of_links(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UsageError, match="loop"):
        Home.open(tmp_path / "loop")


def test_open_refuses_a_folder_that_everybody_may_write(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o777)
    with pytest.raises(UsageError, match=r"has mode 0777.*chmod 700"):
        Home.open(tmp_path / "home")


def test_open_refuses_a_folder_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(UsageError, match=f"belongs to the user with id {owner} and you are {owner + 1}"):
        Home.open(tmp_path / "home")


def test_open_refuses_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)  # root may write anywhere
    with pytest.raises(StorageError, match=r"can't be written.*PEERNET_HOME"):
        Home.open(tmp_path / "home")


def test_open_says_what_the_system_refuses(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot create the folder .*: File name too long"):
        Home.open(tmp_path / ("x" * 300))


def test_open_refuses_a_file_where_a_folder_belongs(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("")
    with pytest.raises(UsageError, match="blobs is not a folder"):
        Home.open(tmp_path)


def test_control_socket_of_a_long_path_is_short_and_its_own(tmp_path: Path, short_folder: Path) -> None:
    paths = [Home.open(tmp_path / (name * 100), temp_folder=short_folder).control_socket for name in "ab"]
    assert paths[0] != paths[1]
    for path in paths:
        assert len(os.fsencode(path)) <= SOCKET_PATH_LIMIT
        assert mode_of(path.parent) == 0o700
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))  # the system takes it


def test_control_socket_of_a_short_path_lies_in_the_home(short_folder: Path) -> None:
    assert Home.open(short_folder).control_socket == short_folder / "run" / "control"


@pytest.mark.parametrize("trap", ["open to others", "link", "file"])
def test_control_socket_refuses_a_folder_that_somebody_prepared(
    tmp_path: Path, short_folder: Path, trap: str
) -> None:
    folder = short_folder / f"peernet-{os.geteuid()}"
    (short_folder / "target").mkdir(mode=0o700)
    if trap == "open to others":
        folder.mkdir()
        folder.chmod(0o770)
    elif trap == "link":
        folder.symlink_to(short_folder / "target")
    else:
        folder.write_text("")
    with pytest.raises(UsageError, match=f"{folder.name} is not a folder"):
        Home.open(tmp_path / ("x" * 100), temp_folder=short_folder)


def test_control_socket_that_fits_nowhere(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="TMPDIR"):
        Home.open(tmp_path / ("x" * 100), temp_folder=tmp_path / ("y" * 100))


def test_lock_refuses_a_second_peer_and_names_the_first(tmp_path: Path) -> None:
    home = Home.open(tmp_path)
    told = pytest.raises(HomeInUseError, match=rf"process id {os.getpid()} is running in .*PEERNET_HOME")
    with home.lock(), told, Home.open(tmp_path).lock():
        raise AssertionError("two peers share a home")
    with home.lock():
        pass


def test_lock_of_another_home_is_free(tmp_path: Path) -> None:
    with Home.open(tmp_path / "a").lock(), Home.open(tmp_path / "b").lock():
        assert (tmp_path / "a" / "lock").read_text() == f"{os.getpid()}\n"


def test_lock_is_free_after_an_error_inside(tmp_path: Path) -> None:
    home = Home.open(tmp_path)
    with pytest.raises(KeyError), home.lock():
        raise KeyError
    with home.lock():
        assert mode_of(tmp_path / "lock") == 0o600


def test_lock_file_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(StorageError, match=r"cannot open .*lock"), Home.open(tmp_path).lock():
        raise AssertionError("no lock was taken")


HOLDER = """
import sys
from pathlib import Path
from peernet.storage.home import Home
with Home.open(Path(sys.argv[1])).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.real
def test_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    home = Home.open(tmp_path)
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == b"held\n"
            with pytest.raises(HomeInUseError, match=f"process id {holder.pid} is running"), home.lock():
                raise AssertionError("two peers share a home")
        finally:
            holder.kill()
            holder.wait()
    with home.lock():
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
