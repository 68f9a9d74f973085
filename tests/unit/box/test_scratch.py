"""Removing what user code left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from peernet.box.scratch import make_read_only, wipe


def test_a_folder_goes_with_all_that_is_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "file").write_text("x")
    (folder / "a" / "b" / "file").write_text("x")
    os.mkfifo(folder / "pipe")
    wipe(folder)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    wipe(tmp_path / "missing")


def test_a_tree_deeper_than_any_path_goes(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    top = os.open(folder, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("deeper", dir_fd=top)
        inner = os.open("deeper", os.O_RDONLY, dir_fd=top)
        os.close(top)
        top = inner
    os.close(top)
    wipe(folder)
    assert not folder.exists()


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("x")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "folder-link").symlink_to(kept)
    (folder / "file-link").symlink_to(kept / "file")
    (folder / "broken-link").symlink_to(tmp_path / "missing")
    wipe(folder)
    assert (kept / "file").read_text() == "x" and not folder.exists()


def test_a_link_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (tmp_path / "link").symlink_to(kept)
    with pytest.raises(OSError, match="link"):
        wipe(tmp_path / "link")
    assert kept.is_dir()


def test_folders_without_rights_and_names_like_our_own_go_too(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    for name in (".wiped-1/b", "a/.wiped-1/b", "a/.wiped-2", "closed/inner/deep"):
        (folder / name).mkdir(parents=True)
    (folder / "closed" / "inner").chmod(0)
    (folder / "closed").chmod(0)
    wipe(folder)
    assert not folder.exists()


def test_read_only_means_all_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "file").write_text("x")
    make_read_only(folder)
    for path in (folder, folder / "a", folder / "a" / "file"):
        assert path.stat().st_mode & 0o222 == 0
    wipe(folder)
    assert not folder.exists()
