"""Projects that fail, run by a real peer: one clear line, the right exit code, and the peer goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = pytest.mark.real

ONE = "@peernet.parallel(over=range(3), slice_size=1"

BROKEN = {
    "no project": ("x = 1", "project.py has no project"),
    "two without a name": (
        f"{ONE})\ndef a(x): ...\n{ONE})\ndef b(x): ...",
        "name one as project.py:NAME, of a, b",
    ),
    "slice size": ("@peernet.parallel(over=[1], slice_size=0)\ndef a(x): ...", "slice_size=0"),
    "cannot travel": (
        "import threading\n@peernet.parallel(over=[1, threading.Lock()])\ndef a(x): ...",
        "argument 1 of the input can't travel to other peers",
    ),
    "no iterable": ("@peernet.parallel(over=7)\ndef a(x): ...", "over=7"),
}

FAILING = {
    "raises": (f"{ONE})\ndef a(x): return 1 // (1 - x)", "ZeroDivisionError"),
    "takes too long": (f"import time\n{ONE}, timeout=0.5)\ndef a(x): time.sleep(60)", "0.5 s"),
    "exits": (f"import os\n{ONE})\ndef a(x): os._exit(7)", "exit code 7"),
    "returns no plain data": (f"{ONE})\ndef a(x): return [object()]", "builtins.object"),
    "reduce raises": (f"{ONE}, reduce=lambda a, b: a + None)\ndef a(x): return x", "TypeError"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_project_is_wrong_usage(lone_peer: Any, case: str) -> None:
    source, told = BROKEN[case]
    ran = lone_peer.run("submit", lone_peer.write(source))
    assert ran.returncode == 2, ran
    assert ran.stdout == ""
    [line] = ran.stderr.splitlines()
    assert line.startswith("error: ")
    assert told in line


@pytest.mark.parametrize("case", FAILING)
def test_a_failing_task_fails_the_job(lone_peer: Any, case: str) -> None:
    source, told = FAILING[case]
    ran = lone_peer.run("submit", lone_peer.write(source), "-o", "never")
    assert ran.returncode == 1, ran
    assert ran.stdout == ""
    [line] = [line for line in ran.stderr.splitlines() if line.startswith("error: ")]
    assert told in line
    assert not (lone_peer.folder / "never").exists()


def test_the_remote_traceback_is_shown_and_nothing_of_peernet(lone_peer: Any) -> None:
    source = "def deep(x):\n    return 1 // x\n@peernet.parallel(over=[0])\ndef a(x):\n    return deep(x)"
    ran = lone_peer.run("submit", lone_peer.write(source))
    assert 'File "project.py", line 6, in a' in ran.stderr
    assert 'File "project.py", line 3, in deep' in ran.stderr
    assert "peernet/" not in ran.stderr
    show = lone_peer.run("show", json.loads(lone_peer.run("jobs", "--json").stdout.splitlines()[0])["job"])
    assert 'File "project.py", line 3, in deep' in show.stdout


def test_a_failure_in_json(lone_peer: Any) -> None:
    source, told = FAILING["raises"]
    ran = lone_peer.run("submit", lone_peer.write(source), "--json")
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    assert ran.returncode == 1
    assert [line.get("event") for line in lines if line.get("event") != "progress"] == [
        "submitted",
        "failed",
        None,
    ]
    assert told in lines[-1]["error"]["message"]
    assert "ZeroDivisionError" in lines[-1]["error"]["traceback"]


def test_the_peer_goes_on(lone_peer: Any) -> None:
    lone_peer.run("submit", lone_peer.write(FAILING["exits"][0]))
    ran = lone_peer.run("submit", lone_peer.write(f"{ONE})\ndef a(x): return x"))
    assert ran.returncode == 0, ran
    assert ran.stdout.startswith("a: [0, 1, 2]  (3 slices, 1 peer, ")
