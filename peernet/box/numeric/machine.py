"""The facts of a numeric class that tell of the machine: its system, C library, SIMD level and interpreter."""

from __future__ import annotations

import os
import platform
import sys

from peernet.box.numeric.simd import read_features, simd_level
from peernet.project.numeric import make_field


def machine_class(bits: str) -> str:
    """Return the facts of this machine, joined by slashes. bits: what `mathbits` printed, or returned here.

    Reads /proc/cpuinfo, which some boxes don't show: call it outside, or in a job host.
    """
    machine = platform.machine().lower()
    fields = (
        f"{sys.platform}-{machine}",
        c_library(),
        simd_level(machine, read_features()),
        f"{sys.implementation.name}-{sys.version_info.major}.{sys.version_info.minor}",
        f"math-{bits}",
    )
    return "/".join(map(make_field, fields))


def c_library() -> str:
    """Return the C library of this process and its version, as in "glibc-2.36"."""
    if sys.platform == "darwin":
        return f"libsystem-{platform.mac_ver()[0] or 'unknown'}"
    try:
        told = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):  # another library knows no such name
        told = ""
    name, version = told.split() if told.count(" ") == 1 else platform.libc_ver()
    return f"{name or 'libc'}-{version or 'unknown'}"
