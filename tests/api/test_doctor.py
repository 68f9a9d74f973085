"""Each finding of the doctor, on machines unlike this one."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from peernet import __version__
from peernet.api.doctor import Check, Diagnosis, diagnose
from peernet.api.machine import Machine, ask, bubblewrap_version, free_bytes, refusal_to_listen, versions
from peernet.config.doctor import MIN_FREE_BYTES, UNREACHED_SECONDS
from peernet.errors import BoxError, KeyFileError, ProtocolError, StorageError
from peernet.project.numeric import read_numeric
from peernet.sandbox import Findings
from peernet.storage.home import Home
from peernet.wire.control import Health, StatusReply, WorkerState

GIB = 2**30
HEALTH = Health(uptime=3600.0, behind=0.2, compared=3, reached=5, afar=2, blob_bytes=GIB, blob_quota=10 * GIB)
STATUS = StatusReply(
    peer="12D3KooWA",
    addresses=("/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWA",),
    version=__version__,
    pid=7,
    connected=3,
    contacts=5,
    tier="A",
    worker=WorkerState(2, 0, 0, 0, ""),
    refused={},
    health=HEALTH,
)
VERSIONS = {"python": "3.11", "trio": "1", "bubblewrap": None, "kernel": "6", "platform": "Linux"}
GOOD = Machine(
    ask=lambda home: STATUS,
    probe=lambda scratch, config: Findings("A", ("tier A works",), ("A", "B", "C")),
    versions=lambda: VERSIONS,
    numeric=lambda: "linux-x86_64/glibc-2.36",
    free_bytes=lambda folder: 100 * GIB,
    refusal_to_listen=lambda: "",
)


def examine(tmp_path: Path, **unlike: Any) -> Diagnosis:
    return diagnose(tmp_path / "home", replace(GOOD, **unlike))


def check(diagnosis: Diagnosis, name: str) -> Check:
    return next(check for check in diagnosis.checks if check.name == name)


def the_problem(diagnosis: Diagnosis) -> dict[str, Any]:
    [problem] = diagnosis.as_json()["problems"]
    assert problem["text"] and problem["remedy"]
    return dict(problem)


def raising(error: Exception) -> Any:
    def call(*_: object) -> Any:
        raise error

    return call


def running(**unlike: Any) -> Any:
    return lambda home: _status(**unlike)


def _status(**unlike: Any) -> StatusReply:
    fields = {name: getattr(STATUS, name) for name in STATUS.__struct_fields__}
    health = {name: getattr(HEALTH, name) for name in HEALTH.__struct_fields__}
    for name, value in unlike.items():
        (health if name in health else fields)[name] = value
    return StatusReply(**(fields | {"health": Health(**health)}))


def test_a_good_machine_has_no_problems_and_a_stable_shape(tmp_path: Path) -> None:
    told = examine(tmp_path).as_json()
    assert told == {
        "ok": True,
        "sandbox": {"tier": "A", "findings": ["tier A works"]},
        "versions": {"peernet": __version__} | VERSIONS,
        "numeric": {"class": "linux-x86_64/glibc-2.36"},
        "clock": {"behind": 0.2, "compared": 3, "tolerated": 60.0},
        "disk": {"free": 100 * GIB, "needed": MIN_FREE_BYTES, "blob_bytes": GIB, "blob_quota": 10 * GIB},
        "ports": {
            "can_listen": True,
            "addresses": list(STATUS.addresses),
            "reached": 5,
            "reached_from_other_machines": 2,
        },
        "home": {"path": str(tmp_path / "home"), "usable": True, "mode": "0700"},
        "peer": {
            "running": True,
            "id": "12D3KooWA",
            "pid": 7,
            "version": __version__,
            "tier": "A",
            "uptime": 3600.0,
        },
        "peers": {"connected": 3, "contacts": 5},
        "problems": [],
    }


def test_the_shape_is_the_same_where_nothing_works(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("no folder")
    nothing = diagnose(tmp_path / "home", replace(GOOD, refusal_to_listen=lambda: "forbidden")).as_json()
    good = examine(tmp_path / "elsewhere").as_json()
    assert nothing.keys() == good.keys()
    assert all(nothing[name].keys() == good[name].keys() for name in good if isinstance(good[name], dict))
    assert not nothing["ok"]


def test_no_peer_runs(tmp_path: Path) -> None:
    diagnosis = examine(tmp_path, ask=lambda home: None)
    assert diagnosis.ok and not diagnosis.as_json()["problems"]
    assert check(diagnosis, "peer").facts["running"] is False
    assert check(diagnosis, "clock").facts["behind"] is None
    assert check(diagnosis, "disk").facts["blob_quota"] == 10 * GIB


def test_no_sandbox_works(tmp_path: Path) -> None:
    notes = ("tier A does not work: no bubblewrap", "tier B does not work: no Landlock")
    diagnosis = examine(tmp_path, probe=lambda scratch, config: Findings(None, notes))
    assert diagnosis.as_json()["sandbox"] == {"tier": None, "findings": list(notes)}
    problem = the_problem(diagnosis)
    assert problem["check"] == "sandbox" and problem["fatal"] and "does not execute" in problem["text"]
    assert "--sandbox-tier C" in problem["remedy"]


def test_a_probe_that_fails(tmp_path: Path) -> None:
    problem = the_problem(examine(tmp_path, probe=raising(BoxError("no box starts: install bubblewrap"))))
    assert (problem["text"], problem["remedy"]) == ("no box starts", "install bubblewrap")


def test_a_peer_of_another_version(tmp_path: Path) -> None:
    diagnosis = examine(tmp_path, ask=running(version="0.0.1"))
    problem = the_problem(diagnosis)
    assert diagnosis.ok and "0.0.1" in problem["text"] and "restart" in problem["remedy"]


def test_a_peer_that_does_not_understand(tmp_path: Path) -> None:
    problem = the_problem(examine(tmp_path, ask=raising(ProtocolError("not a control reply"))))
    assert problem["check"] == "peer" and problem["text"] == "not a control reply"


@pytest.mark.parametrize(("behind", "way"), [(61.0, "61 s behind"), (-7200.0, "7200 s ahead of")])
def test_a_wrong_clock(tmp_path: Path, behind: float, way: str) -> None:
    diagnosis = examine(tmp_path, ask=running(behind=behind))
    problem = the_problem(diagnosis)
    assert not diagnosis.ok and problem["check"] == "clock" and way in problem["text"]
    assert problem["remedy"].startswith("set the clock")


def test_a_clock_within_the_tolerance_is_right(tmp_path: Path) -> None:
    assert not examine(tmp_path, ask=running(behind=-60.0)).as_json()["problems"]


def test_a_full_disk(tmp_path: Path) -> None:
    diagnosis = examine(tmp_path, free_bytes=lambda folder: MIN_FREE_BYTES - 1)
    problem = the_problem(diagnosis)
    assert not diagnosis.ok and problem["check"] == "disk" and "a job needs 256 MiB" in problem["text"]


def test_a_disk_that_the_quota_would_fill(tmp_path: Path) -> None:
    diagnosis = examine(tmp_path, free_bytes=lambda folder: 5 * GIB)
    problem = the_problem(diagnosis)
    assert diagnosis.ok and "may grow to 10,240 MiB" in problem["text"] and "PEERNET_HOME" in problem["remedy"]
    assert examine(tmp_path, free_bytes=lambda folder: 5 * GIB, ask=running(blob_bytes=6 * GIB)).ok


def test_a_disk_that_can_not_be_read(tmp_path: Path) -> None:
    problem = the_problem(examine(tmp_path, free_bytes=raising(OSError(5, "Input/output error"))))
    assert problem["fatal"] and "Input/output error" in problem["text"]


def test_no_port_can_be_opened(tmp_path: Path) -> None:
    diagnosis = examine(tmp_path, refusal_to_listen=lambda: "Permission denied")
    problem = the_problem(diagnosis)
    assert not diagnosis.ok and problem["check"] == "ports" and "Permission denied" in problem["text"]


def test_a_peer_that_nobody_reaches(tmp_path: Path) -> None:
    diagnosis = examine(tmp_path, ask=running(afar=0, uptime=UNREACHED_SECONDS))
    problem = the_problem(diagnosis)
    assert diagnosis.ok and "in the 10 minutes since it started" in problem["text"]
    assert "firewall" in problem["remedy"]
    assert not examine(tmp_path, ask=running(afar=0, uptime=60.0)).as_json()["problems"]


def test_a_peer_that_is_alone(tmp_path: Path) -> None:
    diagnosis = examine(tmp_path, ask=running(connected=0))
    problem = the_problem(diagnosis)
    assert diagnosis.ok and problem["check"] == "peers" and "peernet join ADDRESS" in problem["remedy"]


def test_a_home_that_others_may_read(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o755)
    diagnosis = examine(tmp_path)
    problem = the_problem(diagnosis)
    assert diagnosis.ok and "mode 0755" in problem["text"] and "chmod 700" in problem["remedy"]


@pytest.mark.parametrize(
    ("unlike", "text"),
    [
        (
            {"open_home": raising(StorageError("cannot create x: the disk is full: free some space"))},
            "disk is full",
        ),
        (
            {"read_key": raising(KeyFileError("others may read the key: run `chmod 600`"))},
            "others may read the key",
        ),
    ],
)
def test_a_home_that_can_not_be_used(tmp_path: Path, unlike: dict[str, Any], text: str) -> None:
    diagnosis = examine(tmp_path, **unlike)
    problem = the_problem(diagnosis)
    assert not diagnosis.ok and problem["check"] == "home" and text in problem["text"]
    assert check(diagnosis, "sandbox").facts["tier"] is None
    assert "no home" in check(diagnosis, "sandbox").facts["findings"][0]


def test_a_home_that_everybody_may_write_to(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o777)
    problem = the_problem(examine(tmp_path))
    assert problem["fatal"] and "everybody may write" in problem["text"] and "chmod 700" in problem["remedy"]


def test_a_key_that_others_may_read(tmp_path: Path) -> None:
    examine(tmp_path)
    (tmp_path / "home/key").chmod(0o644)
    problem = the_problem(examine(tmp_path))
    assert problem["fatal"] and problem["check"] == "home" and "chmod" in problem["remedy"]


def test_the_real_machine_answers(tmp_path: Path) -> None:
    told = versions()
    assert told["python"] and told["trio"] and told["kernel"]
    assert free_bytes(tmp_path) > 0
    assert refusal_to_listen() == ""
    assert ask(Home.open(tmp_path / "home")) is None
    assert stat.S_IMODE(os.stat(tmp_path / "home").st_mode) == 0o700


def test_bubblewrap_is_asked_for_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bubblewrap_version() is None
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho bubblewrap 0.11.0\n")
    program.chmod(0o755)
    assert bubblewrap_version() == "0.11.0"
    program.write_text("no program")
    assert bubblewrap_version() is None


def test_a_numeric_class_that_can_not_be_measured_is_no_fatal_fault(tmp_path: Path) -> None:
    def broken() -> str:
        raise BoxError("the numeric class of this machine can't be measured: no numbers")

    found = examine(tmp_path, numeric=broken)
    assert found.ok
    numeric = check(found, "numeric")
    (problem,) = numeric.problems
    assert numeric.facts == {"class": None}
    assert problem.text == "the numeric class of this machine can't be measured: no numbers"
    assert "python -m peernet.box.numeric.arrays" in problem.remedy and not problem.fatal


def test_the_real_numeric_class_can_be_asked_for() -> None:
    assert read_numeric(Machine().numeric()) is not None
