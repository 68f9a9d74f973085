"""The peer's side of boxes: starts them, talks to them, ends them."""

from __future__ import annotations

from peernet.box.limits import Limits, default_limits
from peernet.box.messages import Status
from peernet.sandbox.executor import Box, Cuts, Executor, HostBox, Outcome
from peernet.sandbox.plain import PlainExecutor
from peernet.sandbox.probe import Findings, probe

__all__ = [
    "Box",
    "Cuts",
    "Executor",
    "Findings",
    "HostBox",
    "Limits",
    "Outcome",
    "PlainExecutor",
    "Status",
    "default_limits",
    "probe",
]
