"""What the peer runs in a box to learn what numpy computes there: a project of its own, as source."""

from __future__ import annotations

import peernet
from peernet.box.numeric import arrays


@peernet.parallel(over=[None])
def numpy_class(_: object) -> str:
    """The facts of numpy in this box."""
    return arrays.measure()
