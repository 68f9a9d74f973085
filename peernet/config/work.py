"""Bounds and defaults of work."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkConfig:
    """See each field."""
