"""Real peers among strangers: cloned keys, silence, forgeries, frozen and killed processes."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from peernet.storage.home import Home

pytestmark = pytest.mark.real

FORGER = Path(__file__).with_name("forger.py")
CLONED = "uses this peer's key"
SLOW_TO_LOAD = """
import time
import peernet

open(MARK, "w").close()
time.sleep(600)

@peernet.parallel(over=range(4))
def never(number):
    return number
"""


def clone_key(swarm: Any, name: str, of: Any) -> None:
    """Give the home of a peer to come the key of another one."""
    key = Home.open(of.home).key_file
    copy = Home.open(swarm.folder / name).key_file
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(key, copy)


def row_of(swarm: Any, at: Any, peer: Any) -> Any:
    """What a peer knows of another one."""
    rows = swarm.json(at, "peers")["peers"]
    return next((row for row in rows if row["peer"] == peer.id), None)


def _lives(process: psutil.Process) -> bool:
    """Whether a process still runs: an orphan that ended may stay as a zombie where nobody reaps."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_two_machines_with_one_key_are_both_told_by_a_third(swarm: Any) -> None:
    middle = swarm.join("middle")
    first = swarm.join("first", middle.address)
    clone_key(swarm, "second", first)
    second = swarm.join("second", middle.address)
    assert first.id == second.id
    swarm.until(lambda: CLONED in first.log.read_text(), "the first to be told")
    swarm.until(lambda: CLONED in second.log.read_text(), "the second to be told")
    assert first.process.poll() is None and middle.process.poll() is None


def test_two_machines_with_one_key_that_meet_are_both_told(swarm: Any) -> None:
    first = swarm.join("first")
    clone_key(swarm, "second", first)
    done = swarm.run(swarm.folder / "second", "join", first.address, "--host", "127.0.0.1")
    assert done.returncode == 3, done.stderr
    assert "key" in done.stderr and len(done.stderr.splitlines()) <= 2, done.stderr
    swarm.until(lambda: CLONED in first.log.read_text(), "the first to be told")


def test_300_silent_connections_keep_no_peer_out(swarm: Any) -> None:
    first = swarm.join("first")
    port = int(first.address.split("/")[4])
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
    try:
        begun = time.monotonic()
        alone = swarm.join("alone")
        start = time.monotonic()
        joined = swarm.join("joined", first.address)
        took = time.monotonic() - start
        # Against a start without a network: the strangers may cost a moment, not their deadline of 4 s each.
        assert took < (start - begun) + 3.0
        assert row_of(swarm, first, joined)["connected"]
        assert alone.process.poll() is None
    finally:
        for connection in silent:
            connection.close()


def test_a_forged_advert_is_one_clear_line_and_is_counted(swarm: Any) -> None:
    victim = swarm.join("victim")
    with subprocess.Popen(
        [sys.executable, str(FORGER), victim.address, "3"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as forger:
        assert forger.stdout is not None
        assert forger.stdout.readline() == "sent\n"

        def counted() -> int:
            return int(swarm.json(victim, "peers")["refused"].get("advert: signature", 0))

        swarm.until(lambda: counted() == 3, "the forgeries to be counted")
        forger.communicate("")
    lines = victim.log.read_text().splitlines()
    (line,) = [line for line in lines if "advert" in line]
    assert line.startswith("refused: advert: signature: the signature of 12D3") and "does not hold" in line
    assert "Traceback" not in victim.log.read_text()
    assert victim.process.poll() is None
    assert row_of(swarm, victim, victim)["connected"]


def test_a_frozen_peer_is_noticed_within_ten_seconds(swarm: Any) -> None:
    first = swarm.join("first")
    frozen = swarm.join("frozen", first.address)
    assert row_of(swarm, first, frozen)["connected"]
    frozen.signal(signal.SIGSTOP)
    start = time.monotonic()

    def noticed() -> bool:
        row = row_of(swarm, first, frozen)
        return row is None or not row["connected"]

    swarm.until(noticed, "the frozen peer to be noticed")
    # 8 s of silence at most, and a second for the last look, which is a command of its own.
    assert time.monotonic() - start < 10.0 + 1.0


def test_an_owner_that_is_killed_while_it_prepares_a_job(swarm: Any, tmp_path: Path) -> None:
    mark = tmp_path / "loading"
    project = tmp_path / "never.py"
    project.write_text(SLOW_TO_LOAD.replace("MARK", repr(str(mark))))
    owner = swarm.join("owner")
    command = swarm.start(owner, "submit", project, "-o", tmp_path / "out", "--no-local")
    swarm.until(mark.exists, "the project to be loaded")
    boxes = psutil.Process(owner.process.pid).children(recursive=True)
    assert boxes
    owner.kill()
    swarm.until(lambda: not any(_lives(box) for box in boxes), "its boxes to end with it")
    _, err = command.communicate(timeout=60)
    assert command.returncode != 0
    assert "Traceback" not in err and err.strip(), err
    again = swarm.join("owner")
    assert swarm.run(again, "jobs", "--json").stdout == ""
    scratch = Home.open(again.home).scratch_folder
    assert not list(scratch.glob("*/box-*"))
