"""What the probe runs in a box: a project that tries to get out. Only its source runs, inside.

Each attempt is a call. It returns what it could do that it must not be able to, as a text, or nothing. The last
call is an honest one: a box that keeps everybody out is no box.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import peernet


def read_a_file(canary: str, port: int, folder: str, peer: int) -> str:
    """A file of the peer's."""
    return f"read a file of yours: {Path(canary).read_text()}"


def list_the_homes(canary: str, port: int, folder: str, peer: int) -> str:
    """The folders of other users, by their usual place."""
    return f"list /home: {next(Path('/home').iterdir(), None)}"


def connect(canary: str, port: int, folder: str, peer: int) -> str:
    """A service that listens for this machine only."""
    socket.create_connection(("127.0.0.1", port), timeout=1).close()
    return "connect to a service of this machine"


def write_a_file(canary: str, port: int, folder: str, peer: int) -> str:
    """A folder of the peer's."""
    Path(folder, "written").write_text("gotcha")
    return "write to a folder of yours"


def write_for_all(canary: str, port: int, folder: str, peer: int) -> str:
    """A folder that everybody may write to."""
    Path("/tmp/peernet-probe").write_text("gotcha")
    Path("/tmp/peernet-probe").unlink()
    return "write to /tmp"


def start_a_program(canary: str, port: int, folder: str, peer: int) -> str:
    """Any program of the system."""
    subprocess.run(["/bin/true"], check=True)
    return "start a program"


def fork(canary: str, port: int, folder: str, peer: int) -> str:
    """A process that would outlive its slice."""
    if os.fork() == 0:
        os._exit(0)
    return "make a process"


def signal_the_peer(canary: str, port: int, folder: str, peer: int) -> str:
    """Signal 0 asks whether another one would be let through."""
    if peer == os.getpid():  # another process has its number in here
        return ""
    os.kill(peer, 0)
    return "send a signal to the peer"


def signal_the_parent(canary: str, port: int, folder: str, peer: int) -> str:
    """The box's own first process."""
    os.kill(os.getppid(), 0)
    return "send a signal to its parent"


ATTEMPTS = (
    *(read_a_file, list_the_homes, connect, write_a_file, write_for_all),
    *(start_a_program, fork, signal_the_peer, signal_the_parent),
)


Attempt = tuple[int, str, int, str, int]

_NONE: list[Attempt] = []


@peernet.parallel(over=_NONE)
def attack(attempt: Attempt) -> str:
    """One attempt by its number, or the honest call if there is none of that number."""
    number, *target = attempt
    if number >= len(ATTEMPTS):
        return f"honest {sum(range(1000))}"
    try:
        attempts: tuple[Callable[..., str], ...] = ATTEMPTS
        return attempts[number](*target)
    except OSError:
        return ""
