"""Bounds of numeric classes, and of measuring them.

The constants are what peers have to agree on: what one sends the other must be willing to read.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_CLASS_FIELDS = 9
"""Facts in a numeric class: five of the machine and four of numpy."""

MAX_FIELD_CHARS = 40
"""Characters of one fact. The longest in use, of a BLAS with its version and kernel, has 36."""

MAX_CLASS_CHARS = MAX_CLASS_FIELDS * (MAX_FIELD_CHARS + 1) - 1
"""Characters of a class. Those in use have about 130, and travel in adverts and offers."""


@dataclass(frozen=True, slots=True)
class NumericConfig:
    """See each field. Sizes are bytes, times are seconds."""

    process_seconds: float = 30.0
    """A process that measures the machine: it needs half a second at most, and from a cold disk ten."""

    numpy_seconds: float = 60.0
    """The slice that measures numpy: twice that, since its box may have to share the machine with others."""

    numpy_memory: int = 1 << 30
    """What it may map: numpy with its BLAS takes some 200 MiB."""

    kept: int = 64
    """Environments whose class is remembered: more than a volunteer's boxes have at once."""
