"""Tier C, and job hosts: a child process with this user's rights and the limits that any system gives."""

from __future__ import annotations

import sys

from peernet.box.confine.plan import Plan
from peernet.sandbox.launchers.base import Launch, Wanted, python, scratch_folders


class UnconfinedLauncher:
    """For code of one's own, where nothing better works, by explicit choice only."""

    tier = "C"
    notes = (
        "limited: wall-clock and processor time, memory, open files and scratch of every slice",
        "a slice has a process and a folder of its own, a clean environment, and leaves nothing behind",
        "not protected: code of a project can read your files, use the network, and reach your other processes",
    )

    def missing(self) -> str:
        """See `Launcher.missing`."""
        if sys.platform == "win32":
            return "boxes need a POSIX system, and this is win32: run peernet in WSL 2"
        return ""

    def launch(self, wanted: Wanted) -> Launch:
        """See `Launcher.launch`."""
        plan = Plan(
            channel=wanted.channel,
            parent=wanted.parent,
            folder=str(wanted.folder),
            scratch=scratch_folders(f"{wanted.folder}/scratch", wanted.slots),
            writable=True,
            environment=str(wanted.environment or ""),
        )
        return Launch(python("peernet.box.zygote", plan.encode()), str(wanted.folder))


def host_launch(wanted: Wanted) -> Launch:
    """The launch of a job host, in every tier: the user's own project, with the user's own files."""
    return Launch(python("peernet.box.host", str(wanted.channel), str(wanted.parent)), str(wanted.folder))
