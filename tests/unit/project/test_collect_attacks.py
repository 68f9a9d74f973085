"""A folder that somebody else prepared must not make its submitter's own files travel."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

import pytest

import peernet
from peernet.config.project import MAX_BUNDLE_BYTES, MAX_BUNDLE_FILES
from peernet.errors import ProjectError
from peernet.project import collect
from peernet.project.pickled import pickle_project

PROJECT = "import peernet\n@peernet.parallel(over=range(3))\ndef f(n): return n\n"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="symbolic links and pipes need rights there")


def files(path: Path) -> list[str]:
    return [name for name, _ in collect(path, None, []).files]


@pytest.mark.parametrize("target", [".env", ".git/config.py", ".ssh/id_rsa"])
def test_links_to_hidden_files_are_refused(workshop: Any, target: str) -> None:
    path = workshop.write(main="import settings\n" + PROJECT)
    hidden = workshop.folder / target
    hidden.parent.mkdir(exist_ok=True)
    hidden.write_text("SECRET = 1")
    (workshop.folder / "settings.py").symlink_to(hidden)
    with pytest.raises(ProjectError, match=r"settings\.py leads to the hidden file .*; hidden files never travel"):
        collect(path, None, [])


@pytest.mark.parametrize("name", ["id_rsa", "data.json", "notes"])
def test_links_to_what_is_no_source_are_refused_though_it_may_parse(workshop: Any, name: str) -> None:
    path = workshop.write(main="import settings\n" + PROJECT)
    (workshop.folder / name).write_text("{}")
    (workshop.folder / "settings.py").symlink_to(workshop.folder / name)
    with pytest.raises(ProjectError, match=rf"settings\.py leads to .*{name}, which is no \.py file"):
        collect(path, None, [])


@pytest.mark.parametrize("init", [True, False])
def test_folders_that_are_links_outside_are_refused(workshop: Any, tmp_path: Path, init: bool) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mod.py").write_text("SECRET = 1")
    if init:
        (outside / "__init__.py").write_text("")
    path = workshop.write(main="import pkg.mod\n" + PROJECT)
    (workshop.folder / "pkg").symlink_to(outside)
    with pytest.raises(ProjectError, match=r"leads outside the project's folder, to .*outside"):
        collect(path, None, [])


def test_a_folder_that_is_a_link_to_a_hidden_one_is_refused(workshop: Any) -> None:
    path = workshop.write(main="import pkg.sub.x\n" + PROJECT, pkg__in____init__="")
    (workshop.folder / ".cache").mkdir()
    (workshop.folder / ".cache" / "x.py").write_text("")
    (workshop.folder / "pkg" / "sub").symlink_to(workshop.folder / ".cache")
    with pytest.raises(ProjectError, match="leads to the hidden file"):
        collect(path, None, [])


def test_a_project_file_that_is_a_link_into_a_hidden_folder_is_refused(workshop: Any, tmp_path: Path) -> None:
    hidden = tmp_path / ".private"
    hidden.mkdir()
    (hidden / "bot.py").write_text(PROJECT)
    (workshop.folder / "main.py").symlink_to(hidden / "bot.py")
    with pytest.raises(ProjectError, match=r"main\.py leads to .*bot\.py, in a hidden folder"):
        collect(workshop.folder / "main.py", None, [])
    assert files(hidden / "bot.py") == ["bot.py"], (
        "a project may lie in a hidden folder, if the user names it there"
    )


def test_names_that_exports_make_up_reach_nothing(workshop: Any, tmp_path: Path) -> None:
    (tmp_path / "secret.py").write_text("")
    made_up = ["../../secret", str(tmp_path / "secret"), "sub/inner", "..secret", ""]
    path = workshop.write(
        main="from pkg import *\n" + PROJECT,
        pkg__in____init__=f"__all__ = {made_up!r}",
        pkg__in__sub__in__inner="",
    )
    assert files(path) == ["main.py", "pkg/__init__.py"]


def test_data_and_dotfiles_beside_the_project_stay(workshop: Any) -> None:
    path = workshop.write(main="import pkg\n" + PROJECT, pkg__in____init__="", pkg__in____main__="", unused="")
    for name in (".env", ".netrc", "pkg/.env", "pkg/data.csv", "credentials.json", "main.pyc", "pkg.pth"):
        (workshop.folder / name).write_text("SECRET")
    assert files(path) == ["main.py", "pkg/__init__.py"]


def test_relative_imports_do_not_leave_the_folder(workshop: Any, tmp_path: Path) -> None:
    (tmp_path / "above.py").write_text("")
    path = workshop.write(main="from .. import above\nfrom ...x import y\nfrom ..above import z\n" + PROJECT)
    assert files(path) == ["main.py"]


def test_what_only_type_checkers_import_stays(workshop: Any) -> None:
    path = workshop.write(
        main="import typing\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import hints\nelse:\n"
        "    import used\nif typing.TYPE_CHECKING:\n    from hints import *\n" + PROJECT,
        hints="",
        used="",
    )
    assert files(path) == ["main.py", "used.py"]


def test_files_over_the_bound_are_not_read_whole(workshop: Any) -> None:
    path = workshop.write(main="import big\n" + PROJECT)
    with (workshop.folder / "big.py").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ProjectError, match=rf"big\.py is larger than {MAX_BUNDLE_BYTES} bytes"):
        collect(path, None, [])


def test_too_much_in_all_is_refused(workshop: Any) -> None:
    path = workshop.write(main="import a, b\n" + PROJECT, a="#" * (MAX_BUNDLE_BYTES - 100), b="#" * 100)
    with pytest.raises(ProjectError, match=rf"more than {MAX_BUNDLE_FILES} files or {MAX_BUNDLE_BYTES} bytes"):
        collect(path, None, [])


def test_pipes_and_devices_among_the_neighbours_do_not_hang_it(workshop: Any) -> None:
    path = workshop.write(main="import pipe\n" + PROJECT)
    os.mkfifo(workshop.folder / "pipe.py")
    assert files(path) == ["main.py"]
    (workshop.folder / "pipe.py").unlink()
    (workshop.folder / "pipe.py").symlink_to("/dev/zero")
    with pytest.raises(ProjectError, match="leads outside the project's folder"):
        collect(path, None, [])


def test_a_broken_line_is_not_shown_whole(workshop: Any) -> None:
    with pytest.raises(ProjectError) as caught:
        collect(workshop.write(main="(" * 100_000), None, [])
    assert "syntax error" in str(caught.value) and len(str(caught.value)) < 1000


def test_what_a_pickle_refers_to_follows_the_same_rules(workshop: Any, tmp_path: Path) -> None:
    """A module that a project in a running program uses is a link to a file elsewhere: it stays here."""
    outside = tmp_path / "outside.py"
    outside.write_text("def g(n):\n    return n\n")
    (workshop.folder / "linked.py").symlink_to(outside)
    sys.path.insert(0, str(workshop.folder))
    linked = importlib.import_module("linked")
    _, worker = pickle_project(peernet.parallel(over=[1])(linked.g))
    assert worker.files == () and worker.imports == ("linked",)
