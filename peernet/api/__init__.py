"""What Python users hold: peers, jobs, local swarms."""

from __future__ import annotations

from peernet.api.jobs import Job, JobResults, submit, submit_async
from peernet.api.peer import Peer
from peernet.api.swarm import LocalSwarm

__all__ = ["Job", "JobResults", "LocalSwarm", "Peer", "submit", "submit_async"]
