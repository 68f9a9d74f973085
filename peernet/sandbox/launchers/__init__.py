"""How a box's first process is started and confined: one `Launcher` for each tier."""

from __future__ import annotations

from peernet.sandbox.launchers.base import Launch, Launcher, Wanted
from peernet.sandbox.launchers.bubblewrap import BubblewrapLauncher
from peernet.sandbox.launchers.landlocked import LandlockLauncher
from peernet.sandbox.launchers.unconfined import UnconfinedLauncher, host_launch

__all__ = ["LAUNCHERS", "Launch", "Launcher", "Wanted", "host_launch"]

_LAUNCHERS: tuple[Launcher, ...] = (BubblewrapLauncher(), LandlockLauncher(), UnconfinedLauncher())

LAUNCHERS = {launcher.tier: launcher for launcher in _LAUNCHERS}
"""By tier, the strongest first."""
