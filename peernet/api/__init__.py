"""What Python users hold: peers, jobs, local swarms.

The names load on first use (PEP 562): submitting needs neither trio nor the network stack, only `Peer` does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peernet.api.jobs import Job
    from peernet.api.peer import Peer
    from peernet.api.results import JobResults
    from peernet.api.submitting import submit, submit_async
    from peernet.api.swarm import LocalSwarm

_HOMES = {
    "Job": "jobs",
    "JobResults": "results",
    "LocalSwarm": "swarm",
    "Peer": "peer",
    "submit": "submitting",
    "submit_async": "submitting",
}

__all__ = ["Job", "JobResults", "LocalSwarm", "Peer", "submit", "submit_async"]


def __getattr__(name: str) -> object:
    """Load a name from the module that owns it."""
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module 'peernet.api' has no attribute {name!r}") from None
    return getattr(import_module(f"peernet.api.{home}"), name)
