"""1,000,000! modulo 1,000,000,007, which is 641102369.

    peernet submit examples/product.py
    python examples/product.py

With `whole_slice=True` the function is called once a slice and gets all of its numbers, here as a range. So one
number a slice travels back, and not 10,000.
"""

from __future__ import annotations

import peernet

MODULUS = 1_000_000_007


def multiply(left: int, right: int) -> int:
    return left * right % MODULUS


@peernet.parallel(over=range(1, 1_000_001), slice_size=10_000, whole_slice=True, reduce=multiply, name="product")
def product(numbers: range) -> int:
    result = 1
    for number in numbers:
        result = multiply(result, number)
    return result


if __name__ == "__main__":
    with product.submit() as job:
        print("product:", job.result())
