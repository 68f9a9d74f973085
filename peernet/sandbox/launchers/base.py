"""What a launcher is asked for, and what it answers."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from peernet.box.limits import Limits


@dataclass(frozen=True, slots=True)
class Wanted:
    """A box to be started.

    folder: on the disk, empty, the box's own. channel: the number of its inherited socket. parent: the pid of the
    peer. limits, slots: of its slices. environment: a folder of packages, or None.
    """

    folder: Path
    channel: int
    parent: int
    limits: Limits
    slots: int
    environment: Path | None


@dataclass(frozen=True, slots=True)
class Launch:
    """A command, and the folder that the box's process takes for its own (as it sees it)."""

    command: tuple[str, ...]
    folder: str


class Launcher(Protocol):
    """Knows how to start a box of one tier. tier: its letter. notes: what it protects from, for people."""

    @property
    def tier(self) -> str: ...

    @property
    def notes(self) -> tuple[str, ...]: ...

    def missing(self) -> str:
        """What this machine lacks for it and the remedy, in a sentence; empty if nothing is known to lack.

        A quick look: only an attack from inside shows whether it holds (`probe`)."""
        ...

    def launch(self, wanted: Wanted) -> Launch:
        """Work out the command. Raises BoxError if this machine can't run it."""
        ...


def python(module: str, *arguments: str) -> tuple[str, ...]:
    """The command of a module in this interpreter, without the user's packages and the working folder."""
    return (sys.executable, "-s", "-P", "-m", module, *arguments)


def scratch_folders(root: str, slots: int) -> tuple[str, ...]:
    """One for each slice at once, and one for the child that waits."""
    return tuple(f"{root}/{number}" for number in range(slots + 1))


def processes(limits: Limits, slots: int) -> int:
    """Processes and threads of a box whose user is its own: each slice's threads, its zygote, and a child more."""
    return (slots + 1) * limits.threads + 1


def in_order(paths: Sequence[str]) -> tuple[str, ...]:
    """Without repetitions."""
    return tuple(dict.fromkeys(paths))
