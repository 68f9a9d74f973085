"""Bounds and defaults of kad."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KadConfig:
    """See each field."""
