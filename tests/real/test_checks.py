"""Jobs whose project has a say in which results are right, on real peers among which one lies."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.real

LIAR = [sys.executable, str(Path(__file__).with_name("liar.py"))]
ROOTS = """
import math
import peernet

def is_root(number, root):
    return root ** 2 <= number < (root + 1) ** 2

@peernet.parallel(over=range(10 ** 9, 10 ** 9 + 200), slice_size=5, check=is_root, confidence=0.99)
def root(number):
    return math.isqrt(number)
"""


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text())


def connected(swarm: Any, peer: Any) -> list[Any]:
    return [row for row in swarm.json(peer, "peers")["peers"] if row["connected"] and not row["me"]]


def test_one_execution_a_slice_although_somebody_lies(swarm: Any, tmp_path: Path) -> None:
    owner = swarm.join("owner", nprocs=0)
    liar = swarm.join("liar", owner.address, command=LIAR)
    honest = swarm.join("honest", owner.address)
    swarm.until(lambda: len(connected(swarm, owner)) == 2, "both workers")
    project = tmp_path / "roots.py"
    project.write_text(ROOTS)
    done = swarm.run(owner, "submit", project, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert read(tmp_path / "out", "results.json") == [31622 + (n >= 31623**2) for n in range(10**9, 10**9 + 200)]
    told = read(tmp_path / "out", "stats.json")
    assert {peer["id"]: peer["slices"] for peer in told["peers"] if peer["slices"]} == {honest.id: 40}
    # What was refused ran once more. It is struck when the next result of its slice has passed, so there are fewer
    # strikes than refusals where two of them have shut the liar out by then.
    assert 0 <= told["strikes"] <= told["executions"] - 40
    assert told["banned"] == ([liar.id] if told["strikes"] >= 2 else [])


def test_a_check_that_raises_ends_the_job_with_its_traceback(swarm: Any, tmp_path: Path) -> None:
    owner = swarm.join("owner")
    project = tmp_path / "roots.py"
    project.write_text(ROOTS.replace("return root ** 2 <=", "return root.real_part ** 2 <="))
    done = swarm.run(owner, "submit", project, "-o", tmp_path / "out")
    assert done.returncode != 0
    assert "check raised AttributeError" in done.stderr and "in is_root" in done.stderr, done.stderr


def test_the_example_factorises_each_number_once(swarm: Any, examples: Path, tmp_path: Path) -> None:
    owner = swarm.join("owner", nprocs=0)
    swarm.join("stranger", owner.address)
    done = swarm.run(owner, "submit", examples / "factorise.py", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert read(tmp_path / "out", "results.json")[1] == [2] * 12 + [5] * 12
    assert read(tmp_path / "out", "stats.json")["executions"] == 50


NEARLY = """
import time
import peernet

@peernet.parallel(over=range(40), slice_size=2, equal="allclose", replicas=3, quorum=2)
def nearly(number):
    return number + (time.time_ns() % 997) * 1e-12
"""


def test_floats_with_another_last_digit_agree_although_somebody_lies(swarm: Any, tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    owner = swarm.join("owner", nprocs=0)
    liar = swarm.join("liar", owner.address, command=LIAR)
    for name in ("honest1", "honest2", "honest3"):
        swarm.join(name, owner.address)
    swarm.until(lambda: len(connected(swarm, owner)) == 4, "all four workers")
    project = tmp_path / "nearly.py"
    project.write_text(NEARLY)
    done = swarm.run(owner, "submit", project, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert read(tmp_path / "out", "results.json") == pytest.approx(list(range(40)), abs=1e-8)
    told = read(tmp_path / "out", "stats.json")
    assert not [peer for peer in told["peers"] if peer["id"] == liar.id and peer["slices"] > 0]
