"""Which user a box runs as where the peer runs as root."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

FIRST, COUNT = 0x7000_0000, 0x0FFF_FFF0
"""Users 1879048192 and up: above those that systems, containers and directories give out, and positive in 32 bits
(systemd's docs/UIDS-GIDS.md). One of them is drawn for each box, so that boxes can't reach each other, and the
kernel counts each box's processes by themselves."""

_CAP_SETGID, _CAP_SETUID = 6, 7

_ROOM = 1024
"""A desktop's programs have some hundreds of threads each. The kernel counts a user's processes together, so what
a box is not kept from using here is what it may use itself."""


def draw_user() -> int | None:
    """A user of its own for a box; None unless this process is root and may become any user."""
    if os.geteuid() != 0 or not _has_capabilities() or not _is_mapped():
        return None
    return FIRST + secrets.randbelow(COUNT)


def others() -> int:
    """Processes and threads that a box may find running under this process's user, if it has none of its own:
    those of now, and room for programs that the user starts later."""
    return _ROOM + sum(_threads(folder) for folder in Path("/proc").glob("[0-9]*"))


def _threads(folder: Path) -> int:
    """The threads of a process of this user; 0 for others', and for one that has ended."""
    try:
        lines = (folder / "status").read_text().splitlines() if folder.stat().st_uid == os.geteuid() else []
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Threads:")), 0)


def _has_capabilities() -> bool:
    wanted = 1 << _CAP_SETGID | 1 << _CAP_SETUID
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16) & wanted == wanted
    return False


def _is_mapped() -> bool:
    """Whether the users exist here: a container may know only a few."""
    return all(_covers(Path(f"/proc/self/{kind}_map").read_text()) for kind in ("uid", "gid"))


def _covers(text: str) -> bool:
    ranges = [[int(word) for word in line.split()] for line in text.splitlines()]
    return any(inside <= FIRST and inside + length >= FIRST + COUNT for inside, _, length in ranges)
