"""Limits, needs and tiers on the command line; what `submit --dry-run` lists; who is told to lack what."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from peernet.runtime import numeric
from peernet.wire.control import (
    JobReply,
    JobRow,
    ListPeers,
    PeerRow,
    PeersReply,
    Results,
    SliceValue,
    Submit,
    Submitted,
    UnfitRow,
    Watch,
)

Run = Callable[..., Result]
Write = Callable[..., str]
Row = Callable[..., JobRow]

SQUARE = "@peernet.parallel(over=range(4))\ndef square(x): return x * x"
BLOCK = "# /// script\n# requires-python = '>=3.11'\n# dependencies = ['scipy']\n# ///\n"


# --- --dry-run ----------------------------------------------------------------------------------------------


@pytest.fixture
def marked(project: Write, tmp_path: Path) -> str:
    """A project that leaves a mark when it runs, with a neighbour and files that must not travel."""
    (tmp_path / "helper.py").write_text("X = 1\n")
    (tmp_path / "unused.py").write_text("X = 1\n")
    (tmp_path / ".env").write_text("SECRET=1\n")
    return project(
        BLOCK + "import helper, numpy\nopen('ran', 'w')\nSIZE = 9\n"
        "@peernet.parallel(over=range(4), memory='64MiB', scratch=SIZE, requirements=['numpy>=1.26'])\n"
        "def square(x): return x * x"
    )


def test_a_dry_run_lists_what_would_travel_and_runs_nothing(peernet: Run, marked: str, tmp_path: Path) -> None:
    done = peernet("submit", marked, "--dry-run", "--time", "5", "--require-sandbox", "B", "--", "an argument")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines() == [
        "  6  helper.py",
        f"{(tmp_path / marked).stat().st_size}  project.py",
        done.stdout.splitlines()[2],
        "arguments: 'an argument'",
        "imports of installed packages: numpy",
        "needs: Python >=3.11, numpy>=1.26, scipy, sandbox tier B",
        "limits of a slice: memory 64 MiB, time 5 s, scratch as each peer lends",
        "known only when the project runs: scratch",
        "nothing was sent",
    ]
    assert done.stdout.splitlines()[2].startswith("total: 2 files, ")
    assert not (tmp_path / "ran").exists() and not (tmp_path / "home" / "journal.db").exists()


def test_a_dry_run_for_programs(peernet: Run, marked: str, json_lines: Any) -> None:
    done = peernet("submit", marked, "--dry-run", "--json", "--memory", "128MiB")
    (told,) = json_lines(done.stdout)
    assert told["event"] == "dry-run" and told["project"] == "square"
    assert [file["path"] for file in told["files"]] == ["helper.py", "project.py"]
    assert told["bytes"] > sum(file["bytes"] for file in told["files"])
    needs = {"python": ">=3.11", "requirements": ["numpy>=1.26", "scipy"], "sandbox": None, "numeric": None}
    assert told["needs"] == needs
    assert told["limits"] == {"memory": 128 << 20, "time": None, "scratch": None}
    assert (told["imports"], told["computed"], told["results"]) == (["numpy"], ["scratch"], "data")


def test_a_dry_run_asks_no_peer(peernet: Run, project: Write, fake_peer: Any) -> None:
    assert peernet("submit", project(SQUARE), "--dry-run").exit_code == 0
    assert fake_peer.requests == []


def test_a_dry_run_tells_what_is_wrong(peernet: Run, project: Write) -> None:
    file = project("@peernet.parallel(over=[1], requirements=['https://example.org/a.whl'])\ndef f(x): return x")
    done = peernet("submit", file, "--dry-run")
    assert done.exit_code == 2
    assert "project.py: the requirement 'https://example.org/a.whl' can't be used: it is a URL" in done.stderr


# --- limits -------------------------------------------------------------------------------------------------


def test_limits_and_the_tier_reach_the_peer(peernet: Run, project: Write, fake_peer: Any, job_row: Row) -> None:
    row = job_row(state="done")
    fake_peer.answer(Submit, Submitted(row.job))
    fake_peer.answer(Watch, JobReply(row))
    fake_peer.answer(Results, JobReply(row))
    for name in ("--time", "--timeout"):
        peernet(
            "submit", project(SQUARE), "--memory", "1.5GiB", name, "7", "--scratch", "5MB", "--require-sandbox=A"
        )
    for request in fake_peer.asked(Submit):
        assert (request.memory, request.timeout, request.scratch) == (3 << 29, 7.0, 5_000_000)
        assert request.tier == "A"
    assert len(fake_peer.asked(Submit)) == 2


@pytest.mark.parametrize("command", ["submit", "join"])
@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--memory", "lots"), "memory='lots': it must be a number of bytes, or a text such as \"512MiB\""),
        (("--memory", "1MiB"), "memory='1MiB': it must be from 16 MiB to 1 PiB"),
        (("--scratch", "0"), "scratch='0': it must be from 1 B to 1 PiB"),
        (("--time", "0"), "timeout=0.0: it must be a finite number of seconds above 0"),
        (("--time", "inf"), "timeout=inf: it must be a finite number of seconds above 0"),
        (("--time", "soon"), "'soon' is not a valid float"),
        (("--require-sandbox", "C"), "'C' is not one of 'A', 'B'"),
        (("--sandbox-tier", "D"), "'D' is not one of 'A', 'B', 'C'"),
    ],
)
def test_wrong_limits_are_named(
    peernet: Run, project: Write, command: str, given: tuple[str, ...], words: str
) -> None:
    target = (project(SQUARE),) if command == "submit" else ()
    done = peernet(command, *target, *given)
    assert done.exit_code == 2
    assert words in done.stderr


def test_a_tier_is_chosen_for_a_local_swarm_only(peernet: Run, project: Write, fake_peer: Any) -> None:
    done = peernet("submit", project(SQUARE), "--sandbox-tier", "A")
    assert done.exit_code == 2
    assert "sandbox tier A: it is that of a local swarm, and a peer runs here already" in done.stderr
    assert fake_peer.asked(Submit) == []


# --- who lacks what -----------------------------------------------------------------------------------------

LACKING = Submitted(
    "j" * 52, 1, (UnfitRow("lacks numpy>=2", ("12D3KooWa", "12D3KooWb")),), "2 peers lack numpy>=2 (…)"
)


@pytest.fixture
def lacking(fake_peer: Any, job_row: Row) -> None:
    row = job_row(job="j" * 52, state="done", calls=1, slices=1, accepted=1)
    fake_peer.answer(Submit, LACKING)
    fake_peer.answer(Watch, JobReply(row))
    fake_peer.answer(Results, SliceValue(0, b"\x81\x01"), JobReply(row))


@pytest.mark.usefixtures("lacking")
def test_who_lacks_what_is_told_at_once(peernet: Run, project: Write) -> None:
    done = peernet("submit", project(SQUARE))
    assert done.stderr.splitlines()[:2] == ["job jjjjjjjjjj is submitted", "2 peers lack numpy>=2 (…)"]


@pytest.mark.usefixtures("lacking")
def test_who_lacks_what_is_told_to_programs(peernet: Run, project: Write) -> None:
    done = peernet("submit", project(SQUARE), "--json")
    first = json.loads(done.stdout.splitlines()[0])
    assert first == {
        "event": "submitted",
        "job": "j" * 52,
        "fit": 1,
        "unfit": [{"why": "lacks numpy>=2", "peers": ["12D3KooWa", "12D3KooWb"]}],
    }


# --- the numeric class --------------------------------------------------------------------------------------

SAME = "import math\n@peernet.parallel(over=range(4), numeric='same')\ndef sine(x): return math.sin(x)"
OWN = "linux-x86_64/glibc-2.36/x86-64-v3/cpython-3.11/math-00000000"
NUMPY = "numpy-2.1/openblas-0.3-zen"


@pytest.fixture
def own_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine is of a certain class, and measuring it costs nothing."""
    monkeypatch.setattr(numeric, "measure_own", lambda *, numpy: f"{OWN}/{NUMPY}" if numpy else OWN)


