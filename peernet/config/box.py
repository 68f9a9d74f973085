"""Bounds and defaults of box."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BoxConfig:
    """See each field."""
