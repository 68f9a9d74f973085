"""What the attacks aim at: a volunteer's files, listeners and processes, real ones, made for one run."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from peernet.storage.home import Home
from peernet.storage.keyfile import load_or_create_key

PLACES = ("/tmp", "/var/tmp", "/dev/shm")
"""Folders of the machine that everybody may write to."""

_IPC_RMID = 0


IDLE_PATIENCE = 10.0
"""Seconds in which a busy machine surely stops a process. It takes that long only if the attack works."""


class World:
    """All that a payload is told of (`context`), and what of it has been touched.

    folder: an empty folder of this user's. secret: what no slice may learn; the caller has put it into the
    environment with which this process was started.
    """

    def __init__(self, folder: Path, secret: str) -> None:
        self.folder = folder
        self.secret = secret
        self.marker = f"pn{secrets.token_hex(5)}"
        self.ipc = secrets.randbelow(1 << 30) + 1
        self.heard: list[str] = []
        self.home = Home.open(folder / "home")
        load_or_create_key(self.home.key_file, secrets.token_bytes)
        self.diary = self.home.root / "diary"
        self.trap = folder / "trap"
        self.places = (str(folder), str(self.home.root), *PLACES)
        self._buffer = ctypes.create_string_buffer(secret.encode(), len(secret))
        self._victim: subprocess.Popen[bytes] | None = None
        self._listeners = dict(self._listen())
        self.write_diary()

    def context(self, cap: int) -> dict[str, object]:
        """What a payload is told. cap: how far a bomb goes."""
        return {
            "cap": cap,
            "marker": self.marker,
            "secret": self.secret,
            "diary": str(self.diary),
            "home": str(self.home.root),
            "key": str(self.home.key_file),
            "places": list(self.places),
            "trap": str(self.trap),
            "tcp": self._listeners["tcp"].getsockname()[1],
            "udp": self._listeners["udp"].getsockname()[1],
            "lan": lan_address(),
            "abstract": self.marker,
            "socket": str(self.folder / "socket"),
            "peer": os.getpid(),
            "victim": self.victim.pid,
            "address": ctypes.addressof(self._buffer),
            "length": len(self.secret),
            "ipc": self.ipc,
            "number": 1000,
        }

    # --- what has been touched --------------------------------------------------------------------------------

    @property
    def victim(self) -> subprocess.Popen[bytes]:
        """A process of this user that has nothing to do with boxes. Another one, if the last one was killed."""
        if self._victim is None or self._victim.poll() is not None:
            command = [sys.executable, "-ISc", "import time; print(flush=True); time.sleep(600)", self.marker]
            self._victim = subprocess.Popen(command, stdout=subprocess.PIPE)
            assert self._victim.stdout is not None
            self._victim.stdout.readline()
        return self._victim

    def victim_killed(self) -> str:
        if self._victim is None:
            return ""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._victim.wait(0.05)
        return "the victim was killed" if self._victim.returncode is not None else ""

    def written(self) -> str:
        """Files of the marker's name where others see them. They are removed."""
        found = [path for place in (*self.places, "/dev") for path in Path(place).glob(f"{self.marker}*")]
        for path in found:
            path.unlink(missing_ok=True)
        return ", ".join(map(str, found))

    def diary_changed(self) -> str:
        """How the diary differs from what it was. It is written anew."""
        changes = []
        if not self.diary.exists() or self.diary.read_text() != self.secret:
            changes.append("content")
        else:
            info = self.diary.stat()
            changes += ["mode"] if info.st_mode & 0o777 != 0o600 else []
            changes += ["times"] if info.st_mtime == 1 else []
            changes += ["attributes"] if os.listxattr(self.diary) else []
        self.write_diary()
        return ", ".join(changes)

    def write_diary(self) -> None:
        self.diary.unlink(missing_ok=True)
        self.diary.touch(0o600)
        self.diary.write_text(self.secret)

    def was_heard(self) -> str:
        """What the listeners were told since they were last asked."""
        heard, self.heard = self.heard, []
        return ", ".join(heard)

    def sprung(self) -> str:
        """Whether a pickle ran its command."""
        if not self.trap.exists():
            return ""
        self.trap.rmdir()
        return "the pickle ran a command in the peer"

    def left_behind(self) -> str:
        """Processes of the marker's name that live a while later. They are killed."""
        deadline = time.monotonic() + 0.2
        while (found := self.named()) and time.monotonic() < deadline:
            time.sleep(0.01)
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return f"left the processes {found}" if found else ""

    def named(self) -> list[int]:
        """The processes that carry the marker as their name."""
        return processes_named(self.marker)

    def awake(self) -> str:
        """Kept processes that do not stand still, though no slice runs in them."""
        deadline = time.monotonic() + IDLE_PATIENCE
        while awake := processes_named(f"{self.marker}-k", besides=psutil.STATUS_STOPPED):
            if time.monotonic() > deadline:
                return f"the processes {awake} compute on"
            time.sleep(0.03)
        return ""

    def ipc_left(self) -> str:
        """System V objects with the test's key. They are removed."""
        libc = ctypes.CDLL(None)
        kinds = (("shmget", "shmctl", 2), ("msgget", "msgctl", 1), ("semget", "semctl", 2))
        found = []
        for get, control, more in kinds:
            name = getattr(libc, get)(self.ipc, *[0] * more)
            if name >= 0:
                found.append(get)
                arguments = (name, 0, _IPC_RMID) if get == "semget" else (name, _IPC_RMID, None)
                getattr(libc, control)(*arguments)
        return ", ".join(found)

    def close(self) -> None:
        for listener in self._listeners.values():
            listener.close()
        self.written()
        if self._victim is not None:
            self._victim.kill()
            self._victim.wait()
            assert self._victim.stdout is not None
            self._victim.stdout.close()

    # --- listeners --------------------------------------------------------------------------------------------

    def _listen(self) -> Iterator[tuple[str, socket.socket]]:
        kinds: tuple[tuple[str, int, int, Any], ...] = (
            ("tcp", socket.AF_INET, socket.SOCK_STREAM, ("0.0.0.0", 0)),
            ("udp", socket.AF_INET, socket.SOCK_DGRAM, ("0.0.0.0", 0)),
            ("abstract", socket.AF_UNIX, socket.SOCK_STREAM, f"\0{self.marker}"),
            ("datagrams", socket.AF_UNIX, socket.SOCK_DGRAM, f"\0{self.marker}-datagrams"),
            ("path", socket.AF_UNIX, socket.SOCK_STREAM, str(self.folder / "socket")),
        )
        for name, family, kind, address in kinds:
            listener = socket.socket(family, kind)
            listener.bind(address)
            if kind == socket.SOCK_STREAM:
                listener.listen()
            serve = self._serve_stream if kind == socket.SOCK_STREAM else self._serve_datagrams
            threading.Thread(target=serve, args=(name, listener), daemon=True).start()
            yield name, listener

    def _serve_stream(self, name: str, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _ = listener.accept()
                with link, contextlib.suppress(OSError):
                    link.settimeout(5)
                    self.heard.append(f"{name} heard {link.recv(100).decode()}")
                    link.sendall(self.secret.encode())

    def _serve_datagrams(self, name: str, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                data, sender = listener.recvfrom(100)
                self.heard.append(f"{name} heard {data.decode()}")
                if sender:
                    listener.sendto(self.secret.encode(), sender)


def lan_address() -> str:
    """An address of this machine that is not loopback, or nothing."""
    for addresses in psutil.net_if_addrs().values():
        for address in addresses:
            if address.family == socket.AF_INET and not address.address.startswith("127."):
                return address.address
    return ""


def processes_named(name: str, besides: str = "") -> list[int]:
    """The live processes whose `/proc/PID/comm` is this name. besides: but those with this status."""
    found = []
    for process in psutil.process_iter(["name", "status"]):
        if process.info["name"] == name[:15] and process.info["status"] not in (psutil.STATUS_ZOMBIE, besides):
            found.append(process.pid)
    return found
