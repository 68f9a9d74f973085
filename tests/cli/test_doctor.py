"""`peernet doctor`: what it prints, its JSON, and its exit code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from peernet import __version__
from peernet.api import doctor
from peernet.api.doctor import Check, Diagnosis, Problem
from peernet.storage.home import Home
from peernet.wire.control import Health, Status, StatusReply, WorkerState

GOOD = Diagnosis(
    (
        Check("sandbox", {"tier": "A", "findings": ["tier A works"]}),
        Check("disk", {"free": 2**30, "blob_bytes": None}),
        Check("ports", {"can_listen": True, "addresses": []}),
        Check("clock", {"behind": 0.25}),
        Check("peers", {"connected": None}),
    )
)
BAD = Diagnosis(
    (
        Check("sandbox", {"tier": None, "findings": []}, (Problem("no sandbox", "install bubblewrap"),)),
        Check("peers", {"connected": 0}, (Problem("alone", "join", fatal=False),)),
    )
)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch, home: Home) -> Callable[[Diagnosis], None]:
    return lambda diagnosis: monkeypatch.setattr(doctor, "diagnose", lambda path: diagnosis)


def test_a_good_machine(peernet: Any, found: Any, json_lines: Any) -> None:
    found(GOOD)
    ran = peernet("doctor")
    assert ran.exit_code == 0
    lines = [line.rstrip() for line in ran.stdout.splitlines()]
    assert lines == [
        "sandbox   ok     tier A",
        "                 tier A works",
        "disk      ok     free 1,024 MiB",
        "ports     ok     can listen yes, addresses none",
        "clock     ok     behind 0.2 s",
        "peers     ok     not known, as no peer runs",
        "this machine can submit and execute",
    ]
    ran = peernet("doctor", "--json")
    assert ran.exit_code == 0
    [line] = json_lines(ran.stdout)
    assert line == GOOD.as_json()


def test_faults_come_with_their_remedies(peernet: Any, found: Any, json_lines: Any) -> None:
    found(BAD)
    ran = peernet("doctor")
    assert ran.exit_code == 1
    assert "sandbox   FAULT" in ran.stdout
    assert "no sandbox\n                 -> install bubblewrap" in ran.stdout
    assert "peers     note   connected 0" in ran.stdout
    assert ran.stdout.splitlines()[-1] == "there are faults: see above"
    ran = peernet("doctor", "--json")
    assert ran.exit_code == 1
    [line] = json_lines(ran.stdout)
    assert [(problem["check"], problem["fatal"]) for problem in line["problems"]] == [
        ("sandbox", True),
        ("peers", False),
    ]


def test_a_running_peer_with_a_wrong_clock(peernet: Any, fake_peer: Any, json_lines: Any) -> None:
    health = Health(60.0, 90.0, 2, 0, 0, 0, 2**30)
    worker = WorkerState(2, 0, 0, 0, "")
    fake_peer.answer(Status, StatusReply("12D3KooWA", (), __version__, 1, 2, 2, "A", worker, {}, health=health))
    ran = peernet("doctor", "--json")
    [line] = json_lines(ran.stdout)
    assert ran.exit_code == 1
    assert line["peer"]["running"] and line["clock"] == {"behind": 90.0, "compared": 2, "tolerated": 60.0}
    assert [problem["check"] for problem in line["problems"] if problem["fatal"]] == ["clock"]
    assert set(line["sandbox"]) == {"tier", "findings"}
