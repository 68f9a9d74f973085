"""The two clocks that the core is given."""

from __future__ import annotations

import time
from collections.abc import Callable

from peernet.core.events import Now

Clock = Callable[[], Now]


def system_clock() -> Now:
    """Read both clocks. The monotonic one runs on while the machine sleeps, where the system has such a clock:
    a lease must not come back to life because a laptop was shut."""
    return Now(_monotonic(), time.time())


def _monotonic() -> float:
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()
