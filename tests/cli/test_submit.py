"""`peernet submit` against a peer that runs: what it asks, what it says, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from peernet.project import Bundle
from peernet.results import encode
from peernet.wire.control import (
    ControlReply,
    Fault,
    FinalValue,
    JobReply,
    JobRow,
    Ok,
    Printed,
    Results,
    SliceValue,
    Stop,
    Submit,
    Submitted,
    Watch,
)

Run = Callable[..., Result]
Row = Callable[..., JobRow]
Lines = Callable[[str], list[dict[str, Any]]]
Accept = Callable[..., None]


@pytest.fixture
def file(project: Callable[..., str]) -> str:
    return project("import neighbour\n@peernet.parallel(over=range(4))\ndef square(x): return x * x")


@pytest.fixture
def accept(fake_peer: Any) -> Accept:
    """Let the peer take the job, report these states, and give these results."""

    def prepare(*rows: JobRow, results: tuple[ControlReply, ...] = ()) -> None:
        fake_peer.answer(Submit, Submitted(rows[-1].job))
        fake_peer.answer(Watch, *map(JobReply, rows))
        fake_peer.answer(Results, *results, JobReply(rows[-1]))

    return prepare


def test_what_the_peer_is_asked(
    peernet: Run, file: str, fake_peer: Any, accept: Accept, job_row: Row, tmp_path: Path
) -> None:
    (tmp_path / "neighbour.py").write_text("x = 1\n")
    accept(job_row(), results=(SliceValue(0, encode([0, 1])),))
    options = [
        "--replicas",
        "3",
        "--quorum",
        "2",
        "--slice-size",
        "5",
        "--timeout",
        "9.5",
        "--name",
        "n",
        "--patience",
        3,
    ]
    peernet("submit", f"{file}:square", *options, "--", "--limit", "7", "-x")
    [request] = fake_peer.asked(Submit)
    asked = (request.replicas, request.quorum, request.slice_size, request.timeout, request.name, request.patience)
    assert asked == (3, 2, 5, 9.5, "n", 3.0)
    bundle = Bundle.decode(request.host_bundle)
    assert request.worker_bundle == request.host_bundle
    assert (bundle.entry, bundle.name, bundle.argv) == ("project.py", "square", ("--limit", "7", "-x"))
    assert [path for path, _ in bundle.files] == ["neighbour.py", "project.py"]


def test_a_short_list_is_shown(
    peernet: Run, file: str, accept: Accept, job_row: Row, slices: tuple[SliceValue, ...]
) -> None:
    accept(job_row(), results=slices)
    result = peernet("submit", file)
    assert result.exit_code == 0
    assert result.stdout == 'square: [0, 1, 4, {"$bytes": "aGk="}]  (2 slices, 2 peers, 1.2 s)\n'
    assert result.stderr == "job abcdefghij is submitted\n"


def test_a_reduced_value_is_shown(peernet: Run, file: str, accept: Accept, job_row: Row) -> None:
    accept(job_row(reduces=True, disagreements=2), results=(FinalValue(encode(42)),))
    assert peernet("submit", file).stdout == "square: 42  (2 slices, 2 peers, 2 disagreements, 1.2 s)\n"


def test_an_empty_input_is_an_empty_list(peernet: Run, file: str, accept: Accept, job_row: Row) -> None:
    accept(job_row(calls=0, slices=0, accepted=0, peers=()))
    result = peernet("submit", file)
    assert result.exit_code == 0
    assert result.stdout.startswith("square: []  (0 slices, 0 peers, ")


def test_a_long_list_is_cut_short_and_says_how_to_get_it(
    peernet: Run, file: str, accept: Accept, job_row: Row
) -> None:
    accept(job_row(calls=1000), results=(SliceValue(0, encode(list(range(1000)))),))
    result = peernet("submit", file)
    assert result.stdout.startswith("square: 1000 results: [0, 1, 2, 3, 4, …]  (")
    assert result.stderr.endswith("all of it: peernet results abcdefghij -o DIR\n")


def test_a_folder_for_the_results(
    peernet: Run, file: str, accept: Accept, job_row: Row, slices: tuple[SliceValue, ...], tmp_path: Path
) -> None:
    accept(job_row(), results=slices)
    assert peernet("submit", file, "-o", "deep/out").stdout.splitlines()[-1] == "results: deep/out"
    assert peernet("submit", file, "-o", "deep/out").stdout.splitlines()[-1] == "results: deep/out-2"
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["out", "out-2"]
    assert json.loads((tmp_path / "deep/out/results.json").read_text()) == [0, 1, 4, {"$bytes": "aGk="}]
    stats = json.loads((tmp_path / "deep/out/stats.json").read_text())
    assert stats["project_time"] == 1.25
    assert (stats["slices"], stats["executions"], stats["disagreements"]) == (2, 2, 0)
    assert sum(peer["share"] for peer in stats["peers"]) == 1
    assert set(stats["peers"][0]) == {"id", "slices", "cpu_seconds", "share"}


def test_json_lines_only(
    peernet: Run, file: str, fake_peer: Any, job_row: Row, slices: tuple[SliceValue, ...], json_lines: Lines
) -> None:
    fake_peer.answer(Submit, Submitted(job_row().job))
    fake_peer.answer(Watch, Printed("a project's own words"), JobReply(job_row()))
    fake_peer.answer(Results, *slices, JobReply(job_row()))
    result = peernet("submit", file, "--json", "-o", "out")
    submitted, printed, done = json_lines(result.stdout)
    assert submitted == {"event": "submitted", "job": job_row().job, "fit": 0, "unfit": []}
    assert printed == {"event": "printed", "text": "a project's own words"}
    assert done["event"] == "done"
    assert done["output"] == "out"
    assert done["value"] == [0, 1, 4, {"$bytes": "aGk="}]
    assert result.stderr == "a project's own words\n"


def test_a_value_too_long_for_a_json_line_is_left_out(
    peernet: Run, file: str, accept: Accept, job_row: Row, json_lines: Lines
) -> None:
    accept(job_row(), results=(SliceValue(0, encode(["x" * 70_000])),))
    done = json_lines(peernet("submit", file, "--json").stdout)[-1]
    assert done["event"] == "done"
    assert "value" not in done


@pytest.mark.parametrize(
    ("kind", "code"), [("usage", 2), ("task", 1), ("too-few", 3), ("storage", 1), ("stopped", 130), ("box", 1)]
)
def test_how_a_job_ends_is_the_exit_code(
    peernet: Run, file: str, accept: Accept, job_row: Row, kind: str, code: int, json_lines: Lines
) -> None:
    state = "stopped" if kind == "stopped" else "failed"
    accept(job_row(state=state, reason="because", reason_kind=kind, traceback="Traceback\n  KeyError: 'x'\n"))
    result = peernet("submit", file)
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr.endswith("error: because\nTraceback\n  KeyError: 'x'\n")
    result = peernet("submit", file, "--json")
    assert result.exit_code == code
    _, ended, error = json_lines(result.stdout)
    assert ended["event"] == state
    assert ended["reason"] == "because"
    assert error["error"]["exit_code"] == code
    assert error["error"]["traceback"] == "Traceback\n  KeyError: 'x'\n"


def test_a_project_that_the_peer_refuses(peernet: Run, file: str, fake_peer: Any) -> None:
    trace = "Traceback\npeernet.errors.ProjectError: slice_size=0\n"
    fake_peer.answer(Submit, Fault("ProjectError", "project.py has no project", trace))
    result = peernet("submit", file)
    assert result.exit_code == 2
    assert result.stderr == "error: project.py has no project\n"  # the traceback would say the same once more


def test_a_peer_that_ends_before_the_job(peernet: Run, file: str, accept: Accept, job_row: Row) -> None:
    accept(job_row(state="running", ended=0.0))
    result = peernet("submit", file)
    assert result.exit_code == 3
    assert "the peer ended before job abcdefghij did" in result.stderr


def test_detach_prints_the_id_only(
    peernet: Run, file: str, fake_peer: Any, accept: Accept, job_row: Row, json_lines: Lines
) -> None:
    accept(job_row())
    assert peernet("submit", file, "--detach").stdout == f"{job_row().job}\n"
    assert json_lines(peernet("submit", file, "--detach", "--json").stdout) == [
        {"event": "submitted", "job": job_row().job, "fit": 0, "unfit": []}
    ]
    assert fake_peer.asked(Watch) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_asks_the_job_to_stop(
    peernet: Run, file: str, fake_peer: Any, job_row: Row, number: signal.Signals
) -> None:
    asked_to_stop = threading.Event()

    def interrupted(_: object) -> Iterator[ControlReply]:
        yield JobReply(job_row(state="running", ended=0.0))
        os.kill(os.getpid(), number)
        asked_to_stop.wait(60)

    def stop(_: object) -> Iterator[ControlReply]:
        asked_to_stop.set()
        yield Ok()

    before = signal.getsignal(number)
    fake_peer.answer(Submit, Submitted(job_row().job))
    fake_peer.answer(Watch, then=interrupted)
    fake_peer.answer(Stop, then=stop)
    result = peernet("submit", file)
    assert result.exit_code == 130
    assert fake_peer.asked(Stop)[0].job == job_row().job
    assert "Ctrl-C again leaves at once" in result.stderr
    assert signal.getsignal(number) is before


def test_without_a_peer_and_without_a_swarm(peernet: Run, file: str) -> None:
    (Path.cwd() / "neighbour.py").write_text("")
    for option in ("--no-local", "--detach"):
        result = peernet("submit", file, option)
        assert result.exit_code == 3
        assert result.stdout == ""
        assert result.stderr.startswith("error: no peer is running in ")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("x = 1", "project.py has no project"),
        ("@peernet.parallel(over=[1])\ndef a(x): ...\n@peernet.parallel(over=[1])\ndef b(x): ...", "a, b"),
        ("@peernet.parallel(over=[1], slice_size=0)\ndef a(x): ...", "slice_size=0"),
        ("import threading\n@peernet.parallel(over=[1, threading.Lock()])\ndef a(x): ...", "argument 1"),
    ],
)
def test_a_broken_project_is_told_before_the_missing_peer(
    peernet: Run, project: Callable[..., str], source: str, told: str
) -> None:
    result = peernet("submit", project(source), "--no-local")
    assert result.exit_code == 2
    assert told in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_project_that_raises_when_it_is_loaded_shows_where(peernet: Run, project: Callable[..., str]) -> None:
    result = peernet("submit", project("1 / 0"), "--no-local")
    assert result.exit_code == 2
    assert 'File "project.py", line 2' in result.stderr


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("@peernet.parallel(over=[])\ndef a(x): return x", "[]"),
        ("import operator\n@peernet.parallel(over=[], reduce=operator.add)\ndef a(x): return x", "null"),
        ("import operator\n@peernet.parallel(over=[], reduce=operator.add, initial=7)\ndef a(x): return x", "7"),
    ],
)
def test_an_empty_input_needs_no_peer(
    peernet: Run, project: Callable[..., str], source: str, value: str, tmp_path: Path
) -> None:
    result = peernet("submit", project(source), "--no-local", "-o", "out")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"a: {value}  (0 slices, ")
    assert (tmp_path / "out/results.json").read_text() == f"{value}\n"
