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


def draw_user() -> int | None:
    """A user of its own for a box; None unless this process is root and may become any user."""
    if os.geteuid() != 0 or not _has_capabilities() or not _is_mapped():
        return None
    return FIRST + secrets.randbelow(COUNT)


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
