"""A liar among real peers that falsifies one call of each slice: only that call is executed again, and evidence of
that holds when it is checked later."""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.real

LIAR = [sys.executable, str(Path(__file__).with_name("liar.py"))]
JOBS = 5
"""Jobs by which the liar has returned something: one that is slow on a loaded machine may miss the first."""

CALLS, SLICE = 600, 50
LAST = SLICE - 1

PROJECT = f"""
    import time
    import peernet

    @peernet.parallel(over=range({CALLS}), slice_size={SLICE})
    def slow(n):
        time.sleep(0.01)
        return n
"""


def test_a_call_in_dispute_is_executed_by_itself_and_its_evidence_verifies(
    swarm: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIE_EVERY", str(SLICE))
    project = tmp_path / "slow.py"
    project.write_text(textwrap.dedent(PROJECT))
    owner = swarm.join("owner")
    liar = swarm.join("liar", owner.address, command=LIAR).id
    honest = {swarm.join(f"worker{number}", owner.address).id for number in range(4)} | {owner.id}
    rows: list[Any] = []

    def connected() -> bool:
        rows[:] = [row for row in swarm.json(owner, "peers")["peers"] if row["connected"]]
        return len(rows) >= 5

    swarm.until(connected, "all five workers")
    for number in range(JOBS):
        out = tmp_path / f"out{number}"
        done = swarm.run(owner, "submit", project, "--replicas", "2", "--quorum", "2", "-o", out)
        assert done.returncode == 0, done.stderr
        assert json.loads((out / "results.json").read_text()) == list(range(CALLS))
        told = json.loads((out / "stats.json").read_text())
        shown = [
            json.loads(line)
            for line in swarm.run(owner, "show", told["job"], "--evidence", "--json").stdout.splitlines()
        ]
        disputed = [line for line in shown if line["differing"]]
        if disputed:
            break
    assert disputed, "the liar has returned something"
    assert all((line["differing"], line["differences"]) == ([LAST], 1) for line in disputed)
    parts = [worker for line in disputed for worker in line["workers"] if worker["calls"]]
    assert parts and all(worker["calls"] == [LAST] for worker in parts)
    assert {worker["peer"] for worker in parts if worker["agrees"]} <= honest
    assert {worker["peer"] for line in disputed for worker in line["workers"] if not worker["agrees"]} == {liar}
    text = swarm.run(owner, "show", told["job"], "--evidence").stdout
    assert f"results differed in 1 of its {SLICE} calls: call {LAST}, counted from 0" in text
    verified = swarm.json(tmp_path / "nobody", "verify", out)
    assert (verified["verified"], verified["slices"], verified["faults"]) == (True, CALLS // SLICE, 0)
