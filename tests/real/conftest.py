"""Real peers as processes, on loopback: started through the command, ended by their ids, whatever happens."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from peernet.storage.home import Home
from peernet.storage.journal import Journal

ROOT = Path(__file__).parents[2]
COMMAND = [str(Path(sys.executable).with_name("peernet"))]
PATIENCE = 120.0
"""Seconds after which a test is hung. The machine may be loaded; nothing is measured here."""


class PeerProcess:
    """One `peernet join` (or a double of it) with a home of its own."""

    def __init__(self, command: list[str], home: Path, args: tuple[str, ...]) -> None:
        self.home = home
        self.log = home.with_suffix(".log")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *args], stdout=subprocess.PIPE, stderr=log, env=environment(home), text=True
            )
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            assert selector.select(PATIENCE), f"the peer said nothing: {self.log.read_text()}"
        self.address = self.process.stdout.readline().strip()
        assert self.address.startswith("/ip4/127.0.0.1/tcp/"), self.log.read_text()
        self.id = self.address.rsplit("/", 1)[1]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, also for a stopped one, and wait."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()


class Swarm:
    """All processes of one test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.peers: list[PeerProcess] = []

    def join(
        self,
        name: str,
        *addresses: str,
        nprocs: int = 1,
        port: int = 0,
        command: list[str] | None = None,
        tier: str | None = None,
    ) -> PeerProcess:
        """Start a peer and wait until it is ready. The same name again is a restart with its state.

        tier: of its sandbox; the best that works by default."""
        args = ("join", *addresses, "--host", "127.0.0.1", "--port", str(port), "--nprocs", str(nprocs))
        args += ("--sandbox-tier", tier) if tier else ()
        peer = PeerProcess(command or COMMAND, self.folder / name, args)
        self.peers.append(peer)
        return peer

    def run(self, home: Path | PeerProcess, *args: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command of the user to its end."""
        folder = home.home if isinstance(home, PeerProcess) else home
        return subprocess.run(
            [*COMMAND, *map(str, args)],
            env=environment(folder),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            cwd=ROOT,
            check=False,
        )

    def json(self, home: Path | PeerProcess, *args: str | Path) -> Any:
        """Run a command with --json that prints one line, and return what it says."""
        done = self.run(home, *args, "--json")
        assert done.returncode == 0, done.stderr
        (line,) = done.stdout.splitlines()
        return json.loads(line)

    def start(self, home: Path | PeerProcess, *args: str | Path) -> subprocess.Popen[str]:
        """Start a command of the user, to be waited for with `finish`."""
        folder = home.home if isinstance(home, PeerProcess) else home
        return subprocess.Popen(
            [*COMMAND, *map(str, args)],
            env=environment(folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition of other processes, looking often: there is no event to wait for."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain for {what}"
            time.sleep(0.05)

    def accepted(self, home: Path) -> set[bytes]:
        """The accepted slices in a journal, read beside the running peer."""
        path = Home.open(home).journal_file
        if not path.exists():
            return set()
        with Journal.open(path, read_only=True) as journal:
            return {key for key, _ in journal.load("outcome")}

    def close(self) -> None:
        for peer in self.peers:
            peer.kill()


def environment(home: Path) -> dict[str, str]:
    return os.environ | {"PEERNET_HOME": str(home), "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def swarm(tmp_path: Path) -> Iterator[Swarm]:
    made = Swarm(tmp_path)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def examples() -> Path:
    return ROOT / "examples"
