"""What this machine can do, measured for the advert."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import psutil

from peernet.core.events import MachineMeasured
from peernet.project.requirements import installed_packages, installed_versions

REFERENCE_SECONDS = 0.012
"""What `_work` takes on the reference core (one core of a 2023 x86-64 cloud machine at about 3 GHz)."""


@dataclass(frozen=True, slots=True)
class Installed:
    """Packages that boxes can import. told: those that the advert tells, as "name==version". versions: all, by
    canonical name."""

    told: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)


def read_installed() -> Installed:
    """Return what is installed now. Reads the disk."""
    return Installed(installed_packages(), installed_versions())


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def measure_speed() -> float:
    """Return this core's speed in pure Python and hashing, relative to the reference core. Takes about 40 ms."""
    best = min(_timed() for _ in range(3))
    return round(REFERENCE_SECONDS / best, 3)


def measure(tier: str | None, speed: float) -> MachineMeasured:
    """Return the machine as it is now. speed: what `measure_speed` returned at the start."""
    cores = usable_cores()
    return MachineMeasured(
        cores=cores,
        memory=psutil.virtual_memory().available,
        load=round(psutil.getloadavg()[0] / cores, 2),
        speed=speed,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        platform=f"{sys.platform}-{platform.machine().lower()}",
        tier=tier or "",
    )


def _timed() -> float:
    start = time.perf_counter()
    _work()
    return time.perf_counter() - start


def _work() -> int:
    total = 0
    for number in range(100_000):
        total += number * number % 7
    block = bytes(65_536)
    for _ in range(40):
        block = hashlib.sha256(block).digest() * 2048
    return total
