"""Bounds and defaults of net."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NetConfig:
    """See each field."""
