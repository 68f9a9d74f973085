"""A command line run in this process, and a peer that is only a control socket with prepared answers."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from peernet.results import encode
from peernet.storage.home import Home
from peernet.wire.control import (
    ControlReply,
    ControlRequest,
    Evidence,
    EvidenceHead,
    JobReply,
    JobRow,
    SliceValue,
    WorkRow,
    decode_request,
    encode_control,
)
from peernet_cli.main import main

Answer = Callable[[Any], Iterable[ControlReply]]


class FakePeer:
    """Answers each request with what was prepared for its type, and keeps the requests."""

    def __init__(self, path: Path) -> None:
        self.requests: list[ControlRequest] = []
        self._answers: dict[type[ControlRequest], Answer] = {}
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def answer(self, request: type[ControlRequest], *replies: ControlReply, then: Answer | None = None) -> None:
        """Prepare the replies to requests of a type, or a function of the request that yields them."""
        self._answers[request] = then or (lambda _: replies)

    def asked(self, kind: type[Any]) -> list[Any]:
        """Return the requests of a type that came."""
        return [request for request in self.requests if isinstance(request, kind)]

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        clients: list[threading.Thread] = []
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                break
            clients.append(threading.Thread(target=self._serve_client, args=(client,)))
            clients[-1].start()
        for thread in clients:
            thread.join()

    def _serve_client(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as incoming:
            head = incoming.read(4)
            if not head:
                return  # only looked whether a peer runs
            request = decode_request(incoming.read(int.from_bytes(head, "big")))
            self.requests.append(request)
            with contextlib.suppress(BrokenPipeError):
                for reply in self._answers[type(request)](request):
                    client.sendall(encode_control(reply))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home of its own, which the command finds by PEERNET_HOME."""
    folder = tmp_path / "home"
    monkeypatch.setenv("PEERNET_HOME", str(folder))
    monkeypatch.chdir(tmp_path)
    return Home.open(folder)


@pytest.fixture
def fake_peer(home: Home) -> Iterator[FakePeer]:
    """A peer that seems to run in the home."""
    peer = FakePeer(home.control_socket)
    peer.answer(Evidence, EvidenceHead(b"", "plain"), JobReply(JobRow(JOB, "", "done", 0.0)))
    yield peer
    peer.close()


@pytest.fixture
def peernet(home: Home) -> Callable[..., Result]:
    """Run the command with these arguments, in this process."""
    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def project(home: Home, tmp_path: Path) -> Callable[..., str]:
    """Write a project file and return its name."""

    def write(text: str, name: str = "project.py") -> str:
        (tmp_path / name).write_text(f"import peernet\n{text}\n")
        return name

    return write


JOB = "abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrst"


@pytest.fixture
def job_row() -> Callable[..., JobRow]:
    """Make the row of a job that is done; keywords say otherwise."""

    def make(**changes: Any) -> JobRow:
        fields = {
            "job": JOB,
            "name": "square",
            "state": "done",
            "submitted": 1_700_000_000.0,
            "ended": 1_700_000_001.25,
            "calls": 4,
            "slices": 2,
            "cut": 2,
            "accepted": 2,
            "executions": 2,
            "peers": (WorkRow("12D3KooWA", 1, 0.25, 0.5), WorkRow("12D3KooWB", 1, 0.5, 0.5)),
        }
        return JobRow(**(fields | changes))

    return make


@pytest.fixture
def slices() -> tuple[SliceValue, ...]:
    """The results of that job."""
    return SliceValue(0, encode([0, 1])), SliceValue(1, encode([4, b"hi"]))


def lines_of(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def json_lines() -> Callable[[str], list[Any]]:
    """Parse output that has to be JSON lines only."""
    return lines_of


class Installed:
    """The installed command, in processes of its own, with a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[subprocess.Popen[str]] = []
        self.command = str(Path(sys.executable).with_name("peernet"))
        self.environment = os.environ | {"PEERNET_HOME": str(folder / "home"), "PYTHONUNBUFFERED": "1"}

    def write(self, text: str, name: str = "project.py") -> str:
        """Write a project file into the folder and return its name."""
        (self.folder / name).write_text(f"import peernet\n{text}\n")
        return name

    def start(self, *arguments: object, **options: Any) -> subprocess.Popen[str]:
        """Start the command in the folder."""
        process = subprocess.Popen(
            [self.command, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment,
            text=True,
            **({"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options),
        )
        self._started.append(process)
        return process

    def end(self) -> None:
        """Kill what a test that failed has left running."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def run(self, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run the command to its end, which has to come within two minutes."""
        with self.start(*arguments, **options) as process:
            try:
                stdout, stderr = process.communicate(timeout=120)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Installed]:
    """The installed command where no peer runs."""
    installed = Installed(tmp_path)
    yield installed
    installed.end()


@pytest.fixture
def another(tmp_path: Path) -> Iterator[Installed]:
    """The installed command with a home of its own, beside `installed`."""
    (tmp_path / "another").mkdir()
    another = Installed(tmp_path / "another")
    yield another
    another.end()


@pytest.fixture(scope="module")
def lone_peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """The installed command beside a running peer that knows nobody, one for all tests of a module."""
    installed = Installed(tmp_path_factory.mktemp("lone"))
    with (installed.folder / "join.err").open("w") as stderr:
        process = installed.start("join", "--host", "127.0.0.1", stderr=stderr)
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("/ip4/127.0.0.1/tcp/")
            yield installed
        finally:
            process.terminate()
            assert process.wait(30) == 0
            process.stdout.close()
            installed.end()
