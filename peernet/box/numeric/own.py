"""The numeric class of this very process: for job hosts whose project needs peers that compute as they do.

A job host has the environment of a box, so its class is that of boxes here.
"""

from __future__ import annotations

import sys

from peernet.box.numeric import arrays
from peernet.box.numeric.machine import machine_class
from peernet.box.numeric.mathbits import math_bits
from peernet.errors import ProjectError
from peernet.project.numeric import SAME


def needed_class(asked: str | None, uses_numpy: bool) -> str:
    """Return the class that a loaded project needs of its peers, empty for any.

    asked: its option. uses_numpy: it says so; what else it has imported may use numpy too.

    Raises:
        ProjectError: it is to be that of this machine, and there is no numpy here.
    """
    if asked != SAME:
        return asked or ""
    return own_class(numpy=uses_numpy or "numpy" in sys.modules)


def own_class(*, numpy: bool) -> str:
    """Return the class of this process.

    numpy: with the facts of numpy, which is imported.

    Raises:
        ProjectError: there is no numpy here.
    """
    machine = machine_class(math_bits())
    if not numpy:
        return machine
    facts = arrays.measure()
    if facts == arrays.NONE:
        raise ProjectError(
            'numeric="same": the project uses numpy, and there is none here to be the same as: install numpy, or '
            "give a class as `peernet doctor` shows it on a machine that has it"
        )
    return f"{machine}/{facts}"
