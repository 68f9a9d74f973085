"""Text that another peer sent, made fit to be shown: bounded, and without control characters."""

from __future__ import annotations


def printable(text: str, limit: int) -> str:
    """The first `limit` characters; what would move a cursor or colour a terminal becomes a space."""
    shown = "".join(char if char.isprintable() else " " for char in text[:limit])
    return shown if len(text) <= limit else f"{shown}…"
