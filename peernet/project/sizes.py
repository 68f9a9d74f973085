"""Sizes in bytes as people write them: `512MiB`, `2 GB`, `1.5GiB`, or a plain number."""

from __future__ import annotations

import re
from fractions import Fraction

from peernet.errors import ProjectError
from peernet.results import short_repr

_UNITS = {
    "": 1,
    "b": 1,
    **{f"{letter}b": 1000**power for power, letter in enumerate("kmgt", 1)},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", 1)},
}
_SIZE = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?)\s*([a-z]*)", re.IGNORECASE)


def read_size(what: str, value: object, least: int, most: int) -> int | None:
    """Return a number of bytes. None stays None. A text has a unit: KiB, MiB, GiB, TiB are powers of 1024, and
    KB, MB, GB, TB of 1000; without one it is bytes.

    what: the option's name, for the error.

    Raises:
        ProjectError: it is no size, or out of range.
    """
    if value is None:
        return None
    size = value if type(value) is int else _parse(value) if isinstance(value, str) else None
    if size is None:
        raise ProjectError(
            f'{what}={short_repr(value)}: it must be a number of bytes, or a text such as "512MiB" or "2GB"'
        )
    if not least <= size <= most:
        raise ProjectError(
            f"{what}={short_repr(value)}: it must be from {format_size(least)} to {format_size(most)}"
        )
    return size


def format_size(size: int) -> str:
    """Return a size for people, in the largest unit that leaves at least one: "512 MiB", "1.5 GiB", "0 B"."""
    value, unit = Fraction(size), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    text = f"{float(value):.1f}".removesuffix(".0")
    return f"{text} {unit}"


def _parse(text: str) -> int | None:
    match = _SIZE.fullmatch(text.strip())
    unit = _UNITS.get(match.group(2).lower()) if match else None
    return None if match is None or unit is None else int(Fraction(match.group(1)) * unit)
