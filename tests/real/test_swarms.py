"""Networks of real processes: introductions, deaths, freezes, liars, restarts."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.real

PRIMES = 78498
SLOW = """
import time
import peernet

@peernet.parallel(over=range(SLICES * 4), slice_size=4)
def slow(number):
    time.sleep(0.02)
    try:
        with open(LOG, "a") as log:
            log.write(f"{number}\\n")
    except OSError:
        pass
    return number * number
"""


def slow_project(folder: Path, slices: int) -> tuple[Path, Path]:
    """A project of about 0.1 s a slice that also writes down which calls were computed, where no sandbox keeps it
    from that."""
    log = folder / "computed.txt"
    project = folder / "slow.py"
    project.write_text(SLOW.replace("SLICES", str(slices)).replace("LOG", repr(str(log))))
    return project, log


def results(folder: Path) -> Any:
    return json.loads((folder / "results.json").read_text())


def stats(folder: Path) -> Any:
    return json.loads((folder / "stats.json").read_text())


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for a command that must succeed."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


def test_a_chain_of_introductions_outlives_its_first_peer(swarm: Any, examples: Path, tmp_path: Path) -> None:
    first = swarm.join("first")
    chain = [first]
    for name in ("second", "third", "fourth", "fifth"):
        chain.append(swarm.join(name, chain[-1].address))
    first.kill()
    swarm.join("sixth", chain[3].address)
    second = chain[1]
    swarm.until(lambda: len(connected(swarm, second)) >= 4, "the second peer to know the other four")
    done = swarm.run(second, "submit", examples / "primes.py", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert results(tmp_path / "out") == PRIMES
    assert len(stats(tmp_path / "out")["peers"]) >= 3


def connected(swarm: Any, peer: Any) -> list[str]:
    rows = swarm.json(peer, "peers")["peers"]
    return [row["peer"] for row in rows if row["connected"] and not row["me"]]


def test_half_of_the_workers_are_killed_and_one_freezes(swarm: Any, tmp_path: Path) -> None:
    owner = swarm.join("owner", nprocs=0)
    workers = [swarm.join(f"worker{number}", owner.address) for number in range(6)]
    project, _ = slow_project(tmp_path, slices=60)
    submitted = swarm.start(owner, "submit", project, "-o", tmp_path / "out")
    swarm.until(lambda: len(swarm.accepted(owner.home)) >= 6, "the first slices")
    for worker in workers[:3]:
        worker.kill()
    workers[3].signal(signal.SIGSTOP)
    finish(submitted)
    assert results(tmp_path / "out") == [number * number for number in range(240)]


def test_a_liar_is_outvoted(swarm: Any, tmp_path: Path) -> None:
    owner = swarm.join("owner", nprocs=0)
    liar = swarm.join("liar", owner.address, command=[sys.executable, str(Path(__file__).with_name("liar.py"))])
    for name in ("honest1", "honest2", "honest3"):
        swarm.join(name, owner.address)
    swarm.until(lambda: len(connected(swarm, owner)) == 4, "all four workers")
    project, _ = slow_project(tmp_path, slices=40)
    finish(swarm.start(owner, "submit", project, "--replicas", "2", "-o", tmp_path / "out"))
    assert results(tmp_path / "out") == [number * number for number in range(160)]
    told = stats(tmp_path / "out")
    assert told["disagreements"] > 0
    assert sum(peer["share"] for peer in told["peers"]) == pytest.approx(1.0)
    assert not [peer for peer in told["peers"] if peer["id"] == liar.id and peer["slices"] > 0]


def test_a_killed_submitter_goes_on_after_a_restart(swarm: Any, tmp_path: Path) -> None:
    owner = swarm.join("owner", nprocs=0)
    for number in range(3):
        worker = swarm.join(f"worker{number}", owner.address, tier="C")
        assert swarm.run(worker, "trust", "--mine", owner.id).returncode == 0
    project, log = slow_project(tmp_path, slices=60)
    job = json.loads(
        swarm.run(owner, "submit", project, "--replicas", "2", "--detach", "--json").stdout.splitlines()[0]
    )["job"]
    swarm.until(lambda: len(swarm.accepted(owner.home)) >= 10, "the first slices")
    owner.kill()
    accepted = {int.from_bytes(key[32:], "big") for key in swarm.accepted(owner.home)}
    computed = log.read_text().split()
    again = swarm.join("owner", nprocs=0, port=int(owner.address.split("/")[4]))
    swarm.until(lambda: swarm.json(again, "show", job)["state"] == "done", "the job to end")
    assert swarm.run(again, "results", job, "-o", tmp_path / "out").returncode == 0
    assert results(tmp_path / "out") == [number * number for number in range(240)]
    late = {int(number) // 4 for number in log.read_text().split()[len(computed) :]}
    assert len(accepted) >= 10
    assert late, "the job was over before its owner was killed"
    assert not late & accepted, "accepted slices were computed again"


def test_garbage_on_the_port_harms_nobody(swarm: Any, examples: Path) -> None:
    peer = swarm.join("peer")
    host, port = peer.address.split("/")[2], int(peer.address.split("/")[4])
    for garbage in (b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 64, b""):
        with socket.create_connection((host, port)) as stranger:
            stranger.sendall(garbage)
    done = swarm.run(peer, "submit", examples / "sum.py")
    assert done.returncode == 0, done.stderr
    assert "500000500000" in done.stdout
    peer.signal(signal.SIGTERM)
    assert peer.process.wait(30) == 0


def test_a_lone_peer_computes_its_own_job(swarm: Any, examples: Path, tmp_path: Path) -> None:
    peer = swarm.join("alone", nprocs=2)
    done = swarm.run(peer, "submit", examples / "sum.py", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert results(tmp_path / "out") == 500000500000
    assert [row["id"] for row in stats(tmp_path / "out")["peers"]] == [peer.id]


def test_a_peer_returns_to_the_network_by_itself(swarm: Any) -> None:
    first = swarm.join("first")
    second = swarm.join("second", first.address)
    swarm.until(lambda: second.id in connected(swarm, first), "the first connection")
    second.signal(signal.SIGTERM)
    assert second.process.wait(30) == 0
    back = swarm.join("second")
    swarm.until(lambda: first.id in connected(swarm, back), "the return through a cached contact")
