"""Real peers, one of which lacks a package; and real slices that break a limit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.real

WITHOUT = [sys.executable, str(Path(__file__).with_name("without.py")), "packaging"]
NEEDING = """
# /// script
# dependencies = ["packaging>=20"]
# ///
import peernet
from packaging.version import Version

@peernet.parallel(over=range(6), slice_size=1, replicas=1)
def newer(n):
    return Version("1.10") > Version("1.9")
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "needing.py"
        path.write_text(text)
        return path

    return write


def told(swarm: Any, peer: Any) -> dict[str, Any]:
    """What a peer knows of others, by their ids."""
    return {row["peer"]: row for row in swarm.json(peer, "peers")["peers"]}


def submitted(done: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_peer_that_lacks_a_package_leaves_the_job_alone_and_the_submitter_is_told(
    swarm: Any, write: Any
) -> None:
    submitter = swarm.join("submitter", nprocs=0)
    poor = swarm.join("poor", submitter.address, command=WITHOUT)
    able = swarm.join("able", submitter.address)
    swarm.until(
        lambda: all(told(swarm, submitter).get(peer.id, {}).get("tier") for peer in (poor, able)),
        "the adverts of both workers",
    )
    done = swarm.run(submitter, "submit", write(NEEDING), "--json")
    assert done.returncode == 0, done.stderr
    lines = submitted(done)
    assert lines[0]["unfit"] == [{"why": "lacks packaging>=20", "peers": [poor.id]}]
    assert lines[0]["fit"] == 1
    assert "1 peer lacks packaging>=20 (" in done.stderr
    assert [peer["id"] for peer in lines[-1]["peers"]] == [able.id]
    assert lines[-1]["value"] == [True] * 6


def test_if_nobody_has_the_package_it_is_said_at_once_and_after_some_patience_the_job_ends(
    swarm: Any, write: Any
) -> None:
    submitter = swarm.join("submitter", nprocs=0)
    poor = swarm.join("poor", submitter.address, command=WITHOUT)
    swarm.until(lambda: bool(told(swarm, submitter).get(poor.id, {}).get("tier")), "the worker's advert")
    done = swarm.run(submitter, "submit", write(NEEDING), "--json", "--patience", "3")
    assert done.returncode == 3, done.stderr
    lines = submitted(done)
    assert (lines[0]["fit"], lines[0]["unfit"]) == (0, [{"why": "lacks packaging>=20", "peers": [poor.id]}])
    expected = "no peer that is known can take this job: 1 peer lacks packaging>=20 ("
    assert done.stderr.splitlines()[0].startswith(expected)
    assert lines[-1]["error"]["message"].startswith(expected)


BREAKING = {
    "memory": ('memory="64MiB"', "len(bytearray(400 << 20))", "the 67108864 bytes that are allowed", "--memory"),
    "scratch": (
        'scratch="1MiB"',
        'open("big", "wb").write(bytes(8 << 20))',
        "1048576 bytes are allowed",
        "--scratch",
    ),
    "timeout": ("timeout=1", "exec('while True: pass')", "1 s are allowed", "--time"),
}


@pytest.mark.parametrize("limit", list(BREAKING))
def test_a_job_whose_every_call_breaks_a_limit_fails_with_the_limit_and_the_remedy(
    swarm: Any, write: Any, tmp_path: Path, limit: str
) -> None:
    """Two strangers have to agree, and nothing is tried for ever."""
    declared, body, words, remedy = BREAKING[limit]
    submitter = swarm.join("submitter", nprocs=0)
    for name in ("bob", "carol"):
        swarm.join(name, submitter.address)
    file = write(
        f"import peernet\n@peernet.parallel(over=range(4), slice_size=1, replicas=2, quorum=2, {declared})\n"
        f"def f(n):\n    return {body}\n"
    )
    done = swarm.run(submitter, "submit", file, "--json")
    assert done.returncode == 1, done.stderr
    failed = submitted(done)[-2]
    assert (failed["event"], failed["reason_kind"]) == ("failed", limit)
    assert words in failed["reason"] and remedy in failed["reason"]
    assert 2 <= failed["executions"] <= 8


def test_pickled_results_of_a_local_swarm_are_loaded_in_the_callers_process(tmp_path: Path) -> None:
    script = tmp_path / "objects.py"
    script.write_text(
        "import peernet\n\nclass Point:\n    def __init__(self, n):\n        self.n = n\n\n"
        "@peernet.parallel(over=range(3), results='pickle')\ndef point(n):\n    return Point(n)\n\n"
        "@peernet.parallel(over=range(3), results='pickle', reduce=lambda a, b: a + b)\ndef pair(n):\n"
        "    return (n,)\n\n"
        "@peernet.parallel(over=range(6), results='pickle', keep_if=lambda point: point.n % 2)\ndef odd(n):\n"
        "    return Point(n)\n\n"
        "if __name__ == '__main__':\n"
        "    with point.submit(local=1) as job:\n        print([value.n for value in job.result()])\n"
        "    with pair.submit(local=1) as job:\n        print(job.result())\n"
        "    with odd.submit(local=1) as job:\n        print([value.n for value in job.result()])\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        env=os.environ | {"PEERNET_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == ["[0, 1, 2]", "(0, 1, 2)", "[1, 3, 5]"], done.stderr


def test_a_peer_without_a_sandbox_runs_code_of_own_keys_only(swarm: Any, write: Any) -> None:
    submitter = swarm.join("submitter", nprocs=0)
    bare = swarm.join("bare", submitter.address, "--sandbox-tier", "C")
    assert "slices run unprotected (tier C)" in bare.log.read_text()
    swarm.until(lambda: told(swarm, submitter).get(bare.id, {}).get("serves") == "mine", "the worker's advert")
    file = write("import peernet\n@peernet.parallel(over=range(3), replicas=1)\ndef f(n):\n    return n\n")
    refused = swarm.run(submitter, "submit", file, "--patience", "1")
    assert refused.returncode == 3, refused.stderr
    assert "1 peer is running code of their own users only" in refused.stderr
    for one, other in ((bare, submitter), (submitter, bare)):
        assert swarm.run(one, "trust", "--mine", other.id).returncode == 0
    done = swarm.run(submitter, "submit", file, "--json")
    assert done.returncode == 0, done.stderr
    assert submitted(done)[-1]["value"] == [0, 1, 2]
