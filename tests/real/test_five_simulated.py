"""Five real processes and five simulated peers run the same job: equal results, and as many messages of each kind.

The stated tolerance: of each kind the counts differ by at most a third of the larger one, or by `FEW` where there
are few. Messages of work follow from the job; those of the DHT and of gossip follow from who joined when and how
long it all took, so the simulation is given the times that were measured.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import pytest

from peernet.api.client import ControlClient
from peernet.project import collect
from peernet.storage.home import Home
from peernet.wire.control import Status, StatusReply
from peernet_sim.model import Faults, JobPlan, PeerSpec, Plan, RunOptions, Workload
from peernet_sim.replay import perform

PEERS, CALLS, SLICE, SLICE_SECONDS = 5, 400, 10, 0.2
SHARE, FEW = 1 / 3, 12
"""A peer more or less in a neighbourhood is a dozen messages in the few seconds of this test."""

MODES: tuple[Literal["scale", "fidelity"], ...] = ("scale", "fidelity")

PROJECT = f"""
import sys, time
import peernet

@peernet.parallel(over=range({CALLS}), slice_size={SLICE})
def square(number):
    if "really" in sys.argv:
        time.sleep({SLICE_SECONDS / SLICE})
    return number * number
"""
SQUARES = [number * number for number in range(CALLS)]


class OneRoom:
    """Five machines beside each other, of which each newcomer knows the first: what a loopback is."""

    peers = tuple(PeerSpec(index, cores=1, up=1e9, down=1e9) for index in range(PEERS))

    def delay(self, one: int, other: int) -> float:
        return 0.0001

    def introducers(self, index: int) -> tuple[int, ...]:
        return (0,) if index else ()


def sent(peers: list[Any]) -> Counter[str]:
    """What all of them together have sent, by kind."""
    total: Counter[str] = Counter()
    for peer in peers:
        status = ControlClient(Home.open(peer.home).control_socket).ask(Status(), StatusReply)
        total.update(status.sent)
    return total


@pytest.mark.real
def test_five_processes_and_five_simulated_peers_agree(swarm: Any, tmp_path: Path) -> None:
    project = tmp_path / "squares.py"
    project.write_text(PROJECT)
    began = time.monotonic()
    first = swarm.join("peer0")
    peers = [first, *(swarm.join(f"peer{number}", first.address) for number in range(1, PEERS))]
    joined = time.monotonic() - began
    swarm.until(lambda: all(neighbours(swarm, peer) == PEERS - 1 for peer in peers), "everybody to know everybody")
    submitted = time.monotonic() - began
    done = swarm.run(first, "submit", project, "-o", tmp_path / "out", "--", "really")
    assert done.returncode == 0, done.stderr
    really = sent(peers)
    ended = time.monotonic() - began
    assert json.loads((tmp_path / "out" / "results.json").read_text()) == SQUARES

    bundle = collect(project, None, []).encode()
    job = JobPlan(submitted, 0, 0, 0, SLICE_SECONDS, project=bundle)
    plan = Plan("five", "", 1, ended + 5, OneRoom(), Faults(), Workload(jobs=(job,)), join_seconds=joined)
    for mode in MODES:
        report = perform(plan, RunOptions(mode=mode))
        assert not report.violations
        (told,) = report.metrics["jobs"]
        # The simulator holds every accepted slice against what an honest peer computes.
        assert (told["state"], told["accepted"], told["wrong"]) == ("done", CALLS // SLICE, 0)
        simulated = Counter(
            {kind: count["count"] for kind, count in report.metrics["messages_by_kind"].items() if kind in really}
        )
        far = {
            kind: (really[kind], simulated[kind])
            for kind in really
            if abs(really[kind] - simulated[kind]) > max(FEW, SHARE * max(really[kind], simulated[kind]))
        }
        assert not far, f"{mode}: kinds that differ, as (real, simulated): {far}"


def neighbours(swarm: Any, peer: Any) -> int:
    rows = swarm.json(peer, "peers")["peers"]
    return sum(row["connected"] for row in rows if not row["me"])
