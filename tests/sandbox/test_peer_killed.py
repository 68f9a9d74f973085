"""A peer that is killed leaves no process behind, whatever its slices did beforehand."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import time

import psutil
import pytest
from siege.holder import LACKING
from siege.users import ROOT, USERS, can_not_be, command_of, environment, folder_of
from siege.world import processes_named

pytestmark = pytest.mark.real

PATIENCE = 30.0
"""Seconds after which a wait is in vain. The machine may be loaded; nothing is measured here."""

QUIET, DEFIANT = "quietly", "defiantly"


def wait_until(condition, what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.03)


def killed_peer(user: str, tier: str, ways: tuple[str, ...]) -> list[int]:
    """Kill a peer whose slices run. Returns the pids of all that it had started, and of what bears its name."""
    name = f"pn{secrets.token_hex(5)}"
    with folder_of(user) as folder:
        command = command_of(user, "siege.holder", tier, str(folder), name, *ways)
        holder = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True, cwd=ROOT)
        assert holder.stderr is not None
        try:
            wait_until(
                lambda: len(processes_named(name)) >= len(ways) or holder.poll() is not None, "the slices run"
            )
            if holder.poll() is not None:
                reason = holder.stderr.read()
                assert holder.returncode == LACKING, reason
                pytest.skip(reason)
            below = [child.pid for child in psutil.Process(holder.pid).children(recursive=True)]
            return sorted({*below, *processes_named(name)})
        finally:
            holder.kill()
            holder.wait()
            holder.stderr.close()


def alive(pids: list[int]) -> list[int]:
    found = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
    return found


@pytest.fixture
def possible(user: str) -> None:
    if reason := can_not_be(user):
        pytest.skip(reason)


@pytest.mark.usefixtures("possible")
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize(
    ("tier", "ways"), [("A", (QUIET, DEFIANT)), ("B", (QUIET, DEFIANT)), ("C", (QUIET, QUIET))], ids="ABC"
)
def test_nothing_is_left_of_a_killed_peer(user: str, tier: str, ways: tuple[str, ...]) -> None:
    pids = killed_peer(user, tier, ways)
    assert len(pids) >= 1 + len(ways)
    wait_until(lambda: alive(pids) == [], f"of {pids} all end")


@pytest.mark.usefixtures("possible")
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("tier", ["C"])
def test_a_defiant_slice_outlives_its_peer_without_a_sandbox(user: str, tier: str) -> None:
    pids = killed_peer(user, tier, (DEFIANT,))
    left = alive(pids)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert left
