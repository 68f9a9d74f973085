"""Whether this machine can run a tier at all. The sandbox's own probe is not asked: what it finds broken must fail
tests, not skip them."""

from __future__ import annotations

import os
import subprocess

from peernet.sandbox.launchers import LAUNCHERS
from peernet.sandbox.launchers.bubblewrap import PROGRAM


def missing(tier: str) -> str:
    """What this machine, or this user on it, lacks for a tier; nothing if it lacks nothing."""
    lack = LAUNCHERS[tier].missing()
    if lack or tier != "A":
        return lack
    namespaces = ["--unshare-pid", "--unshare-net", "--unshare-ipc"] if os.getuid() == 0 else ["--unshare-all"]
    tried = subprocess.run(
        [PROGRAM, *namespaces, "--ro-bind", "/", "/", "true"], capture_output=True, text=True, check=False
    )
    return f"bubblewrap does not work here: {tried.stderr.strip()}" if tried.returncode else ""
