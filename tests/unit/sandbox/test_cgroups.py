"""Cgroups in a tree of plain files: what is looked for, and what is written. No real controller is at work
here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from peernet.sandbox import Limits, cgroups


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A delegated cgroup with this process in it."""
    monkeypatch.setattr(cgroups, "_is_delegated", lambda folder: True)
    folder = tmp_path / "user" / "scope"
    folder.mkdir(parents=True)
    (folder / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    (folder / "cgroup.procs").write_text(f"{os.getpid()}\n")
    (folder / "cgroup.subtree_control").write_text("")
    (tmp_path / "own").write_text("1:name=systemd:/\n0::/user/scope\n")
    return folder


def look(tree: Path) -> Path | str:
    return cgroups.survey(tree.parent.parent, tree.parent.parent / "own")


def filled(folder: Path, *files: str) -> None:
    """Make the files that the kernel makes in a new cgroup."""
    for file in files:
        (folder / file).write_text("")


def test_a_delegated_cgroup_is_found(tree: Path) -> None:
    assert look(tree) == tree


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("cgroup.controllers", "pids\n", "no controllers cpu, memory"),
        ("cgroup.procs", f"{os.getpid()}\n1\n", "holds 1 other processes"),
        ("../../own", "12:memory:/\n", "in no cgroup v2"),
        ("../../own", "0::/elsewhere\n", "in no cgroup v2"),
    ],
)
def test_what_is_missing_is_told(tree: Path, file: str, text: str, told: str) -> None:
    (tree / file).write_text(text)
    found = look(tree)
    assert isinstance(found, str) and told in found and "Delegate=yes" in found


def test_a_cgroup_that_is_not_delegated_is_left_alone(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    if os.geteuid() != 0:
        pytest.skip("a user's own folder counts as delegated")
    found = look(tree)
    assert isinstance(found, str) and "not delegated" in found


def test_a_tree_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    found = cgroups.survey(tmp_path, tmp_path / "missing")
    assert isinstance(found, str) and "can't be read" in found


def test_taking_over_moves_this_process_down(tree: Path) -> None:
    (tree / "box-left").mkdir()
    peer = tree / f"peer-{os.getpid()}"
    peer.mkdir()
    filled(peer, "cgroup.procs")
    assert cgroups.take_over(tree) == cgroups.Cgroups(tree)
    assert (peer / "cgroup.procs").read_text() == str(os.getpid())
    assert (tree / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
    assert not (tree / "box-left").exists()


def test_a_refusal_is_no_error(tree: Path) -> None:
    assert cgroups.take_over(tree) is None  # no cgroup.procs appears by itself in a plain folder


def test_a_box_is_limited_as_a_whole(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = ("memory.max", "pids.max", "cpu.max", "cgroup.procs", "cgroup.kill")
    make = Path.mkdir

    def mkdir(self: Path) -> None:
        make(self)
        filled(self, *files)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    cgroup = cgroups.Cgroups(tree).make(Limits(memory=1 << 30, scratch=1 << 20, threads=16), 3)
    assert int((cgroup.folder / "memory.max").read_text()) == 4 * ((1 << 30) + (1 << 20)) + (256 << 20)
    assert (cgroup.folder / "pids.max").read_text() == "72"
    assert (cgroup.folder / "cpu.max").read_text() == "300000 100000"
    assert not (cgroup.folder / "memory.swap.max").exists()
    cgroup.adopt(os.getpid())
    assert (cgroup.folder / "cgroup.procs").read_text().startswith(str(os.getpid()))
    cgroup.close()
    assert (cgroup.folder / "cgroup.kill").read_text() == "1"


@pytest.mark.skipif(sys.platform != "linux", reason="children are told by /proc")
def test_what_a_box_has_started_meanwhile_is_taken_in_too(tree: Path) -> None:
    source = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    with subprocess.Popen([sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdin is not None and parent.stdout is not None
        parent.stdout.readline()
        filled(tree, "cgroup.procs")
        cgroups.Cgroup(tree).adopt(parent.pid)
        # A file keeps the last write only, and the child comes after its parent.
        assert (tree / "cgroup.procs").read_text() != str(parent.pid)
        parent.stdin.write(b"\n")
        parent.stdin.close()
