"""What control messages have in common."""

from __future__ import annotations

import msgspec

CONTROL_LIMIT = 256 * 1024 * 1024
"""The largest control frame. Local and of one's own user; it bounds a mistake, not an attacker."""


class ControlMessage(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The base of control messages."""
