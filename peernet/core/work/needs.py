"""Whether a machine has what a job needs: asked by workers of offers, and by owners of those who pull.

A worker knows exactly what it has installed. What its advert tells of that may be cut short, and only a worker can
read a requirement's marker as its own interpreter does; so an owner believes a worker that pulls, and uses adverts
only to tell its user why a peer keeps silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from peernet.config.environments import MAX_LISTED_CHARS, MAX_LISTED_PACKAGES, MAX_PACKAGE_CHARS
from peernet.project.numeric import lacks_class, platform_of
from peernet.project.requirements import is_version_in, lacking
from peernet.project.sizes import format_size
from peernet.wire.signed import Advert, Needs

TIERS = ("A", "B", "C")
"""Sandbox tiers, the strongest first."""

_WITHOUT_SCRATCH = "B"
"""Slices in this tier write nowhere."""


@dataclass(frozen=True, slots=True)
class Caps:
    """The most that a machine lends to one slice: bytes and seconds, 0 for no cap."""

    memory: int = 0
    seconds: float = 0.0
    scratch: int = 0


class Machine(Protocol):
    """What is asked about: an advert, or the machine's own measurement."""

    @property
    def python(self) -> str: ...

    @property
    def memory(self) -> int: ...

    @property
    def tier(self) -> str: ...

    @property
    def numeric(self) -> str: ...


def lacks(needs: Needs, machine: Machine, caps: Caps) -> str:
    """Return what a machine lacks for a job, as in "Python 3.11", or nothing. Packages are apart, and so are the
    facts of its numeric class that depend on them."""
    if not machine.tier:
        return "a box to run code in"
    if not fits_python(needs.python, machine.python):
        return f"Python {needs.python}"
    if needs.tier and not meets(machine.tier, needs.tier):
        return f"a sandbox of tier {needs.tier}"
    if needs.memory > machine.memory:
        return f"{format_size(needs.memory)} of free memory"
    if caps.memory and needs.memory > caps.memory:
        return f"{format_size(needs.memory)} of memory for a slice"
    if caps.seconds and needs.seconds > caps.seconds:
        return f"{needs.seconds:g} s of time for a slice"
    if needs.scratch and machine.tier == _WITHOUT_SCRATCH:
        return "a folder to write to (its sandbox is of tier B)"
    if caps.scratch and needs.scratch > caps.scratch:
        return f"{format_size(needs.scratch)} of scratch for a slice"
    return lacks_class(platform_of(machine.numeric), platform_of(needs.numeric))


def lacks_packages(needs: Needs, installed: Mapping[str, str]) -> tuple[str, ...]:
    """Return the requirements that what is installed does not meet. installed: versions by canonical name.

    Raises:
        ProjectError: a requirement is none: it came from another peer.
    """
    return lacking(needs.packages, installed) if needs.packages else ()


def told_lack(needs: Needs, advert: Advert, *, builds: bool = False) -> str:
    """Return what a peer lacks for a job as far as its advert tells, or nothing. See `lacks` for the form.

    builds: it would build the packages that it lacks."""
    lack = lacks(needs, advert, Caps(advert.slice_memory, advert.slice_seconds, advert.slice_scratch))
    missing = told_packages(needs, advert)
    if lack or missing:
        return lack or ("" if builds else missing)
    return lacks_class(advert.numeric, needs.numeric)


def told_packages(needs: Needs, advert: Advert) -> str:
    """Return the packages that a peer lacks as far as its advert tells, or nothing."""
    if not needs.packages or not _all_told(advert.packages):
        return ""
    installed = dict(text.split("==", 1) for text in advert.packages if "==" in text)
    return listed(lacks_packages(needs, installed))


def listed(texts: tuple[str, ...]) -> str:
    """Return "a", "a and b" or "a, b and c"."""
    return " and ".join(text for text in (", ".join(texts[:-1]), texts[-1]) if text) if texts else ""


def fits_python(needed: str, python: str) -> bool:
    """Return whether a minor version, as "3.11", is the one that is needed, or within the range that is."""
    return not needed or needed == python or (not needed[0].isdigit() and is_version_in(python, needed))


def meets(own: str, needed: str) -> bool:
    """Return whether a sandbox tier is as strong as the one that is needed."""
    if own in TIERS and needed in TIERS:
        return TIERS.index(own) <= TIERS.index(needed)
    return own == needed


def _all_told(packages: tuple[str, ...]) -> bool:
    """Whether an advert tells of all packages: nothing had to be left out for want of room."""
    room = MAX_LISTED_CHARS - sum(map(len, packages))
    return len(packages) < MAX_LISTED_PACKAGES and room >= MAX_PACKAGE_CHARS
