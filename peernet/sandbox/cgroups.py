"""Limits for a box as a whole, by cgroups v2, where this process was given a part of their tree to rule.

rlimits count each process by itself; a cgroup counts the box: its children, its files in memory, the kernel's
memory for it. It is one more wall where it is there, and none that a tier depends on. A service or scope of
systemd with `Delegate=yes` is such a part (Documentation/admin-guide/cgroup-v2.rst, "Delegation").
"""

from __future__ import annotations

import contextlib
import os
import secrets
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from peernet.box.limits import Limits
from peernet.box.system import children_of

CONTROLLERS = ("cpu", "memory", "pids")

_ROOT = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")

_REMEDY = "; to have one, start the peer by systemd-run --user --scope -p Delegate=yes"

_BOX = "box-"

_PERIOD = 100_000
"""Microseconds, the kernel's own default for cpu.max."""

_ZYGOTE_BYTES = 256 << 20
"""What the zygote and preloaded packages hold beside the slices' own memory."""

_HELPERS = 8
"""Processes of a box that are no slices' threads: bubblewrap's two, the zygote, a child that waits."""


@dataclass(frozen=True, slots=True)
class Cgroups:
    """The part of the tree that is ours. Boxes get folders in it, side by side with the peer's own."""

    folder: Path

    def make(self, limits: Limits, slots: int) -> Cgroup:
        """Make the cgroup of a box. Raises OSError if the kernel refuses."""
        folder = self.folder / f"{_BOX}{secrets.token_hex(8)}"
        folder.mkdir()
        memory = (slots + 1) * (limits.memory + limits.scratch) + _ZYGOTE_BYTES
        for file, value in (
            ("memory.max", str(memory)),
            ("memory.swap.max", "0"),
            ("memory.oom.group", "0"),
            ("pids.max", str((slots + 1) * limits.threads + _HELPERS)),
            ("cpu.max", f"{slots * _PERIOD} {_PERIOD}"),
        ):
            with contextlib.suppress(FileNotFoundError):  # no swap, or an older kernel
                _write(folder / file, value)
        return Cgroup(folder)


@dataclass(frozen=True, slots=True)
class Cgroup:
    """The cgroup of one box."""

    folder: Path

    def adopt(self, process: int) -> None:
        """Take in a process that was just started, and what it has started meanwhile. Raises OSError."""
        _write(self.folder / "cgroup.procs", str(process))
        for child in children_of(process):
            self.adopt(child)

    def close(self) -> None:
        """End what is still in it, and remove it. What the kernel refuses stays: it is empty, and holds
        nothing."""
        with contextlib.suppress(OSError):
            _write(self.folder / "cgroup.kill", "1")
        with contextlib.suppress(OSError):
            self.folder.rmdir()


def survey(root: Path = _ROOT, own: Path = _OWN) -> Path | str:
    """Look whether this process's cgroup is ours to rule: somebody delegated it, it has the controllers, and
    nobody else is in it. Returns its folder, or what is missing, in words.

    root: where the tree is mounted. own: what names this process's place in it.
    """
    try:
        folder = _own_folder(root, own)
        if folder is None:
            return f"this process is in no cgroup v2{_REMEDY}"
        missing = sorted(set(CONTROLLERS) - set((folder / "cgroup.controllers").read_text().split()))
        if missing:
            return f"the cgroup {folder} has no controllers {', '.join(missing)}{_REMEDY}"
        if not _is_delegated(folder):
            return f"the cgroup {folder} is not delegated to this user{_REMEDY}"
        others = set((folder / "cgroup.procs").read_text().split()) - {str(os.getpid())}
        if others:
            return f"the cgroup {folder} holds {len(others)} other processes{_REMEDY}"
    except OSError as error:
        return f"cgroups can't be read: {error}{_REMEDY}"
    return folder


def take_over(folder: Path) -> Cgroups | None:
    """Rule a folder that `survey` found. Moves this process into a folder of its own below: a cgroup with
    controllers for others holds no processes itself. None if the kernel refuses."""
    peer = folder / f"peer-{os.getpid()}"
    try:
        for left in folder.glob(f"{_BOX}*"):
            with contextlib.suppress(OSError):  # in use, by another peer's box
                left.rmdir()
        peer.mkdir(exist_ok=True)
        _write(peer / "cgroup.procs", str(os.getpid()))
        _write(folder / "cgroup.subtree_control", " ".join(f"+{name}" for name in CONTROLLERS))
    except OSError:
        return None
    return Cgroups(folder)


@cache
def ours() -> Cgroups | None:
    """The cgroups of this process's boxes, taken over when they are first asked for."""
    found = survey()
    return None if isinstance(found, str) else take_over(found)


def _is_delegated(folder: Path) -> bool:
    """A user's own folder is. Root could write to any, so systemd's mark says which it may
    (https://systemd.io/CGROUP_DELEGATION)."""
    if os.geteuid() != 0:
        return folder.stat().st_uid == os.geteuid()
    for mark in ("trusted.delegate", "user.delegate"):
        with contextlib.suppress(OSError):
            if os.getxattr(folder, mark) == b"1":
                return True
    return False


def _own_folder(root: Path, own: Path) -> Path | None:
    for line in own.read_text().splitlines():
        if line.startswith("0::/"):
            folder = root / line.removeprefix("0::/")
            return folder if (folder / "cgroup.controllers").exists() else None
    return None


def _write(file: Path, value: str) -> None:
    """Files of a cgroup exist or do not: they are never made by writing."""
    with file.open("r+") as opened:
        opened.write(value)
