"""Commands against a running peer, with and without `--json`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from peernet import __version__
from peernet.results import encode
from peernet.storage.home import Home
from peernet.wire.control import (
    Fault,
    FinalValue,
    JobReply,
    JobRow,
    JobsReply,
    ListJobs,
    ListPeers,
    Mine,
    Ok,
    PeerRow,
    PeersReply,
    Results,
    Show,
    SliceValue,
    Status,
    StatusReply,
    Stop,
    WorkerState,
)

Run = Callable[..., Result]
Row = Callable[..., JobRow]
Lines = Callable[[str], list[dict[str, Any]]]


def test_version(peernet: Run, json_lines: Lines) -> None:
    assert peernet("version").stdout == f"peernet {__version__}\n"
    assert peernet("--version").stdout == f"peernet {__version__}\n"
    assert json_lines(peernet("version", "--json").stdout)[0]["version"] == __version__


def test_help_lists_every_command(peernet: Run) -> None:
    help_text = peernet("--help").stdout
    for name in ("id", "join", "peers", "submit", "jobs", "show", "results", "stop", "trust", "version"):
        assert f"\n  {name} " in help_text
        result = peernet(name, "--help")
        assert result.exit_code == 0
        assert result.stdout.startswith(f"Usage: peernet {name} ")


@pytest.mark.parametrize(
    "arguments", [["version"], ["id"], ["--help"], ["jobs"], ["peers"], ["submit", "none.py"]]
)
def test_short_commands_start_without_the_network_stack(home: Home, arguments: list[str]) -> None:
    script = "\n".join(
        [
            "import sys",
            "from peernet_cli.main import main",
            "try: main(sys.argv[1:])",
            "except SystemExit: pass",
            "heavy = {'trio', 'rich', 'peernet.runtime.node', 'asyncio', 'cloudpickle'} & set(sys.modules)",
            "sys.exit(f'loaded {heavy}' if heavy else 0)",
        ]
    )
    environment = os.environ | {"PEERNET_HOME": str(home.root)}
    ran = subprocess.run(
        [sys.executable, "-c", script, *arguments], env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr


def test_id_makes_the_key_once(peernet: Run, home: Home, json_lines: Lines) -> None:
    first = peernet("id")
    assert first.stdout.startswith("12D3KooW")
    assert len(first.stdout) == 53
    assert peernet("id").stdout == first.stdout
    assert home.key_file.stat().st_mode & 0o777 == 0o600
    [line] = json_lines(peernet("id", "--json").stdout)
    assert line == {"peer": first.stdout.strip(), "home": str(home.root), "running": False, "addresses": []}


def test_id_of_a_running_peer_tells_its_addresses(peernet: Run, fake_peer: Any, json_lines: Lines) -> None:
    worker = WorkerState(2, 0, 0, 0, "")
    address = "/ip4/127.0.0.1/tcp/4001"
    fake_peer.answer(Status, StatusReply("12D3KooWA", (address,), __version__, 1, 0, 0, "A", worker, {}))
    [line] = json_lines(peernet("id", "--json").stdout)
    assert line["running"]
    assert line["addresses"] == [address]


PEERS = (
    PeerRow(
        "12D3KooWAAAAAAAAAAAA", True, True, True, ("/ip4/127.0.0.1/tcp/1/p2p/12D3KooWA",), cores=2, slots=2, free=1
    ),
    PeerRow("12D3KooWBBBBBBBBBBBB", False, False, False, (), rtt=0.0015, memory=2**31, platform="evil\x1b[31m"),
)


def test_peers_as_a_table(peernet: Run, fake_peer: Any) -> None:
    fake_peer.answer(ListPeers, PeersReply(PEERS, {"signature": 3}))
    lines = peernet("peers").stdout.splitlines()
    assert lines[0].split()[:3] == ["peer", "rtt", "cores"]
    assert "this one" in lines[1]
    assert "1/2" in lines[1]
    assert lines[1].endswith("/ip4/127.0.0.1/tcp/1/p2p/12D3KooWA")
    assert "not connected" in lines[2]
    assert "1.5 ms" in lines[2]
    assert "2.0 GiB" in lines[2]
    assert "evil\\x1b[31m" in lines[2]
    assert lines[3] == "refused: signature 3"


def test_peers_as_one_json_line(peernet: Run, fake_peer: Any, json_lines: Lines) -> None:
    fake_peer.answer(ListPeers, PeersReply(PEERS, {"signature": 3}))
    [line] = json_lines(peernet("peers", "--json").stdout)
    assert line["refused"] == {"signature": 3}
    assert line["peers"][0]["peer"] == "12D3KooWAAAAAAAAAAAA"
    assert line["peers"][0]["cores"] == 2
    assert line["peers"][1]["rtt"] == 0.0015
    assert line["peers"][1]["cores"] is None


def test_jobs(peernet: Run, fake_peer: Any, job_row: Row, json_lines: Lines) -> None:
    rows = (job_row(), job_row(job="b" * 52, state="failed", reason="it broke"))
    fake_peer.answer(ListJobs, JobsReply(rows))
    lines = peernet("jobs").stdout.splitlines()
    assert lines[1].split()[:3] == ["abcdefghij", "square", "done"]
    assert lines[2].endswith("it broke")
    first, second = json_lines(peernet("jobs", "--json").stdout)
    assert first["job"] == rows[0].job
    assert second["reason"] == "it broke"


def test_jobs_where_there_are_none(peernet: Run, json_lines: Lines) -> None:
    assert peernet("jobs").exit_code == 0
    assert "no job" in peernet("jobs").stderr
    assert json_lines(peernet("jobs", "--json").stdout) == []


def test_show(peernet: Run, fake_peer: Any, job_row: Row, json_lines: Lines) -> None:
    row = job_row(state="failed", reason="slice 1 failed", traceback='  File "x.py", line 3\nValueError: no\n')
    fake_peer.answer(Show, JobReply(row))
    told = peernet("show", "abc").stdout
    assert fake_peer.asked(Show)[0].job == "abc"
    for text in (row.job, "slice 1 failed", "12D3KooWB", "50.0 %", "0.25 s", "ValueError: no"):
        assert text in told
    [line] = json_lines(peernet("show", "abc", "--json").stdout)
    assert line["traceback"] == row.traceback
    assert line["peers"][1] == {"id": "12D3KooWB", "slices": 1, "cpu_seconds": 0.5, "share": 0.5}


def test_show_of_a_job_under_way(peernet: Run, fake_peer: Any, job_row: Row) -> None:
    row = job_row(
        state="running", ended=0.0, slices=None, calls=None, eta=75.0, waiting="3 peers lack numpy", open=3
    )
    fake_peer.answer(Show, JobReply(row))
    told = peernet("show", "abc").stdout
    for text in ("2 accepted of ?", "3 peers lack numpy", "about 1 min 15 s", "3 open"):
        assert text in told


def test_an_error_of_the_peer_is_told(peernet: Run, fake_peer: Any) -> None:
    fake_peer.answer(Show, Fault("UsageError", "there is no job 'x'\nhere"))
    result = peernet("show", "x")
    assert result.exit_code == 2
    assert result.stderr == "error: there is no job 'x': here\n"


def test_stop(peernet: Run, fake_peer: Any, job_row: Row, json_lines: Lines) -> None:
    fake_peer.answer(Stop, Ok())
    fake_peer.answer(Show, JobReply(job_row(state="stopped")))
    assert peernet("stop", "abc").stdout == "abcdefghij is stopped\n"
    assert fake_peer.asked(Stop)[0].job == "abc"
    assert json_lines(peernet("stop", "abc", "--json").stdout)[0]["state"] == "stopped"
    fake_peer.answer(Show, JobReply(job_row()))
    assert peernet("stop", "abc").stdout == "abcdefghij had ended before: done\n"


def test_trust(peernet: Run, fake_peer: Any) -> None:
    peer = peernet("id").stdout.strip()
    fake_peer.answer(Mine, Ok())
    assert peernet("trust", "--mine", peer).exit_code == 0
    assert peernet("trust", "--not-mine", peer).exit_code == 0
    assert fake_peer.asked(Mine) == [Mine((peer,), True), Mine((peer,), False)]


@pytest.fixture
def done_job(fake_peer: Any, job_row: Row, slices: tuple[SliceValue, ...]) -> JobRow:
    row = job_row()
    fake_peer.answer(Show, JobReply(row))
    fake_peer.answer(Results, *slices, JobReply(row))
    return row


VALUES = [0, 1, 4, {"$bytes": "aGk="}]


def test_results_to_standard_output(peernet: Run, done_job: JobRow) -> None:
    first, second = peernet("results", "abc"), peernet("results", "abc")
    assert json.loads(first.stdout) == VALUES
    assert first.stdout == second.stdout


def test_results_as_json_lines(peernet: Run, done_job: JobRow, json_lines: Lines) -> None:
    *lines, last = json_lines(peernet("results", "abc", "--json").stdout)
    assert lines == [{"index": index, "result": value} for index, value in enumerate(VALUES)]
    assert last["event"] == "done"


def test_results_into_folders_that_never_overwrite(peernet: Run, done_job: JobRow, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out-3").write_text("mine")
    for folder in ("out-2", "out-4"):
        result = peernet("results", "abc", "-o", "out")
        assert result.stdout.startswith(f"results: {folder}  (2 slices, 2 peers, ")
        assert json.loads((tmp_path / folder / "results.json").read_text()) == VALUES
        assert json.loads((tmp_path / folder / "stats.json").read_text())["job"] == done_job.job
    assert list((tmp_path / "out").iterdir()) == []
    assert (tmp_path / "out-2/results.json").read_bytes() == (tmp_path / "out-4/results.json").read_bytes()
    assert (tmp_path / "out-2/stats.json").read_bytes() == (tmp_path / "out-4/stats.json").read_bytes()


def test_the_reduced_value(peernet: Run, fake_peer: Any, job_row: Row, json_lines: Lines) -> None:
    row = job_row(reduces=True)
    fake_peer.answer(Show, JobReply(row))
    fake_peer.answer(Results, FinalValue(encode(2**70)), JobReply(row))
    assert peernet("results", "abc").stdout == f"{2**70}\n"
    assert json_lines(peernet("results", "abc", "--json").stdout)[0] == {"result": 2**70}


def test_results_of_a_job_that_failed(peernet: Run, fake_peer: Any, job_row: Row, tmp_path: Path) -> None:
    fake_peer.answer(
        Show, JobReply(job_row(state="failed", reason="it raised", reason_kind="task", traceback="T\n"))
    )
    result = peernet("results", "abc", "-o", "out")
    assert result.exit_code == 1
    assert result.stderr == "error: it raised\nT\n"
    assert not (tmp_path / "out").exists()


def test_a_peer_that_ends_while_it_gives_results(
    peernet: Run, fake_peer: Any, job_row: Row, slices: tuple[SliceValue, ...], tmp_path: Path
) -> None:
    fake_peer.answer(Show, JobReply(job_row()))
    fake_peer.answer(Results, slices[0])
    result = peernet("results", "abc", "-o", "out")
    assert result.exit_code == 3
    assert "ended before it gave all results" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
