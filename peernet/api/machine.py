"""What `doctor` asks of the machine, in one place: tests give it another one."""

from __future__ import annotations

import importlib.metadata
import platform
import secrets
import shutil
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from peernet.api.client import ControlClient
from peernet.config.box import BoxConfig
from peernet.config.doctor import ASK_SECONDS
from peernet.errors import NoPeerRunningError
from peernet.runtime.numeric import measure_own
from peernet.sandbox import Findings, probe
from peernet.storage.home import Home
from peernet.storage.keyfile import load_or_create_key
from peernet.wire.control import Status, StatusReply


def ask(home: Home) -> StatusReply | None:
    """Return what the running peer of a home says; None if none runs. Raises PeernetError."""
    try:
        return ControlClient(home.control_socket).ask(Status(), StatusReply)
    except NoPeerRunningError:
        return None


def read_key(home: Home) -> object:
    """Read the key, which is made on first use. Raises KeyFileError or StorageError."""
    return load_or_create_key(home.key_file, secrets.token_bytes)


def versions() -> dict[str, str | None]:
    """Return the versions of what peernet rests on."""
    return {
        "python": platform.python_version(),
        "trio": importlib.metadata.version("trio"),
        "bubblewrap": bubblewrap_version(),
        "kernel": platform.release(),
        "platform": platform.platform(),
    }


def bubblewrap_version(name: str = "bwrap") -> str | None:
    """Return the version of bubblewrap; None where it is missing or does not run."""
    path = shutil.which(name)
    if path is None:
        return None
    try:
        run = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=ASK_SECONDS, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return run.stdout.strip().removeprefix("bubblewrap ") or None


def refusal_to_listen() -> str:
    """Return why no TCP port can be opened; empty if one can."""
    try:
        with socket.create_server(("0.0.0.0", 0)):
            return ""
    except OSError as error:
        return str(error)


def numeric() -> str:
    """Return the numeric class, of numpy too if it is installed. Raises BoxError."""
    return measure_own(numpy=True)


def free_bytes(folder: Path) -> int:
    """Return the bytes that this user may still write where a folder is. Raises OSError."""
    return shutil.disk_usage(folder).free


@dataclass(frozen=True, slots=True)
class Machine:
    """The real machine by default. Each field is a function of that name."""

    open_home: Callable[[Path], Home] = Home.open
    read_key: Callable[[Home], object] = read_key
    ask: Callable[[Home], StatusReply | None] = ask
    probe: Callable[[Path, BoxConfig], Findings] = probe
    versions: Callable[[], dict[str, str | None]] = versions
    numeric: Callable[[], str] = numeric
    free_bytes: Callable[[Path], int] = free_bytes
    refusal_to_listen: Callable[[], str] = refusal_to_listen
