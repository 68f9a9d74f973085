"""Whether a machine has what a job needs: asked by workers of offers, and by owners of those who pull."""

from __future__ import annotations

from typing import Protocol

from peernet.wire.signed import Needs

TIERS = ("A", "B", "C")
"""Sandbox tiers, the strongest first."""


class Machine(Protocol):
    """What is asked about: an advert, or the machine's own measurement."""

    @property
    def python(self) -> str: ...

    @property
    def memory(self) -> int: ...

    @property
    def tier(self) -> str: ...


def lacks(needs: Needs, machine: Machine) -> str:
    """Return what a machine lacks for a job, as in "Python 3.11", or nothing."""
    if not machine.tier:
        return "a box to run code in"
    if needs.python and needs.python != machine.python:
        return f"Python {needs.python}"
    if needs.memory > machine.memory:
        return f"{needs.memory >> 20} MiB of free memory"
    if needs.tier and not _meets(machine.tier, needs.tier):
        return f"a sandbox of tier {needs.tier}"
    return ""


def _meets(own: str, needed: str) -> bool:
    if own in TIERS and needed in TIERS:
        return TIERS.index(own) <= TIERS.index(needed)
    return own == needed
