"""Which files travel, and which never do."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from peernet.errors import ProjectError
from peernet.project import Bundle, collect

PROJECT = "import peernet\n@peernet.parallel(over=range(3))\ndef f(n): return n\n"


def paths(bundle: Bundle) -> list[str]:
    return [path for path, _ in bundle.files]


def test_the_modules_that_are_imported_travel_and_nothing_else(workshop: Any) -> None:
    path = workshop.write(
        main="import helper, json\nfrom tools import shapes, K\nimport deep.er.est\ndef f():\n    import inside\n"
        + PROJECT,
        helper="import second\nimport numpy.linalg, not_there",
        second="import helper  # a circle",
        inside="",
        unused="",
        tools__in____init__="from .star import *\nK = 1",
        tools__in__shapes="from . import lines\nfrom .. import beyond",
        tools__in__lines="from . import angles as a",
        tools__in__angles="",
        tools__in__star="",
        tools__in__unused="",
        deep__in____init__="",
        deep__in__er__in____init__="",
        deep__in__er__in__est="",
        beyond="",
    )
    (workshop.folder / ".secret.py").write_text("")
    (workshop.folder / "data.txt").write_text("")
    bundle = collect(path, None, ["a", "b"])
    assert paths(bundle) == [
        "deep/__init__.py",
        "deep/er/__init__.py",
        "deep/er/est.py",
        "helper.py",
        "inside.py",
        "main.py",
        "second.py",
        "tools/__init__.py",
        "tools/angles.py",
        "tools/lines.py",
        "tools/shapes.py",
        "tools/star.py",
    ]
    assert bundle.imports == ("not_there", "numpy")
    assert (bundle.kind, bundle.entry, bundle.name, bundle.argv) == ("source", "main.py", "", ("a", "b"))
    assert Bundle.decode(bundle.encode()) == bundle


def test_nothing_is_executed(workshop: Any) -> None:
    marker = workshop.folder / "ran"
    path = workshop.write(main=f"import helper\nopen({str(marker)!r}, 'w')", helper="raise SystemExit(9)")
    collect(path, None, [])
    assert not marker.exists()


def test_star_imports_reach_the_submodules_that_are_exported(workshop: Any) -> None:
    path = workshop.write(
        main="from box import *",
        box__in____init__="__all__ = ['lid', 'other']",
        box__in__lid="",
        box__in__bottom="",
    )
    assert paths(collect(path, None, [])) == ["box/__init__.py", "box/lid.py", "main.py"]


def test_a_folder_without_init_is_a_package_unless_something_is_installed_under_its_name(workshop: Any) -> None:
    path = workshop.write(
        main="import parts.one\nimport numpy.core\nimport json.tool",
        parts__in__one="",
        numpy__in__core="",
        json__in__tool="",
    )
    assert paths(collect(path, None, [])) == ["main.py", "parts/one.py"]


def test_a_neighbour_wins_over_the_standard_library_as_in_python(workshop: Any) -> None:
    path = workshop.write(main="import queue, time, sys, os, colorsys", queue="", time="", sys="", os="")
    # Built-in and frozen modules win over files; others do not.
    assert paths(collect(path, None, [])) == ["main.py", "queue.py"]


def test_peernet_itself_never_travels(workshop: Any) -> None:
    path = workshop.write(main=PROJECT, peernet__in____init__="")
    assert paths(collect(path, None, [])) == ["main.py"]
    with pytest.raises(ProjectError, match=r"can't be called 'peernet\.py'"):
        collect(workshop.write(peernet=""), None, [])


def test_a_package_is_preferred_to_a_module_of_its_name(workshop: Any) -> None:
    path = workshop.write(main="import both", both="", both__in____init__="")
    assert paths(collect(path, None, [])) == ["both/__init__.py", "main.py"]


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need rights there")
def test_links_that_lead_outside_are_refused(workshop: Any, tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "__init__.py").write_text("")
    path = workshop.write(main="import helper", second="import folder", third="import hidden", loop="import round")
    (workshop.folder / "helper.py").symlink_to(tmp_path / "outside.py")
    (workshop.folder / "folder").symlink_to(tmp_path / "folder")
    (workshop.folder / ".hidden.py").write_text("")
    (workshop.folder / "hidden.py").symlink_to(workshop.folder / ".hidden.py")
    (workshop.folder / "round.py").symlink_to(workshop.folder / "round.py")
    with pytest.raises(ProjectError, match=r"helper\.py leads outside the project's folder"):
        collect(path, None, [])
    with pytest.raises(ProjectError, match=r"leads outside the project's folder"):
        collect(workshop.folder / "second.py", None, [])
    with pytest.raises(ProjectError, match=r"hidden files never travel"):
        collect(workshop.folder / "third.py", None, [])
    with pytest.raises(ProjectError, match=r"round\.py"):
        collect(workshop.folder / "loop.py", None, [])


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need rights there")
def test_links_inside_the_folder_travel_as_files(workshop: Any) -> None:
    path = workshop.write(main="import alias", real="X = 1")
    (workshop.folder / "alias.py").symlink_to("real.py")
    assert dict(collect(path, None, []).files)["alias.py"] == b"X = 1"


def test_a_compiled_neighbour_is_refused(workshop: Any) -> None:
    from importlib.machinery import EXTENSION_SUFFIXES

    path = workshop.write(main="import fast")
    (workshop.folder / f"fast{EXTENSION_SUFFIXES[0]}").write_bytes(b"")
    with pytest.raises(ProjectError, match="is a compiled module"):
        collect(path, None, [])


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (b"def f(:\n  pass", r"main\.py:1: syntax error: .*\n    def f\(:"),
        (b"x = 1\nif x:\nprint(x)", r"main\.py:3: .*expected an indented block.*\n    print\(x\)"),
        ("x = 'é'".encode("latin-1"), r"main\.py.*utf-8"),
        (b"# coding: no-such-coding\n", r"main\.py.*no-such-coding"),
        (b"x = 1\0", r"main\.py.*null bytes"),
        (b"(" * 5000, r"main\.py"),
        (b"x = " + b"-" * 100_000 + b"1", r"main\.py"),
    ],
)
def test_what_is_not_python_is_refused_with_its_place(workshop: Any, source: bytes, words: str) -> None:
    path = workshop.folder / "main.py"
    path.write_bytes(source)
    with pytest.raises(ProjectError, match=words):
        collect(path, None, [])


def test_declared_codings_are_followed(workshop: Any) -> None:
    path = workshop.folder / "main.py"
    for source in (
        "# -*- coding: latin-1 -*-\nimport helper; x = 'é'".encode("latin-1"),
        codecs.BOM_UTF8 + b"import helper",
    ):
        path.write_bytes(source)
        workshop.write(helper="")
        bundle = collect(path, None, [])
        assert paths(bundle) == ["helper.py", "main.py"] and dict(bundle.files)["main.py"] == source


def test_a_broken_neighbour_is_named(workshop: Any) -> None:
    path = workshop.write(main="import helper", helper="x = = 1")
    with pytest.raises(ProjectError, match=r"helper\.py:1: syntax error"):
        collect(path, None, [])


def test_unusable_paths_are_refused(workshop: Any) -> None:
    with pytest.raises(ProjectError, match="there is no such file"):
        collect(workshop.folder / "missing.py", None, [])
    with pytest.raises(ProjectError, match="is a directory"):
        collect(workshop.folder, None, [])
    (workshop.folder / "notes.txt").write_text("")
    with pytest.raises(ProjectError, match=r"is not a \.py file"):
        collect(workshop.folder / "notes.txt", None, [])
    with pytest.raises(ProjectError, match="there is no such file"):
        collect(Path("a\0.py"), None, [])
    with pytest.raises(ProjectError, match="'a b' is not the name"):
        collect(workshop.write(main=PROJECT), "a b", [])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_refused_at_once(workshop: Any) -> None:
    os.mkfifo(workshop.folder / "main.py")
    with pytest.raises(ProjectError, match="not a regular file"):
        collect(workshop.folder / "main.py", None, [])


GOOD: dict[str, Any] = {
    "kind": "source",
    "entry": "a.py",
    "name": "",
    "argv": (),
    "files": (("a.py", b""),),
    "python": "",
    "imports": (),
    "pickled": b"",
}


@pytest.mark.parametrize(
    "change",
    [
        {"files": (("a.py", b""), ("../b.py", b""))},
        {"files": (("../b.py", b""), ("a.py", b""))},
        {"files": (("/etc/b.py", b""), ("a.py", b""))},
        {"files": ((".b.py", b""), ("a.py", b""))},
        {"files": ((".git/b.py", b""), ("a.py", b""))},
        {"files": (("a.py", b""), ("b/./c.py", b""))},
        {"files": (("a.py", b""), ("b//c.py", b""))},
        {"files": (("C:/b.py", b""), ("a.py", b""))},
        {"files": (("a.py", b""), ("b\\..\\c.py", b""))},
        {"files": (("a.py", b""), ("b\0.py", b""))},
        {"files": (("a.py", b""), ("b.sh", b""))},
        {"files": (("a.py", b""), ("a.py/b.py", b""))},
        {"files": (("a.py", b""), ("x" * 300 + ".py", b""))},
        {"files": (("a.py", b""), ("a.py", b""))},
        {"files": (("b.py", b""), ("a.py", b""))},
        {"files": (("a.py", b"x" * (17 << 20)),)},
        {"files": tuple((f"{n:05}.py", b"") for n in range(2000))},
        {"files": (("a.py", "text"),)},
        {"files": [("a.py", b"")]},
        {"files": (("a.py",),)},
        {"entry": "b.py"},
        {"entry": ""},
        {"kind": "exec"},
        {"kind": "pickle"},
        {"kind": "pickle", "entry": "", "pickled": b"x"},
        {"kind": "pickle", "entry": "", "pickled": b"x", "python": "3.11; x"},
        {"pickled": b"x"},
        {"name": "a.b"},
        {"name": None},
        {"argv": ("x",) * 2000},
        {"argv": ("x" * 100_000,)},
        {"argv": (1,)},
        {"imports": ["numpy"]},
    ],
)
def test_bundles_that_break_a_rule_are_refused(change: dict[str, Any]) -> None:
    Bundle(**GOOD)
    with pytest.raises(ProjectError):
        Bundle(**{**GOOD, **change})


def test_bytes_that_are_no_bundle_are_refused() -> None:
    from peernet.results import encode

    good = Bundle(**GOOD).encode()
    for data in (b"", good[:-1], good + b"\0", encode(["peernet/bundle/2", *[0] * 8]), encode({}), encode([])):
        with pytest.raises(ProjectError):
            Bundle.decode(data)


def test_a_script_runs_the_same_from_its_bundle(workshop: Any, run_script: Callable[..., str]) -> None:
    path = workshop.write(main="import queue\nprint(queue.WHO)", queue="WHO = 'neighbour'")
    assert run_script(path) == "neighbour\n"
    assert "queue.py" in paths(collect(path, None, []))
