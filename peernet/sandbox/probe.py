"""Which way of confining boxes this machine can run, and what that protects."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from peernet.config.box import BoxConfig

_PLAIN = (
    "limited: wall-clock and processor time, memory, open files and the size of each file, for every slice",
    "a slice has a process and a folder of its own, a clean environment, and leaves nothing behind",
    "not protected: code of a project can read your files, use the network, and reach your other processes",
)


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found. tier: the best that works here; None: this machine submits jobs but can't execute them.

    notes: for people: what is protected and what is not, or what is missing. tiers: all that work, best first.
    """

    tier: str | None
    notes: tuple[str, ...]
    tiers: tuple[str, ...] = ()


def probe(scratch: Path, config: BoxConfig) -> Findings:
    """Find the tiers of this machine. scratch: where boxes have their folders."""
    if sys.platform == "linux":
        return Findings("C", _PLAIN, ("C",))
    return Findings(None, (f"boxes need Linux, and this is {sys.platform}: this peer does not execute slices",))
