"""Real peers: a user blocks a worker whose results were delivered, and is told of it wherever they are shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.real

PROJECT = """
import peernet

@peernet.parallel(over=range(6), slice_size=2)
def square(x):
    return x * x
"""


def test_results_that_rested_on_a_blocked_peer_are_retracted(swarm: Any, tmp_path: Path) -> None:
    file = tmp_path / "project.py"
    file.write_text(PROJECT)
    owner = swarm.join("owner", nprocs=0)
    bob = swarm.join("bob", owner.address)
    done = swarm.run(owner, "submit", file, "--confidence", "0.7", "--json", "-o", tmp_path / "first")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    job = told["job"]
    assert (told["value"], told["retracted"], told["retractions"]) == ([0, 1, 4, 9, 16, 25], 0, [])
    assert swarm.run(owner, "verify", tmp_path / "first").returncode == 0

    assert swarm.run(owner, "block", bob.id).returncode == 0
    swarm.until(lambda: bool(swarm.json(owner, "show", job)["retractions"]), "the retraction")
    (entry,) = swarm.json(owner, "show", job)["retractions"]
    assert (entry["peer"], entry["slices"], entry["calls"]) == (bob.id, 3, 6)
    assert entry["reason"] == "which you have blocked"
    swarm.until(lambda: "are retracted: they rested on" in owner.log.read_text(), "the warning in the peer's log")
    assert swarm.json(owner, "show", job)["state"] == "done"
    (known,) = swarm.json(owner, "trust", bob.id)["rows"]
    assert [(one["job"], one["slices"]) for one in known["retracted"]] == [(job, 3)]

    owner.kill()  # it is on record, whether the peer runs or not
    assert "3 slices retracted" in swarm.run(owner, "jobs").stdout
    again = swarm.run(owner, "results", job, "-o", tmp_path / "second")
    assert again.returncode == 0
    assert "results 0 to 5 (counted from 0) are retracted; submit the job again" in again.stderr
    first, second = (json.loads((tmp_path / name / "results.json").read_text()) for name in ("first", "second"))
    assert first == second
    verified = swarm.run(owner, "verify", tmp_path / "second")
    assert verified.returncode == 1
    assert verified.stdout.count(f"peer {bob.id}: is retracted") == 3
    owner = swarm.join("owner", nprocs=0)
    assert len(swarm.json(owner, "show", job)["retractions"]) == 1
