"""Results of real jobs: what is written where, and what happens when the disk is full."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.real

MIXED = """
@peernet.parallel(over=range(6), slice_size=2)
def mixed(x):
    print("computing", x)
    return [x, float("nan"), bytes([x]), {1: {2}}, (None, True)][x % 5]
print("loading")
"""
VALUES = [0, {"$float": "nan"}, {"$bytes": "Ag=="}, {"$dict": [[1, {"$set": [2]}]]}, [None, True], 5]

LARGE = "@peernet.parallel(over=range(40), slice_size=10)\ndef large(x): return str(x) * 20_000"


def test_results_and_stats(lone_peer: Any) -> None:
    ran = lone_peer.run("submit", lone_peer.write(MIXED), "-o", "out")
    assert ran.returncode == 0, ran
    assert ran.stdout.splitlines()[-1] == "results: out"
    assert json.loads((lone_peer.folder / "out/results.json").read_text()) == VALUES
    stats = json.loads((lone_peer.folder / "out/stats.json").read_text())
    assert (stats["slices"], stats["executions"], stats["disagreements"], stats["calls"]) == (3, 3, 0, 6)
    assert stats["project_time"] > 0
    [peer] = stats["peers"]
    assert peer["id"] == lone_peer.run("id").stdout.strip()
    assert (peer["slices"], peer["share"]) == (3, 1.0)
    assert peer["cpu_seconds"] > 0


def test_a_folder_is_never_overwritten(lone_peer: Any) -> None:
    file = lone_peer.write(MIXED)
    (lone_peer.folder / "taken").mkdir()
    folders = [lone_peer.run("submit", file, "-o", "taken").stdout.splitlines()[-1] for _ in range(2)]
    assert folders == ["results: taken-2", "results: taken-3"]
    assert list((lone_peer.folder / "taken").iterdir()) == []


def test_json_lines_only(lone_peer: Any) -> None:
    ran = lone_peer.run("submit", lone_peer.write(MIXED), "--json", "-o", "json")
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert {line["event"] for line in lines} <= {"submitted", "progress", "printed", "done"}
    assert lines[0]["event"] == "submitted"
    assert lines[-1]["event"] == "done"
    assert lines[-1]["value"] == VALUES
    assert lines[-1]["output"] == "json"
    assert "loading" in ran.stderr


def test_two_fetches_are_identical_and_need_no_running_peer(installed: Any) -> None:
    ran = installed.run("submit", installed.write(MIXED), "--local", "1", "--json", "-o", "first")
    assert ran.returncode == 0, ran
    job = json.loads(ran.stdout.splitlines()[-1])["job"]
    assert installed.run("results", job[:8], "-o", "second").stdout.startswith("results: second  (3 slices, ")
    assert installed.run("results", job, "-o", "second").stdout.startswith("results: second-2  (")
    for name in ("results.json", "stats.json"):
        first, *others = [
            (installed.folder / folder / name).read_bytes() for folder in ("first", "second", "second-2")
        ]
        assert others == [first, first]
    assert installed.run("results", job).stdout == (installed.folder / "first/results.json").read_text()
    assert installed.run("show", job).stdout.splitlines()[0].endswith(job)


def test_an_empty_input(lone_peer: Any) -> None:
    file = lone_peer.write("@peernet.parallel(over=())\ndef nothing(x): return x")
    ran = lone_peer.run("submit", file, "-o", "empty")
    assert ran.returncode == 0, ran
    assert ran.stdout.startswith("nothing: []  (0 slices, ")
    assert json.loads((lone_peer.folder / "empty/results.json").read_text()) == []
    assert json.loads((lone_peer.folder / "empty/stats.json").read_text())["peers"] == []


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "peernet-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def check_refused(lone_peer: Any, ran: subprocess.CompletedProcess[str], folder: Path, reason: str) -> None:
    """One clear line, nothing left behind, and the results are to be had elsewhere."""
    assert ran.returncode == 1, ran
    [line] = [line for line in ran.stderr.splitlines() if line.startswith("error: ")]
    assert reason in line
    assert "nothing is lost: `peernet results " in line
    assert list(folder.iterdir()) == []
    job = line.partition("`peernet results ")[2].split()[0]
    again = lone_peer.run("results", job)
    assert json.loads(again.stdout) == [str(x) * 20_000 for x in range(40)]


def test_a_full_disk(lone_peer: Any, tiny_disk: Path) -> None:
    ran = lone_peer.run("submit", lone_peer.write(LARGE), "-o", tiny_disk / "out")
    check_refused(lone_peer, ran, tiny_disk, "the disk is full")


def test_a_file_size_limit(lone_peer: Any, tmp_path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    ran = lone_peer.run("submit", lone_peer.write(LARGE), "-o", tmp_path / "out", preexec_fn=limit)
    check_refused(lone_peer, ran, tmp_path, "ulimit -f")


def test_an_output_that_can_take_nothing(lone_peer: Any) -> None:
    job = json.loads(lone_peer.run("submit", lone_peer.write(LARGE), "--json").stdout.splitlines()[-1])["job"]
    with Path("/dev/full").open("w") as full:
        ran = lone_peer.run("results", job, stdout=full)
    assert ran.returncode == 1
    assert ran.stderr.splitlines() == ["error: the output can't be written: No space left on device"]
