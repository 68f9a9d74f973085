"""Real peers of two numeric classes: a job that needs the one is left alone by the other, and its user is told."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.real

OTHER = "linux-x86_64/glibc-2.17/x86-64-v2/cpython-3.11/math-00000000"
ELSEWHERE = [sys.executable, str(Path(__file__).with_name("other_class.py")), OTHER]
PROJECT = """
import math
import peernet
{imports}
@peernet.parallel(over=range(6), slice_size=1, replicas=1, numeric="same")
def task(n):
    return math.sin({call})
"""


@pytest.fixture
def peers(swarm: Any) -> tuple[Any, Any, Any]:
    """A submitter, a worker of its class, and one of another."""
    submitter = swarm.join("submitter", nprocs=0)
    same = swarm.join("same", submitter.address)
    other = swarm.join("other", submitter.address, command=ELSEWHERE)
    wait_for_adverts(swarm, submitter, same, other)
    return submitter, same, other


def classes(swarm: Any, peer: Any) -> dict[str, str | None]:
    """What a peer knows of the classes of others, by their ids."""
    return {row["peer"]: row["numeric"] for row in swarm.json(peer, "peers")["peers"]}


def wait_for_adverts(swarm: Any, peer: Any, *others: Any) -> None:
    swarm.until(
        lambda: all(classes(swarm, peer).get(one.id) for one in (peer, *others)), "the adverts of all workers"
    )


def submitted(done: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_peer_of_another_class_leaves_the_job_alone_and_the_submitter_is_told(
    swarm: Any, peers: Any, tmp_path: Path
) -> None:
    submitter, same, other = peers
    known = classes(swarm, submitter)
    assert known[other.id] == OTHER and known[same.id] == known[submitter.id] != OTHER
    project = tmp_path / "sine.py"
    project.write_text(PROJECT.format(imports="", call="n"))
    done = swarm.run(submitter, "submit", project, "--json")
    assert done.returncode == 0, done.stderr
    lines = submitted(done)
    needed, there = next(
        (a, b) for a, b in zip(known[same.id].split("/"), OTHER.split("/"), strict=True) if a != b
    )
    why = f"lacks the numeric class ({needed} is needed, {there} is there)"
    assert (lines[0]["fit"], lines[0]["unfit"]) == (1, [{"why": why, "peers": [other.id]}])
    assert f"1 peer {why} (" in done.stderr
    assert [peer["id"] for peer in lines[-1]["peers"]] == [same.id]
    named = swarm.run(submitter, "submit", project, "--json", "--numeric", OTHER)
    assert named.returncode == 0, named.stderr
    assert [peer["id"] for peer in submitted(named)[-1]["peers"]] == [other.id]


def test_a_job_that_uses_numpy_has_it_measured_first_and_the_class_is_told_then(
    swarm: Any, peers: Any, tmp_path: Path
) -> None:
    pytest.importorskip("numpy")
    submitter, same, other = peers
    project = tmp_path / "dots.py"
    project.write_text(PROJECT.format(imports="import numpy", call="float(numpy.dot([n, 1.0], [n, 0.5]))"))
    done = swarm.run(submitter, "submit", project, "--json")
    assert done.returncode == 0, done.stderr
    assert [peer["id"] for peer in submitted(done)[-1]["peers"]] == [same.id]
    swarm.until(lambda: "/numpy-" in (classes(swarm, submitter)[same.id] or ""), "the worker's class with numpy")
    known = classes(swarm, submitter)
    assert known[other.id] == OTHER, "nothing is measured for a job that is left alone"
    assert swarm.json(submitter, "doctor")["numeric"]["class"] == known[same.id]


def test_if_nobody_is_of_the_class_it_is_said_at_once_and_after_some_patience_the_job_ends(
    swarm: Any, peers: Any, tmp_path: Path
) -> None:
    project = tmp_path / "sine.py"
    project.write_text(PROJECT.format(imports="", call="n"))
    done = swarm.run(peers[0], "submit", project, "--json", "--numeric", "plan9-vax", "--patience", "3")
    assert done.returncode == 3, done.stderr
    lines = submitted(done)
    assert lines[0]["fit"] == 0
    message = lines[-1]["error"]["message"]
    assert message.startswith("no peer that is known can take this job: ")
    assert "the numeric class (plan9-vax is needed, linux-x86_64 is there) (" in message
