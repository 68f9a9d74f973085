"""The sum of 1 to 1,000,000, which is 500000500000.

    peernet submit examples/sum.py
    python examples/sum.py

A million calls are cut into slices of 10,000. `reduce` has to be associative: it adds up each slice, then the
slices.
"""

from __future__ import annotations

import operator

import peernet


@peernet.parallel(over=range(1, 1_000_001), slice_size=10_000, reduce=operator.add, name="sum")
def value(number: int) -> int:
    return number


if __name__ == "__main__":
    with value.submit() as job:
        print("sum:", job.result())
