"""Pi by throwing 16,777,216 darts at a square and counting those inside the circle.

    peernet submit examples/pi.py
    python examples/pi.py

Each call seeds its own generator with its number, so that two peers that run the same call agree. Calls and darts
are powers of two: the shares below add up without rounding, so the result is the same however it is sliced.
"""

from __future__ import annotations

import operator
import random

import peernet

CALLS = 256
DARTS = 65_536


@peernet.parallel(over=range(CALLS), slice_size=4, reduce=operator.add, name="pi")
def share_of_pi(seed: int) -> float:
    throw = random.Random(seed).random
    inside = 0
    for _ in range(DARTS):
        x, y = throw(), throw()
        if x * x + y * y < 1.0:
            inside += 1
    return 4 * inside / DARTS / CALLS


if __name__ == "__main__":
    with share_of_pi.submit() as job:
        print("pi is about", job.result())
