"""A local swarm: peers as processes of this machine, on loopback, over real TCP.

The one that submits is called the submitter; the others work. All of them end when the process that started them
ends, however it ends: each watches its standard input, which is a pipe that only the starter holds.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from peernet.api.client import ControlClient
from peernet.api.lastwords import last_words
from peernet.box.folders import BoxFolders
from peernet.errors import BoxError, ConnectionLostError, PeernetError, UsageError
from peernet.identity.keys import KeyPair
from peernet.identity.peerid import format_peer_id
from peernet.storage.home import Home
from peernet.storage.keyfile import load_or_create_key
from peernet.wire.control import ControlReply, ControlRequest, Join, Ok

START_SECONDS = 30.0
"""How long a peer process may take to start: about 0.4 s on an idle machine, many times that on a loaded one."""

LAST_WORDS_SECONDS = 1.0
"""How long to wait for the exit of a submitter whose control socket has closed."""

STOP_SECONDS = 5.0
"""How long a peer process may take to leave before it is killed."""

MAX_WORKERS = 256
"""Worker processes of one local swarm: each takes about 45 MiB."""


@dataclass(slots=True)
class _Member:
    process: subprocess.Popen[bytes]
    errors: Path
    peer: str = ""
    address: str = ""
    tier: str | None = None

    @property
    def last_words(self) -> str:
        """Why it has ended, as far as it wrote it."""
        return last_words(self.errors.read_text(errors="replace"), self.process.returncode)


class LocalSwarm:
    """Worker peers as child processes, and a submitter unless a running peer is given. A context manager.

    Args:
        workers: how many worker peers, each running one slice at a time.
        home: the submitter's home, which keeps the journal and results.
        client: the control socket of a peer that is already running in that home; the workers join it. None
            starts a submitter as one more process.
        tier: the sandbox tier of the workers, or None for the best that works. They run code of that home's key
            only, so that tier C will do where no other works.
    """

    def __init__(
        self, workers: int, home: Home, client: ControlClient | None = None, tier: str | None = None
    ) -> None:
        if not 1 <= workers <= MAX_WORKERS:
            raise UsageError(f"a local swarm has 1 to {MAX_WORKERS} workers, not {workers}")
        self._workers = workers
        self._home = home
        self._tier = tier
        self._own_submitter = client is None
        self.client = client or _SubmitterClient(home.control_socket, self)
        self._members: list[_Member] = []
        self._folders: BoxFolders | None = None
        self._folder = Path()
        self.worker_ids: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start all processes and join them.

        Raises:
            PeernetError: one did not start; what it said is in the message, and the others are ended.
        """
        try:
            self._folders = BoxFolders(self._home.scratch_folder / "swarms")
            self._folder = self._folders.make()
            submitter = self._spawn("submitter", self._home.root, slots=0) if self._own_submitter else None
            owner = format_peer_id(
                KeyPair.from_seed(load_or_create_key(self._home.key_file, secrets.token_bytes)).peer_id
            )
            lent: dict[str, object] = {"slots": 1, "serves": "mine", "mine": [owner], "sandbox_tier": self._tier}
            workers = [
                self._spawn(f"worker-{number}", self._folder / f"home-{number}", **lent)
                for number in range(1, self._workers + 1)
            ]
            self._await_ready(self._members)
            self.worker_ids = tuple(worker.peer for worker in workers)
            self.client.ask(Join(tuple(worker.address for worker in workers)), Ok)
            assert submitter is None or submitter.peer
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End all processes and remove their folders. Safe to call twice."""
        for member in self._members:
            assert member.process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                member.process.stdin.close()
        deadline = time.monotonic() + STOP_SECONDS
        for member in self._members:
            try:
                member.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                member.process.kill()
                member.process.wait()
            assert member.process.stdout is not None
            member.process.stdout.close()
        self._members.clear()
        if self._folders is not None:
            self._folders.close()
            self._folders = None

    def last_words(self) -> str:
        """Return why a submitter which has ended by itself did so, as far as it wrote it, or nothing."""
        if not self._own_submitter or not self._members:
            return ""
        submitter = self._members[0]
        try:
            submitter.process.wait(LAST_WORDS_SECONDS)
        except subprocess.TimeoutExpired:
            return ""
        return submitter.last_words

    @property
    def note(self) -> str:
        """What people have to know of its sandboxes, or nothing."""
        if self._tier is not None or all(member.tier != "C" for member in self._members):
            return ""
        return (
            "no sandbox works on this machine, so the local swarm runs your project as plain processes (tier C); "
            "`peernet doctor` says what is missing"
        )

    def _spawn(self, name: str, home: Path, **chosen: object) -> _Member:
        errors = self._folder / f"{name}.err"
        options = {"home": str(home), "host": "127.0.0.1", "return_by_itself": False, "own_code": True} | chosen
        with errors.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "peernet.runtime.main", json.dumps(options)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )
        member = _Member(process, errors)
        self._members.append(member)
        return member

    def _await_ready(self, members: Sequence[_Member]) -> None:
        """Wait for the one line of each process that says who and where it is."""
        deadline = time.monotonic() + START_SECONDS
        with selectors.DefaultSelector() as selector:
            for member in members:
                assert member.process.stdout is not None
                selector.register(member.process.stdout, selectors.EVENT_READ, member)
            while selector.get_map():
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                if not ready:
                    raise BoxError(f"a peer of the local swarm did not start within {START_SECONDS:.0f} s")
                for key, _ in ready:
                    selector.unregister(key.fileobj)
                    _read_ready(key.data)


class _SubmitterClient(ControlClient):
    """A client that can tell why the submitter of its swarm has ended."""

    def __init__(self, path: Path, swarm: LocalSwarm) -> None:
        super().__init__(path)
        self._swarm = swarm

    def stream(self, request: ControlRequest) -> Iterator[ControlReply]:
        try:
            yield from super().stream(request)
        except ConnectionLostError as error:
            said = self._swarm.last_words()
            if not said:
                raise
            raise BoxError(f"the submitting peer of the local swarm ended by itself: {said}") from error


def _read_ready(member: _Member) -> None:
    assert member.process.stdout is not None
    line = member.process.stdout.readline()
    if not line:
        member.process.wait()
        raise _start_error(member)
    ready = json.loads(line)
    member.peer, member.address, member.tier = ready["peer"], ready["address"], ready["tier"]


def _start_error(member: _Member) -> PeernetError:
    """Return what a process that did not start said, as an error with the same exit code."""
    family = UsageError if member.process.returncode == UsageError.exit_code else BoxError
    return family(f"a peer of the local swarm did not start: {member.last_words}")
