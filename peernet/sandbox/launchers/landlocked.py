"""Tier B: the zygote as a child process that confines itself by Landlock, seccomp and limits.

It needs no namespace and no program, so it works in containers too. Slices write nowhere: a folder's total size
can't be limited without a file system of its own, and what is not limited fills the volunteer's disk.
"""

from __future__ import annotations

import os
import platform
import sys

from peernet.box.confine import landlock, privileges
from peernet.box.confine.plan import Plan
from peernet.box.confine.policy import MACHINES
from peernet.errors import BoxError
from peernet.sandbox.launchers.base import Launch, Wanted, processes, python, scratch_folders
from peernet.sandbox.launchers.paths import python_paths, system_paths
from peernet.sandbox.launchers.users import draw_user, others


class LandlockLauncher:
    """For machines where bubblewrap does not work."""

    tier = "B"
    notes = (
        "slices read the system, Python and its packages, and nothing else; they write nowhere",
        "they start no processes, open no connections, and see none of your other processes' secrets",
        "limited: wall-clock and processor time, memory and open files of every slice, as root threads too",
    )

    def missing(self) -> str:
        """See `Launcher.missing`."""
        if sys.platform != "linux":
            return f"tier B needs Linux 5.13 or newer, and this is {sys.platform}: run peernet in a Linux VM"
        if platform.machine().lower() not in MACHINES:
            return f"tier B knows the processors {', '.join(sorted(MACHINES))}, and this is {platform.machine()}"
        if not landlock.abi():
            return (
                "this kernel has no Landlock, or it is switched off: use Linux 5.13 or newer with landlock in its "
                "lsm= option (see /sys/kernel/security/lsm), or install bubblewrap for tier A"
            )
        return ""

    def launch(self, wanted: Wanted) -> Launch:
        """See `Launcher.launch`."""
        uid = draw_user()
        if uid is not None:
            _give(wanted, uid)
        environment = str(wanted.environment or "")
        plan = Plan(
            channel=wanted.channel,
            parent=wanted.parent,
            folder=str(wanted.folder),
            scratch=scratch_folders(f"{wanted.folder}/scratch", wanted.slots),
            writable=False,
            environment=environment,
            confined=True,
            needs_landlock=True,
            uid=uid,
            keep=0 if uid is None else privileges.CAP_DAC_READ_SEARCH,
            read=(*system_paths(), *python_paths(), *([environment] if environment else [])),
            processes=processes(wanted.limits, wanted.slots) + (others() if uid is None else 0),
        )
        return Launch(python("peernet.box.zygote", plan.encode()), str(wanted.folder))


def _give(wanted: Wanted, uid: int) -> None:
    """Let the box's user keep the project's files in the box's folder. The folders above it stay closed to others;
    the box passes them by a capability for reading, which Landlock narrows to what it may see."""
    try:
        os.chown(wanted.folder, uid, uid)
    except OSError as error:
        raise BoxError(f"the folder {wanted.folder} can't be given to a box's user: {error}") from error
