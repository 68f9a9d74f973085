"""The folders of boxes: whose they are, and how leftovers go."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from peernet.box.folders import BoxFolders
from peernet.errors import BoxError


def test_each_box_has_a_folder_and_none_is_left(tmp_path: Path) -> None:
    folders = BoxFolders(tmp_path / "scratch")
    first, second = folders.make(), folders.make()
    assert first != second and first.is_dir() and second.is_dir()
    assert first.stat().st_mode & 0o077 == 0
    (first / "file").touch()
    folders.close()
    assert list((tmp_path / "scratch").iterdir()) == []


def test_two_owners_do_not_disturb_each_other(tmp_path: Path) -> None:
    one = BoxFolders(tmp_path)
    folder = one.make()
    two = BoxFolders(tmp_path)
    assert folder.is_dir()
    two.close()
    assert folder.is_dir()
    one.close()
    assert list(tmp_path.iterdir()) == []


def test_what_nobody_holds_a_lock_on_is_removed(tmp_path: Path) -> None:
    (tmp_path / "0123.lock").touch()
    (tmp_path / "0123" / "box-1" / "source").mkdir(parents=True)
    (tmp_path / "0123" / "box-1" / "source").chmod(0o500)
    (tmp_path / "4567.lock").touch()
    folders = BoxFolders(tmp_path)
    assert not (tmp_path / "0123").exists() and not (tmp_path / "4567.lock").exists()
    folders.close()


def test_what_somebody_holds_a_lock_on_stays(tmp_path: Path) -> None:
    (tmp_path / "0123").mkdir()
    with (tmp_path / "0123.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        BoxFolders(tmp_path).close()
        assert (tmp_path / "0123").is_dir()


def test_other_files_are_nobodys_business(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    BoxFolders(tmp_path).close()
    assert (tmp_path / "notes").is_dir()


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BoxError, match="can't be used"):
        BoxFolders(tmp_path / "file")
