"""Tier A: the zygote as process 1 of namespaces of its own, in a tree of read-only mounts, by bubblewrap
(bwrap(1)).

Inside, seccomp, limits and, where the kernel has it, Landlock confine it once more.
"""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from peernet.box.confine.plan import Plan
from peernet.box.confine.policy import MACHINES
from peernet.config.project import MAX_BUNDLE_BYTES, MAX_BUNDLE_FILES
from peernet.errors import BoxError
from peernet.sandbox.launchers.base import Launch, Wanted, processes, python, scratch_folders
from peernet.sandbox.launchers.paths import python_paths, system_paths
from peernet.sandbox.launchers.users import draw_user

PROGRAM = "bwrap"

_FOLDER, _SCRATCH, _ENVIRONMENT = "/box", "/scratch", "/environment"

_PAGE = 4096

_SOURCE_BYTES = MAX_BUNDLE_BYTES + 2 * MAX_BUNDLE_FILES * _PAGE
"""The file system of the project's files: each file fills its last page, and may lie in a folder of its own."""

_SHARED_MEMORY_BYTES = 1 << 20
"""/dev/shm, for the locks of `multiprocessing` where there is no Landlock; with it no slice may write there."""

_REAPER = 1
"""The zygote's parent where bubblewrap keeps process 1 for itself."""

_INSIDE_USER = 1000
"""Who the box's user is in a user namespace: nobody in particular."""

_SWITCHES = (
    ("/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=10000"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile that allows bwrap userns",
    ),
)
"""Settings that keep users from making namespaces, the value that does, and the remedy."""


class BubblewrapLauncher:
    """The strongest."""

    tier = "A"
    notes = (
        "slices see the system, Python and its packages, read-only, and nothing else of your files",
        "they have no network, start no processes, and see no processes but their box's",
        "limited: wall-clock and processor time, memory, scratch, threads and open files of every slice",
    )

    def missing(self) -> str:
        """See `Launcher.missing`."""
        if sys.platform != "linux":
            return f"tier A needs Linux, and this is {sys.platform}: run peernet in a Linux VM"
        if platform.machine().lower() not in MACHINES:
            return f"tier A knows the processors {', '.join(sorted(MACHINES))}, and this is {platform.machine()}"
        if shutil.which(PROGRAM) is None:
            return (
                "bubblewrap is not installed: apt install bubblewrap (Debian, Ubuntu), dnf install bubblewrap "
                "(Fedora), pacman -S bubblewrap (Arch)"
            )
        return ""

    def launch(self, wanted: Wanted) -> Launch:
        """See `Launcher.launch`."""
        program = shutil.which(PROGRAM)
        if program is None:
            raise BoxError(self.missing())
        uid = draw_user()
        scratch = scratch_folders(_SCRATCH, wanted.slots)
        packages = python_paths()
        environment = "" if wanted.environment is None else _ENVIRONMENT
        plan = Plan(
            channel=wanted.channel,
            parent=0 if uid is None else _REAPER,
            folder=_FOLDER,
            scratch=scratch,
            writable=True,
            mounted=True,
            environment=environment,
            confined=True,
            uid=uid,
            read=(*system_paths(), *packages, *([environment] if environment else [])),
            own_proc=True,
            processes=processes(wanted.limits, wanted.slots),
        )
        command = (
            program,
            *_namespaces(uid),
            *_folders_above([*system_paths(), *packages]),
            *_system(),
            *_read_only([(path, path) for path in packages]),
            *_read_only([] if wanted.environment is None else [(str(wanted.environment), _ENVIRONMENT)]),
            *_devices(),
            *_memory(_FOLDER, _SOURCE_BYTES),
            *(word for folder in scratch for word in _memory(folder, wanted.limits.scratch)),
            *("--remount-ro", "/", "--chdir", _FOLDER, "--"),
            *python("peernet.box.zygote", plan.encode()),
        )
        return Launch(command, _FOLDER)


def obstacles() -> tuple[str, ...]:
    """Settings of this machine that keep users from making namespaces, as remedies."""
    return tuple(remedy for path, value, remedy in _SWITCHES if _read(path) == value)


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _namespaces(uid: int | None) -> tuple[str, ...]:
    """Root needs no user namespace, and without one less of the kernel is open: the box becomes the user `uid`
    once all is mounted, and keeps no capability.

    Process 1 is the zygote where there is a user namespace: bubblewrap's own would be of the box's user, and not
    confined. Else it is bubblewrap's, which stays root without capabilities: it dies with the peer and takes the
    namespace along, while the signal of a dying parent does not reach a child of another user.
    """
    words = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    words += ["--die-with-parent", "--new-session", "--hostname", "box"]
    if uid is None:
        user = str(_INSIDE_USER)
        return (*words, "--as-pid-1", "--unshare-user", "--uid", user, "--gid", user)
    words += ["--cap-drop", "ALL"]
    for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"):
        words += ["--cap-add", capability]
    return tuple(words)


def _folders_above(paths: Sequence[str]) -> list[str]:
    """The folders that mounts lie in: bubblewrap would close them to all but their owner, which the box is not."""
    above = sorted({str(folder) for path in paths for folder in Path(path).parents} - {"/"})
    return [word for folder in above for word in ("--perms", "0755", "--dir", folder)]


def _system() -> list[str]:
    words = []
    for path in system_paths():
        if Path(path).is_symlink():
            words += ["--symlink", str(Path(path).readlink()), path]
        else:
            words += _read_only([(path, path)])
    return words


def _read_only(pairs: list[tuple[str, str]]) -> list[str]:
    return [word for here, there in pairs for word in ("--ro-bind", here, there)]


def _devices() -> list[str]:
    """Tasks have written hundreds of MiB to /dev while it was a file system like any other."""
    return ["--proc", "/proc", "--dev", "/dev", *_memory("/dev/shm", _SHARED_MEMORY_BYTES), "--remount-ro", "/dev"]


def _memory(folder: str, size: int) -> list[str]:
    """A file system in memory. A size of 0 would mean no limit."""
    return ["--perms", "1777", "--size", str(max(_PAGE, size)), "--tmpfs", folder]
