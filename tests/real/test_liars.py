"""Liars among real peers: right results, the liars named, and evidence that holds when it is checked later."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.real

PRIMES = 78498
JOBS = 5
"""Jobs by which both liars have returned something: one that is slow on a loaded machine may miss the first."""

LIAR = [sys.executable, str(Path(__file__).with_name("liar.py"))]


def connected(swarm: Any, peer: Any) -> list[str]:
    rows = swarm.json(peer, "peers")["peers"]
    return [row["peer"] for row in rows if row["connected"] and not row["me"]]


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def test_two_liars_among_ten_peers_change_nothing_and_are_named(
    swarm: Any, examples: Path, tmp_path: Path
) -> None:
    owner = swarm.join("owner")
    liars = {swarm.join(f"liar{number}", owner.address, command=LIAR).id for number in range(2)}
    honest = {swarm.join(f"worker{number}", owner.address).id for number in range(7)}
    swarm.until(lambda: len(connected(swarm, owner)) == 9, "all nine workers")
    strikes, named = 0, set()
    for number in range(JOBS):
        out = tmp_path / f"out{number}"
        done = swarm.run(owner, "submit", examples / "primes.py", "--confidence", "0.99", "-o", out)
        assert done.returncode == 0, done.stderr
        assert read(out / "results.json") == PRIMES
        told = read(out / "stats.json")
        assert told["policy"] == "confidence:0.99"
        assert set(told["banned"]) <= liars
        strikes += told["strikes"]
        rows = {row["peer"]: row for row in swarm.json(owner, "trust")["rows"]}
        named = {peer for peer, row in rows.items() if row["failed"]}
        if named == liars:
            break
    assert named == liars
    assert strikes >= 2
    assert not any(rows[peer]["failed"] or rows[peer]["banned"] for peer in honest & rows.keys())
    assert all(rows[peer]["marks"] and rows[peer]["credibility"] < 0.99 for peer in liars)

    shown = [
        json.loads(line)
        for line in swarm.run(owner, "show", told["job"], "--evidence", "--json").stdout.splitlines()
    ]
    assert [line["slice"] for line in shown] == list(range(100))
    assert all(line["reached"] >= 0.99 for line in shown)
    assert {worker["peer"] for line in shown for worker in line["workers"] if not worker["agrees"]} <= liars
    assert not {worker["peer"] for line in shown for worker in line["workers"] if worker["agrees"]} & liars

    for peer in swarm.peers:
        peer.kill()
    owner = swarm.join("owner")
    restarted = {row["peer"]: row for row in swarm.json(owner, "trust")["rows"]}
    assert {peer for peer, row in restarted.items() if row["failed"]} == liars
    assert {peer: row["marks"] for peer, row in restarted.items()} == {
        peer: row["marks"] for peer, row in rows.items()
    }
    one = next(iter(liars))
    assert swarm.run(owner, "block", one).returncode == 0
    assert swarm.json(owner, "trust", one)["rows"][0]["blocked"]
    assert swarm.run(owner, "unblock", one).returncode == 0
    (forgiven,) = swarm.json(owner, "trust", one)["rows"]
    assert not (forgiven["blocked"] or forgiven["banned"])
    owner.kill()
    verified = swarm.json(tmp_path / "nobody", "verify", out)
    assert (verified["verified"], verified["slices"], verified["faults"]) == (True, 100, 0)
    assert set(verified["peers"]) <= liars | honest | {owner.id}
    again = tmp_path / "again"
    assert swarm.run(owner, "results", told["job"], "-o", again).returncode == 0
    assert (again / "evidence.jsonl").read_bytes() == (out / "evidence.jsonl").read_bytes()
    data = bytearray((out / "slices.bin").read_bytes())
    data[-1] ^= 1
    (out / "slices.bin").write_bytes(data)
    broken = swarm.run(tmp_path / "nobody", "verify", out)
    assert broken.returncode == 1
    assert "slice 99: its bytes in slices.bin have not the digest" in broken.stdout
