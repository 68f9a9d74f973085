"""Local swarms: real processes that never outlive the one who started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from peernet.api.swarm import LocalSwarm
from peernet.errors import BoxError, NoPeerRunningError, UsageError
from peernet.storage.home import Home
from peernet.wire.control import ListPeers, PeersReply, Status, StatusReply

pytestmark = pytest.mark.real


def left(home: Home) -> list[str]:
    folder = home.scratch_folder / "swarms"
    return [path.name for path in folder.iterdir()] if folder.exists() else []


def test_a_swarm_is_a_submitter_and_its_workers_and_leaves_nothing(tmp_path: Path) -> None:
    home = Home.open(tmp_path)
    me = psutil.Process()
    others = me.children(recursive=True)
    with LocalSwarm(2, home) as swarm:
        peers = [child for child in me.children() if child not in others]
        # With what the peers start themselves: zygotes, and for a moment who measures the machine.
        processes = [child for child in me.children(recursive=True) if child not in others]
        assert swarm.client.ask(Status(), StatusReply).worker.slots == 0
        rows = swarm.client.ask(ListPeers(), PeersReply).peers
        met = {row.peer for row in rows if not row.me}
        assert met and met <= set(
            swarm.worker_ids
        )  # joined through one, perhaps still shaking hands with the other
        assert len(peers) == 3
    assert not [process for process in processes if process.is_running()]
    assert left(home) == []


def test_a_submitter_that_dies_is_told_as_such(tmp_path: Path) -> None:
    with LocalSwarm(1, Home.open(tmp_path)) as swarm:
        submitter = swarm.client.ask(Status(), StatusReply).pid
        os.kill(submitter, signal.SIGKILL)
        with pytest.raises((BoxError, NoPeerRunningError), match=r"ended by itself|no peer is running"):
            swarm.client.ask(Status(), StatusReply)


def test_a_home_in_use_is_said(tmp_path: Path) -> None:
    home = Home.open(tmp_path)
    with LocalSwarm(1, home), pytest.raises(UsageError, match="is running in"):
        LocalSwarm(1, home).start()


def test_a_killed_starter_takes_its_swarm_along_and_the_next_one_cleans_up(tmp_path: Path) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\n"
        "from peernet.api.swarm import LocalSwarm\nfrom peernet.storage.home import Home\n"
        "swarm = LocalSwarm(2, Home.open(Path(sys.argv[1])))\nswarm.start()\n"
        "print('ready', flush=True)\ntime.sleep(600)\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE)
    assert starter.stdout is not None
    assert starter.stdout.readline() == b"ready\n"
    assert len(psutil.Process(starter.pid).children()) == 3
    members = psutil.Process(starter.pid).children(recursive=True)
    starter.kill()
    starter.wait()
    starter.stdout.close()
    deadline = time.monotonic() + 60
    while any(member.is_running() and member.status() != psutil.STATUS_ZOMBIE for member in members):
        assert time.monotonic() < deadline, "the swarm outlives its starter"
        time.sleep(0.05)
    home = Home.open(tmp_path)
    assert left(home) != []
    with LocalSwarm(1, home):
        pass
    assert left(home) == []


def test_a_peer_that_does_not_start_says_why_though_its_tasks_fail_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, traceback\n"
        "traceback.print_exception(ExceptionGroup('tasks', [OSError('no room')]))\n"
        "os._exit(3)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(BoxError, match=r"a peer of the local swarm did not start: OSError: no room$"):
        LocalSwarm(1, Home.open(tmp_path / "home")).start()