@pytest.mark.usefixtures("own_class")
def test_a_dry_run_shows_the_class_that_same_stands_for(peernet: Run, project: Write, json_lines: Any) -> None:
    done = peernet("submit", project(SAME), "--dry-run")
    assert f"needs: numeric class {OWN}" in done.stdout.splitlines()
    done = peernet("submit", project("import numpy\n" + SAME), "--dry-run")
    assert f"needs: numpy==2.1, numeric class {OWN}/{NUMPY}" in done.stdout.splitlines()
    (told,) = json_lines(peernet("submit", project("import numpy\n" + SAME), "--dry-run", "--json").stdout)
    assert (told["needs"]["numeric"], told["needs"]["requirements"]) == (f"{OWN}/{NUMPY}", ["numpy==2.1"])


@pytest.mark.parametrize(("given", "line"), [("any", "needs: nothing"), ("linux", "needs: numeric class linux")])
def test_a_dry_run_shows_a_class_that_is_named(peernet: Run, project: Write, given: str, line: str) -> None:
    assert line in peernet("submit", project(SAME), "--dry-run", "--numeric", given).stdout.splitlines()


def test_the_numeric_class_reaches_the_peer(peernet: Run, project: Write, fake_peer: Any, lacking: None) -> None:
    for given in ("same", "any", OWN):
        peernet("submit", project(SQUARE), "--numeric", given)
    peernet("submit", project(SQUARE))
    assert [request.numeric for request in fake_peer.asked(Submit)] == ["same", "any", OWN, None]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("Linux", 'numeric=\'Linux\': it must be "same", "any", or a class as `peernet doctor` shows it'),
        ("", "numeric='': it must be"),
        (f"{OWN}/2.1", "its fact 6 is '2.1', where one that begins with 'numpy-' belongs"),
    ],
)
def test_a_wrong_class_is_named(peernet: Run, project: Write, given: str, words: str) -> None:
    done = peernet("submit", project(SQUARE), "--numeric", given)
    assert done.exit_code == 2
    assert words in done.stderr


def test_a_wrong_class_in_the_project_is_named(peernet: Run, project: Write) -> None:
    done = peernet("submit", project(SAME.replace("'same'", "'Same'")), "--dry-run")
    assert done.exit_code == 2
    assert "project.py: numeric='Same': it must be" in done.stderr


def test_peers_tell_their_classes_to_programs(peernet: Run, fake_peer: Any, json_lines: Any) -> None:
    rows = (PeerRow("12D3KooWA", True, True, True, (), numeric=OWN), PeerRow("12D3KooWB", False, False, True, ()))
    fake_peer.answer(ListPeers, PeersReply(rows, {}))
    (told,) = json_lines(peernet("peers", "--json").stdout)
    assert [row["numeric"] for row in told["peers"]] == [OWN, None]
