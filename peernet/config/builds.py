"""Bounds and defaults of locking requirements and of building environments from locks."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class BuildConfig:
    """See each field. Sizes are bytes, times are seconds."""

    quota: int = 8 * GIB
    """All environments together, and so the largest one. The largest stacks in use (deep learning) take 6 GiB."""

    files: int = 200_000
    """Files in one environment: four times the largest in use. Empty ones cost inodes, not bytes."""

    kept: int = 256
    """Environments kept. Far more than jobs that a volunteer serves in a week; the list is read at each start."""

    build_seconds: float = 900.0
    """One build, the download included: 6 GiB at 8 MiB a second take 13 minutes."""

    lock_seconds: float = 120.0
    """Choosing versions for the requirements of a project: somebody waits for it. It commonly takes seconds."""

    watch_seconds: float = 0.1
    """How often a running installer is looked at: its deadline, what it wrote, whether it is still wanted."""

    memory: int = 3 * GIB // 2
    """Address space of the installer. It commonly uses 0.3 GiB; index pages and archives are strangers' data."""

    builds: int = 2
    """Builds at once: a slow one must not hold up the next, and each takes a core and the network."""

    failures: int = 128
    """Locks whose build failed lately, remembered so that a job's every offer does not start it anew."""

    retry_seconds: float = 300.0
    """How long such a lock is not tried again. An index that was away may be back by then."""

    text: int = 16 * 1024
    """The end of what an installer prints, where it says what went wrong."""

    report: int = 32 * MIB
    """The installer's report on what it would install. Some 20 KiB a package, descriptions included."""
