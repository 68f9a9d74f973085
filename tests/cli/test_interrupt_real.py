"""Ctrl-C and SIGTERM: the job stops, the swarm ends, and so does the command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.real

ENDLESS = "import time\n@peernet.parallel(over=range(10_000), slice_size=1)\ndef endless(x): time.sleep(0.2)"


def until_running(process: subprocess.Popen[str]) -> str:
    """Read JSON lines until peers are at work; return the job."""
    assert process.stdout is not None
    for line in process.stdout:
        told = json.loads(line)
        if told["event"] == "progress" and told["accepted"]:
            return str(told["job"])
    raise AssertionError("it ended before anything ran")


def descendants(pid: int) -> list[int]:
    """Processes below a process, from Linux's process table."""
    found = []
    for child in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        found += [child, *descendants(child)]
    return found


def lives(pid: int) -> bool:
    """Whether a process goes on; one that has ended may wait for the system to take notice."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def hangs_up() -> Iterator[None]:
    """Processes started here take notice when their terminal goes, also where the tests run under nohup, which
    they would inherit."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hangs_up")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_job_stops_and_the_swarm_ends(installed: Any, number: signal.Signals) -> None:
    process = installed.start("submit", installed.write(ENDLESS), "--local", "2", "--json")
    job = until_running(process)
    swarm = descendants(process.pid)
    assert len(swarm) >= 3  # the submitter, two workers, and their boxes
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr.splitlines()[-1] == f"error: interrupted: job {job[:10]} was asked to stop"
    assert [pid for pid in swarm if lives(pid)] == []
    assert json.loads(installed.run("show", job, "--json").stdout)["state"] == "stopped"


def test_a_second_one_leaves_at_once(installed: Any) -> None:
    process = installed.start("submit", installed.write(ENDLESS), "--local", "1", "--json")
    until_running(process)
    [submitter] = [
        pid for pid in descendants(process.pid) if b'"slots": 0' in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    os.kill(submitter, signal.SIGSTOP)  # so that it does not answer the request to stop the job
    try:
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        while "Ctrl-C again leaves at once" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=5)
        assert process.returncode == 130
    finally:
        os.kill(submitter, signal.SIGCONT)


def test_a_killed_command_takes_its_swarm_with_it(installed: Any) -> None:
    process = installed.start("submit", installed.write(ENDLESS), "--local", "2", "--json")
    until_running(process)
    swarm = [os.pidfd_open(pid) for pid in descendants(process.pid)]
    process.kill()
    process.communicate(timeout=60)
    for process_fd in swarm:
        wait_for_end(process_fd)


def wait_for_end(process_fd: int) -> None:
    """Wait up to 30 s for the end of a process that is not our child."""
    import select

    try:
        ready, _, _ = select.select([process_fd], [], [], 30)
        assert ready, "a process of the swarm is still there"
    finally:
        os.close(process_fd)


def test_a_detached_job_goes_on_until_it_is_stopped(lone_peer: Any) -> None:
    job = lone_peer.run("submit", lone_peer.write(ENDLESS), "--detach").stdout.strip()
    assert json.loads(lone_peer.run("show", job, "--json").stdout)["state"] in ("preparing", "running")
    assert lone_peer.run("stop", job[:12]).stdout == f"{job[:10]} is stopped\n"
    ran = lone_peer.run("results", job)
    assert ran.returncode == 130
    assert ran.stdout == ""
