"""The peer's side of boxes: starts them, talks to them, ends them."""

from __future__ import annotations

from peernet.box.limits import Limits, default_limits
from peernet.box.messages import Status
from peernet.sandbox.boxes import BoxExecutor, make_executor
from peernet.sandbox.executor import Box, Cuts, EncodedValue, Executor, HostBox, Outcome
from peernet.sandbox.probe import Findings, choose, probe

__all__ = [
    "Box",
    "BoxExecutor",
    "Cuts",
    "EncodedValue",
    "Executor",
    "Findings",
    "HostBox",
    "Limits",
    "Outcome",
    "Status",
    "choose",
    "default_limits",
    "make_executor",
    "probe",
]
